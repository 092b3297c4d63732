"""What `predict --to columns` writes is what the format `columns` reads."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.columns import ColumnsReader
from tfx_sequence.pipeline.prediction.answers import COLUMNS, Answer, format_columns, merge_answer, name_fields
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "topic": Feature(kind="token", role="carried", context=True),
    }
)
COLUMN_SPEC = SequenceSpec(
    features={name: Feature(kind="token", source=str(i)) for i, name in enumerate(["words", "tags_true", "tags"])}
)

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.sampled_from(
        ["", " ", "# a = b", "#", "-DOCSTART-", "-DOCSTART- x", "\ufeffa", "a b", "\t", "\n", "\r\n", "\x85"]
    ),
)
STEPS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4)


def write(rows: list[tuple[str, str, str]], topic: str) -> bytes:
    words, truth, tags = zip(*rows, strict=True)
    answer = Answer({}, {"tags": tags}, {}, {})
    return format_columns(merge_answer(SPEC, {"words": words, "tags": truth, "topic": topic}, answer))


def shorten(text: str) -> str:
    """Returns a value as columns hold it: in one line, with single spaces, and never empty."""
    return " ".join(text.split()) or "_"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(records=st.lists(st.tuples(STEPS, TEXTS), min_size=1, max_size=3))
def test_columns_are_read_as_they_were_written(
    tmp_path: Path, records: list[tuple[list[tuple[str, str, str]], str]]
) -> None:
    file = tmp_path / "a.conll"
    file.write_bytes(b"".join(write(rows, topic) for rows, topic in records))
    read = list(ColumnsReader(COLUMN_SPEC, COLUMNS).read(Source(str(file))))
    expected = []
    for rows, _ in records:
        columns = [[shorten(text) for text in column] for column in zip(*rows, strict=True)]
        expected.append(dict(zip(("words", "tags_true", "tags"), columns, strict=True)))
    got = [record for _, record in read]
    for record in got:
        # A step that looks like something else has a no-break space in front.
        record["words"] = [word.removeprefix("\u00a0") for word in record["words"]]
    assert got == expected


def test_no_feature_stands_under_an_answer() -> None:
    spec = SequenceSpec(features={"words": Feature(kind="token"), "tags_score": Feature(kind="float")})
    assert name_fields(spec, ["tags", "tags_score"]) == {"words": "words", "tags_score": "tags_score_true"}
