"""SequenceExampleGen in a stock pipeline: it reads what stock has no reader for, here JSON Lines with lists."""

from __future__ import annotations

import stock
from tfx import v1 as tfx

from tfx_sequence.components.sequence_example_gen import ReadConfig, SequenceExampleGen
from tfx_sequence.schemas import Feature, SequenceSpec

SPEC = SequenceSpec(features={"words": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")})


def make_components(data: str, serving: str) -> list:
    """Returns the components of the pipeline, in order."""
    example_gen = SequenceExampleGen(
        input_base=data, spec=SPEC, read=ReadConfig(format="jsonl"), input_config=stock.make_input("jsonl")
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = stock.make_schema_gen()
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    transform = tfx.components.Transform(
        examples=examples, schema=schema, preprocessing_fn="user_code.preprocessing_fn"
    )
    trainer = stock.make_trainer(transform)
    pusher = stock.make_pusher(trainer, serving)
    return [example_gen, statistics_gen, schema_gen, validator, transform, trainer, pusher]
