"""SequenceTransform in a stock pipeline, in Transform's place.

It gives ids from 1 without a preprocessing_fn, and writes SequenceExamples, which a stock Trainer reads as ragged
tensors.
"""

from __future__ import annotations

import stock

from tfx_sequence.components.sequence_transform import SequenceTransform, VocabularyConfig


def make_components(data: str, serving: str) -> list:
    """Returns the components of the pipeline, in order."""
    example_gen = stock.make_example_gen(data)
    schema_gen = stock.make_schema_gen()
    transform = SequenceTransform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        transform={"words": VocabularyConfig(lowercase=True)},
    )
    trainer = stock.make_trainer(transform)
    pusher = stock.make_pusher(trainer, serving)
    return [example_gen, schema_gen, transform, trainer, pusher]
