"""The code of docs/toolkit.md runs as it stands. Its run_fn is run by a stock Trainer, in test_stock_trainer.py."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT

from tfx_sequence.components.sequence_trainer import sequence_loss

TEXT = (ROOT / "docs" / "toolkit.md").read_text(encoding="utf-8")
FIRST, FIT, LOAD, CELL, _ = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_example_runs_and_masks_what_is_padded():
    names = {}
    exec(FIRST, names)
    forward, lengths = names["forward"].numpy(), names["lengths"].numpy()
    assert forward.shape == (2, 10, 64)
    for row, length in enumerate(lengths):
        assert not forward[row, length:].any()
        assert forward[row, :length].all(axis=-1).all()
    assert float(names["loss"]) > 0


def test_cell_of_the_example_runs_and_masks_what_is_padded():
    exec(CELL, {})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The folder of the saved model, and the names of the page's code that built, compiled, fitted and saved it."""
    folder = tmp_path_factory.mktemp("fit")
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(FIT, names)
    return folder, names


def test_fit_of_the_page_learns_and_counts_real_steps_alone(fitted):
    _, names = fitted
    model, tokens, tags, lengths = (names[name] for name in ("model", "tokens", "tags", "lengths"))
    _, accuracy = model.evaluate(names["train"], verbose=0)
    logits = model({"tokens": tokens, "lengths": lengths}, training=False).numpy()
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    assert 0 < real.mean() < 0.8, "there is padding to be counted by mistake"
    right = (logits.argmax(-1) + 1 == tags)[real]
    assert right.mean() > 0.95
    assert accuracy == pytest.approx(right.mean(), abs=1e-6)
    # Keras weighs the losses of batches by their rows, so all rows are one batch here.
    loss, _ = model.evaluate(names["train"].unbatch().batch(200), verbose=0)
    expected = sequence_loss(logits, tags, lengths, reduction="token_mean").value
    assert loss == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("first", ["keras", "tfx_sequence"])
def test_saved_model_loads_in_a_new_process_when_the_package_alone_is_imported(fitted, first):
    folder, names = fitted
    imports = sorted(
        re.findall(r"^import .*", LOAD, re.MULTILINE), key=lambda line: not line.startswith(f"import {first}")
    )
    assert imports[0].startswith(f"import {first}")
    code = "\n".join([*imports, *(line for line in LOAD.splitlines() if not line.startswith("import "))])
    code += """
import numpy as np
inputs = np.load("inputs.npz")
np.save("outputs.npy", model({name: inputs[name] for name in inputs}, training=False))
"""
    inputs = {name: names[name] for name in ("tokens", "lengths")}
    np.savez(folder / "inputs.npz", **inputs)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = names["model"](inputs, training=False)
    np.testing.assert_allclose(np.load(Path(folder, "outputs.npy")), expected, rtol=1e-5, atol=1e-6)
