"""The component SequenceExampleGen, which converts files of sequences to splits of SequenceExamples."""

import lazy_loader

# The public names are listed in `__init__.pyi`. A name is imported when it is first used, with only what it needs.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
