"""The component SequenceExampleGen, which converts files of sequences to splits of SequenceExamples."""

from .component import SequenceExampleGen as SequenceExampleGen
from .config import ReadConfig as ReadConfig
from .config import SplitConfig as SplitConfig
from .config import WriteConfig as WriteConfig
from .conversion import convert as convert
from .discovery.inspect import inspect as inspect
from .files.source import Source as Source
from .readers.reader import Item as Item
from .readers.reader import Reader as Reader
