"""Checks serialized records against a schema, with all rules that apply to the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Ints, read_column, to_text
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.checks.findings import MAX_FIRST_REJECTS, WHOLE_RECORD, Finding, FindingCounts
from tfx_sequence.schemas.checks.rules import CheckedFeature, FeatureRule, RecordRule, ValueRule, load_rules
from tfx_sequence.schemas.records.rejects import Reject, make_excerpt
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, list_feature_protos


class CheckResult(NamedTuple):
    """The outcome of checking a list of records.

    Attributes:
      findings: The number of findings by feature and reason, with examples.
      keys: The key and the position in the file, for each record that has a key.
      columns: Feature name to values, for the features of the spec. There is one mapping for each decoded batch.
    """

    findings: FindingCounts
    keys: list[tuple[str, int]]
    columns: list[dict[str, ArrowColumn]]


class RecordChecker:
    """Checks SequenceExamples against a schema, with the rules of `rules.RULES` and of installed packages.

    A bad record does not raise an error. Bad records are counted, and the first few of them are described::

        result = RecordChecker(schema).check(records, file="data.tfrecord")
        for group in result.findings.groups:
            print(group.reason, group.feature, group.count, group.first_rejects)

    Args:
      schema: The schema that the records should follow.

    Attributes:
      spec: The spec that the schema holds.
      key_features: The names of the context features whose values form the key of a record.

    Raises:
      SchemaError: if the schema does not describe sequences.
      RuleError: if a rule of an installed package cannot be used.
    """

    def __init__(self, schema: schema_pb2.Schema) -> None:
        self.spec = from_schema(schema)
        self.key_features = [name for name, feature in self.spec.with_role("key").items() if feature.context]
        self._decoder = BatchDecoder()
        rules = load_rules()
        self._record_rules = [rule for rule in rules if isinstance(rule, RecordRule) and rule.applies_to(self.spec)]
        feature_rules = [rule for rule in rules if isinstance(rule, FeatureRule)]
        protos = {proto.name: proto for proto in list_feature_protos(schema)}
        self._feature_rules: list[tuple[CheckedFeature, list[FeatureRule]]] = []
        for name, feature in self.spec.features.items():
            checked_feature = CheckedFeature.from_proto(feature, protos[name], schema)
            rules_of_feature = [rule for rule in feature_rules if rule.applies_to(checked_feature)]
            self._feature_rules.append((checked_feature, rules_of_feature))

    def check(self, records: Sequence[bytes], file: str | None = None, first: int = 0) -> CheckResult:
        """Checks serialized records.

        Args:
          records: Serialized SequenceExamples.
          file: The name of the file that holds the records.
          first: The position of the first record in the file.
        """
        counts = [FindingCounts(records=len(records))]
        keys: list[tuple[str, int]] = []
        columns_of_batches: list[dict[str, ArrowColumn]] = []
        for indices, decoded in self._decoder.decode(records):
            positions = indices + first
            if isinstance(decoded, Reject):
                reject = decoded.at(file=file, record=int(positions[0]))
                counts.append(FindingCounts.for_reason(reject.reason, WHOLE_RECORD, 1, (reject,)))
                continue
            columns = self.read_columns(decoded)
            batch = _Batch(decoded, positions, file, self.read_keys(columns))
            columns_of_batches.append(columns)
            keys += batch.list_keys()
            counts += [batch.count_finding(finding) for finding in self.apply_rules(columns)]
        return CheckResult(FindingCounts.sum(counts), keys, columns_of_batches)

    def read_columns(self, batch: pa.RecordBatch) -> dict[str, ArrowColumn]:
        """Reads the features of the spec from a batch that TFXIO decoded."""
        return {name: read_column(batch, name, feature.context) for name, feature in self.spec.features.items()}

    def apply_rules(self, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the findings in a batch. Findings about whole records come first, then those of each feature."""
        # A rule may return a finding about no record, which means that nothing is wrong.
        return (finding for finding in self._list_findings(columns) if len(finding.records))

    def read_keys(self, columns: Mapping[str, ArrowColumn]) -> list[str | None]:
        """Reads the key of each record.

        The key is the values of `key_features`, joined by slashes. If there are several features, a slash in a value
        has a backslash before it, so that different values have different keys. The key is None if the record has no
        value of one of these features, or if the spec has no such features.
        """
        if not self.key_features:
            num_records = len(next(iter(columns.values())).lengths)
            return [None] * num_records
        values_by_feature = [columns[name].read_first_values() for name in self.key_features]
        values_by_record = zip(*values_by_feature, strict=True)
        return [None if None in values else _join_key(values) for values in values_by_record]

    def _list_findings(self, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the findings of all rules, also findings without records."""
        for record_rule in self._record_rules:
            yield from record_rule.find(self.spec, columns)
        for feature, rules in self._feature_rules:
            column = columns[feature.name]
            # False also for a column without values, whose dtype is None.
            has_values_of_type = column.dtype == feature.spec.dtype
            for rule in rules:
                if has_values_of_type or not isinstance(rule, ValueRule):
                    yield from rule.find(feature, column)


class _Batch(NamedTuple):
    """Records of one file that were decoded together.

    Attributes:
      data: The batch as TFXIO decoded it.
      positions: The position of each record in the file, `[N]`.
      file: The name of the file.
      keys: The key of each record, or None for a record without a key.
    """

    data: pa.RecordBatch
    positions: Ints
    file: str | None
    keys: list[str | None]

    def list_keys(self) -> list[tuple[str, int]]:
        """Returns the key and the position in the file, for each record that has a key."""
        positions = self.positions.tolist()
        return [(key, position) for key, position in zip(self.keys, positions, strict=True) if key is not None]

    def count_finding(self, finding: Finding) -> FindingCounts:
        """Counts the records of a finding, and makes rejects of the first few of them."""
        first_records = finding.records[:MAX_FIRST_REJECTS].tolist()
        first_rejects = tuple(self._make_reject(finding, index, record) for index, record in enumerate(first_records))
        return FindingCounts.for_reason(finding.reason, finding.feature, len(finding.records), first_rejects)

    def _make_reject(self, finding: Finding, index: int, record: int) -> Reject:
        """Makes the reject of `record`, which is the position in the batch that `finding.records[index]` gives."""
        reject = Reject(reason=finding.reason, message=finding.describe(index))
        return reject.at(
            file=self.file,
            record=int(self.positions[record]),
            key=self.keys[record],
            excerpt=_make_row_excerpt(self.data.slice(record, 1)),
        )


def _join_key(values: Sequence[Any]) -> str:
    """Joins the values of key features by slashes."""
    if len(values) == 1:
        return str(values[0])
    return "/".join(str(value).replace("\\", "\\\\").replace("/", "\\/") for value in values)


def _make_row_excerpt(row: pa.RecordBatch) -> str:
    """Returns the beginning of the only record in a batch: context features first, then sequence features."""
    fields = {name: column[0].as_py() for name, column in zip(row.schema.names, row.columns, strict=True)}
    feature_lists = fields.pop(SEQUENCE, None) or {}
    record = {name: _simplify(values) for name, values in fields.items()}
    for name, steps in feature_lists.items():
        record[name] = [_simplify(step) for step in steps or ()]
    return make_excerpt(record)


def _simplify(values: list[Any] | None) -> Any:
    """Returns the only value of a list, or the list if it has several values. Bytes are decoded to strings."""
    decoded_values = [to_text(value) for value in values or ()]
    return decoded_values[0] if len(decoded_values) == 1 else decoded_values
