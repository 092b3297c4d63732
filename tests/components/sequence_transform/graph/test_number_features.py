"""Numbers are scaled, and missing ones filled in, as scikit-learn and a plain loop do it."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.utils import io_utils

from tfx_sequence.components.sequence_transform import NumberConfig, fill_missing, find_contradictions, hold_last
from tfx_sequence.schemas.spec import Feature, SequenceSpec

NAN = math.nan
SPEC = SequenceSpec(
    features={
        "x": Feature(kind="float", missing=True),
        "plain": Feature(kind="float", missing=True),
        "held": Feature(kind="float", missing=True),
        "zero": Feature(kind="float", missing=True),
        "rank": Feature(kind="float", missing=True),
        "v": Feature(kind="vector", width=2, missing=True),
        "held_v": Feature(kind="vector", width=2, missing=True),
        "never": Feature(kind="float", missing=True),
        "left": Feature(kind="float", role="carried", missing=True),
        "age": Feature(kind="float", context=True, missing=True),
        "time": Feature(kind="integer"),
        "time_share": Feature(kind="integer"),
        "time_rank": Feature(kind="integer"),
        "id": Feature(kind="token", role="key", context=True),
    }
)
NUMBERS = {
    "x": NumberConfig(scale="z_score", indicator=True),
    "held": NumberConfig(fill="last"),
    "zero": NumberConfig(fill=-2.5),
    "rank": NumberConfig(fill=100, buckets=3),
    "v": NumberConfig(scale="z_score", indicator=True),
    "held_v": NumberConfig(fill="last", scale="min_max"),
    "age": NumberConfig(scale="z_score", indicator=True),
    "time": NumberConfig(scale="z_score"),
    "time_share": NumberConfig(scale="min_max"),
    "time_rank": NumberConfig(buckets=20),
}
SPLITS = {"train": 60, "eval": 20}
STEPS = ("x", "plain", "held", "zero", "rank", "left")


def _records(split: str, size: int) -> list[dict[str, Any]]:
    rng = random.Random(split)

    def number() -> float | None:
        return rng.choice([None, NAN, *(rng.gauss(20, 5) for _ in range(5))])

    out = []
    seconds = iter(rng.sample(range(10 * size), 10 * size))
    for index in range(size):
        length = rng.randint(1, 7)
        record: dict[str, Any] = {name: [number() for _ in range(length)] for name in STEPS}
        record |= {name: [[number(), number()] for _ in range(length)] for name in ("v", "held_v")}
        # Milliseconds, one second apart: float32 has steps of 131 seconds there.
        times = [1_700_000_000_000 + 1000 * next(seconds) for _ in range(length)]
        record |= {"time": times, "time_share": times, "time_rank": times}
        record |= {"never": [None] * length, "age": number(), "id": f"{split}-{index:03d}"}
        out.append(record)
    return out


RECORDS = {split: _records(split, size) for split, size in SPLITS.items()}


@pytest.fixture(scope="module")
def run(make_run):
    run = make_run(SPEC, RECORDS, numbers=NUMBERS)
    run.do()
    return run


def _table(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """All steps, or all records of a context feature, as `[N, D]` with NaN."""
    values = [row[name] for row in rows] if SPEC.features[name].context else [x for row in rows for x in row[name]]
    return np.array(values, np.float64).reshape(len(values), -1)


def _raw(split: str, name: str) -> np.ndarray:
    return _table(RECORDS[split], name)


def _transformed(run, split: str, name: str) -> np.ndarray:
    rows = [row for _, row in sorted(run.records(split).items())]
    return np.array(
        [row[name] for row in rows] if run.spec.features[name].context else [x for row in rows for x in row[name]]
    ).reshape(len(_raw(split, name if name in SPEC.features else name.removesuffix("_missing"))), -1)


def _held(split: str, name: str) -> np.ndarray:
    """By a loop: the last number of the sequence, and NaN where there is none yet."""
    out = []
    for row in RECORDS[split]:
        last = np.full(SPEC.features[name].width or 1, NAN)
        for step in np.array(row[name], np.float64).reshape(len(row[name]), -1):
            last = np.where(np.isnan(step), last, step)
            out.append(last)
    return np.array(out)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", ["x", "v", "age"])
def test_mean_and_z_score_agree_with_scikit_learn(run, split, name):
    imputer, scaler = SimpleImputer(strategy="mean"), StandardScaler()
    scaler.fit(imputer.fit_transform(_raw("train", name)))
    expected = scaler.transform(imputer.transform(_raw(split, name)))
    np.testing.assert_allclose(_transformed(run, split, name), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("split", SPLITS)
def test_missing_numbers_get_the_mean_when_nothing_is_set(run, split):
    expected = SimpleImputer().fit(_raw("train", "plain")).transform(_raw(split, "plain"))
    np.testing.assert_allclose(_transformed(run, split, "plain"), expected, rtol=1e-5)


@pytest.mark.parametrize("split", SPLITS)
def test_missing_numbers_get_the_number_that_is_set(run, split):
    np.testing.assert_allclose(_transformed(run, split, "zero"), np.nan_to_num(_raw(split, "zero"), nan=-2.5))


@pytest.mark.parametrize("split", SPLITS)
def test_last_fills_with_the_number_before_it_in_the_sequence(run, split):
    expected = SimpleImputer().fit(_raw("train", "held")).transform(_held(split, "held"))
    np.testing.assert_allclose(_transformed(run, split, "held"), expected, rtol=1e-5)
    imputer, scaler = SimpleImputer().fit(_raw("train", "held_v")), MinMaxScaler()
    scaler.fit(imputer.transform(_held("train", "held_v")))
    expected = scaler.transform(imputer.transform(_held(split, "held_v")))
    np.testing.assert_allclose(_transformed(run, split, "held_v"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", ["x", "v", "age"])
def test_indicator_marks_missing_numbers(run, split, name):
    assert run.spec.features[f"{name}_missing"] == SPEC.features[name].model_copy(update={"missing": False})
    np.testing.assert_array_equal(_transformed(run, split, f"{name}_missing"), np.isnan(_raw(split, name)))


def test_buckets_hold_the_filled_numbers(run):
    raw, ids = _raw("train", "rank"), _transformed(run, "train", "rank")
    assert set(ids[np.isnan(raw)]) == {3}, "what stands for a missing number is greater than all others"
    assert (np.diff(ids[np.argsort(np.nan_to_num(raw, nan=100), axis=0)].ravel()) >= 0).all()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("name", "scaler"), [("time", StandardScaler()), ("time_share", MinMaxScaler())])
def test_integers_that_float32_cannot_tell_apart_are_scaled_as_scikit_learn_scales_them(run, split, name, scaler):
    expected = scaler.fit(_raw("train", name)).transform(_raw(split, name))
    scaled = _transformed(run, split, name)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-6)
    assert len(np.unique(scaled)) == len(np.unique(_raw(split, name))) == len(scaled)


def test_integers_that_float32_cannot_tell_apart_fill_buckets_of_equal_size(run):
    raw, ids = _raw("train", "time_rank"), _transformed(run, "train", "time_rank")
    assert (np.diff(ids[np.argsort(raw, axis=0)].ravel()) >= 0).all()
    share = np.bincount(ids.ravel(), minlength=21)[1:] / len(ids)
    np.testing.assert_allclose(share, 1 / 20, atol=0.01)


def test_mean_is_zero_when_no_record_has_a_number_and_carried_numbers_stay_missing(run):
    assert (_transformed(run, "eval", "never") == 0).all()
    np.testing.assert_allclose(_transformed(run, "eval", "left"), _raw("eval", "left"), rtol=1e-6)


def test_transformed_data_has_no_anomalies(run):
    anomalies = anomalies_pb2.Anomalies()
    path = io_utils.get_only_uri_in_dir(run.outputs["post_transform_anomalies"][0].uri)
    anomalies.ParseFromString(io_utils.read_bytes_file(path))
    assert dict(anomalies.anomaly_info) == {}


@given(st.lists(st.lists(st.sampled_from([NAN, 0.0, 1.0, 2.0]), max_size=5), max_size=5))
def test_hold_last_never_crosses_from_one_sequence_to_the_next(rows):
    x = tf.ragged.constant(rows, dtype=tf.float32, ragged_rank=1)
    for row, found in zip(rows, hold_last(x).to_list(), strict=True):
        last = NAN
        for value, got in zip(row, found, strict=True):
            last = last if math.isnan(value) else value
            np.testing.assert_equal(got, last)


def test_hold_last_refuses_steps_that_are_not_yet_of_one_width():
    x = tf.ragged.constant([[[1.0], [2.0, NAN, 4.0]]], dtype=tf.float32)
    for change in (hold_last, lambda x: fill_missing(x, "last", "x")):
        with pytest.raises(ValueError, match="its steps are ragged; convert it with `drop_value_dimension` first"):
            change(x)


def test_fill_missing_needs_no_analysis_when_given_a_number():
    x = tf.ragged.constant([[1.0, NAN], [], [NAN]], dtype=tf.float32)
    assert fill_missing(x, 7, "x").to_list() == [[1.0, 7.0], [], [7.0]]
    assert fill_missing(tf.constant([[NAN, 2.0]]), 0, "x").numpy().tolist() == [[0.0, 2.0]]


def test_contradictions_name_settings_of_missing_numbers():
    number = {"age": NumberConfig(fill="last")}
    (problem,) = find_contradictions(SPEC, {}, number)
    assert problem.path == ("numbers", "age", "fill")
    assert "has no number before it" in problem.message
    taken = SPEC.model_copy(update={"features": {**SPEC.features, "x_missing": Feature(kind="float")}})
    (problem,) = find_contradictions(taken, {}, {"x": NumberConfig(indicator=True)})
    assert problem == (("numbers", "x", "indicator"), "there is another feature 'x_missing'")
