"""The code in the README runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from support.raw_records import BEAM_ARGS

from tfx_sequence.schemas.spec import SequenceSpec

PREPROCESSING = """
import tensorflow_transform as tft

def preprocessing_fn(inputs):
    return {"ids": tft.compute_and_apply_vocabulary(inputs["words"])}
"""


def _blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


@pytest.mark.slow
@pytest.mark.example
def test_plug_in_lines_run_in_a_stock_pipeline(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, told = _blocks((root / "README.md").read_text(encoding="utf-8"), "python")
    monkeypatch.chdir(tmp_path)
    Path("preprocessing.py").write_text(PREPROCESSING, encoding="utf-8")
    Path("data").mkdir()
    with tf.io.TFRecordWriter("data/records.tfrecord.gz", "GZIP") as writer:
        for length in (1, 4, 2, 3, 5, 6):
            example = tf.train.SequenceExample()
            words = example.feature_lists.feature_list["words"]
            for step in range(length):
                words.feature.add().bytes_list.value.append(f"word{step}".encode())
            writer.write(example.SerializeToString())
    names: dict[str, Any] = {}
    exec(lines, names)
    tfx = names["tfx"]
    components = list(names["components"])
    exec(told, names)
    assert list(names["spec"].with_role("label")) == ["tags"]
    assert names["schema_gen"].spec.exec_properties["sequence_spec"] == names["spec"].to_json()
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="plugged",
            pipeline_root="artifacts",
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config("metadata.sqlite"),
            components=components,
            beam_pipeline_args=BEAM_ARGS,
        )
    )
    (graph,) = Path("artifacts/Transform/transform_graph").iterdir()
    vocabulary = tft.TFTransformOutput(str(graph)).transformed_metadata.schema
    assert [feature.name for feature in vocabulary.feature] == ["ids$ragged_values", "ids$row_lengths_1"]
    assert list(Path("artifacts/Transform/transformed_examples").glob("*/Split-train/*.gz"))


def test_config_for_json_lines_is_a_config(root: Path, tmp_path: Path) -> None:
    from tfx_sequence.pipeline.config.toml_file import load_config

    (tmp_path / "data").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "data" / f"{split}.jsonl").touch()
    file = tmp_path / "pipeline.toml"
    (text,) = _blocks((root / "README.md").read_text(encoding="utf-8"), "toml")
    file.write_text(text, encoding="utf-8")
    config = load_config(str(file))
    assert isinstance(config.spec, SequenceSpec)
    assert config.data.splits == ("train", "eval", "test")
