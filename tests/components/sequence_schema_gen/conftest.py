from __future__ import annotations

from collections.abc import Callable

import pytest
from support.raw_records import compute_statistics
from tensorflow_metadata.proto.v0 import statistics_pb2


@pytest.fixture(scope="session")
def statistics() -> Callable[..., statistics_pb2.DatasetFeatureStatisticsList]:
    return compute_statistics
