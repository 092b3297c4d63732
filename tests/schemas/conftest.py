"""Specs of every kind, for properties that hold for all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from support.raw_records import serialize_example

from tfx_sequence.schemas.spec import MAX_COUNT, NAME_PATTERN, Feature, SequenceSpec

NAMES = st.text(min_size=1, max_size=12).filter(
    lambda name: re.fullmatch(NAME_PATTERN, name) and name not in (".", "..")
)
DISTANCES = st.none() | st.floats(0, 1)
ROLES = st.sampled_from(["input", "label", "weight", "key", "time", "carried"])


@st.composite
def features(draw: Any, context: bool) -> Feature:
    role = draw(ROLES)
    kinds = ["token", "categorical", "integer", "float", "vector"]
    kind = draw(st.sampled_from(kinds[1:] if role == "label" else kinds))
    width = draw(st.integers(1, 1 << 20)) if kind == "vector" else None
    spans = draw(st.sampled_from([None, "BIO", "BIOES"])) if kind == "categorical" and not context else None
    drift, skew = draw(DISTANCES), draw(DISTANCES)
    source = draw(st.none() | st.text(min_size=1))
    can_nest = kind in ("token", "categorical") and role in ("input", "carried") and not context and spans is None
    nested = can_nest and draw(st.booleans())
    missing = kind in ("float", "vector") and role in ("input", "carried") and draw(st.booleans())
    can_shift = role in ("label", "carried") and not context
    shift = draw(st.sampled_from([None, "next", "previous"])) if can_shift else None
    class_names = st.lists(st.text(min_size=1).filter(lambda name: not name.lstrip("+-").isdecimal()), unique=True)
    more = {
        "width": width,
        "nested": nested,
        "missing": missing,
        "shift": shift,
        "spans": spans,
        "drift": drift,
        "skew": skew,
        "source": source,
        "names": draw(class_names) if kind == "categorical" else (),
    }
    return Feature(kind=kind, role=role, context=context, **more)


@st.composite
def sequence_specs(draw: Any) -> SequenceSpec:
    low = draw(st.integers(0, 1000))
    high = draw(st.none() | st.integers(max(low, 1), MAX_COUNT))
    fields = draw(st.dictionaries(NAMES, features(context=False), min_size=1, max_size=4))
    fields |= {
        name: feature
        for name, feature in draw(st.dictionaries(NAMES, features(context=True), max_size=3)).items()
        if name not in fields
    }
    order = draw(st.permutations(list(fields)))
    return SequenceSpec(
        features={name: fields[name] for name in order},
        min_length=low,
        max_length=high,
        length_drift=draw(DISTANCES),
        length_skew=draw(DISTANCES),
    )


@pytest.fixture(scope="session")
def specs() -> st.SearchStrategy[SequenceSpec]:
    return sequence_specs()


@pytest.fixture(scope="session")
def example() -> Callable[..., bytes]:
    return serialize_example
