import gzip

import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfx_sequence.components.sequence_example_gen.files.tfrecord_writer import write_tfrecords
from tfx_sequence.schemas.records.tfrecords import frame


@given(st.lists(st.binary(max_size=300), max_size=20), st.sampled_from([0, 1, 6, 9]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_tensorflow_reads_what_was_written(tmp_path, records, level):
    path = str(tmp_path / "x.gz")
    assert write_tfrecords(path, map(frame, records), str(tmp_path), level) == len(records)
    assert [data.numpy() for data in tf.data.TFRecordDataset(path, "GZIP")] == records
    assert [file.name for file in tmp_path.iterdir()] == ["x.gz"]


def test_frames_are_those_of_tensorflow(tmp_path):
    records = [b"", b"a" * 1000, bytes(range(256))]
    with tf.io.TFRecordWriter(str(tmp_path / "tf")) as writer:
        for data in records:
            writer.write(data)
    assert b"".join(map(frame, records)) == (tmp_path / "tf").read_bytes()


def test_the_file_is_the_same_at_any_time_and_place(tmp_path):
    frames = [frame(bytes([i % 7]) * i) for i in range(2000)]
    (tmp_path / "other").mkdir()
    write_tfrecords(str(tmp_path / "a.gz"), iter(frames), str(tmp_path), 6)
    write_tfrecords(str(tmp_path / "other" / "b.gz"), frames, str(tmp_path), 6)
    data = (tmp_path / "a.gz").read_bytes()
    assert data == (tmp_path / "other" / "b.gz").read_bytes()
    assert data[4:8] == bytes(4), "the gzip header must have no time"
    assert gzip.decompress(data) == b"".join(frames)
