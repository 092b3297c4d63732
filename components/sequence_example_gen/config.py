"""The settings of SequenceExampleGen: how sequences are read, split and written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.schemas.spec import Frozen


class SplitConfig(Frozen):
    """Settings that divide the records of one input over output splits.

    Attributes:
      shares: Split name to the number of buckets that it gets, in order: `{"train": 8, "eval": 1, "test": 1}`.
      by: How a record's split is chosen. `hash`: SHA-256 of the record's content, modulo the sum of the shares, so a
        record stays in its split whatever else the data holds. `index`: the record's position within its file, from
        0, modulo that sum, which reproduces the fixed splits of the literature. `time`: the earliest records go to the
        first split, the next to the second, and so on. `stratified`: each label's records are divided by the shares,
        rounded up in favour of the splits named first.
      features: With `hash`: the features whose values are hashed in place of the whole record, so that all records of
        one document or one user stay together. With `time`: the context feature, a number, that records are ordered
        by; the one of role `time` if not given. With `stratified`: the context features whose values are the label;
        those of role `label` if not given.
    """

    shares: dict[str, Annotated[int, pydantic.Field(ge=1)]] = pydantic.Field(
        default_factory=lambda: {"train": 2, "eval": 1}
    )
    by: Literal["hash", "index", "time", "stratified"] = "hash"
    features: tuple[str, ...] = ()

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
      format: The reader: `columns`, `conllu`, `csv`, `json`, `jsonl`, `npz`, `parallel`, `parquet`, `sequence_example`,
        `text`, `ts`, one that a plug-in adds, or a class as `module:name`.
      options: The reader's own options; docs/reading.md lists those of each format.
      on_bad_record: `fail` ends the run at the first bad record, `reject` writes it to the artifact's `Rejects/` with
        its reason and goes on.
      max_reject_fraction: With `reject`: the largest share of the records read that may be rejected, 0 to 1.
      not_finite: Whether a record with NaN or an infinite float is bad (`reject`), or as good as any (`keep`). The
        validator then judges what is kept: `[validation] severities = { not_finite = "off" }` lets it through.
      max_length: The number of steps above which a record is long; None if no record is.
      on_long: How a long record is treated. `keep`: like others. `reject`: it is a bad record. `truncate`: its first
        `max_length` steps are kept. `split`: it is cut into pieces of `max_length` steps, all in one output split. The
        spec then needs context features that say how pieces belong together, with the sources `@parent` (a token: the
        record's key, or its file and position), `@piece` (an integer: from 0), and `@overlap` (an integer: how many
        of the first steps are also the last of the piece before).
      overlap: With `split`: how many steps a piece shares with the one before.
    """

    format: str
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    on_bad_record: Literal["fail", "reject"] = "fail"
    max_reject_fraction: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.01
    not_finite: Literal["reject", "keep"] = "reject"
    max_length: Annotated[int, pydantic.Field(ge=1)] | None = None
    on_long: Literal["keep", "truncate", "split", "reject"] = "reject"
    overlap: Annotated[int, pydantic.Field(ge=0)] = 0

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


class WriteConfig(Frozen):
    """Settings for writing records.

    Attributes:
      num_shards: The number of files of each split.
      shuffle: True: the order within a split is by content hash, the same for the same data. False: the order read,
        shard after shard.
      compression_level: The level of gzip, from 0 (none) to 9 (smallest).
    """

    num_shards: Annotated[int, pydantic.Field(ge=1, le=99999)] = 1
    shuffle: bool = True
    compression_level: Annotated[int, pydantic.Field(ge=0, le=9)] = 6
