"""The command `predict`: tags sentences from its arguments or from standard input."""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, TextIO

from tfx_sequence.pipeline.prediction.text_model import ModelError, Tagger, Tags, find_model
from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.quiet import Streams, noise_to
from tfx_sequence.schemas.contract import SCORE_SUFFIX

CHUNK = 4096
"""Sentences that are read before they are tagged together: enough to fill batches of like length."""


class TextError(ValueError):
    """Text that cannot be read."""


def predict(model: str, texts: Sequence[str], as_json: bool) -> int:
    """Tags sentences and writes the result to standard output.

    Args:
      model: A SavedModel, or a serving folder.
      texts: Sentences, tokens separated by white space; if there are none, the lines of standard input.
      as_json: Write a JSON object a sentence in place of a token and its labels a line.

    Returns:
      The exit code: 0, or 2 if the model or the text cannot be used.
    """
    handle, log = tempfile.mkstemp(prefix="tfx-sequence-predict-", suffix=".log")
    os.close(handle)
    with noise_to(log) as streams:
        code = _predict(model, texts, as_json, streams)
        if code == 1:
            print(f"What TensorFlow wrote: {log}", file=streams.err)
    if code != 1:
        os.remove(log)
    return code


def _predict(model: str, texts: Sequence[str], as_json: bool, streams: Streams) -> int:
    try:
        path = find_model(model)
        sentences = _arguments(texts) if texts else _lines(sys.stdin.buffer, streams.err)
        # A person at the keyboard gets each answer at once.
        chunk = 1 if not texts and sys.stdin.isatty() else CHUNK
        _tag(Tagger(path), sentences, chunk, as_json, streams.out)
    except (ModelError, TextError) as error:
        print(f"tfx-sequence: {error}", file=streams.err)
        return 2
    except BrokenPipeError:
        # Whoever read the output has read enough; what is still in the buffer must go somewhere.
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), streams.out.fileno())
    except Exception as error:
        traceback.print_exc()
        print(f"tfx-sequence: {explain(error)}", file=streams.err)
        return 1
    return 0


def _tag(tagger: Tagger, sentences: Iterable[list[str]], chunk: int, as_json: bool, out: TextIO) -> None:
    sentences = iter(sentences)
    while some := list(itertools.islice(sentences, chunk)):
        tagged = zip(some, tagger.tag(some), strict=True)
        out.write("".join(_json(tagger.feature, *pair) if as_json else _columns(*pair) for pair in tagged))


def _arguments(texts: Sequence[str]) -> Iterator[list[str]]:
    for number, text in enumerate(texts, start=1):
        if not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text):
            raise TextError(f"sentence {number} of the command line: not UTF-8 text")
        yield text.split()


def _lines(stdin: BinaryIO, err: TextIO) -> Iterator[list[str]]:
    if sys.stdin.isatty():
        print("Type a sentence a line, with spaces between its tokens; end with Ctrl-D.", file=err)
    for number, line in enumerate(stdin, start=1):
        try:
            yield line.decode("utf-8").split()
        except UnicodeDecodeError as error:
            raise TextError(f"standard input, line {number}: not UTF-8 text, at byte {error.start}") from None


def _columns(tokens: Sequence[str], tags: Tags) -> str:
    rows = zip(tokens, *tags.labels.values(), strict=True)
    return "".join("\t".join(row) + "\n" for row in rows) + "\n"


def _json(feature: str, tokens: Sequence[str], tags: Tags) -> str:
    scores = {f"{name}{SCORE_SUFFIX}": values for name, values in tags.scores.items()}
    return json.dumps({feature: tokens, **tags.labels, **scores}, ensure_ascii=False) + "\n"
