"""The spec of a sequence dataset: its features, the role of each, and the bounds on their length.

A record is one sequence. It has *context* features (one value for the whole sequence) and *sequence* features (one
value, or one vector, for each step; a *nested* feature has any number of strings in a step)::

    spec = SequenceSpec(features={
        "tokens": Feature(kind="token", role="input"),
        "tags": Feature(kind="categorical", role="label"),
        "sent_id": Feature(kind="token", role="key", context=True),
    })

Readers look for the features of the spec, schemas are made from it, and Transform and Trainer do what it says of each
feature. A spec is immutable, and goes through JSON and TOML without loss.
"""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.tags import SpanScheme

PAD_ID = 0
"""The id of a padded step. No value has it: vocabularies start at `FIRST_ID`."""

FIRST_ID = 1
"""The id of the first entry of every vocabulary, of tokens and of labels alike."""

Kind = Literal["token", "categorical", "integer", "float", "vector"]
Role = Literal["input", "label", "weight", "key", "time", "carried"]
DType = Literal["string", "int64", "float32"]

_DTYPES: dict[Kind, DType] = {
    "token": "string",
    "categorical": "string",
    "integer": "int64",
    "float": "float32",
    "vector": "float32",
}

NAME_PATTERN = r"^[^\s/#$]+$"
"""The names that a feature may have. TFX writes the excluded characters into names itself, or uses them in paths."""

_Distance = Annotated[float, pydantic.Field(ge=0, le=1)]
_Name = Annotated[str, pydantic.StringConstraints(pattern=NAME_PATTERN)]


class Frozen(pydantic.BaseModel):
    """An immutable value. An unknown field is an error, so a misspelt setting is never passed over."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


def describe_validation_error(error: pydantic.ValidationError) -> str:
    """Says on one line what is wrong with the fields of a value."""
    problems = []
    for detail in error.errors():
        field = ".".join(map(str, detail["loc"]))
        problems.append(f"{field}: {detail['msg']}" if field else detail["msg"])
    return "; ".join(problems)


class Feature(Frozen):
    """One feature of a record.

    Attributes:
      kind: What a value is. `token` and `categorical` are strings (a token has an open vocabulary: unseen values are
        expected; a categorical has a closed one: an unseen value is an anomaly); `integer` is int64; `float` is
        float32; `vector` is `width` float32 values in one step.
      role: The use of the feature. `input` and `label` train the model; `weight` scales the loss; `key` names the
        record; `time` orders records; `carried` goes along and is not used.
      context: True for one value a record, False for one value a step.
      width: The number of floats in a step of a `vector`; not allowed elsewhere.
      nested: True for any number of values in a step, also none, such as the morphemes of a word: a record has a list
        of strings for each step. For sequence features of strings with the role `input` or `carried`.
      missing: True if numbers may be missing: null, an empty cell, or NaN, as which they are stored. The transform
        fills them in. For a `float` or `vector` feature of the role `input` or `carried`.
      spans: The scheme by which the tags of a `categorical` feature mark spans of steps; None if they mark none. With
        `BIO`, `B-PER` begins a span of type PER, `I-PER` goes on with it, and `O` is outside; with `BIOES`, `E-PER`
        ends it and `S-PER` is a span of one step.
      drift: The greatest distance, 0 to 1, allowed between the values and those of the baseline, such as the previous
        span. It is the L-infinity distance for strings (the greatest difference in the share of a value), the
        Jensen-Shannon divergence for numbers. Not checked if None.
      skew: The greatest distance allowed between the values in training and in serving.
      source: The name that a reader knows the feature by (a column, a key, a file); the feature's own name if None.
    """

    kind: Kind
    role: Role = "input"
    context: bool = False
    width: Annotated[int, pydantic.Field(ge=1)] | None = None
    nested: bool = False
    missing: bool = False
    spans: SpanScheme | None = None
    drift: _Distance | None = None
    skew: _Distance | None = None
    source: Annotated[str, pydantic.StringConstraints(min_length=1)] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> Feature:
        if (self.kind == "vector") != (self.width is not None):
            need = "needs `width`, the number of floats in a step" if self.kind == "vector" else "takes no `width`"
            raise ValueError(f"a feature of kind {self.kind!r} {need}")
        if self.role == "label" and self.kind == "token":
            raise ValueError("a label must be 'categorical', 'integer', 'float' or 'vector', not 'token'")
        if self.spans is not None and (self.kind != "categorical" or self.context):
            raise ValueError("only a 'categorical' sequence feature has `spans`")
        if self.nested:
            self._check_nested()
        if self.missing and not self.can_be_missing:
            raise ValueError(
                "`missing` is for a 'float' or 'vector' feature of the role 'input' or 'carried', not for one of kind "
                f"{self.kind!r} and role {self.role!r}"
            )
        return self

    def _check_nested(self) -> None:
        if self.context or self.dtype != "string":
            place = "context" if self.context else "sequence"
            raise ValueError(
                f"`nested` is for a sequence feature of strings, not a {place} feature of kind {self.kind!r}"
            )
        if self.role not in ("input", "carried"):
            raise ValueError(f"a `nested` feature has the role 'input' or 'carried', not {self.role!r}")
        if self.spans is not None:
            raise ValueError("`spans` and `nested` exclude each other: spans are of steps with one tag")

    @property
    def can_be_missing(self) -> bool:
        """Whether `missing` may be set: only floats have a value, NaN, for a number that is missing."""
        return self.dtype == "float32" and self.role in ("input", "carried")

    @property
    def dtype(self) -> DType:
        """The type that values are stored as."""
        return _DTYPES[self.kind]


class SequenceSpec(Frozen):
    """A sequence dataset.

    Attributes:
      features: Name to feature, in the order in which they are written. Names are unique over context and sequence
        features together: a name in both is legal in the proto and clashes in every reader.
      min_length: The fewest steps that a record may have.
      max_length: The most steps that a record may have; no bound if None.
      length_drift: The greatest distance, 0 to 1, allowed between the lengths and those of the baseline, such as the
        previous span. It is the Kolmogorov-Smirnov distance: the greatest difference, over all lengths, in the share of
        records that are at most so long. Not checked if None.
      length_skew: The greatest distance allowed between the lengths in training and in serving.
    """

    features: dict[_Name, Feature]
    min_length: Annotated[int, pydantic.Field(ge=0)] = 1
    max_length: Annotated[int, pydantic.Field(ge=1)] | None = None
    length_drift: _Distance | None = None
    length_skew: _Distance | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> SequenceSpec:
        if not self.sequence:
            raise ValueError("a spec needs at least one sequence feature (context = false); it has none")
        if self.max_length is not None and self.max_length < self.min_length:
            raise ValueError(f"max_length is {self.max_length}, less than min_length, which is {self.min_length}")
        return self

    @property
    def context(self) -> dict[str, Feature]:
        """The features with one value a record."""
        return {name: feature for name, feature in self.features.items() if feature.context}

    @property
    def sequence(self) -> dict[str, Feature]:
        """The features with one value, one vector, or one list, a step. All of them have the record's length."""
        return {name: feature for name, feature in self.features.items() if not feature.context}

    def with_role(self, role: Role) -> dict[str, Feature]:
        """Returns the features of one role, in order."""
        return {name: feature for name, feature in self.features.items() if feature.role == role}

    def source(self, name: str) -> str:
        """Returns the name that a reader knows the feature `name` by."""
        return self.features[name].source or name

    def to_json(self) -> str:
        """Writes the spec as JSON. Equal specs with their features in one order give equal strings."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> SequenceSpec:
        """Reads what `to_json` wrote.

        Raises:
          pydantic.ValidationError: if the text is not the JSON of a spec.
        """
        return cls.model_validate_json(text)
