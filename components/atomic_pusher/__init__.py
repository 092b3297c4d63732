"""A Pusher whose versions are seen only when they are complete."""

import lazy_loader

# The public names are listed in `__init__.pyi`. Importing a name imports only the modules that this name needs.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
