"""SequenceSchemaGen in a stock pipeline, in SchemaGen's place: stock Transform can read sequences by its schema."""

from __future__ import annotations

import stock
from tfx import v1 as tfx

from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen


def make_components(data: str, serving: str) -> list:
    """Returns the components of the pipeline, in order."""
    example_gen = stock.make_example_gen(data)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = SequenceSchemaGen(statistics=statistics)
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    transform = tfx.components.Transform(
        examples=examples, schema=schema, preprocessing_fn="user_code.preprocessing_fn"
    )
    trainer = stock.make_trainer(transform)
    pusher = stock.make_pusher(trainer, serving)
    return [example_gen, statistics_gen, schema_gen, validator, transform, trainer, pusher]
