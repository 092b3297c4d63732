"""docs/training.md says what shows training, and how it starts from the last model."""

import re
import subprocess
import sys

import pytest
from support.paths import ROOT
from tfx import types
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from tfx_sequence.components.sequence_trainer import SequenceTrainer, TrainingConfig
from tfx_sequence.components.sequence_trainer.training.training_report import progress

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def _code(heading):
    (section,) = re.findall(rf"## {heading}\n(.*?)\n## ", TEXT, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return code


@pytest.mark.parametrize("before", ["", "import logging; logging.basicConfig()", "import absl.logging"])
@pytest.mark.parametrize("told", [True, False])
def test_lines_of_training_are_shown_if_and_only_if_they_are_asked_for(before, told):
    line = f"import logging; logging.getLogger({progress.name!r}).info('epoch 1 of 2')"
    program = "\n".join([before, _code("Showing the progress") if told else "", line])
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert ("epoch 1 of 2" in shown) == told


def test_model_before_is_given_as_a_channel_and_by_no_other_name():
    code = _code("Starting from the last model")
    channels = "examples=examples, transform_graph=graph"
    names = {
        "tfx": tfx,
        "SequenceTrainer": SequenceTrainer,
        "examples": types.Channel(type=standard_artifacts.Examples),
        "graph": types.Channel(type=standard_artifacts.TransformGraph),
    }
    exec(code.replace("SequenceTrainer(...", f"SequenceTrainer({channels}"), names)
    assert names["trainer"].inputs["base_model"] == names["latest"].outputs["model"]
    with pytest.raises(ValueError, match="warm_start"):
        TrainingConfig(warm_start=True)
    with pytest.raises(TypeError, match="warm_start"):
        SequenceTrainer(examples=names["examples"], transform_graph=names["graph"], warm_start=True)
