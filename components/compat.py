"""What differs between TFX lines, and every private name of TFX, TFT, TFDV, tfx_bsl, Beam and Keras Tuner that is used.

Nothing else in the components and the pipeline touches such a name. `tests/conformance/test_compat.py` says on each
line that every one of them is still there, with the signature that is expected.
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

    Stock TFX has no hook where this is used. One thread at a time may be inside; others wait, so that none sees a
    value that is not its own, or leaves one behind.
    """
    with _replacing:
        before = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, before)


PRIVATE_NAMES: dict[str, str] = {}
"""`module:name` to the signature that is expected of it, as `inspect.signature` writes it; empty for what has none."""
