"""docs/plugging_in.md says what is there, and its code runs as it stands. tests/pipeline runs what its table says."""

import importlib
import inspect
import re

from support.paths import ROOT
from tfx import types
from tfx.types import standard_artifacts

from tfx_sequence.schemas.spec import SequenceSpec

TEXT = (ROOT / "docs" / "plugging_in.md").read_text(encoding="utf-8")
COMPONENTS = {
    "SequenceExampleGen": "sequence_example_gen",
    "SequenceSchemaGen": "sequence_schema_gen",
    "SequenceExampleValidator": "sequence_example_validator",
    "SequenceTransform": "sequence_transform",
    "SequenceTrainer": "sequence_trainer",
    "AtomicPusher": "atomic_pusher",
}


class StatisticsGen:
    outputs = {"statistics": types.Channel(type=standard_artifacts.ExampleStatistics)}  # noqa: RUF012


def test_roles_are_those_that_the_code_gives():
    (section,) = re.findall(r"## Roles\n(.*?)\n## ", TEXT, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {"statistics_gen": StatisticsGen}
    exec(code, names)
    spec = SequenceSpec.from_json(names["schema_gen"].spec.exec_properties["sequence_spec"])
    roles = {name: feature.role for name, feature in spec.features.items()}
    assert roles == {"words": "input", "tags": "label", "id": "key", "comment": "carried"}


def test_table_of_arguments_names_those_that_there_are():
    (section,) = re.findall(r"## Arguments\n(.*?)\n## ", TEXT, re.DOTALL)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert list(rows) == list(COMPONENTS)
    for name, cell in rows.items():
        module = importlib.import_module(f"tfx_sequence.components.{COMPONENTS[name]}")
        component = getattr(module, name)
        arguments, settings = set(re.findall(r"`([a-z_]+)`", cell)), re.findall(r"`([A-Z]\w+)`", cell)
        assert len(arguments) > 1
        assert arguments <= set(inspect.signature(component.__init__).parameters)
        described = set(re.findall(r"^\s+(\w+): ", f"{component.__doc__}{component.__init__.__doc__}", re.MULTILINE))
        assert arguments <= described
        assert all(hasattr(module, setting) for setting in settings)
