"""What the split of a record depends on, and files that two splits share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_example_gen.ingestion.request import (
    InputFile,
    SharedFileError,
    refuse_shared_files,
)
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec

LEARNT = {"x": Feature(kind="token"), "y": Feature(kind="categorical", role="label", context=True)}
OTHERS = {
    "id": Feature(kind="token", role="key", context=True),
    "a": Feature(kind="token", role="carried"),
    "t": Feature(kind="integer", role="time"),
    "w": Feature(kind="float", role="weight", context=True),
}
WORDS = st.lists(st.sampled_from("ab"), min_size=1, max_size=2)


@given(WORDS, WORDS, st.sampled_from("ab"), st.sampled_from("ab"), st.integers(0, 9))
def test_content_is_equal_if_and_only_if_inputs_and_labels_are(
    words: list[str], other_words: list[str], label: str, other_label: str, number: int
) -> None:
    def encode(words: list[str], label: str, number: int) -> tuple[bytes, bytes]:
        record = {"x": words, "y": label, "id": str(number), "a": words[::-1], "t": [number] * len(words), "w": number}
        encoder = Encoder(SequenceSpec(features={**LEARNT, **OTHERS}))
        data, content = encoder.encode_with_content(record)
        assert data == encoder.encode(record)
        return data, content

    _, content = encode(words, label, 0)
    _, other_content = encode(other_words, other_label, number)
    assert (content == other_content) == ((words, label) == (other_words, other_label))
    # With inputs and labels alone, the content is the record.
    assert content == Encoder(SequenceSpec(features=LEARNT)).encode({"x": words, "y": label})


def test_content_is_all_if_nothing_is_learnt() -> None:
    data, content = Encoder(SequenceSpec(features=OTHERS)).encode_with_content(
        {"id": "1", "a": ["b"], "t": [3], "w": 1}
    )
    assert data == content


def test_file_of_two_splits_is_refused_also_by_another_path(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    a, b = (InputFile(path=str(tmp_path / name), split="train") for name in ("a.txt", "b.txt"))
    refuse_shared_files([a, b, a])
    for other in (a, b):
        with pytest.raises(SharedFileError, match=r"is in the split 'eval', and.* in the split 'train'"):
            refuse_shared_files([a, other.model_copy(update={"split": "eval"})])
    bucket = InputFile(path="gs://bucket/a", split="train")
    refuse_shared_files([bucket, InputFile(path="gs://bucket/b", split="eval")])
