"""Runs the pipeline of a config file and reports its progress and its results. The command `run` does this."""

from __future__ import annotations

import datetime
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfx_sequence.pipeline.config.problems import ConfigError, Problem, format_value
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.runs.display import make_display
from tfx_sequence.pipeline.runs.run_lock import RootInUseError, lock_root
from tfx_sequence.pipeline.runs.run_summary import RunReport, shorten_path
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.quiet import Streams, redirect_noise

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.runner import RunResult

PipelineFactory = Callable[[Config], Any]
"""A function that makes a TFX pipeline from a config."""


def run(config_path: str, as_json: bool, factory: PipelineFactory | None = None, span: int | None = None) -> int:
    """Runs the pipeline of a config, shows its progress, and reports its results.

    Args:
      config_path: The path of the TOML file.
      as_json: Whether to write the results to standard output as one JSON object. All else is then written to standard
        error.
      factory: The function that makes the pipeline. If None, `create_pipeline` makes it.
      span: The span to read, as in `load_config`.

    Returns:
      The exit code: `DONE` if the run succeeded, `FAILED` if a component failed, `UNUSABLE` if the config cannot be
      used, another process uses its root, or no pipeline can be made of it, `NOT_BLESSED` if the evaluation did not
      bless the model, or `INTERRUPTED`.
    """
    try:
        config = load_config(config_path, span)
        log = _make_log_path(config, config_path)
    except ConfigError as error:
        return _report_unusable(str(error), as_json)
    try:
        with lock_root(config.pipeline.root), redirect_noise(log) as streams:
            return _RunCommand(config, log, as_json, streams).run(factory or _create_pipeline)
    except RootInUseError as error:
        return _report_unusable(str(error), as_json)


def _report_unusable(message: str, as_json: bool) -> int:
    print(f"tfx-sequence: {message}", file=sys.stderr)
    if as_json:
        print(RunReport().to_json(error=message))
    return ExitCode.UNUSABLE


def _make_log_path(config: Config, config_path: str) -> str:
    """Makes the folder of logs, and returns the path of a new log file.

    Raises:
      ConfigError: if the folder cannot be made.
    """
    folder = config.pipeline.logs_dir
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        message = f"the folder cannot be made: {error.strerror}"
        problem = Problem("pipeline.root", message, format_value(config.pipeline.root))
        raise ConfigError(config_path, (problem,)) from None
    return os.path.join(folder, f"{datetime.datetime.now():%Y-%m-%dT%H-%M-%S}-{os.getpid()}.log")


def _create_pipeline(config: Config) -> Any:
    # Imported here because it imports TensorFlow. The messages of TensorFlow are now redirected to the log, and the
    # display says why the person has to wait.
    from tfx_sequence.pipeline.pipeline import create_pipeline

    return create_pipeline(config)


class _RunCommand:
    """Runs one pipeline for the command line. It writes progress and results, and returns the exit code."""

    def __init__(self, config: Config, log: str, as_json: bool, streams: Streams) -> None:
        self._config = config
        self._log = log
        self._as_json = as_json
        self._streams = streams
        # With --json, only the JSON object is written to standard output.
        self._progress_stream = streams.err if as_json else streams.out

    def run(self, factory: PipelineFactory) -> int:
        print(f"{self._config.pipeline.name}: log in {shorten_path(self._log)}", file=self._progress_stream)
        result = None
        try:
            result = self._run_pipeline(factory)
            report = RunReport(self._config, result)
        except KeyboardInterrupt:
            return self._report_interrupt(RunReport(self._config))
        except (Exception, SystemExit) as error:
            # The pipeline could not be made, or its results could not be read. A failed component is in `result.error`.
            code = ExitCode.UNUSABLE if result is None else ExitCode.FAILED
            return self._report_failure(error, "tfx-sequence", RunReport(self._config), code)
        if isinstance(result.error, KeyboardInterrupt):
            return self._report_interrupt(report)
        if result.error is not None:
            return self._report_failure(
                result.error, result.failed_component or "tfx-sequence", report, ExitCode.FAILED
            )
        print(f"\n{report.to_text(self._log)}", file=self._progress_stream)
        if not report.is_blessed:
            self._write_json(report.to_json(error=f"no model was pushed: {report.describe_missing_blessing()}"))
            return ExitCode.NOT_BLESSED
        self._write_json(report.to_json())
        return ExitCode.DONE

    def _run_pipeline(self, factory: PipelineFactory) -> RunResult:
        with make_display(self._progress_stream) as display:
            display.show_message("Loading TensorFlow and TFX ...")
            from tfx_sequence.pipeline.runs import runner

            return runner.run(factory(self._config), display)

    def _report_failure(self, error: BaseException, place: str, report: RunReport, code: ExitCode) -> int:
        # Standard error is redirected, so the traceback is written to the log.
        traceback.print_exception(error)
        message = explain(error)
        print(f"\n{place} failed: {message}\nThe whole log: {shorten_path(self._log)}", file=self._streams.err)
        self._write_json(report.to_json(error=message))
        return code

    def _report_interrupt(self, report: RunReport) -> int:
        advice = " The next run reuses what was finished." if self._config.pipeline.cache else ""
        print(f"\nInterrupted.{advice}", file=self._streams.err)
        self._write_json(report.to_json(error="interrupted"))
        return ExitCode.INTERRUPTED

    def _write_json(self, report: str) -> None:
        if self._as_json:
            print(report, file=self._streams.out)
