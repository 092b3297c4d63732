"""TFX components for sequences of unequal length."""

import os

import lazy_loader

from tfx_sequence.schemas.contract import OWN_CODE_VARIABLE

# The public names stand in `__init__.pyi`. Importing one of them imports what it needs, and no more.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if OWN_CODE_VARIABLE in os.environ:
    # This is a worker process of Beam, which now finds the own code of the process that started it.
    from tfx_sequence.components.own_code.importing import install_from_environment

    install_from_environment()
