"""Settings of property tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

RELAXED = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
"""For tests that write files: each example writes over the one before, in the same folder, and takes its time."""
