"""The command `run`: a config's pipeline, from its files to a pushed model."""

from __future__ import annotations

import datetime
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.config.problems import ConfigError, Problem, shown
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.runs.display import display_on
from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.quiet import Streams, noise_to
from tfx_sequence.pipeline.config.own_code import make_importable
from tfx_sequence.pipeline.runs.run_summary import RunReport, near

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.runner import RunResult

PipelineFactory = Callable[[Config], Any]
"""Makes a TFX pipeline from a config."""

INTERRUPTED = "interrupted"


def run(config_path: str, as_json: bool, factory: PipelineFactory | None = None) -> int:
    """Runs the pipeline of a config, shows its progress, and reports what it came to.

    Args:
      config_path: The TOML file.
      as_json: Write one JSON object to standard output, and all else to standard error.
      factory: What makes the pipeline; `create_pipeline` if None.

    Returns:
      The exit code: 0; 1 if the run failed; 2 if the config cannot be used; 130 if Ctrl-C ended it.
    """
    try:
        # First: to check thresholds of a metric of the project's own, its class is imported.
        make_importable(os.path.dirname(os.path.abspath(config_path)))
        config = load_config(config_path)
        log = _new_log(config, config_path)
    except ConfigError as error:
        print(f"tfx-sequence: {error}", file=sys.stderr)
        if as_json:
            print(RunReport().to_json(error=str(error)))
        return 2
    with noise_to(log) as streams:
        return _Run(config, log, as_json, streams).run(factory)


def _new_log(config: Config, config_path: str) -> str:
    folder = config.pipeline.logs_dir
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        message = f"the folder cannot be made: {error.strerror}"
        raise ConfigError(config_path, (Problem("pipeline.root", message, shown(config.pipeline.root)),)) from None
    return os.path.join(folder, f"{datetime.datetime.now():%Y-%m-%dT%H-%M-%S}-{os.getpid()}.log")


def _create_pipeline() -> PipelineFactory:
    from tfx_sequence.pipeline.pipeline import create_pipeline

    return create_pipeline


class _Run:
    """One run, and where its words go."""

    def __init__(self, config: Config, log: str, as_json: bool, streams: Streams) -> None:
        self._config = config
        self._log = log
        self._as_json = as_json
        self._streams = streams
        self._shown_on = streams.err if as_json else streams.out

    def run(self, factory: PipelineFactory | None) -> int:
        print(f"{self._config.pipeline.name}: log in {near(self._log)}", file=self._shown_on)
        try:
            result = self._execute(factory)
            report = RunReport(self._config, result)
        except KeyboardInterrupt:
            return self._interrupted(RunReport(self._config))
        except Exception as error:
            return self._failed(error, "tfx-sequence", RunReport(self._config))
        if isinstance(result.error, KeyboardInterrupt):
            return self._interrupted(report)
        if result.error is not None:
            return self._failed(result.error, result.failed or "tfx-sequence", report)
        print(f"\n{report.to_text(self._log)}", file=self._shown_on)
        self._emit(report.to_json())
        return 0

    def _execute(self, factory: PipelineFactory | None) -> RunResult:
        with display_on(self._shown_on) as display:
            display.say("Loading TensorFlow and TFX ...")
            from tfx_sequence.pipeline.runs import runner

            return runner.run((factory or _create_pipeline())(self._config), display)

    def _failed(self, error: BaseException, where: str, report: RunReport) -> int:
        # Standard error is the log here.
        traceback.print_exception(error)
        message = explain(error)
        print(f"\n{where} failed: {message}\nThe whole log: {near(self._log)}", file=self._streams.err)
        self._emit(report.to_json(error=message))
        return 1

    def _interrupted(self, report: RunReport) -> int:
        reused = " The next run reuses what was finished." if self._config.pipeline.cache else ""
        print(f"\nInterrupted.{reused}", file=self._streams.err)
        self._emit(report.to_json(error=INTERRUPTED))
        return 130

    def _emit(self, report: str) -> None:
        if self._as_json:
            print(report, file=self._streams.out)
