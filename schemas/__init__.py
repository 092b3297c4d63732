"""Describes sequence datasets with a typed spec, converts specs to schemas, and encodes, decodes and checks records."""

import lazy_loader

# The public names are listed in `__init__.pyi`. Each name is imported only when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
