import gzip
import json

import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import Feature, SequenceSpec


def test_inspect_sees_what_convert_wrote(tmp_path):
    spec = SequenceSpec(features={"x": Feature(kind="token"), "n": Feature(kind="integer", context=True)})
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"x": ["a", "ü"][: 1 + n % 2], "n": n}) + "\n" for n in range(20)))
    read, write = ReadConfig(format="jsonl"), WriteConfig(num_shards=3, shuffle=False)
    convert([str(data)], str(tmp_path / "out"), spec=spec, read=read, write=write)
    found = inspect(str(tmp_path / "out"), first=2)
    assert inspect(str(tmp_path / "out" / "*"), first=2) == found
    assert (len(found.files), found.records, found.steps, found.unequal) == (3, 20, 30, 0)
    assert found.lengths == {1: 10, 2: 10}
    assert found.first == ({"n": 0, "x": ["a"]}, {"n": 1, "x": ["a", "ü"]})
    n, x = found.features
    assert (n.name, n.context, n.dtypes, n.records, n.values) == ("n", True, ("int64",), 20, 20)
    assert (x.name, x.context, x.dtypes, x.records, x.values, x.longest) == ("x", False, ("string",), 20, 30, 1)


def test_inspect_reports_what_is_odd(tmp_path):
    odd = make_example({"x": ["a"], "v": [[1.0, 2.0]]})
    odd.feature_lists.feature_list["x"].feature.add().int64_list.value.append(3)
    odd.context.feature["unset"].SetInParent()
    data = frame(odd.SerializeToString()) + frame(b"\xff\xff") + frame(b"") + b"rest"
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    found = inspect(str(tmp_path / "a.gz"))
    assert (found.records, found.unequal, found.lengths) == (2, 1, {0: 1, 2: 1})
    assert {f.name: f.dtypes for f in found.features} == {"unset": (), "x": ("int64", "string"), "v": ("float32",)}
    assert found.first[0] == {"unset": [], "x": ["a", 3], "v": [[1.0, 2.0]]}
    bad_record, damage = found.damage
    assert (bad_record.reason, bad_record.record) == (Reason.UNDECODABLE, 1)
    assert (damage.num_records, damage.message) == (3, "the header of a record is damaged")


@pytest.mark.parametrize(
    ("lengths", "bins", "want"),
    [
        ({}, 3, []),
        ({5: 2}, 3, [(5, 5, 2)]),
        ({1: 1, 2: 2, 10: 4}, 3, [(1, 4, 3), (5, 8, 0), (9, 10, 4)]),
        ({0: 1, 99: 1}, 10, [(10 * i, 10 * i + 9, int(i in (0, 9))) for i in range(10)]),
    ],
)
def test_histogram_counts_every_length_once(lengths, bins, want, tmp_path):
    (tmp_path / "a").write_bytes(b"")
    found = inspect(str(tmp_path / "a")).model_copy(update={"lengths": lengths})
    assert found.histogram(bins) == want
