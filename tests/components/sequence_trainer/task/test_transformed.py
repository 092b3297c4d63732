"""What is read from the schemas of a transform graph, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from tfx_sequence.components.sequence_trainer.batches.ids import ZeroBasedIds
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.raw_spec import read_raw_spec
from tfx_sequence.components.sequence_trainer.task.transformed import Transformed, read_transformed
from tfx_sequence.schemas.vocabulary import make_one_based_key

IDS = "int_domain { min: 0 max: 5 is_categorical: true }"


def output(transformed: str, raw: str = "", vocabularies: Mapping[str, list[bytes]] | None = None) -> Any:
    """As much of a TFTransformOutput as is read."""
    files = vocabularies or {}
    schemas = [text_format.Parse(text, schema_pb2.Schema()) for text in (transformed, raw)]
    return SimpleNamespace(
        transformed_metadata=SimpleNamespace(schema=schemas[0]),
        raw_metadata=SimpleNamespace(schema=schemas[1]),
        transformed_feature_spec=lambda: schema_utils.schema_as_feature_spec(schemas[0]).feature_spec,
        raw_feature_spec=lambda: schema_utils.schema_as_feature_spec(schemas[1]).feature_spec,
        vocabulary_file_by_name=lambda name: f"assets/{name}" if name in files else None,
        vocabulary_by_name=lambda name: files[name],
    )


def ragged(name: str, partitions: str) -> str:
    tensor = f'feature_path {{ step: "{name}$ragged_values" }} row_partition_dtype: INT64 {partitions}'
    representation = f'key: "{name}" value {{ ragged_tensor {{ {tensor} }} }}'
    return f'tensor_representation_group {{ key: "" value {{ tensor_representation {{ {representation} }} }} }}'


def test_stock_forms_become_columns() -> None:
    features = read_transformed(
        output(
            f"""
            feature {{ name: "words" type: INT {IDS} }}
            feature {{ name: "letters$ragged_values" type: INT {IDS} }}
            feature {{ name: "letters$row_lengths_1" type: INT }}
            feature {{ name: "tags" type: INT int_domain {{ min: -1 max: 1 is_categorical: true }} }}
            feature {{ name: "rare" type: INT int_domain {{ min: -1 max: 1 is_categorical: true }} }}
            feature {{ name: "age" type: FLOAT presence {{ min_fraction: 1 }} shape {{ dim {{ size: 1 }} }} }}
            feature {{ name: "count" type: INT presence {{ min_fraction: 1 }} shape {{ }} }}
            """
            + ragged("letters", 'partition { row_length: "letters$row_lengths_1" }')
        ),
        ["tags"],
    )
    assert features == {
        "age": Transformed("input", Column("float32", context=True, keys=("age",))),
        "count": Transformed("input", Column("int64", context=True, keys=("count",))),
        "rare": Transformed("input", Column("int64", keys=("rare",), ids=ZeroBasedIds(unseen=3)), 4, range(3, 4)),
        "tags": Transformed("label", Column("int64", keys=("tags",), ids=ZeroBasedIds(unseen=None)), 3),
        "words": Transformed("input", Column("int64", keys=("words",), ids=ZeroBasedIds(unseen=None)), 7),
        "letters": Transformed(
            "input",
            Column(
                "int64",
                nested=True,
                keys=("letters$ragged_values", "letters$row_lengths_1"),
                ids=ZeroBasedIds(unseen=None),
            ),
            7,
        ),
    }
    assert list(features) == ["age", "count", "rare", "tags", "words", "letters"]


def test_roles_of_a_curated_raw_schema_are_those_of_the_transformed_features() -> None:
    graph = output(
        f'feature {{ name: "words" type: INT {IDS} }} feature {{ name: "tags" type: INT {IDS} }}',
        'feature { name: "words" type: BYTES } '
        'feature { name: "tags" type: BYTES annotation { tag: "role:label" tag: "spans:BIO" } }',
    )
    features = read_transformed(graph)
    assert {name: feature.role for name, feature in features.items()} == {"words": "input", "tags": "label"}
    spec, raw = read_raw_spec(graph, features, ())
    assert spec.features["tags"].spans == "BIO"
    assert set(raw) == {"words", "tags"}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ('feature { name: "x" type: INT }', "'x' is integers without a domain: if they are ids"),
        (
            f'feature {{ name: "x" type: INT {IDS} presence {{ min_fraction: 1 }} shape {{ dim {{ size: 4 }} }} }}',
            r"'x' has the shape \[4\] in every record",
        ),
        (
            'feature { name: "i" type: INT } feature { name: "v" type: FLOAT } sparse_feature { name: "x" '
            'index_feature { name: "i" } value_feature { name: "v" } dense_shape { dim { size: 9 } } }',
            "'x' is a sparse or a ragged tensor of more than steps",
        ),
    ],
)
def test_a_form_that_no_model_reads_is_refused(schema: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read_transformed(output(schema))


def test_raw_integers_are_numbers() -> None:
    graph = output('feature { name: "x" type: INT }', 'feature { name: "x" type: INT }')
    assert read_transformed(graph)["x"].num_ids is None


@pytest.mark.parametrize(
    ("domain", "lines", "starts_at_one", "oov_ids"),
    [
        # Ours, with the vocabulary a, b, c: the ids 1, 2, 3, and 4 if it is open.
        ((0, 4), 3, True, [4]),
        ((0, 3), 3, True, []),
        # Stock: one bucket of unseen values, three of them, none but -1, and a vocabulary of another name.
        ((0, 3), 3, False, [4]),
        ((0, 5), 3, False, [4, 5, 6]),
        ((-1, 2), 3, False, [4]),
        ((-1, 2), None, False, [4]),
        # tft.bucketize with five buckets.
        ((0, 4), None, False, []),
    ],
)
def test_oov_ids_are_those_behind_the_vocabulary(
    domain: tuple[int, int], lines: int | None, starts_at_one: bool, oov_ids: list[int]
) -> None:
    low, high = domain
    files = {} if lines is None else {"x": [b"a", b"b", b"c"][:lines]}
    if starts_at_one:
        files[make_one_based_key("x")] = files["x"]
    graph = output(
        f'feature {{ name: "x" type: INT int_domain {{ min: {low} max: {high} is_categorical: true }} }}',
        vocabularies=files,
    )
    assert list(read_transformed(graph)["x"].oov_ids) == oov_ids
