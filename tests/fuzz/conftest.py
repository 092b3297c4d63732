import pathlib
import sys

# `readers_under_fuzz` is shared with benchmarks/fuzz_readers.py.
sys.path.insert(0, str(pathlib.Path(__file__).parent))
