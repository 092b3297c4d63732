"""SequenceTransform in a stock pipeline, in Transform's place.

It gives ids from 1 without a preprocessing_fn, and writes SequenceExamples, which a stock Trainer reads as ragged
tensors.
"""

from __future__ import annotations

import stock

from tfx_sequence.components.sequence_transform import SequenceTransform, VocabularyConfig


def components(data: str, serving: str) -> list:
    """The nodes of the pipeline."""
    example_gen = stock.import_example_gen(data)
    schema_gen = stock.import_schema_gen()
    transform = SequenceTransform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        transform={"words": VocabularyConfig(lowercase=True)},
    )
    trainer = stock.trainer(transform)
    pusher = stock.pusher(trainer, serving)
    return [example_gen, schema_gen, transform, trainer, pusher]
