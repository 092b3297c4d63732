"""Vectors and their coverage, written and read back."""

import numpy as np
import pytest

from tfx_sequence.schemas.embeddings import Coverage, load_coverage, load_embeddings, save_coverage, save_embeddings

COVERAGE = Coverage(vocabulary="tokens", file="glove.txt", entries=3, found=2, tokens=7, tokens_found=5)


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (4, 0)])
def test_vectors_come_back_as_they_were(tmp_path, shape):
    matrix = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    save_embeddings(str(tmp_path), "tokens", matrix)
    save_coverage(str(tmp_path), {"tokens": COVERAGE, "target": COVERAGE})
    for feature in ("tokens", "target"):
        loaded = load_embeddings(str(tmp_path), feature)
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, matrix)
    assert load_embeddings(str(tmp_path), "other") is None
    assert load_coverage(str(tmp_path)) == {"tokens": COVERAGE, "target": COVERAGE}


def test_a_graph_without_vectors_has_none(tmp_path):
    assert load_embeddings(str(tmp_path), "tokens") is None
    assert load_coverage(str(tmp_path)) == {}
