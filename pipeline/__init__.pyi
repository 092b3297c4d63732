"""Builds and runs a whole TFX pipeline from one config file, and provides the command line `tfx-sequence`."""

from .config.problems import ConfigError as ConfigError
from .config.tables import Config as Config
from .config.toml_file import load_config as load_config
from .pipeline import create_pipeline as create_pipeline
