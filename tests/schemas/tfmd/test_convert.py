import re

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from hypothesis import given
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder
from tfx_bsl.tfxio import dataset_options, tensor_adapter, tf_sequence_example_record

from tfx_sequence.schemas.records.examples import encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import add_undescribed, from_schema, to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError, explain_undescribed, read_feature
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct, parse_schema, read_domain

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="form"),
        "count": Feature(kind="integer"),
        "lpc": Feature(kind="vector", width=2),
        "parts": Feature(kind="token", nested=True),
        "tags": Feature(kind="categorical", role="label"),
        "weight": Feature(kind="float", role="weight", context=True),
        "speaker": Feature(kind="vector", width=3, context=True),
    },
    min_length=0,
    max_length=9,
)
RECORDS = [
    {
        "tokens": ["a", "b"],
        "count": [1, 2],
        "lpc": [[1.0, 2.0], [3.0, 4.0]],
        "parts": [["p", "q", ""], []],
        "tags": ["X", "Y"],
        "weight": 0.5,
        "speaker": [1.0, 2.0, 3.0],
    },
    {"tokens": [], "count": [], "lpc": [], "parts": [], "tags": [], "weight": 2.0, "speaker": [4.0, 5.0, 6.0]},
    {
        "tokens": ["c"],
        "count": [3],
        "lpc": [[5.0, 6.0]],
        "parts": [["r"]],
        "tags": ["X"],
        "weight": 1.0,
        "speaker": [7.0, 8.0, 9.0],
    },
]


def schema_of(text):
    return text_format.Parse(text, schema_pb2.Schema())


def sequence_schema(features, rest=""):
    return schema_of(f'feature {{ name: "{SEQUENCE}" type: STRUCT struct_domain {{ {features} }} }} {rest}')


def required(name, fields):
    return f'feature {{ name: "{name}" presence {{ min_fraction: 1 min_count: 1 }} {fields} }}'


def inferred(examples):
    """The schema that TFDV, so stock SchemaGen, infers."""
    batch = SequenceExamplesToRecordBatchDecoder(SEQUENCE).DecodeBatch([e.SerializeToString() for e in examples])
    return tfdv.infer_schema(stats_impl.generate_statistics_in_memory(batch))


def example(context, lists):
    """A SequenceExample of exactly these values: name to values, and name to steps of values."""

    def feature(values):
        message = tf.train.Feature()
        kinds = {str: message.bytes_list, int: message.int64_list, float: message.float_list}
        for value in values:
            kinds[type(value)].value.append(value.encode() if isinstance(value, str) else value)
        return message

    made = tf.train.SequenceExample()
    for name, values in context.items():
        made.context.feature[name].CopyFrom(feature(values))
    for name, steps in lists.items():
        made.feature_lists.feature_list[name].feature.extend(map(feature, steps))
    return made


@given(st.data())
def test_spec_comes_back_from_its_schema(specs, data):
    spec = data.draw(specs)
    assert from_schema(to_schema(spec)) == spec


@given(st.data())
def test_spec_comes_back_from_the_text_of_its_schema(specs, data):
    spec = data.draw(specs)
    text = text_format.MessageToString(to_schema(spec))
    read = from_schema(parse_schema(text, "schema.pbtxt"))
    assert read == spec
    # Context features and sequence features stand in two places of a schema; each keeps its own order.
    assert (list(read.context), list(read.sequence)) == (list(spec.context), list(spec.sequence))


def test_schema_says_in_stock_terms_what_the_spec_says():
    schema = to_schema(SPEC)
    struct = find_sequence_struct(schema).struct_domain
    assert {proto.name: schema_pb2.FeatureType.Name(proto.type) for proto in struct.feature} == {
        "tokens": "BYTES",
        "count": "INT",
        "lpc": "FLOAT",
        "parts": "BYTES",
        "tags": "BYTES",
    }
    counts = {
        proto.name: [(count.min, count.max) for count in proto.value_counts.value_count] for proto in struct.feature
    }
    assert counts == {
        "tokens": [(0, 9), (1, 1)],
        "count": [(0, 9), (1, 1)],
        "lpc": [(0, 9), (2, 2)],
        "parts": [(0, 9), (0, 0)],
        "tags": [(0, 9), (1, 1)],
    }
    (parts,) = [proto for proto in struct.feature if proto.name == "parts"]
    assert not parts.value_counts.value_count[1].HasField("max")
    assert not parts.HasField("shape")
    assert all(proto.presence.min_fraction == 1 for proto in [*schema.feature, *struct.feature])
    assert set(schema.tensor_representation_group[""].tensor_representation) == set(SPEC.features)


def test_tfxio_reads_records_into_the_tensors_that_the_schema_names():
    io = tf_sequence_example_record.TFSequenceExampleRecord("nowhere", ["test"], schema=to_schema(SPEC))
    decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE, to_schema(SPEC).SerializeToString())
    batch = decoder.DecodeBatch([encode(SPEC, record) for record in RECORDS])
    adapter = tensor_adapter.TensorAdapter(tensor_adapter.TensorAdapterConfig(batch.schema, io.TensorRepresentations()))
    tensors = adapter.ToBatchTensors(batch)
    assert set(tensors) == set(SPEC.features)
    assert tensors["tokens"].to_list() == [[[b"a"], [b"b"]], [], [[b"c"]]]
    assert tensors["count"].to_list() == [[[1], [2]], [], [[3]]]
    assert tensors["lpc"].to_list() == [[[1, 2], [3, 4]], [], [[5, 6]]]
    assert tensors["parts"].to_list() == [[[b"p", b"q", b""], []], [], [[b"r"]]]
    assert tensors["weight"].numpy().tolist() == [0.5, 2.0, 1.0]
    assert tensors["speaker"].numpy().tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_tfxio_reads_a_file_into_a_tensorflow_dataset(tmp_path):
    path = str(tmp_path / "data.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for record in RECORDS:
            writer.write(encode(SPEC, record))
    source = tf_sequence_example_record.TFSequenceExampleRecord(path, ["test"], schema=to_schema(SPEC))
    options = dataset_options.TensorFlowDatasetOptions(batch_size=3, num_epochs=1, shuffle=False)
    # This is what the DataAccessor of a Trainer reads by.
    (batch,) = source.TensorFlowDataset(options)
    assert batch["tokens"].to_list() == [[[b"a"], [b"b"]], [], [[b"c"]]]
    assert batch["parts"].to_list() == [[[b"p", b"q", b""], []], [], [[b"r"]]]
    np.testing.assert_array_equal(batch["speaker"], [r["speaker"] for r in RECORDS])


def test_tfdv_finds_nothing_wrong_with_records_that_keep_the_spec():
    schema = to_schema(SPEC)
    batch = SequenceExamplesToRecordBatchDecoder(SEQUENCE, schema.SerializeToString()).DecodeBatch(
        [encode(SPEC, record) for record in RECORDS]
    )
    statistics = stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(schema=schema))
    assert not tfdv.validate_statistics(statistics, schema).anomaly_info


@pytest.mark.parametrize("constant", [True, False])
def test_stock_schema_is_read_by_its_types(constant):
    tokens = [["a"], ["b"]]
    lists = {"tokens": tokens, "n": [[1], [2]], "x": [[0.5], [1.5]], "v": [[1.0, 2.0], [3.0, 4.0]]}
    shorter = {name: steps[:1] for name, steps in lists.items()}
    examples = [example({"id": ["x"]}, lists), example({"id": ["y"]}, lists if constant else shorter)]
    spec = from_schema(inferred(examples))
    assert spec.features == {
        "id": Feature(kind="categorical", context=True),
        "tokens": Feature(kind="categorical"),
        "n": Feature(kind="integer"),
        "x": Feature(kind="float"),
        "v": Feature(kind="vector", width=2),
    }
    # TFDV infers a shape where every record has the same number of steps, else no bound but that there is a step.
    assert (spec.min_length, spec.max_length) == ((2, 2) if constant else (1, None))


def test_what_a_spec_cannot_describe_is_left_out():
    lists = {"tokens": [["a"]], "chars": [["a", "b"]], "ints": [[1, 2, 3]], "some": [["a"]]}
    examples = [
        example({"genres": ["x", "y"], "id": ["1"], "maybe": ["a"]}, lists),
        example(
            {"genres": ["x"], "id": ["2"]}, {"tokens": [["b"], ["c"]], "chars": [["c"], ["d"]], "ints": [[1, 2, 3]] * 2}
        ),
    ]
    schema = inferred(examples)
    spec = from_schema(schema)
    assert list(spec.features) == ["id", "chars", "tokens"]
    assert spec.features["chars"].nested
    struct = find_sequence_struct(schema).struct_domain
    why = {proto.name: explain_undescribed(proto, is_context=False) for proto in struct.feature}
    assert why == {
        "tokens": None,
        "chars": None,
        "ints": "does not hold one value in every step",
        "some": "is missing from some records",
    }
    why = {p.name: explain_undescribed(p, is_context=True) for p in schema.feature if p.name != SEQUENCE}
    assert why == {
        "genres": "does not hold one value in every record",
        "id": None,
        "maybe": "is missing from some records",
    }


TOKENS = required("tokens", "type: BYTES")
OURS = 'annotation { tag: "kind:token" tag: "role:input" }'


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (
            schema_of('feature { name: "id" type: BYTES }'),
            "the schema has no '##SEQUENCE##' feature, so it does not describe tf.SequenceExamples; its features are "
            "['id']",
        ),
        (schema_of(""), "so it does not describe tf.SequenceExamples; its features are []"),
        (sequence_schema(""), "the schema has no sequence feature that a spec can describe"),
        (
            sequence_schema('feature { name: "tokens" type: BYTES }'),
            "the schema has no sequence feature that a spec can describe; 'tokens' is missing from some records",
        ),
        (
            sequence_schema(required("my tokens", "type: BYTES")),
            "'my tokens' has a name with a space, or one of / # $",
        ),
        (
            sequence_schema(TOKENS, 'annotation { tag: "tfx_sequence:2" }'),
            "the schema is marked 'tfx_sequence:2', but this package reads 'tfx_sequence:1': it was written by a newer "
            "tfx-sequence; upgrade the package or write the schema again",
        ),
        (
            sequence_schema(required("t", 'type: BYTES annotation { tag: "kind:word" tag: "role:input" }')),
            "feature 't' of the schema has the kind 'word'; known are ('token', 'categorical', 'integer', 'float', "
            "'vector')",
        ),
        (
            sequence_schema(required("t", 'type: BYTES annotation { tag: "role:chief" }')),
            "feature 't' of the schema has the role 'chief'; known are ('input', 'label', 'weight', 'key', 'time', "
            "'carried')",
        ),
        (
            sequence_schema(required("t", 'type: BYTES annotation { tag: "kind:token" tag: "role:label" }')),
            "feature 't' of the schema: Value error, a label must be 'categorical', 'integer', 'float' or 'vector', "
            "not 'token'",
        ),
        (
            sequence_schema(required("t", f"type: INT {OURS}")),
            "feature 't' of the schema has the type INT, but the kind 'token', which is BYTES",
        ),
        (
            sequence_schema(
                required("t", f"type: BYTES {OURS} value_counts {{ value_count {{ min: 1 max: 5 }} }}")
                + required("u", f"type: BYTES {OURS} value_counts {{ value_count {{ min: 1 }} }}")
            ),
            "the schema gives its sequence features different bounds on their lengths ('t' from 1 to 5, 'u' from 1 to "
            "any number), but all of them have the record's length; give all of them the same in the first "
            "`value_count` of their `value_counts`",
        ),
        (
            sequence_schema(required("t", f"type: BYTES {OURS} value_counts {{ value_count {{ min: 6 max: 5 }} }}")),
            "the schema does not describe sequences: Value error, max_length is 5, less than min_length, which is 6",
        ),
        (
            sequence_schema(TOKENS, 'annotation { tag: "length_drift:much" }'),
            "the schema does not describe sequences: length_drift: Input should be a valid number",
        ),
    ],
)
def test_schema_is_refused_with_a_message(schema, message):
    with pytest.raises(SchemaError, match=re.escape(message)):
        from_schema(schema)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.999])
def test_text_that_is_cut_off_is_refused_by_its_name(keep):
    text = text_format.MessageToString(to_schema(SPEC)).rstrip()
    with pytest.raises(SchemaError, match=r"^dir/schema\.pbtxt is not the text form of .* or is cut off"):
        parse_schema(text[: int(len(text) * keep)], "dir/schema.pbtxt")


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"not a schema", b"feature { nam: 3 }"])
def test_bytes_that_are_no_schema_are_refused(data):
    with pytest.raises(SchemaError, match=r"^x is not the text form of a TensorFlow Metadata schema"):
        parse_schema(data, "x")


def test_domain_values_are_found_where_they_stand():
    schema = schema_of('string_domain { name: "tags" value: "b" value: "a" }')
    named = schema_pb2.Feature(name="t", domain="tags")
    own = text_format.Parse('name: "t" string_domain { value: "x" }', schema_pb2.Feature())
    assert read_domain(schema, named) == ["b", "a"]
    assert read_domain(schema, own) == ["x"]
    assert read_domain(schema, schema_pb2.Feature(name="t")) is None
    with pytest.raises(
        SchemaError, match=r"feature 't' of the schema names the domain 'no', .* domains are \['tags'\]"
    ):
        read_domain(schema, schema_pb2.Feature(name="t", domain="no"))


def test_undescribed_feature_is_kept_with_a_tensor_representation():
    schema = to_schema(SequenceSpec(features={"tokens": Feature(kind="token")}))
    examples = [example({"genres": ["x", "y"]}, {"tokens": [["a"]], "ids": [[1, 2]]})]
    found = inferred([*examples, example({}, {"tokens": [["a"]], "ids": [[1]]})])
    (genres,) = [proto for proto in found.feature if proto.name == "genres"]
    (ids,) = [proto for proto in find_sequence_struct(found).struct_domain.feature if proto.name == "ids"]
    add_undescribed(schema, genres, is_context=True)
    add_undescribed(schema, ids, is_context=False)
    assert list(from_schema(schema).features) == ["tokens"]
    io = tf_sequence_example_record.TFSequenceExampleRecord("nowhere", ["test"], schema=schema)
    decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE, schema.SerializeToString())
    batch = decoder.DecodeBatch([e.SerializeToString() for e in examples])
    config = tensor_adapter.TensorAdapterConfig(batch.schema, io.TensorRepresentations())
    tensors = tensor_adapter.TensorAdapter(config).ToBatchTensors(batch)
    assert tensors["ids"].to_list() == [[[1, 2]]]
    assert tf.sparse.to_dense(tensors["genres"]).numpy().tolist() == [[b"x", b"y"]]


def test_read_feature_takes_a_feature_of_ours_as_it_is():
    proto = text_format.Parse('name: "ids" type: INT annotation { tag: "role:input" }', schema_pb2.Feature())
    # What SequenceTransform writes: no kind, no presence.
    assert read_feature(proto, is_context=False) == Feature(kind="integer")
