"""A whole pipeline from one config: the runner, the progress display, the command line."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.pipeline.config.problems import ConfigError
    from tfx_sequence.pipeline.config.tables import Config
    from tfx_sequence.pipeline.config.toml_file import load_config
    from tfx_sequence.pipeline.pipeline import create_pipeline

__all__ = ["Config", "ConfigError", "create_pipeline", "load_config"]

__getattr__ = lazy_names(
    __name__,
    {
        "Config": "config.tables",
        "ConfigError": "config.problems",
        "create_pipeline": "pipeline",
        "load_config": "config.toml_file",
    },
)
