"""Rows in long form, a step a row, as CSV and as Parquet, with the settings that read them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "item": Feature(kind="token"),
        "v": Feature(kind="vector", width=2),
        "user": Feature(kind="token", role="key", context=True),
        "age": Feature(kind="integer", context=True),
    }
)

OPTIONS = {"group_by": ["user"], "order_by": ["t"], "vectors": {"v": ["x", "y"]}}
NAMES = ["user", "age", "t", "item", "x", "y", "unused"]
CSV = ReadConfig(format="csv", options=OPTIONS)
PARQUET = ReadConfig(format="parquet", options=OPTIONS)


def write_csv(rows: Sequence[Sequence[Any]], names: Sequence[str] = NAMES) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    return text.getvalue().encode()


def write_parquet(rows: Sequence[Sequence[Any]], names: Sequence[str] = NAMES) -> bytes:
    stream = io.BytesIO()
    columns = list(zip(*rows, strict=True)) or [[] for _ in names]
    pq.write_table(pa.table({name: list(column) for name, column in zip(names, columns, strict=True)}), stream)
    return stream.getvalue()


def make_rows(users: int = 12) -> list[list[Any]]:
    """Returns the rows of some users, each of 1 to 15 steps, in any order."""
    rng = random.Random(3)
    rows = [
        [f"u{user}", user, t, f"i,{user}\n{t}", t / 2, -float(user), ""]
        for user in range(users)
        for t in range(rng.randint(1, 15))
    ]
    rng.shuffle(rows)
    return rows
