"""The SequenceTransform component: it turns strings into ids and scales numbers, for training and serving alike."""

import lazy_loader

# The public names are listed in `__init__.pyi`. Importing a name imports only the modules that this name needs.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
