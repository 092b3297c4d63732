"""The only place that knows the private parts of TFX and its libraries, and where TFX 1.16 and 1.21 differ.

Each module wraps one stock part in names that say what we use it for:

    transform        stock Transform: hooks in place of the private methods that it has
    record_batches   tfx_bsl and Beam: files of SequenceExamples as Arrow batches
    statistics       TFDV: statistics without Beam
    artifacts        TFX: what stock components write on artifacts, and how they read it
    tuning           Keras Tuner: the base class of tuners
    local_runner     TFX: a LocalDagRunner that reports each component

`private_names` lists every private name that they use. `tests/conformance/test_compat.py` holds each TFX line to that
list, so a new release fails there, by name. What `tfx_sequence.schemas` needs stands in its own `compat`.

This module imports nothing heavy; the others import their stock part, and are imported by what needs that part anyway.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

_replacing = threading.RLock()


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Gives an attribute of a stock module or class another value until the block ends.

    This is for stock code without a hook. One thread at a time may be inside; others wait, so that no thread sees
    another one's value or leaves it behind.
    """
    with _replacing:
        before = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, before)
