"""Provides SequenceExampleValidator, which validates data against a schema and stops the pipeline if it is invalid."""

import lazy_loader

# The public names stand in `__init__.pyi`. Importing one of them imports what it needs, and no more.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
