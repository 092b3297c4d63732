"""docs/evaluation.md has the metrics that there are, and its metric works as it stands."""

import re
import sys
import types

from support.paths import ROOT

from tfx_sequence.components.sequence_evaluator.config_checks import find_metric_problems
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS, list_metrics
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TEXT = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
SPEC = SequenceSpec(
    features={"words": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")},
)


def read_section(heading):
    (section,) = re.findall(rf"## {heading}\n(.*?)\n## ", TEXT, re.DOTALL)
    return section


def test_table_has_each_metric_with_its_labels_and_figures():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| ", read_section("Metrics"), re.MULTILINE)
    in_document = [(name, kind, re.findall(r"`_(\w+)`", figures)) for name, kind, figures in rows]
    metrics = {name: METRICS.load(name) for name in METRICS.rows}
    assert in_document == [(name, metric.label_kind, list(metric.figures)) for name, metric in metrics.items()]


def test_metric_of_your_own_can_be_named(monkeypatch):
    section = read_section("A metric of your own")
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = types.ModuleType("my_metrics")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "my_metrics", module)
    (name,) = set(re.findall(r'"(my_metrics:\w+)"', section))
    assert not list(find_metric_problems(SPEC, [name]))
    figures = [figure for metric in list_metrics(SPEC, additional=[name]) for figure in metric.accumulator.names]
    assert "tags_whole" in figures
    assert f'"{METRICS.group}"' in section
