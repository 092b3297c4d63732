"""No begin or end is named where a sequence was only cut: by `max_steps`, or by the reader."""

from __future__ import annotations

import itertools
import pathlib
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_transform import VocabularyConfig, preprocess
from tfx_sequence.components.sequence_transform.config_checks import find_cut_problems
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import BEGIN, END, SYMBOLS, read_vocabulary

# Longer than, exactly as long as, and shorter than the three steps that are kept, and without steps.
TEXTS = ["aaabbb", "aab", "aaaa", "abcde", "abc", "ab", "a", "", "abcd", "bbcf"]
SPEC = SequenceSpec(
    features={"text": Feature(kind="token"), "id": Feature(kind="token", role="key", context=True)}, min_length=0
)
RECORDS = [{"text": [*text], "id": text} for text in TEXTS]
MAX_STEPS = 3


def expected_steps(text: str, settings: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the lines of the vocabulary that each output must hold: true neighbours of the whole text, cut last."""
    has_begin, has_end = bool(settings.get("begin")), bool(settings.get("end"))
    whole = [SYMBOLS[BEGIN]] * has_begin + [*text] + [SYMBOLS[END]] * has_end
    columns = {"text": whole}
    if "next" in settings:
        columns["after"] = [*whole[1:], SYMBOLS[END]] if whole else []
    if "previous" in settings:
        columns["before"] = [SYMBOLS[BEGIN], *whole[:-1]] if whole else []
    return {name: steps[: MAX_STEPS + has_begin + has_end] for name, steps in columns.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {"next": "after"},
        {"begin": True, "next": "after"},
        {"next": "after", "previous": "before"},
        {"end": True, "previous": "before"},
        {"begin": True, "end": True},
    ],
    ids="-".join,
)
def test_targets_of_the_last_step_that_is_kept_are_the_values_after_it(
    tmp_path: pathlib.Path, settings: dict[str, Any]
) -> None:
    # A given vocabulary needs no analysis, so the function runs as it stands.
    file = tmp_path / "letters.txt"
    lines = [*(SYMBOLS[symbol] for symbol in VocabularyConfig(**settings).symbols), *"abcdef"]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    vocabularies = {"text": VocabularyConfig(**settings, file=str(file))}
    steps = tf.ragged.constant([[[step] for step in text] for text in TEXTS], tf.string, 2, row_splits_dtype=tf.int64)

    @tf.function
    def transform(steps: tf.RaggedTensor) -> dict[str, tf.RaggedTensor]:
        outputs = preprocess({"text": steps, "id": tf.constant(TEXTS)}, SPEC, vocabularies, max_steps=MAX_STEPS)
        return {name: value for name, value in outputs.items() if name != "id"}

    outputs = {name: value.to_list() for name, value in transform(steps).items()}
    for row, text in enumerate(TEXTS):
        for name, expected in expected_steps(text, settings).items():
            assert outputs[name][row] == [1 + lines.index(step) for step in expected], (text, name)


def test_all_outputs_of_a_record_have_the_same_steps_and_the_bounds_of_the_schema(make_run: Any) -> None:
    settings = VocabularyConfig(end=True, previous="before", characters=True, affixes=(1,))
    run = make_run(SPEC, {"train": RECORDS}, transform={"text": settings}, max_steps=MAX_STEPS)
    run.do()
    vocabulary = read_vocabulary(run.graph, "text")
    assert set(vocabulary.entries) == {b"a", b"b", b"c", b"d", b"f"}, "e is neither read nor predicted"
    end = vocabulary.find_symbol_id(END)
    for example in run.examples("train"):
        text = example.context.feature["id"].bytes_list.value[0].decode()
        lists = example.feature_lists.feature_list
        assert {name: len(steps.feature) for name, steps in lists.items()} == dict.fromkeys(
            ["text", "text_prefix1", "text_suffix1", "text_characters", "before"], min(len(text), MAX_STEPS) + 1
        )
        last = lists["text"].feature[-1].int64_list.value[0]
        assert (last == end) == (len(text) <= MAX_STEPS)
    assert (run.spec.min_length, run.spec.max_length) == (1, MAX_STEPS + 1)


@pytest.mark.parametrize(("max_steps", "in_pieces", "truncated_to"), itertools.product([None, 4, 5], [0, 1], [None, 5]))
def test_settings_are_refused_that_need_the_place_where_the_reader_cut(
    max_steps: int | None, in_pieces: int, truncated_to: int | None
) -> None:
    vocabularies = {
        "a": VocabularyConfig(begin=True, next="after"),
        "b": VocabularyConfig(end=True, previous="before"),
        "c": VocabularyConfig(lowercase=True),
    }
    found = {problem.key for problem in find_cut_problems(vocabularies, max_steps, bool(in_pieces), truncated_to)}
    ends = {"transform.a.next", "transform.b.end"}
    begins = {"transform.a.begin", "transform.b.previous"}
    if in_pieces:
        assert found == ends | begins
    elif truncated_to and max_steps != 4:
        assert found == ends
    else:
        assert not found


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({contract.TRUNCATED_TO: 5}, r"transform\.text\.next: records are truncated to 5 steps"),
        ({contract.IN_PIECES: 1}, r"transform\.text\.begin: the records are pieces of longer sequences"),
    ],
)
def test_executor_refuses_what_the_properties_of_the_examples_say(
    make_run: Any, properties: dict[str, int], message: str
) -> None:
    run = make_run(SPEC, {"train": RECORDS}, transform={"text": VocabularyConfig(begin=True, next="after")})
    (examples,) = run.inputs["examples"]
    for name, value in properties.items():
        examples.set_int_custom_property(name, value)
    with pytest.raises(ValueError, match=message):
        run.do()
