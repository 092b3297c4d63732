"""Defines the settings of SequenceExampleGen for reading, splitting and writing sequences."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.schemas.spec import Count, CountOrZero, Distinct, Frozen

UTF_8 = "utf-8"
"""The encoding of text if no other one is named."""

MAX_SHARDS = 99_999
"""The maximum number of files of a split, because their names have five digits for it."""

_SPLIT_NAME = re.compile(r"[^\s\x00-\x1f\x7f/\\#$*?\[\]]+")
"""The pattern of split names: that of feature names, without characters that have a meaning in patterns of files."""


def check_split_name(name: str) -> str:
    """Returns the name of a split unchanged, if it can be part of the name of a folder.

    Raises:
      ValueError: if the name contains a character with a meaning in a path, such as `/`.
    """
    if not _SPLIT_NAME.fullmatch(name):
        raise ValueError(
            f"the split name {name!r} would be part of the name of a folder, so it must not be empty or contain white "
            "space, control characters or any of / \\ # $ * ? [ ]"
        )
    return name


SplitName = Annotated[str, pydantic.AfterValidator(check_split_name)]
"""The name of a split, checked by `check_split_name`."""


def check_encoding(name: str) -> str:
    """Returns the name of an encoding of text. UTF-8, which has several names, is returned as `utf-8`.

    Raises:
      ValueError: if there is no such encoding of text, or if it cannot be read in blocks.
    """
    try:
        info = codecs.lookup(name)
        "".encode(name)
    except LookupError:
        info = None
    if info is None or info.incrementaldecoder is None:
        raise ValueError(f"{name!r} is no encoding of text, expected a name that Python knows, such as 'latin-1'")
    return UTF_8 if info.name == UTF_8 else name


class SplitConfig(Frozen):
    """Settings that divide the records of one input over output splits.

    Attributes:
      shares: The share of each split, as a number of buckets by split name. The order is the order of the splits:
        `{"train": 8, "eval": 1, "test": 1}`.
      by: How the split of a record is chosen. `hash`: by the SHA-256 of the inputs and labels of the record, modulo the
        sum of the shares. A record then stays in its split when other records are added or removed, and when its key or
        a carried feature changes. `index`: by the position of the record in its file, from 0, modulo the sum of the
        shares. This reproduces the fixed splits of the literature. `time`: the earliest records go to the first split,
        the next ones to the second split, and so on. Records of equal times stay in one split, the earlier one.
        `stratified`: the records of each label are divided by the shares. Numbers of records are rounded up in favour
        of the first splits.
      features: With `hash`: the features whose values are hashed instead of the whole record, so that all records of
        one document or one user stay together. With `time`: the numeric context feature by which records are ordered.
        The default is the feature with the role `time`. With `stratified`: the context features whose values are the
        label. The default is the features with the role `label`.
    """

    shares: dict[SplitName, Count] = pydantic.Field(default_factory=lambda: {"train": 2, "eval": 1})
    by: Literal["hash", "index", "time", "stratified"] = "hash"
    features: Distinct[str] = ()

    @pydantic.model_validator(mode="after")
    def _check_shares_and_features(self) -> SplitConfig:
        if not self.shares:
            raise ValueError("`shares` is empty: name at least one split")
        if self.features and self.by == "index":
            raise ValueError("`features` does not go with by = 'index'")
        if self.by == "time" and len(self.features) > 1:
            raise ValueError(f"by = 'time' takes one feature, but `features` names {len(self.features)}")
        return self

    @property
    def needs_all_records(self) -> bool:
        """Whether a record's split depends on the other records."""
        return self.by in ("time", "stratified")


class ReadConfig(Frozen):
    """Settings for reading files.

    Attributes:
      format: The reader: the name of a built-in reader or of a reader that an installed package adds, or a class as
        `module:Class`.
      options: The options of the reader. docs/reading.md lists the options of each format.
      encoding: The encoding of the text in the files, such as `latin-1`, `cp1252` or `utf-16`. For formats of text.
      on_bad_record: `fail` ends the run at the first bad record. `reject` writes the bad record and the reason to the
        folder `Rejects/` of the artifact and continues.
      max_reject_fraction: With `on_bad_record = "reject"`: the maximum share of rejected records, from 0 to 1. The run
        fails if more of the records that were read are rejected.
      max_damaged_files: The maximum number of damaged files: those that cannot be read to their end, because they are
        cut off or damaged or not what the settings say. The records before the damage are kept. The run fails if more
        files are damaged.
      max_line_bytes: The maximum number of bytes of a line of a text file. A record with a longer line is a bad record,
        and of the line only the beginning is in memory. It is also the limit of an object of a JSON array.
      not_finite: Whether a record with NaN or an infinite float is a bad record (`reject`) or a good one (`keep`). The
        validator still checks the records that are kept, unless `[validation] severities = { not_finite = "off" }`.
      max_length: The maximum number of steps of a record that is not long. If None, no record is long.
      on_long: How a long record is treated. `keep`: it is written like other records. `reject`: it is a bad record.
        `truncate`: only its first `max_length` steps are written. `split`: it is cut into pieces of up to `max_length`
        steps, which all go to the same output split. With `split`, the spec needs three context features that say how
        pieces belong together. Their sources are `@parent` (token: the key of the record, or its file and position),
        `@piece` (integer: the number of the piece, from 0), and `@overlap` (integer: the number of steps that the piece
        shares with the piece before it).
      overlap: With `on_long = "split"`: the number of steps that each piece shares with the piece before it.
    """

    format: str
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    encoding: Annotated[str, pydantic.AfterValidator(check_encoding)] = UTF_8
    on_bad_record: Literal["fail", "reject"] = "fail"
    max_reject_fraction: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.01
    max_damaged_files: CountOrZero = 0
    max_line_bytes: Count = 1 << 27
    not_finite: Literal["reject", "keep"] = "reject"
    max_length: Count | None = None
    on_long: Literal["keep", "truncate", "split", "reject"] = "reject"
    overlap: CountOrZero = 0

    @pydantic.model_validator(mode="after")
    def _check_long_records(self) -> ReadConfig:
        if self.max_length is None and self.on_long in ("truncate", "split"):
            raise ValueError(f"on_long = {self.on_long!r} needs `max_length`")
        if self.overlap and self.on_long != "split":
            raise ValueError("`overlap` goes with on_long = 'split'")
        if self.max_length is not None and self.overlap >= self.max_length:
            raise ValueError(
                f"`overlap` is {self.overlap}, expected less than `max_length`, which is {self.max_length}"
            )
        return self

    @property
    def truncated_to(self) -> int | None:
        """The number of steps after which longer records are cut off. None if they are not."""
        return self.max_length if self.on_long == "truncate" else None


class WriteConfig(Frozen):
    """Settings for writing records.

    Attributes:
      num_shards: The number of files per split.
      shuffle: Whether to sort the records of a split by a hash of their content, which is the same for the same data.
        If false, the records keep the order in which they were read, from the first shard to the last.
      compression_level: The level of gzip, from 0 (none) to 9 (smallest).
    """

    num_shards: Annotated[int, pydantic.Field(ge=1, le=MAX_SHARDS)] = 1
    shuffle: bool = True
    compression_level: Annotated[int, pydantic.Field(ge=0, le=9)] = 6
