"""Defines `SequenceSpec`, which describes a sequence dataset: its features, their roles, and bounds on the length.

A record is one sequence. It has *context* features, with one value for the whole sequence. It also has *sequence*
features, with one value or one vector per step. A *nested* sequence feature has any number of strings per step::

    spec = SequenceSpec(features={
        "tokens": Feature(kind="token", role="input"),
        "tags": Feature(kind="categorical", role="label"),
        "sent_id": Feature(kind="token", role="key", context=True),
    })

Readers read the features of the spec, schemas are made from it, and Transform and Trainer use each feature according
to its kind and role. A spec is immutable. It can be written as JSON or TOML and read back without loss.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, TypeVar

import pydantic

from tfx_sequence.schemas.tags import SpanScheme

PAD_ID = 0
"""The id of a padded step. No value has this id, because the ids of vocabularies start at `FIRST_ID`."""

FIRST_ID = 1
"""The id of the first entry of every vocabulary, both for tokens and for labels."""

Kind = Literal["token", "categorical", "integer", "float", "vector"]
Role = Literal["input", "label", "weight", "key", "time", "carried"]
DType = Literal["string", "int64", "float32"]
Shift = Literal["next", "previous"]

_DTYPES: dict[Kind, DType] = {
    "token": "string",
    "categorical": "string",
    "integer": "int64",
    "float": "float32",
    "vector": "float32",
}

NAME_PATTERN = r"^[^\s/#$]+$"
"""The pattern of feature names. TFX adds the excluded characters to names itself, or uses them in paths."""

_MAX_NAME_BYTES = 200
"""The maximum number of bytes of a feature's name. Names of files are made of it by adding a suffix, such as
`_frequencies`, and file systems have names of up to 255 bytes."""

MAX_COUNT = 2**31 - 1
"""The maximum of a setting that is a number of steps, records, units or the like, or a seed. TensorFlow and NumPy hold
such numbers in 32 bits."""


_Item = TypeVar("_Item")


def _check_file_name(name: str) -> str:
    """Checks that files can be called like a feature."""
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > _MAX_NAME_BYTES:
        raise ValueError(f"has {size} bytes, but names of files are made of it, so at most {_MAX_NAME_BYTES} fit")
    if name in (".", ".."):
        raise ValueError("is the name of a folder, but names of files are made of it")
    return name


def _check_distinct(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Checks that no value of a list is given twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"has {value!r} twice")
    return values


_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+", re.ASCII)


def _read_names(names: Any, info: pydantic.ValidationInfo) -> Any:
    """Returns the names in a file, if the path of one is given. Other values are returned unchanged.

    The file is UTF-8 text with one name per line. A relative path is relative to the folder in the validation context,
    which is the folder of the config.
    """
    if not isinstance(names, str):
        return names
    path = os.path.join((info.context or {}).get("folder", ""), os.path.expanduser(names))
    try:
        with open(path, encoding="utf-8-sig") as file:
            return tuple(line.rstrip("\n") for line in file)
    except OSError as error:
        raise ValueError(f"the file of names {path!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the file of names {path!r} is not UTF-8 text, at byte {error.start}") from None


_ClassNames = Annotated[tuple[str, ...], pydantic.BeforeValidator(_read_names)]

_MAX_LENGTH = 2**63 - 1
"""The maximum of the bounds on the length, which schemas hold in 64 bits."""

_Distance = Annotated[float, pydantic.Field(ge=0, le=1)]

FeatureName = Annotated[
    str, pydantic.StringConstraints(pattern=NAME_PATTERN), pydantic.AfterValidator(_check_file_name)
]
"""The name of a feature."""

Count = Annotated[int, pydantic.Field(ge=1, le=MAX_COUNT)]
"""A number of things, at least 1."""

CountOrZero = Annotated[int, pydantic.Field(ge=0, le=MAX_COUNT)]
"""A number of things, or a seed."""

Distinct = Annotated[tuple[_Item, ...], pydantic.AfterValidator(_check_distinct)]
"""A list in which no value occurs twice."""


class Frozen(pydantic.BaseModel):
    """The base class of immutable values.

    An unknown field raises an error, so misspelt settings are never ignored. So does a float that is NaN or infinite.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def describe_validation_error(error: pydantic.ValidationError) -> str:
    """Returns one line that says what is wrong with the fields of a value."""
    problems = []
    for detail in error.errors():
        field = ".".join(map(str, detail["loc"]))
        problems.append(f"{field}: {detail['msg']}" if field else detail["msg"])
    return "; ".join(problems)


class Feature(Frozen):
    """One feature of a record.

    Attributes:
      kind: The kind of the values. `token` and `categorical` are strings. A token has an open vocabulary, so unseen
        values are expected. A categorical has a closed vocabulary, so an unseen value is an anomaly. A categorical may
        also be integers or booleans in the files. They are stored as text, such as `3` and `true`. `integer` is int64,
        `float` is float32, and `vector` is `width` float32 values per step.
      role: The use of the feature. `input` and `label` train the model. `weight` says how much a record or a step
        counts in the loss and in metrics. `key` identifies the record, and `time` orders records. `carried` is copied
        along and not used.
      context: True if there is one value per record, False if there is one value per step.
      width: The number of floats per step of a `vector`. It is not allowed for other kinds.
      nested: True if a step may hold any number of strings, including zero, such as the morphemes of a word. A record
        then has a list of strings per step. Only for sequence features of strings with the role `input` or `carried`.
      missing: True if numbers may be missing: null, an empty cell, or NaN. Missing numbers are stored as NaN, and the
        transform fills them in. Only for `float` and `vector` features with the role `input` or `carried`.
      shift: `next` if the value at a step belongs to the next step, or to one after it, as in a language model.
        `previous` if it belongs to a step before it. No label is then predicted from steps that contain its value, see
        docs/models.md. For sequence features with the role `label` or `carried`. The transform notes it for the labels
        that it makes, and a config for features of the format `text` with the source `next`.
      spans: The scheme of tags, if the tags of a `categorical` feature mark spans of steps, and None otherwise. With
        `BIO`, `B-PER` begins a span of type PER, `I-PER` continues the span, and `O` is outside of all spans. With
        `BIOES`, in addition, `E-PER` ends a span, and `S-PER` is a span of one step.
      drift: The maximum distance, from 0 to 1, between the values and the values of the baseline, such as the data of
        an earlier run. For strings it is the L-infinity distance, which is the maximum difference in the share of a
        value. For numbers it is the Jensen-Shannon divergence. If None, drift is not checked.
      skew: The maximum distance, from 0 to 1, between the values in training and in serving. If None, skew is not
        checked.
      source: The name of the feature in the files that are read, such as a column, a key or a file. If None, it is the
        name of the feature itself.
      names: The names of the classes of a `categorical` feature, if the files have numbers in their place: the name of
        0 first, or of false. A value that is a name already is kept. Any other value is an error. In a config, it may
        also be the path of a text file with one name per line, relative to the folder of the config.
    """

    kind: Kind
    role: Role = "input"
    context: bool = False
    width: Count | None = None
    nested: bool = False
    missing: bool = False
    shift: Shift | None = None
    spans: SpanScheme | None = None
    drift: _Distance | None = None
    skew: _Distance | None = None
    source: Annotated[str, pydantic.StringConstraints(min_length=1)] | None = None
    names: _ClassNames = ()

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
        if self.names:
            self._check_names()
        if self.shift is not None and (self.context or self.role not in ("label", "carried")):
            place = "context" if self.context else "sequence"
            raise ValueError(
                "`shift` is for a sequence feature of the role 'label' or 'carried', not for a "
                f"{place} feature of the role {self.role!r}"
            )
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

    def _check_names(self) -> None:
        if self.kind != "categorical":
            raise ValueError(f"`names` are for the classes of a 'categorical' feature, not for kind {self.kind!r}")
        repeated = [name for number, name in enumerate(self.names) if name in self.names[:number]]
        if repeated:
            raise ValueError(f"`names` has {repeated[0]!r} twice, but each class needs a name of its own")
        unclear = [name for name in self.names if not name or _INTEGER_TEXT.fullmatch(name)]
        if unclear:
            raise ValueError(f"`names` has {unclear[0]!r}; a name is text that is not empty and not an integer itself")

    @property
    def can_be_missing(self) -> bool:
        """Whether `missing` may be set. Only floats have a value, NaN, that can represent a missing number."""
        return self.dtype == "float32" and self.role in ("input", "carried")

    @property
    def dtype(self) -> DType:
        """The type in which values are stored."""
        return _DTYPES[self.kind]


class SequenceSpec(Frozen):
    """The description of a sequence dataset.

    Attributes:
      features: Name to feature, in the order in which features are written. A context feature and a sequence feature
        must not have the same name. The proto allows this, but readers of the proto would confuse the two.
      min_length: The minimum number of steps per record.
      max_length: The maximum number of steps per record. If None, there is no maximum.
      length_drift: The maximum distance, from 0 to 1, between the lengths and the lengths of the baseline, such as the
        data of an earlier run. It is the Kolmogorov-Smirnov distance, which is the maximum difference, over all
        lengths, in the share of records that are not longer. If None, drift is not checked.
      length_skew: The maximum distance, from 0 to 1, between the lengths in training and in serving. If None, skew is
        not checked.
    """

    features: dict[FeatureName, Feature]
    min_length: Annotated[int, pydantic.Field(ge=0, le=_MAX_LENGTH)] = 1
    max_length: Annotated[int, pydantic.Field(ge=1, le=_MAX_LENGTH)] | None = None
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
        """The features with one value per record."""
        return {name: feature for name, feature in self.features.items() if feature.context}

    @property
    def sequence(self) -> dict[str, Feature]:
        """The features with one value, one vector, or one list per step. All of them have the length of the record."""
        return {name: feature for name, feature in self.features.items() if not feature.context}

    def with_role(self, role: Role) -> dict[str, Feature]:
        """Returns the features with one role, in the order of the spec."""
        return {name: feature for name, feature in self.features.items() if feature.role == role}

    def source(self, name: str) -> str:
        """Returns the name that the feature `name` has in the files that are read."""
        return self.features[name].source or name

    def to_json(self) -> str:
        """Returns the spec as JSON. Equal specs with the same order of features have equal JSON."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> SequenceSpec:
        """Reads a spec from the JSON that `to_json` returns.

        Raises:
          pydantic.ValidationError: if the text is not the JSON of a spec.
        """
        return cls.model_validate_json(text)
