"""Wraps the private parts of TFX and its libraries, and hides the differences between TFX 1.16 and 1.21.

No other package uses private names of these libraries, except `tfx_sequence.schemas`, which has its own `compat`. The
word "stock" means the code of TFX itself. Each module wraps one stock part:

    transform        stock Transform: public hooks instead of its private methods
    record_batches   tfx_bsl and Beam: files of SequenceExamples as Arrow batches
    statistics       TFDV: statistics without Beam
    artifacts        TFX: the properties that stock components write on artifacts, and the functions that read them
    example_gen      TFX: the driver of ExampleGen, which finds the span to read
    tuning           Keras Tuner: the base class of tuners
    local_runner     TFX: a LocalDagRunner that reports each component
    local_beam       Beam: the runner that works in this process

`private_names` lists every private name that these modules use. `tests/conformance/test_compat.py` checks the list on
each TFX line. If a new release changes a name, this test fails.

This module imports no large library. Each of the other modules imports the library that it wraps.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

_replacement_lock = threading.RLock()


@contextlib.contextmanager
def replace_attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replaces an attribute of a stock module or class inside the `with` block.

    It is used for stock code that has no hook. Only one thread at a time can be in such a block. Other threads wait.
    Otherwise a thread could see the value of another thread, or restore it at the end.

    Args:
      owner: The module or class.
      name: The name of the attribute.
      value: The value inside the block.
    """
    with _replacement_lock:
        original_value = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, original_value)
