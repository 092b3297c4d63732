"""Tests what stock ExampleValidator and SequenceExampleValidator find for each kind of defect in the treebank.

This file also writes the table in docs/validation.md. After an intended change, run:

    python tests/components/sequence_example_validator/test_defects.py
"""

from __future__ import annotations

import copy
import importlib.metadata
import itertools
import math
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from support.paths import ROOT

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder
from tfx_bsl.tfxio.tf_sequence_example_record import TFSequenceExampleRecord

from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.components.sequence_example_validator.split_anomalies import SplitStatistics, validate_split
from tfx_sequence.components.sequence_schema_gen import infer_schema
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.parts import list_feature_protos

DOCUMENT = ROOT / "docs" / "validation.md"
BEGIN, END = "<!-- The table of defects begins. -->\n", "<!-- The table of defects ends. -->\n"

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "upos": Feature(kind="categorical", role="label", drift=0.2, skew=0.2),
        "offset": Feature(kind="integer", role="time"),
        "suffix_id": Feature(kind="integer"),
        "shape": Feature(kind="vector", width=2),
        "phrase": Feature(kind="categorical", role="label", spans="BIO"),
        "chunk": Feature(kind="categorical", role="label", spans="BIOES"),
        "sent_id": Feature(kind="token", role="key", context=True),
        "weight": Feature(kind="float", role="weight", context=True),
    },
    min_length=2,
    max_length=88,
    length_drift=0.3,
    length_skew=0.3,
)

FAILS = "StatisticsGen fails, and names no record"

Record = tuple[dict[str, Any], dict[str, list[Any]]]


def sentences() -> Iterator[tuple[str, list[str], list[str]]]:
    """Yields the treebank: the id, the words and the tags of each sentence. A few lines of its own, not our reader."""
    files = importlib.metadata.files("turkish-treebanks") or []
    for file in sorted(str(file.locate()) for file in files if file.name.endswith(".conllu")):
        for block in pathlib.Path(file).read_text(encoding="utf-8").split("\n\n"):
            lines = block.strip().splitlines()
            names = [line.partition("=")[2].strip() for line in lines if line.startswith("# sent_id")]
            rows = [line.split("\t") for line in lines if not line.startswith("#")]
            words = [row for row in rows if row[0].isdigit()]
            if words:
                yield f"{pathlib.Path(file).stem}/{names[0]}", [row[1] for row in words], [row[3] for row in words]


def enriched(name: str, words: list[str], tags: list[str]) -> Record:
    """A sentence with features of every kind, made of its words and tags."""
    ends = list(itertools.accumulate(len(word) + 1 for word in words))
    noun = [tag == "NOUN" for tag in tags]
    before, after = [False, *noun[:-1]], [*noun[1:], False]
    bio = [("I-NP" if back else "B-NP") if here else "O" for here, back in zip(noun, before, strict=True)]
    inside = {(False, False): "S", (False, True): "B", (True, True): "I", (True, False): "E"}
    bioes = [
        f"{inside[back, ahead]}-NP" if here else "O" for here, back, ahead in zip(noun, before, after, strict=True)
    ]
    lists = {
        "tokens": list(words),
        "upos": list(tags),
        "offset": [0, *ends[:-1]],
        "suffix_id": [1 + ord(word[-1]) % 50 for word in words],
        "shape": [[float(len(word)), float(word.istitle())] for word in words],
        "phrase": bio,
        "chunk": bioes,
    }
    return {"sent_id": name, "weight": 1.0}, lists


def serialize(record: Record | bytes) -> bytes:
    """A SequenceExample of exactly these values; a value stands for a list with this one value."""
    if isinstance(record, bytes):
        return record
    made = tf.train.SequenceExample()
    for name, value in record[0].items():
        fill(made.context.feature[name], value)
    for name, steps in record[1].items():
        field = made.feature_lists.feature_list[name]
        for step in steps:
            fill(field.feature.add(), step)
    return bytes(made.SerializeToString())


def fill(feature: tf.train.Feature, values: Any) -> None:
    kinds = {str: feature.bytes_list, bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}
    for value in values if isinstance(values, list) else [values]:
        kinds[type(value)].value.append(value.encode() if isinstance(value, str) else value)


# The records to which defects are added. Some of the sentences have two successive nouns.
BASE = [enriched(*sentence) for sentence in itertools.islice(sentences(), 150) if 3 <= len(sentence[1]) <= 30]
CULPRIT = next(i for i, (_, lists) in enumerate(BASE) if {"B-NP", "I-NP"} <= set(lists["phrase"]))


def make_pipeline() -> beam.Pipeline:
    return beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")


def make_schema() -> schema_pb2.Schema:
    schema = infer_schema({"train": statistics(BASE)}, SPEC)
    for proto in list_feature_protos(schema):
        if proto.name == "suffix_id":
            proto.int_domain.min, proto.int_domain.max, proto.int_domain.is_categorical = 0, 50, True
    return schema


def statistics(records: list[Any]) -> Any:
    if not records:  # What StatisticsGen makes of a split without records.
        return statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics_pb2.DatasetFeatureStatistics()])
    batch = SequenceExamplesToRecordBatchDecoder("##SEQUENCE##").DecodeBatch([serialize(record) for record in records])
    return stats_impl.generate_statistics_in_memory(batch)


class Defect(NamedTuple):
    """A kind of defect.

    Attributes:
      name: What it is, for the table.
      put: Changes the culprit, or all records if `everywhere`.
      finds: The first words of what ours must say, and the feature that it must say it of.
      everywhere: Whether it is in all records, so that no single one is to be named.
    """

    name: str
    put: Callable[..., Any]
    finds: tuple[str, str]
    everywhere: bool = False


def steps(name: str, change: Callable[[list[Any]], Any]) -> Callable[[Record], Any]:
    """Changes the steps of one feature of a record."""

    def put(record: Record) -> None:
        record[1][name] = change(record[1][name])

    return put


def context(name: str, value: Any) -> Callable[[Record], Any]:
    def put(record: Record) -> None:
        record[0][name] = value

    return put


def at(position: int, value: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda values: [*values[:position], value, *values[position + 1 :]]


def without(part: int, name: str) -> Callable[[Record], Any]:
    return lambda record: record[part].pop(name)


def all_lists(change: Callable[[list[Any]], list[Any]]) -> Callable[[Record], Any]:
    def put(record: Record) -> None:
        for name in record[1]:
            record[1][name] = change(record[1][name])

    return put


def tags(*values: str, name: str = "phrase") -> Callable[[Record], Any]:
    return steps(name, lambda old: [*values, *["O"] * (len(old) - len(values))])


LONG = 89
DEFECTS = [
    Defect("labels one step short", steps("upos", lambda v: v[:-1]), ("Unequal lengths", "upos")),
    Defect("labels one step long", steps("upos", lambda v: [*v, v[-1]]), ("Unequal lengths", "upos")),
    Defect("vectors one step short", steps("shape", lambda v: v[:-1]), ("Unequal lengths", "shape")),
    Defect("a step without a token", steps("tokens", at(1, [])), ("Empty step", "tokens")),
    Defect("a step without a label", steps("upos", at(1, [])), ("Empty step", "upos")),
    Defect("two tokens in one step", steps("tokens", at(1, ["a", "b"])), ("Multiple values", "tokens")),
    Defect("two labels in one step", steps("upos", at(1, ["NOUN", "VERB"])), ("Multiple values", "upos")),
    Defect("a vector with a number missing", steps("shape", at(1, [1.0])), ("Wrong type", "shape")),
    Defect("a vector with a number too many", steps("shape", at(1, [1.0] * 3)), ("Wrong type", "shape")),
    Defect("a record without steps", all_lists(lambda v: []), ("Empty sequence", "##SEQUENCE##")),
    Defect("a record below `min_length`", all_lists(lambda v: v[:1]), ("Too short", "##SEQUENCE##")),
    Defect("a record above `max_length`", all_lists(lambda v: v[:1] * LONG), ("Too long", "##SEQUENCE##")),
    Defect("a feature list missing in one record", without(1, "upos"), ("Missing feature", "upos")),
    Defect("a feature list missing in all records", without(1, "upos"), ("Missing feature", "upos"), True),
    Defect("all feature lists missing in one record", lambda r: r[1].clear(), ("Empty sequence", "##SEQUENCE##")),
    Defect("a context value missing in one record", without(0, "weight"), ("Missing feature", "weight")),
    Defect("two values of a context feature", context("weight", [1.0, 2.0]), ("Multiple values", "weight")),
    Defect(
        "numbers written as text in all records",
        steps("suffix_id", lambda v: list(map(str, v))),
        ("Wrong type", "suffix_id"),
        True,
    ),
    Defect(
        "numbers written as text in one record",
        steps("suffix_id", lambda v: list(map(str, v))),
        ("Wrong type", "suffix_id"),
    ),
    Defect("two types in one feature list", steps("suffix_id", at(1, "x")), ("Wrong type", "##SEQUENCE##")),
    Defect("NaN in a vector", steps("shape", at(1, [1.0, math.nan])), ("Not finite", "shape")),
    Defect("infinity in a vector", steps("shape", at(1, [math.inf, 1.0])), ("Not finite", "shape")),
    Defect("a weight that is NaN", context("weight", math.nan), ("Not finite", "weight")),
    Defect("a label that is not in train", steps("upos", at(1, "NOUNN")), ("Outside domain", "upos")),
    Defect("a token that is not UTF-8", steps("tokens", at(1, b"\xe7ok")), ("Undecodable", "tokens")),
    Defect("id 0, which is padding", steps("suffix_id", at(1, 0)), ("Reserved id", "suffix_id")),
    Defect("an id beyond the vocabulary", steps("suffix_id", at(1, 51)), ("Outside domain", "suffix_id")),
    Defect("a negative id", steps("suffix_id", at(1, -1)), ("Outside domain", "suffix_id")),
    Defect("a time that goes back", steps("offset", at(2, 0)), ("Time reversed", "offset")),
    Defect("BIO: a span that does not begin", tags("O", "I-NP"), ("Broken span", "phrase")),
    Defect("BIOES: a span that does not end", tags("B-NP", "O", name="chunk"), ("Broken span", "chunk")),
    Defect("BIOES: a span that begins inside another", tags("B-NP", "S-NP", name="chunk"), ("Broken span", "chunk")),
    Defect("a key used twice", lambda r: None, ("Duplicate key", "sent_id")),
    Defect("bytes that are no SequenceExample", lambda r: b"\x0a\xff\xff", ("Undecodable", "##SEQUENCE##")),
    Defect(
        "a feature that the schema does not have",
        lambda r: r[1].update(lemma=list(r[1]["tokens"])),
        ("New column", "lemma"),
        True,
    ),
    Defect(
        "a name in the context and in the feature lists",
        lambda r: r[0].update(upos="NOUN"),
        ("New column", "upos"),
        True,
    ),
]


def records_as(name: str) -> list[Record]:
    """The base with keys of its own, since keys are compared across splits."""
    return [({**ctx, "sent_id": f"{name}: {ctx['sent_id']}"}, copy.deepcopy(lists)) for ctx, lists in BASE]


def records_with(defect: Defect) -> list[Any]:
    """The base with the defect in it."""
    records: list[Any] = records_as(defect.name)
    for position in range(len(records)) if defect.everywhere else [CULPRIT]:
        put = defect.put(records[position])
        records[position] = put if isinstance(put, bytes) else records[position]
    if defect.name == "a key used twice":
        records.append(records[CULPRIT])
    return records


def stock_says(records: list[Any], schema: schema_pb2.Schema) -> anomalies_pb2.Anomalies | str:
    """What stock finds, or how it ends."""
    try:
        found = statistics(records)
    except Exception:
        return FAILS
    return tfdv.validate_statistics(found, schema)


def stock_reads(path: str, found: anomalies_pb2.Anomalies | str) -> anomalies_pb2.Anomalies | str:
    """What stock finds in a file, if it can read it."""
    try:
        with make_pipeline() as pipeline:
            _ = pipeline | TFSequenceExampleRecord(path, ["defects"]).BeamSource()
    except Exception:
        return FAILS
    return found


def told(anomalies: anomalies_pb2.Anomalies) -> str:
    """Anomalies in a cell of the table."""
    lines = [
        f"{', '.join(reason.short_description for reason in info.reason)} (`{info.path.step[-1]}`)"
        for _, info in sorted(anomalies.anomaly_info.items())
    ]
    if len(lines) > 3:
        lines = [*lines[:2], f"and {len(lines) - 2} more"]
    if anomalies.HasField("dataset_anomaly_info"):
        lines.append(f"{anomalies.dataset_anomaly_info.short_description} (the data set)")
    return "; ".join(lines) or "**nothing**"


class Outcome(NamedTuple):
    stock: anomalies_pb2.Anomalies | str
    ours: anomalies_pb2.Anomalies


def check_all(folder: pathlib.Path) -> dict[str, Outcome]:
    """Every defect is a split of its own, so one Beam pipeline checks all of them."""
    schema = make_schema()
    data = {defect.name: records_with(defect) for defect in DEFECTS}
    data |= {"a key of another split": records_as("a"), "its other split": records_as("a")[CULPRIT : CULPRIT + 1]}
    data |= {"no record at all": [], "a file that is cut off": records_as("b")}
    files = []
    for number, (name, records) in enumerate(data.items()):
        files.append(ExampleFile(name, str(folder / f"{number}.tfrecord")))
        with tf.io.TFRecordWriter(files[-1].path) as writer:
            for record in records:
                writer.write(serialize(record))
    os.truncate(files[-1].path, os.path.getsize(files[-1].path) - 5)
    outputs = {file.split: f"{file.path}.json" for file in files}
    findings_by_split = check_files(files, schema, outputs, make_pipeline)
    found = {name: outcome(records, findings_by_split[name], schema) for name, records in data.items()}
    del found["its other split"]
    cut = found["a file that is cut off"]
    found["a file that is cut off"] = cut._replace(stock=stock_reads(files[-1].path, cut.stock))
    return found | dict(changed_since(schema))


def changed_since(schema: schema_pb2.Schema) -> Iterator[tuple[str, Outcome]]:
    """Data that is not like the data before, or not like what the model is asked."""
    usual = statistics(BASE)
    labels = copy.deepcopy(BASE)
    for _, lists in labels[::2]:
        lists["upos"] = ["VERB"] * len(lists["upos"])
    short = [(record[0], {name: values[:3] for name, values in record[1].items()}) for record in BASE]
    for what, records in (("labels", labels), ("lengths", short)):
        now = statistics(records)
        # Stock ExampleValidator has no input for other statistics to compare with.
        stock = tfdv.validate_statistics(now, schema)
        yield (
            f"{what} that drift from the span before",
            Outcome(stock, validate_split(SplitStatistics(now, baseline=usual), schema, None, {})),
        )
        yield (
            f"{what} that differ between training and serving",
            Outcome(stock, validate_split(SplitStatistics(now, serving=usual), schema, None, {})),
        )


def outcome(records: list[Any], findings: FindingCounts, schema: schema_pb2.Schema) -> Outcome:
    stock = stock_says(records, schema)
    # If StatisticsGen fails, the pipeline ends. The findings of the record checks are then those for the files alone.
    seen = BASE if isinstance(stock, str) else records
    return Outcome(stock, validate_split(SplitStatistics(statistics(seen)), schema, findings, {}))


def rows(outcomes: dict[str, Outcome]) -> Iterator[str]:
    yield "| Defect | Stock ExampleValidator | SequenceExampleValidator |\n"
    yield "|---|---|---|\n"
    for name, (stock, ours) in outcomes.items():
        yield f"| {name} | {stock if isinstance(stock, str) else told(stock)} | {told(ours)} |\n"


def with_table(text: str, table: str) -> str:
    """The document with the table in its place."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + table + END + rest.partition(END)[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return check_all(tmp_path_factory.mktemp("defects"))


def info_of(anomalies: anomalies_pb2.Anomalies, feature: str) -> anomalies_pb2.AnomalyInfo:
    (info,) = [info for info in anomalies.anomaly_info.values() if info.path.step[-1] == feature]
    return info


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_defect_is_found_in_its_feature_and_its_record_named(outcomes: dict[str, Outcome], defect: Defect) -> None:
    info = info_of(outcomes[defect.name].ours, defect.finds[1])
    assert defect.finds[0] in {reason.short_description for reason in info.reason}
    if not defect.everywhere:
        (said,) = [r.description for r in info.reason if r.short_description == defect.finds[0]]
        assert f"record {CULPRIT} of " in said
        if not defect.name.startswith(("bytes", "two types")):
            assert f"'{defect.name}: {BASE[CULPRIT][0]['sent_id']}'" in said
        assert said.startswith("2 of " if defect.name == "a key used twice" else "1 of ")


@pytest.mark.parametrize(
    ("name", "feature", "says"),
    [
        ("a key of another split", "sent_id", f"record {CULPRIT} of "),
        ("a file that is cut off", "##SEQUENCE##", f"the file is cut off or damaged after {len(BASE) - 1} records"),
        ("labels that drift from the span before", "upos", "current and previous is 0."),
        ("labels that differ between training and serving", "upos", "training and serving is 0."),
        (
            "lengths that drift from the span before",
            "##SEQUENCE##",
            "the lengths of these records and those of the base",
        ),
        ("lengths that differ between training and serving", "##SEQUENCE##", "and those of serving is "),
    ],
)
def test_defect_of_a_whole_data_set_is_found(outcomes: dict[str, Outcome], name: str, feature: str, says: str) -> None:
    assert says in info_of(outcomes[name].ours, feature).description
    assert len(outcomes[name].ours.anomaly_info) == 1


def test_split_without_records_is_found() -> None:
    found = validate_split(SplitStatistics(statistics([])), make_schema(), FindingCounts(), {})
    assert found.dataset_anomaly_info.description == "The split has no record at all."
    off = validate_split(SplitStatistics(statistics([])), make_schema(), FindingCounts(), {"NO_DATA_IN_SPAN": "off"})
    assert not off.HasField("dataset_anomaly_info")


def test_treebank_itself_is_clean(tmp_path: pathlib.Path) -> None:
    records = [enriched(*sentence) for sentence in sentences()]
    assert len(records) == 4851
    spec = SPEC.model_copy(update={"min_length": 1})
    encoder = Encoder(spec)
    path = str(tmp_path / "treebank.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for context_, lists in records:
            writer.write(encoder.encode({**context_, **lists}))
    seen = statistics(records)
    schema = infer_schema({"train": seen}, spec)
    found = check_files([ExampleFile("train", path)], schema, {"train": f"{path}.json"}, make_pipeline)
    assert found["train"] == FindingCounts(records=4851)
    same = SplitStatistics(seen, baseline=seen, serving=seen)
    anomalies = validate_split(same, schema, found["train"], {})
    assert not anomalies.anomaly_info
    assert not anomalies.HasField("dataset_anomaly_info")


def test_document_has_the_table(outcomes: dict[str, Outcome]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == with_table(text, "".join(rows(outcomes))), f"run: python {pathlib.Path(__file__).relative_to(ROOT)}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        table = "".join(rows(check_all(pathlib.Path(made))))
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8"), table), encoding="utf-8")
