"""How sequences are read, split and written: the settings of SequenceExampleGen."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.schemas.spec import Frozen


class SplitConfig(Frozen):
    """How the records of one input are divided over output splits.

    Attributes:
      shares: Split name to the number of buckets that it gets, in order: `{"train": 8, "eval": 1, "test": 1}`.
      by: What decides a record's bucket, modulo the sum of the shares. `hash`: SHA-256 of the record's content, so a
        record stays in its split whatever else the data holds. `index`: the record's position within its file, from 0,
        which reproduces the fixed splits of the literature.
      features: With `hash`: the features whose values are hashed in place of the whole record, so that all records of
        one document or one user stay together.
    """

    shares: dict[str, Annotated[int, pydantic.Field(ge=1)]] = pydantic.Field(
        default_factory=lambda: {"train": 2, "eval": 1}
    )
    by: Literal["hash", "index"] = "hash"
    features: tuple[str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _check(self) -> SplitConfig:
        if not self.shares:
            raise ValueError("`shares` is empty: name at least one split")
        if self.features and self.by != "hash":
            raise ValueError(f"`features` goes with by = 'hash' only, but `by` is {self.by!r}")
        return self


class ReadConfig(Frozen):
    """How the files are read.

    Attributes:
      format: The reader: `conllu` or `jsonl`.
      options: What the reader takes beside the spec; each reader documents its own.
      on_bad_record: `fail` ends the run at the first bad record, `reject` writes it to the artifact's `Rejects/` with
        its reason and goes on.
      max_reject_fraction: With `reject`: the largest share of the records read that may be rejected, 0 to 1.
      not_finite: What a record with NaN or an infinite float is: bad (`reject`), or as good as any (`keep`).
    """

    format: str
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    on_bad_record: Literal["fail", "reject"] = "fail"
    max_reject_fraction: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.01
    not_finite: Literal["reject", "keep"] = "reject"


class WriteConfig(Frozen):
    """How the records are written.

    Attributes:
      num_shards: Files a split.
      shuffle: True: the order within a split is by content hash, the same for the same data. False: the order read,
        shard after shard.
      compression_level: Of gzip, from 0 (none) to 9 (smallest).
    """

    num_shards: Annotated[int, pydantic.Field(ge=1, le=99999)] = 1
    shuffle: bool = True
    compression_level: Annotated[int, pydantic.Field(ge=0, le=9)] = 6
