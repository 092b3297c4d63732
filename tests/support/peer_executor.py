"""Runs TFX's own tests of its Transform executor on ours. They take minutes, so they are no part of the suite:

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


class _WithOurExecutor:
    """Has the tests of a class find our executor under the name of stock's."""

    def setUp(self) -> None:
        patch = mock.patch.object(executor, "Executor", Executor)
        patch.start()
        self.addCleanup(patch.stop)  # type: ignore[attr-defined]
        super().setUp()  # type: ignore[misc]


class SequenceTransformTest(_WithOurExecutor, executor_v2_sequence_example_test.ExecutorWithSequenceExampleV2Test):
    """The tests with the behaviour of TensorFlow 2."""


class SequenceTransformCompatV1Test(_WithOurExecutor, executor_sequence_example_test.ExecutorWithSequenceExampleTest):
    """The same tests with `force_tf_compat_v1`."""
