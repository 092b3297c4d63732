"""Record rules as another package would bring them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.checks.rules import CheckedFeature, ValueRule


class TooManyUrls(ValueRule):
    """A record has at most one URL among its tokens."""

    reason = "too_many_urls"

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the feature is of tokens."""
        return feature.spec.kind == "token" and not feature.spec.context

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with several URLs."""
        is_url = pc.starts_with(column.values, pattern="http").to_numpy(zero_copy_only=False)
        record_of_url = column.record_of_step[column.step_of_value[is_url]]
        urls = np.bincount(record_of_url, minlength=len(column.lengths))
        records = np.flatnonzero(urls > 1)
        yield Finding(self.reason, feature.name, records, lambda k: f"`{feature.name}` has {urls[records[k]]} URLs")


class Shouting(TooManyUrls):
    """A rule with a reason that no code can have."""

    reason = "TOO-MANY"
