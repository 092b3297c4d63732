"""The only place in `schemas` that knows private parts of stock packages; see `tfx_sequence.components.compat`."""

from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

__all__ = ["PRIVATE_NAMES", "SequenceExamplesToRecordBatchDecoder"]

PRIVATE_NAMES = {
    # TFXIO's decoder without TFXIO, which needs a Beam pipeline, and gives up on all of a batch for one record in it.
    "tfx_bsl.coders.sequence_example_coder:SequenceExamplesToRecordBatchDecoder": "",
    "tfx_bsl.coders.sequence_example_coder:SequenceExamplesToRecordBatchDecoder.DecodeBatch": "",
}
"""`module:name` to its signature without annotations, as `inspect.signature` writes it; empty for what has none."""
