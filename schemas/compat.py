"""Imports the private names of other packages that `schemas` needs. No other module of `schemas` uses private names.

`tfx_sequence.components.compat` does the same for `components`.
"""

from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

__all__ = ["PRIVATE_NAMES", "SequenceExamplesToRecordBatchDecoder"]

PRIVATE_NAMES = {
    # The decoder of TFXIO. TFXIO itself needs a Beam pipeline, and fails for a whole batch if one record is corrupt.
    "tfx_bsl.coders.sequence_example_coder:SequenceExamplesToRecordBatchDecoder": "",
    "tfx_bsl.coders.sequence_example_coder:SequenceExamplesToRecordBatchDecoder.DecodeBatch": "",
}
"""Maps `module:name` to the signature without annotations, as `inspect.signature` shows it.

The signature is empty for a name that has no Python signature. A conformance test checks that the names still exist.
"""
