"""Names the runner of Beam that works in this process, and makes pipelines for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apache_beam as beam

LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""The runner, as a class and not as `DirectRunner`, which is Beam's default.

For newer versions of Beam, `DirectRunner` means Prism, a program that Beam looks for and downloads. Prism would also
return the exceptions of workers as text.
"""


def make_local_pipeline() -> beam.Pipeline:
    """Makes a Beam pipeline that runs in this process."""
    # Imported here because Beam takes seconds to load, and configs only need the name of the runner.
    import apache_beam as beam

    return beam.Pipeline(runner=LOCAL_RUNNER)
