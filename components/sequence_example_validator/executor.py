"""Stock ExampleValidator's work, then the verdict."""

from __future__ import annotations

from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import executor as stock
from tfx.components.example_validator import labels
from tfx.types import artifact_utils, standard_component_specs

from tfx_sequence.components.sequence_example_validator import verdict

FAIL_ON_KEY = "fail_on"


class Executor(stock.Executor):
    """Validates as stock does, writes what stock writes, then fails where `fail_on` says so."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> Any:
        """Returns stock's ExecutorOutput.

        Raises:
          ExamplesInvalidError: see `verdict.check`.
        """
        self._found: dict[str, anomalies_pb2.Anomalies] = {}
        output = super().Do(input_dict, output_dict, exec_properties)
        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.ANOMALIES_KEY])
        verdict.check(self._found, exec_properties.get(FAIL_ON_KEY, "error"), uri)
        return output

    def _Validate(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> anomalies_pb2.Anomalies:
        anomalies = super()._Validate(inputs, outputs)
        split = outputs[labels.SCHEMA_DIFF_PATH].rpartition("Split-")[2]
        self._found[split] = anomalies
        return anomalies
