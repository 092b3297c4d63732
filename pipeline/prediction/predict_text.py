"""Answers sentences from the command line or from standard input. The command `predict` without files does this."""

from __future__ import annotations

import codecs
import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TextIO

from tfx_sequence.pipeline.prediction.answers import drop_ids, format_columns, format_jsonl, merge_answer
from tfx_sequence.pipeline.prediction.saved_model import find_model
from tfx_sequence.pipeline.prediction.text_model import TextModel
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.quiet import Streams
from tfx_sequence.pipeline.terminal.session import run_in_session

CHUNK_SIZE = 4096
"""The number of sentences that are read before the model answers. They are enough to fill batches with sentences of
similar length."""


class TextError(ValueError):
    """A sentence cannot be read because it is not UTF-8 text."""


def predict_text(model: str, texts: Sequence[str], as_json: bool, chunk_size: int = CHUNK_SIZE) -> int:
    """Asks a model about sentences and writes its answers to standard output.

    Args:
      model: The path of a SavedModel or of a serving folder.
      texts: The sentences, with white space between tokens. If there are none, each line of standard input is a
        sentence.
      as_json: Whether to write one JSON object per sentence. If False, each line has one token and its answers, after a
        line `# name = value` for each answer about the whole sentence.
      chunk_size: The number of sentences that are read before the model answers.

    Returns:
      The exit code: `DONE` if all sentences were answered, `FAILED` if the model failed, `UNUSABLE` if the model or the
      text cannot be used, or `INTERRUPTED`.
    """
    is_interactive = not texts and sys.stdin.isatty()

    def answer_sentences(streams: Streams) -> int:
        text_model = TextModel(find_model(model))
        if is_interactive:
            print("Type one sentence per line, with spaces between tokens. End with Ctrl-D.", file=streams.err)
        sentences = _split_arguments(texts) if texts else _read_lines(sys.stdin.buffer)
        # A person at the keyboard expects an answer after each sentence.
        size = 1 if is_interactive else chunk_size
        # After `predict | head`, nobody reads the answers to the other sentences, which may be endless.
        while streams.has_reader and (chunk := list(itertools.islice(sentences, size))):
            _write_answers(text_model, chunk, as_json, streams.out)
        return ExitCode.DONE

    return run_in_session("predict", as_json, answer_sentences, unexpected_code=ExitCode.FAILED)


def _write_answers(model: TextModel, sentences: Sequence[Sequence[str]], as_json: bool, out: TextIO) -> None:
    format_record = format_jsonl if as_json else format_columns
    (feature,) = model.spec.features
    for tokens, answer in zip(sentences, model.answer(sentences), strict=True):
        record = merge_answer(model.spec, {feature: tokens}, answer)
        # An id means nothing to a person.
        out.write(format_record(drop_ids(record)).decode())


def _split_arguments(texts: Sequence[str]) -> Iterator[list[str]]:
    for number, text in enumerate(texts, start=1):
        # Python represents a byte of an argument that is not UTF-8 by one of these surrogate characters.
        if any("\udc80" <= character <= "\udcff" for character in text):
            raise TextError(f"sentence {number} of the command line: not UTF-8 text")
        yield text.split()


def _read_lines(stdin: BinaryIO) -> Iterator[list[str]]:
    for number, line in enumerate(stdin, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.decode("utf-8").split()
        except UnicodeDecodeError as error:
            raise TextError(f"standard input, line {number}: not UTF-8 text, at byte {error.start}") from None
