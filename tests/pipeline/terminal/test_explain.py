import subprocess
import sys

import pytest

from tfx_sequence.pipeline.config.problems import ConfigError, Problem
from tfx_sequence.pipeline.terminal.explain import explain


class OursError(ValueError):
    pass


OursError.__module__ = "tfx_sequence.components.reader"


def raised(make):
    try:
        make()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_explain_names_the_class_when_the_exception_is_not_ours():
    assert explain(KeyError("upos")) == "KeyError: 'upos'"
    assert explain(TimeoutError()) == "TimeoutError"


def test_explain_gives_the_message_alone_when_the_exception_is_ours():
    assert explain(ConfigError("f.toml", (Problem("a.b", "wrong"),))) == "f.toml: a.b: wrong"


def test_explain_strips_beam_suffixes_when_beam_has_added_them():
    message = "a.conllu, line 3: 9 columns [while running 'Read/ParDo(Parse)'] [while running 'Outer']"
    assert explain(OursError(message)) == "a.conllu, line 3: 9 columns"
    assert explain(ValueError("bad [while running 'X']")) == "ValueError: bad"


def test_explain_keeps_brackets_when_they_are_part_of_the_message():
    assert explain(OursError("shape [2, 3] while running 'X'")) == "shape [2, 3] while running 'X'"


def test_explain_takes_ours_when_it_stands_between_others():
    def make():
        try:
            try:
                raise UnicodeError("bytes")
            except UnicodeError as error:
                raise OursError("line 3 is not UTF-8") from error
        except OursError:
            # What Beam raises for an exception that it cannot make again: without a cause, in its context.
            raise RuntimeError("OursError: line 3 is not UTF-8 [while running 'X']")  # noqa: B904

    assert explain(raised(make)) == "line 3 is not UTF-8"


def test_explain_takes_the_root_cause_when_none_is_ours():
    def make():
        try:
            raise FileNotFoundError("no vocabulary")
        except FileNotFoundError as error:
            raise RuntimeError("could not train") from error

    assert explain(raised(make)) == "FileNotFoundError: no vocabulary"


def test_explain_ignores_the_context_when_it_is_suppressed():
    def make():
        try:
            raise OursError("inner")
        except OursError:
            raise ValueError("outer") from None

    assert explain(raised(make)) == "ValueError: outer"


def test_explain_ends_when_exceptions_cause_each_other():
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    assert explain(first) == "ValueError: first"


def traceback_of(source):
    """What the interpreter itself writes for an uncaught exception."""
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize(
    ("raising", "expected"),
    [
        ("raise ValueError('9 columns [while running \\'Map(f)\\']')", "ValueError: 9 columns"),
        ("raise ValueError('two\\nlines')", "ValueError: two\nlines"),
        ("raise StopIteration", "StopIteration"),
        (
            "import json\ntry: 1/0\nexcept ZeroDivisionError: json.loads('x')",
            "JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        ),
    ],
)
def test_explain_reads_a_traceback_when_a_worker_sent_its_exception_as_text(raising, expected):
    assert explain(RuntimeError(traceback_of(raising))) == expected


def test_explain_gives_the_message_alone_when_the_traceback_ends_on_ours():
    source = "class E(ValueError): pass\nE.__module__ = 'tfx_sequence.components.reader'\nraise E('line 3: 9 columns')"
    assert explain(RuntimeError(f"bundle failed\n{traceback_of(source)}")) == "line 3: 9 columns"


def test_explain_gives_the_text_when_the_traceback_cannot_be_read():
    text = "Traceback (most recent call last):\n  File"
    assert explain(RuntimeError(text)) == text
