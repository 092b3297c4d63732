"""Lets tests import the modules beside them."""

import sys
from pathlib import Path

# `training_corpus` is also run as a script.
sys.path.insert(0, str(Path(__file__).parent))
