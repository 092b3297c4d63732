"""NumPy archives: the steps of all sequences one after another, and how many each has."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class NpzOptions(Frozen):
    """What the reader takes beside the spec.

    Attributes:
      lengths: The array with the number of steps of each of the N sequences, `[N]`.
    """

    lengths: str = "lengths"


class NpzReader(Reader):
    """Reads `.npz` files.

    The `source` of a feature is the name of an array: `[N]` or `[N, width]` for a context feature, and for a sequence
    feature `[steps]` or `[steps, width]`, where all sequences follow one another. Such a file is what
    `np.savez(path, tokens=np.concatenate(sequences), lengths=[len(s) for s in sequences])` writes. Object arrays are
    refused: to read them is to run code that the file holds.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and the fields of `NpzOptions`."""
        self._lengths = NpzOptions.model_validate(dict(options)).lengths
        self._spec = spec

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a sequence."""
        try:
            with source.open() as stream, np.load(stream, allow_pickle=False) as archive:
                lengths, arrays = self._load(archive)
        except BadRecordError as error:
            yield error.reject
            return
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
            yield bad_record(Reason.MALFORMED, f"the file is not a NumPy archive of plain arrays: {error}").reject
            return
        end = 0
        for index, length in enumerate(lengths.tolist()):
            start, end = end, end + length
            yield (
                None,
                {
                    name: array[index] if self._spec.features[name].context else array[start:end]
                    for name, array in arrays.items()
                },
            )

    def _load(self, archive: Mapping[str, npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[Any]]]:
        lengths = _array(archive, self._lengths)
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
            raise bad_record(Reason.MALFORMED, f"`{self._lengths}` must be [N] integers from 0")
        arrays = {name: _array(archive, self._spec.source(name)) for name in self._spec.features}
        for name, array in arrays.items():
            context = self._spec.features[name].context
            expected = len(lengths) if context else int(lengths.sum())
            if array.ndim == 0 or len(array) != expected:
                per = "sequence" if context else "step"
                message = f"`{name}` has shape {array.shape}, expected {expected} rows, one a {per}"
                raise bad_record(Reason.UNEQUAL_LENGTHS, message)
        return lengths, arrays


def _array(archive: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    if name not in archive:
        raise bad_record(Reason.MISSING_FEATURE, f"the file has no array {name!r}; it has {', '.join(sorted(archive))}")
    return archive[name]
