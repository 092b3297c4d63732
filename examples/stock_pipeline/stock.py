"""Makes the stock components that the pipelines here have in common, and the data that they read."""

from __future__ import annotations

import json
import pathlib
import random

import tensorflow as tf
from tfx import v1 as tfx

SENTENCES = {"train": 60, "eval": 20}
TAGS = {"cat": "N", "dog": "N", "runs": "V", "sleeps": "V", "the": "D"}


def make_data(folder: pathlib.Path) -> None:
    """Writes tagged sentences as JSON Lines, and as TFRecords of SequenceExamples, which stock TFX can read."""
    folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(1)
    for split, count in SENTENCES.items():
        sentences = [list(TAGS), *(choose.choices(list(TAGS), k=choose.randint(1, 9)) for _ in range(count - 1))]
        records = [{"words": words, "tags": [TAGS[word] for word in words]} for words in sentences]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        with tf.io.TFRecordWriter(str(folder / f"{split}.gz"), "GZIP") as writer:
            for record in records:
                writer.write(_encode(record))


def _encode(record: dict[str, list[str]]) -> bytes:
    example = tf.train.SequenceExample()
    for name, values in record.items():
        for value in values:
            example.feature_lists.feature_list[name].feature.add().bytes_list.value.append(value.encode())
    return example.SerializeToString()


def make_input(ending: str) -> tfx.proto.Input:
    """Returns the input of an ExampleGen: one file for each split."""
    split = tfx.proto.Input.Split
    return tfx.proto.Input(splits=[split(name=name, pattern=f"{name}.{ending}") for name in SENTENCES])


def make_example_gen(data: str) -> tfx.components.ImportExampleGen:
    """Reads SequenceExamples."""
    return tfx.components.ImportExampleGen(
        input_base=data,
        input_config=make_input("gz"),
        payload_format=tfx.proto.PayloadFormat.FORMAT_TF_SEQUENCE_EXAMPLE,
    )


def make_schema_gen() -> tfx.components.ImportSchemaGen:
    """A schema that a person wrote: stock's SchemaGen writes none that Transform can read sequences by."""
    return tfx.components.ImportSchemaGen(schema_file=str(pathlib.Path(__file__).with_name("schema.pbtxt")))


def make_trainer(transform: tfx.components.Transform) -> tfx.components.Trainer:
    """Trains as the user's run_fn says."""
    return tfx.components.Trainer(
        run_fn="user_code.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
    )


def make_pusher(trained: tfx.components.Trainer, serving: str) -> tfx.components.Pusher:
    """Pushes every model."""
    filesystem = tfx.proto.PushDestination.Filesystem(base_directory=serving)
    return tfx.components.Pusher(
        model=trained.outputs["model"], push_destination=tfx.proto.PushDestination(filesystem=filesystem)
    )
