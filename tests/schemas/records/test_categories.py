"""Classes that are integers or booleans in the files: their text, their names, and what is no class."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.schemas.records.examples import Encoder, decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema, to_schema

CLASSES = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2) | st.booleans() | st.text("a01 ", max_size=3)


def make_encoder(**fields: Any) -> tuple[SequenceSpec, Encoder]:
    spec = SequenceSpec(features={"y": Feature(kind="categorical", **fields)}, min_length=0)
    return spec, Encoder(spec)


def read_back(values: Any, **fields: Any) -> Any:
    spec, encoder = make_encoder(**fields)
    return decode(spec, encoder.encode({"y": values}))["y"]


@given(st.lists(st.lists(CLASSES)))
def test_class_is_the_text_that_json_has_for_it(records: list[list[Any]]) -> None:
    # One encoder reads all records, because its cache must not take True or 1 for each other.
    spec, encoder = make_encoder()
    for values in records:
        expected = [value if isinstance(value, str) else json.dumps(value) for value in values]
        assert decode(spec, encoder.encode({"y": values}))["y"] == expected


def test_array_of_classes_is_read_as_a_list_is() -> None:
    assert read_back(np.array([3, -1], np.int8)) == ["3", "-1"]
    assert read_back(np.array([True, False])) == ["true", "false"]


def test_names_replace_numbers_and_booleans_and_keep_names() -> None:
    names = ("ham", "spam")
    assert read_back([0, 1, True, False, "1", "spam", "False"], names=names) == [
        *["ham", "spam", "spam", "ham", "spam", "spam", "ham"]
    ]


@pytest.mark.parametrize("value", [2, -1, "eggs", "01x", "9" * 5000, ""])
def test_value_without_a_name_is_refused(value: Any) -> None:
    with pytest.raises(BadRecordError, match="expected one of its `names` or an integer from 0 to 1") as error:
        read_back([value], names=("ham", "spam"))
    assert error.value.reject.reason == Reason.OUTSIDE_DOMAIN


@pytest.mark.parametrize(
    ("value", "reason"), [(1.0, Reason.WRONG_TYPE), (None, Reason.WRONG_TYPE), (2**63, Reason.OUT_OF_RANGE)]
)
def test_value_that_is_no_class_is_refused_also_after_an_equal_one(value: Any, reason: Reason) -> None:
    _, encoder = make_encoder()
    encoder.encode({"y": [1, True, "1"]})
    with pytest.raises(BadRecordError) as error:
        encoder.encode({"y": [value]})
    assert error.value.reject.reason == reason


def test_token_is_no_integer() -> None:
    with pytest.raises(BadRecordError):
        Encoder(SequenceSpec(features={"w": Feature(kind="token")})).encode({"w": [1]})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "token", "names": ("a",)}, "not for kind 'token'"),
        ({"kind": "categorical", "names": ("a", "b", "a")}, "'a' twice"),
        ({"kind": "categorical", "names": ("a", "1")}, "'1'; a name is text"),
        ({"kind": "categorical", "names": "no_such_file.txt"}, "'no_such_file.txt' cannot be read"),
    ],
)
def test_names_that_cannot_work_are_refused(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Feature(**fields)


def test_names_may_be_the_lines_of_a_file(tmp_path: Any) -> None:
    (tmp_path / "names.txt").write_text("häm\nspam: “eggs”\n", encoding="utf-8")
    feature = Feature.model_validate(
        {"kind": "categorical", "names": "names.txt"}, strict=True, context={"folder": str(tmp_path)}
    )
    assert feature.names == ("häm", "spam: “eggs”")
    spec = SequenceSpec(features={"y": feature})
    assert from_schema(to_schema(spec)) == spec
