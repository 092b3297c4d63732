import random

import pytest

from tfx_sequence.components.sequence_example_gen.ingestion import sorted_runs as runs
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import RunWriter, merge_runs
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import KEY_SIZE, RecordPlace
from tfx_sequence.schemas.records.tfrecords import frame


@pytest.mark.parametrize("fan_in", [2, 3, 100])
@pytest.mark.parametrize("run_bytes", [1, 3000, 1 << 20])
def test_merged_runs_are_sorted_by_key_within_each_group(fan_in, run_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "FAN_IN", fan_in)
    monkeypatch.setattr(runs, "RUN_BYTES", run_bytes)
    rng = random.Random(1)
    records = [(("ab"[i % 2], i % 3), rng.randbytes(KEY_SIZE), frame(rng.randbytes(i % 50))) for i in range(200)]
    writer, found = RunWriter(str(tmp_path)), {}

    def spill():
        for group, run in writer.spill():
            found.setdefault(group, []).append(run)

    for (split, group), key, data in records:
        writer.add(RecordPlace(split, group, key), data)
        if writer.is_full:
            spill()
    spill()
    assert len(found) == 6
    for group, some in found.items():
        want = [data for where, _, data in sorted(records, key=lambda record: record[1]) if where == group]
        assert [framed for _, framed in merge_runs(reversed(some), str(tmp_path))] == want


def test_nothing_is_written_when_nothing_was_added(tmp_path):
    assert list(RunWriter(str(tmp_path)).spill()) == []
    assert list(merge_runs([], str(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("num_left_bytes", [0, KEY_SIZE - 1, KEY_SIZE, KEY_SIZE + 3, -1])
def test_a_run_that_was_cut_off_is_named(num_left_bytes, tmp_path):
    writer = RunWriter(str(tmp_path))
    writer.add(RecordPlace("train", 0, bytes(KEY_SIZE)), frame(b"data"))
    ((_, run),) = writer.spill()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:num_left_bytes])
    with pytest.raises(EOFError, match=f"{path.name} ends within its 1 records from byte 0"):
        list(merge_runs([run], str(tmp_path)))
