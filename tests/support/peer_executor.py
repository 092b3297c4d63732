"""TFX's own tests of its Transform executor, run with ours in its place. Minutes long, so no part of the suite:

    python -m pytest tests/support/peer_executor.py

TFX installs its tests with itself; docs/transform.md says which pass, and why others do not apply.
"""

from __future__ import annotations

from unittest import mock

from tfx.components.transform import (
    executor,
    executor_sequence_example_test,
    executor_v2_sequence_example_test,
)

from tfx_sequence.components.sequence_transform.executor import Executor


class _Ours:
    def setUp(self) -> None:
        patch = mock.patch.object(executor, "Executor", Executor)
        patch.start()
        self.addCleanup(patch.stop)  # type: ignore[attr-defined]
        super().setUp()  # type: ignore[misc]


class SequenceTransformTest(_Ours, executor_v2_sequence_example_test.ExecutorWithSequenceExampleV2Test):
    """In the way that TensorFlow 2 works."""


class SequenceTransformCompatV1Test(_Ours, executor_sequence_example_test.ExecutorWithSequenceExampleTest):
    """With force_tf_compat_v1."""
