"""The code of docs/toolkit.md runs as it stands. Its run_fn is run by a stock Trainer, in test_stock_trainer.py."""

import re

from support.paths import ROOT

TEXT = (ROOT / "docs" / "toolkit.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_example_runs_and_masks_what_is_padded():
    example, *_ = EXAMPLES
    names = {}
    exec(example, names)
    forward, lengths = names["forward"].numpy(), names["lengths"].numpy()
    assert forward.shape == (2, 10, 64)
    for row, length in enumerate(lengths):
        assert not forward[row, length:].any()
        assert forward[row, :length].all(axis=-1).all()
    assert float(names["loss"]) > 0


def test_cell_of_the_example_runs_and_masks_what_is_padded():
    _, example, _ = EXAMPLES
    exec(example, {})
