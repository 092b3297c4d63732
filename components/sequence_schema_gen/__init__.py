"""Provides SequenceSchemaGen, which makes a schema from statistics and a spec for all later components."""

import lazy_loader

# The public names are listed in `__init__.pyi`. Importing a name imports only the modules that this name needs.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
