"""Labels sentences from the command line or standard input: the command `predict` without files."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TextIO

from tfx_sequence.pipeline.prediction.saved_model import find_model
from tfx_sequence.pipeline.prediction.text_model import SentenceLabels, TextModel
from tfx_sequence.pipeline.terminal.quiet import Streams
from tfx_sequence.pipeline.terminal.session import run_in_session
from tfx_sequence.schemas.contract import SCORE_SUFFIX

CHUNK_SIZE = 4096
"""Sentences that are read before they are labelled together: enough to fill batches of like length."""

MODEL_FAILED = 1
"""The exit code if the model itself fails, although the text is all right."""


class TextError(ValueError):
    """Text cannot be read."""


def predict_text(model: str, texts: Sequence[str], as_json: bool, chunk_size: int = CHUNK_SIZE) -> int:
    """Labels sentences and writes the result to standard output.

    Args:
      model: A SavedModel, or a serving folder.
      texts: Sentences, tokens separated by white space; if there are none, the lines of standard input.
      as_json: Write a JSON object a sentence in place of a token and its labels a line.
      chunk_size: Sentences that are read before they are labelled together.

    Returns:
      The exit code: 0; 1 if the model fails; 2 if the model or the text cannot be used; 130 if Ctrl-C ended it.
    """
    is_interactive = not texts and sys.stdin.isatty()

    def work(streams: Streams) -> int:
        text_model = TextModel(find_model(model))
        if is_interactive:
            print("Type a sentence a line, with spaces between its tokens; end with Ctrl-D.", file=streams.err)
        sentences = _split_arguments(texts) if texts else _read_lines(sys.stdin.buffer)
        # A person at the keyboard gets each answer at once.
        while chunk := list(itertools.islice(sentences, 1 if is_interactive else chunk_size)):
            _write_labels(text_model, chunk, as_json, streams.out)
        return 0

    # An error is no JSON object on standard output here: each object there is a sentence.
    return run_in_session("predict", False, work, MODEL_FAILED)


def _write_labels(model: TextModel, sentences: Sequence[Sequence[str]], as_json: bool, out: TextIO) -> None:
    labelled = zip(sentences, model.label(sentences), strict=True)
    if as_json:
        out.write("".join(_format_json(model.feature, tokens, labels) for tokens, labels in labelled))
    else:
        out.write("".join(_format_columns(tokens, labels) for tokens, labels in labelled))


def _split_arguments(texts: Sequence[str]) -> Iterator[list[str]]:
    for number, text in enumerate(texts, start=1):
        # Python keeps bytes of an argument that are not UTF-8 as these lone surrogates.
        if not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text):
            raise TextError(f"sentence {number} of the command line: not UTF-8 text")
        yield text.split()


def _read_lines(stdin: BinaryIO) -> Iterator[list[str]]:
    for number, line in enumerate(stdin, start=1):
        try:
            yield line.decode("utf-8").split()
        except UnicodeDecodeError as error:
            raise TextError(f"standard input, line {number}: not UTF-8 text, at byte {error.start}") from None


def _format_columns(tokens: Sequence[str], labels: SentenceLabels) -> str:
    rows = zip(tokens, *labels.labels.values(), strict=True)
    return "".join("\t".join(row) + "\n" for row in rows) + "\n"


def _format_json(feature: str, tokens: Sequence[str], labels: SentenceLabels) -> str:
    scores = {f"{name}{SCORE_SUFFIX}": values for name, values in labels.scores.items()}
    return json.dumps({feature: tokens, **labels.labels, **scores}, ensure_ascii=False) + "\n"
