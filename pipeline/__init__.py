"""A whole pipeline from one config: the runner, the progress display, the command line."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.pipeline.config import Config
    from tfx_sequence.pipeline.config_error import ConfigError
    from tfx_sequence.pipeline.config_file import load_config
    from tfx_sequence.pipeline.pipeline import create_pipeline

__all__ = ["Config", "ConfigError", "create_pipeline", "load_config"]

__getattr__ = lazy_names(
    __name__,
    {
        "Config": "config",
        "ConfigError": "config_error",
        "create_pipeline": "pipeline",
        "load_config": "config_file",
    },
)
