"""SequenceTrainer and the RNN toolkit: cells, dynamic RNNs, losses, metrics, batching, export."""

import lazy_loader

from tfx_sequence.components.sequence_trainer.keras_names import register_by_name

# The public names stand in `__init__.pyi`. Importing one of them imports what it needs, and no more.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
register_by_name(__name__, __all__)
