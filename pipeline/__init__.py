"""Builds and runs a whole TFX pipeline from one config file, and provides the command line `tfx-sequence`."""

import lazy_loader

# `__init__.pyi` lists the public names. A name is imported only when it is used, because TensorFlow takes seconds to
# load.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
