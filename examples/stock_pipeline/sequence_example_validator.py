"""SequenceExampleValidator in a stock pipeline, in ExampleValidator's place.

It sees tokens and labels of unequal length, empty steps and the like, and stops the pipeline before anything is trained
on them.
"""

from __future__ import annotations

import stock
from tfx import v1 as tfx

from tfx_sequence.components.sequence_example_validator import SequenceExampleValidator


def make_components(data: str, serving: str) -> list:
    """Returns the components of the pipeline, in order."""
    example_gen = stock.make_example_gen(data)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = stock.make_schema_gen()
    schema = schema_gen.outputs["schema"]
    validator = SequenceExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema, examples=examples
    )
    transform = tfx.components.Transform(
        examples=examples, schema=schema, preprocessing_fn="user_code.preprocessing_fn"
    )
    # Its verdict is for what comes after it, though nothing reads its output.
    transform.add_upstream_node(validator)
    trainer = stock.make_trainer(transform)
    pusher = stock.make_pusher(trainer, serving)
    return [example_gen, statistics_gen, schema_gen, validator, transform, trainer, pusher]
