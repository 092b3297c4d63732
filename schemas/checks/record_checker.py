"""Checks batches of serialized records by all rules that a schema asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Ints, read_column
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.checks.findings import NAMED, Finding, FindingCounts
from tfx_sequence.schemas.checks.rules import CheckedFeature, FeatureRule, RecordRule, ValueRule, load_rules
from tfx_sequence.schemas.records.rejects import Reject, make_excerpt
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, list_feature_protos


class CheckResult(NamedTuple):
    """The outcome of checking a list of records.

    Attributes:
      findings: What is wrong with them, counted.
      keys: The key and the position in the file of each record that has a key.
      columns: The features of the spec, one mapping for each batch in which records could be decoded.
    """

    findings: FindingCounts
    keys: list[tuple[str, int]]
    columns: list[dict[str, ArrowColumn]]


class RecordChecker:
    """Checks SequenceExamples against a schema, by the rules of `rules.RULES` and of installed packages.

    Nothing is raised for what is wrong with a record: it is counted, and the first few records are named::

        result = RecordChecker(schema).check(records, file="data.tfrecord")
        for group in result.findings.groups:
            print(group.reason, group.feature, group.count, group.named)

    Args:
      schema: What the records should be.

    Attributes:
      spec: The spec that the schema carries.
      key_features: The context features whose values name a record.

    Raises:
      SchemaError: if the schema is not one of sequences.
      RuleError: if a rule of an installed package cannot be used.
    """

    def __init__(self, schema: schema_pb2.Schema) -> None:
        self.spec = from_schema(schema)
        self.key_features = [name for name, feature in self.spec.with_role("key").items() if feature.context]
        self._decoder = BatchDecoder()
        rules = load_rules()
        self._record_rules = [rule for rule in rules if isinstance(rule, RecordRule) and rule.applies_to(self.spec)]
        protos = {proto.name: proto for proto in list_feature_protos(schema)}
        self._feature_rules: list[tuple[CheckedFeature, list[FeatureRule]]] = []
        for name, spec in self.spec.features.items():
            feature = CheckedFeature.from_proto(spec, protos[name], schema)
            applied = [rule for rule in rules if isinstance(rule, FeatureRule) and rule.applies_to(feature)]
            self._feature_rules.append((feature, applied))

    def check(self, records: Sequence[bytes], file: str | None = None, first: int = 0) -> CheckResult:
        """Finds what is wrong with some serialized records.

        Args:
          records: The records.
          file: The file that they are in.
          first: The position in the file of the first of them.
        """
        counts: list[FindingCounts] = [FindingCounts(records=len(records))]
        keys: list[tuple[str, int]] = []
        batches: list[dict[str, ArrowColumn]] = []
        for indices, decoded in self._decoder.decode(records):
            positions = indices + first
            if isinstance(decoded, Reject):
                reject = decoded.at(file=file, record=int(positions[0]))
                counts.append(FindingCounts.for_reason(reject.reason, "", 1, (reject,)))
                continue
            batch = _Batch(decoded, self.read_columns(decoded), positions, file)
            batch_keys = self.read_keys(batch.columns)
            batches.append(batch.columns)
            for key, position in zip(batch_keys, positions.tolist(), strict=True):
                if key is not None:
                    keys.append((key, position))
            for finding in self.apply_rules(batch.columns):
                rejects = batch.name_records(finding, batch_keys)
                counts.append(FindingCounts.for_reason(finding.reason, finding.feature, len(finding.records), rejects))
        return CheckResult(FindingCounts.sum(counts), keys, batches)

    def read_columns(self, batch: pa.RecordBatch) -> dict[str, ArrowColumn]:
        """Reads the features of the spec from a batch as TFXIO gives it."""
        return {name: read_column(batch, name, feature.context) for name, feature in self.spec.features.items()}

    def apply_rules(self, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields what is wrong in a batch: with records as a whole, then feature by feature."""
        return (finding for finding in self._find(columns) if len(finding.records))

    def read_keys(self, columns: Mapping[str, ArrowColumn]) -> list[str | None]:
        """Reads the key of each record, its values of `key_features`; None if it lacks one of them."""
        parts = [columns[name].read_first_values() for name in self.key_features]
        if not parts:
            return [None] * len(next(iter(columns.values())).lengths)
        return [None if None in values else "/".join(map(str, values)) for values in zip(*parts, strict=True)]

    def _find(self, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        for record_rule in self._record_rules:
            yield from record_rule.find(self.spec, columns)
        for feature, rules in self._feature_rules:
            column = columns[feature.name]
            has_values = column.dtype == feature.spec.dtype
            for rule in rules:
                if has_values or not isinstance(rule, ValueRule):
                    yield from rule.find(feature, column)


class _Batch(NamedTuple):
    """Records of a file that were decoded together.

    Attributes:
      data: The batch as TFXIO gives it.
      columns: The features of the spec.
      positions: Where each record is in the file.
      file: The file.
    """

    data: pa.RecordBatch
    columns: dict[str, ArrowColumn]
    positions: Ints
    file: str | None

    def name_records(self, finding: Finding, keys: Sequence[str | None]) -> tuple[Reject, ...]:
        """Makes a reject of each of the first few records of a finding."""
        rejects = []
        for k, record in enumerate(finding.records[:NAMED].tolist()):
            reject = Reject(reason=finding.reason, message=finding.describe(k))
            place = {"file": self.file, "record": int(self.positions[record]), "key": keys[record]}
            rejects.append(reject.at(**place, excerpt=_excerpt_of_row(self.data.slice(record, 1))))
        return tuple(rejects)


def _excerpt_of_row(row: pa.RecordBatch) -> str:
    """Writes the beginning of a batch's only record: its context, and then a list of steps for each feature."""
    fields = {name: column[0].as_py() for name, column in zip(row.schema.names, row.columns, strict=True)}
    feature_lists = fields.pop(SEQUENCE, None) or {}
    context = {name: _simplify(values) for name, values in fields.items()}
    sequence = {name: [_simplify(step) for step in steps or ()] for name, steps in feature_lists.items()}
    return make_excerpt({**context, **sequence})


def _simplify(values: list[Any] | None) -> Any:
    """Takes a single value out of its list, and makes text of bytes."""
    texts = [value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value for value in values or ()]
    return texts[0] if len(texts) == 1 else texts
