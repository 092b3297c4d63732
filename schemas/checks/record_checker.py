"""All record checks that a schema asks for, over batches of records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.checks import structure as structure_checks
from tfx_sequence.schemas.checks import values as value_checks
from tfx_sequence.schemas.checks.arrow_columns import Column, read_column
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.checks.findings import NAMED, Finding, FindingCounts
from tfx_sequence.schemas.records.rejects import Reject, excerpt
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, list_feature_protos, read_domain


class CheckResult(NamedTuple):
    """What `RecordChecker.check` gives.

    Attributes:
      tally: What is wrong.
      keys: The key, and the position in the file, of each record that has one.
      columns: The features of the spec, of each batch of records that could be decoded.
    """

    tally: FindingCounts
    keys: list[tuple[str, int]]
    columns: list[dict[str, Column]]


class RecordChecker:
    """Checks SequenceExamples against a schema.

    Nothing is raised for what is wrong with a record: it is counted, and the first few are named.
    """

    def __init__(self, schema: schema_pb2.Schema) -> None:
        """Takes the schema.

        Raises:
          SchemaError: if it is not one of sequences.
        """
        self.spec = from_schema(schema)
        self._rules = {proto.name: _Rules(schema, proto) for proto in list_feature_protos(schema)}
        self.key_features = [name for name, feature in self.spec.with_role("key").items() if feature.context]
        self._decoder = BatchDecoder()

    def check(self, records: Sequence[bytes], file: str | None = None, first: int = 0) -> CheckResult:
        """What is wrong with some serialized records.

        Args:
          records: The records.
          file: The file that they are in.
          first: The position in the file of the first of them.
        """
        tallies: list[FindingCounts] = [FindingCounts(records=len(records))]
        found: list[tuple[str, int]] = []
        batches: list[dict[str, Column]] = []
        for positions, decoded in self._decoder.decode(records):
            places = positions + first
            if isinstance(decoded, Reject):
                reject = decoded.at(file=file, record=int(places[0]))
                tallies.append(FindingCounts.of(reject.reason, "", 1, (reject,)))
                continue
            columns = self.columns(decoded)
            batches.append(columns)
            keys = self.keys(columns)
            found += [(key, place) for key, place in zip(keys, places.tolist(), strict=True) if key is not None]
            for finding in self.find(columns):
                rejects = tuple(
                    Reject(reason=finding.reason, message=finding.message(k)).at(
                        file=file, record=int(places[record]), key=keys[record], excerpt=_excerpt(decoded, int(record))
                    )
                    for k, record in enumerate(finding.records[:NAMED])
                )
                tallies.append(FindingCounts.of(finding.reason, finding.feature, len(finding.records), rejects))
        return CheckResult(FindingCounts.sum(tallies), found, batches)

    def columns(self, batch: pa.RecordBatch) -> dict[str, Column]:
        """The features of the spec in a batch as TFXIO gives it."""
        return {name: read_column(batch, name, feature.context) for name, feature in self.spec.features.items()}

    def find(self, columns: Mapping[str, Column]) -> Iterator[Finding]:
        """Yields what is wrong in a batch, if anything is."""
        sequence = {name: columns[name] for name in self.spec.sequence}
        checks = itertools.chain(
            structure_checks.check_alignment(sequence),
            structure_checks.check_length(self.spec, sequence),
            *(self._check_feature(name, column) for name, column in columns.items()),
        )
        return (finding for finding in checks if len(finding.records))

    def keys(self, columns: Mapping[str, Column]) -> list[str | None]:
        """Each record's name for itself: the values of its context features of role `key`; None if it lacks one."""
        parts = [columns[name].first_of_each() for name in self.key_features]
        if not parts:
            return [None] * len(next(iter(columns.values())).lengths)
        return [None if None in values else "/".join(map(str, values)) for values in zip(*parts, strict=True)]

    def _check_feature(self, name: str, column: Column) -> Iterator[Finding]:
        feature, rules = self.spec.features[name], self._rules[name]
        yield from structure_checks.check_present(name, feature, column)
        yield from structure_checks.check_counts(name, feature, column)
        yield from structure_checks.check_type(name, feature, column)
        if not len(column.values) or not structure_checks.has_type(feature, column):
            return
        if feature.dtype == "string":
            yield from value_checks.check_text(name, column)
        if feature.dtype == "float32":
            yield from value_checks.check_finite(name, column, feature.missing)
        if rules.domain is not None:
            yield from value_checks.check_domain(name, column, rules.domain)
        if rules.bounds is not None:
            yield from value_checks.check_bounds(name, column, *rules.bounds)
        if rules.is_id:
            yield from value_checks.check_ids(name, column)
        if feature.role == "time" and not feature.context:
            yield from value_checks.check_time(name, column.with_one_value_a_step())
        if feature.spans:
            yield from value_checks.check_spans(name, column.with_one_value_a_step(), feature.spans)


class _Rules:
    """What a schema says of the values of one feature.

    Attributes:
      domain: The strings that it may hold; None if any.
      bounds: The least and the greatest number that it may hold; None if any.
      is_id: Whether its numbers are ids of a vocabulary.
    """

    def __init__(self, schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> None:
        values = read_domain(schema, proto)
        self.domain = None if values is None else pa.array([value.encode() for value in values], pa.large_binary())
        self.bounds: tuple[float, float] | None = None
        for field in ("int_domain", "float_domain"):
            domain = getattr(proto, field)
            if domain.HasField("min") or domain.HasField("max"):
                low = domain.min if domain.HasField("min") else float("-inf")
                self.bounds = low, domain.max if domain.HasField("max") else float("inf")
        self.is_id = proto.int_domain.is_categorical


def _excerpt(batch: pa.RecordBatch, record: int) -> str:
    """The beginning of a record: a value or a list of them for a context feature, a list of steps for a sequence."""
    row = batch.slice(record, 1)
    lists = {name: column[0].as_py() for name, column in zip(row.schema.names, row.columns, strict=True)}
    steps = lists.pop(SEQUENCE, None) or {}
    context = {name: _shown(values) for name, values in lists.items()}
    return excerpt({**context, **{name: list(map(_shown, values or ())) for name, values in steps.items()}})


def _shown(values: list[Any] | None) -> Any:
    """One value as itself, and bytes as text."""
    texts = [value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value for value in values or ()]
    return texts[0] if len(texts) == 1 else texts
