"""TFX components for sequences of unequal length."""

from .atomic_pusher.component import AtomicPusher as AtomicPusher
from .sequence_evaluator.eval_config import make_eval_config as make_eval_config
from .sequence_example_gen.component import SequenceExampleGen as SequenceExampleGen
from .sequence_example_validator.component import SequenceExampleValidator as SequenceExampleValidator
from .sequence_schema_gen.component import SequenceSchemaGen as SequenceSchemaGen
from .sequence_trainer.component import SequenceTrainer as SequenceTrainer
from .sequence_transform.component import SequenceTransform as SequenceTransform
