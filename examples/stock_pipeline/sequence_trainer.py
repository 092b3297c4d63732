"""SequenceTrainer in a stock pipeline, in Trainer's place: it reads what stock Transform writes, and needs no run_fn.

Stock Transform's schema does not say which feature is the label, so the trainer is told.
"""

from __future__ import annotations

import stock
from tfx import v1 as tfx

from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceTrainer, TrainingConfig


def make_components(data: str, serving: str) -> list:
    """Returns the components of the pipeline, in order."""
    example_gen = stock.make_example_gen(data)
    examples = example_gen.outputs["examples"]
    schema_gen = stock.make_schema_gen()
    transform = tfx.components.Transform(
        examples=examples, schema=schema_gen.outputs["schema"], preprocessing_fn="user_code.preprocessing_fn"
    )
    trainer = SequenceTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        labels=["tags"],
        model=ModelConfig(units=16, embedding_dim=16),
        training=TrainingConfig(epochs=2, batch_tokens=128),
    )
    pusher = stock.make_pusher(trainer, serving)
    return [example_gen, schema_gen, transform, trainer, pusher]
