import pathlib
import sys

# `readers_under_fuzz` is shared with fuzz_readers.py, which runs as a script.
sys.path.insert(0, str(pathlib.Path(__file__).parent))
