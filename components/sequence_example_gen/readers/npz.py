"""Reads NumPy archives, where one array contains the steps of all sequences and another one contains their lengths.

::

    tokens   a b c d e f
    lengths  2   1 3        ->   [a b], [c], [d e f]
"""

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

_Array = npt.NDArray[Any]


class NpzOptions(Frozen):
    """The options of the format `npz`.

    Attributes:
      lengths: The name of the array with the number of steps of each of the N sequences, int `[N]`.
    """

    lengths: str = "lengths"


class NpzReader(Reader):
    """Reader of `.npz` files. The options are the fields of `NpzOptions`.

    The `source` of a feature is the name of an array. The array of a context feature has the shape `[N]` or
    `[N, width]`. The array of a sequence feature has the shape `[steps]` or `[steps, width]` and contains the steps of
    all sequences in order. `np.savez(path, tokens=np.concatenate(sequences), lengths=[len(s) for s in sequences])`
    writes such a file. Object arrays are refused, because reading them would run code from the file.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._lengths_name = NpzOptions.model_validate(dict(options)).lengths
        self._spec = spec

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per sequence."""
        try:
            with source.open() as stream, np.load(stream, allow_pickle=False) as archive:
                lengths, arrays = self._load_arrays(archive)
        except BadRecordError as error:
            yield error.reject
            return
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
            yield bad_record(Reason.MALFORMED, f"the file is not a NumPy archive of plain arrays: {error}").reject
            return
        context = set(self._spec.context)
        start = 0
        for number, length in enumerate(lengths.tolist()):
            end = start + length
            yield None, _select_record(arrays, context, number, slice(start, end))
            start = end

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields records of all arrays. An array with one row per sequence is assumed to be a context feature."""
        settings = NpzOptions.model_validate(dict(options))
        try:
            with source.open() as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, EOFError, zipfile.BadZipFile):
            # The file is not an archive, or it contains object arrays.
            return
        lengths = arrays.pop(settings.lengths, np.zeros(0, np.int64))
        context = {name for name, array in arrays.items() if len(array) == len(lengths)}
        ends = np.cumsum(lengths)
        for number, (start, end) in enumerate(zip(ends - lengths, ends, strict=True)):
            record = _select_record(arrays, context, number, slice(start, end))
            yield {name: value.tolist() for name, value in record.items()}

    def _load_arrays(self, archive: Mapping[str, _Array]) -> tuple[_Array, dict[str, _Array]]:
        """Loads the lengths of the sequences, and the array of each feature by feature name.

        Raises:
          BadRecordError: if an array is missing or has a wrong shape or dtype.
        """
        lengths = _find_array(archive, self._lengths_name)
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
            raise bad_record(Reason.MALFORMED, f"`{self._lengths_name}` must be [N] integers that are not negative")
        arrays = {name: _find_array(archive, self._spec.source(name)) for name in self._spec.features}
        for name, array in arrays.items():
            is_context = self._spec.features[name].context
            expected = len(lengths) if is_context else int(lengths.sum())
            if array.ndim == 0 or len(array) != expected:
                row_unit = "sequence" if is_context else "step"
                message = f"`{name}` has shape {array.shape}, expected {expected} rows, one per {row_unit}"
                raise bad_record(Reason.UNEQUAL_LENGTHS, message)
        return lengths, arrays


def _select_record(arrays: Mapping[str, _Array], context: set[str], number: int, steps: slice) -> dict[str, Any]:
    """Returns the record at position `number`: its row of each context array, and its steps of each other array."""
    return {name: array[number] if name in context else array[steps] for name, array in arrays.items()}


def _find_array(archive: Mapping[str, _Array], name: str) -> _Array:
    if name not in archive:
        raise bad_record(Reason.MISSING_FEATURE, f"the file has no array {name!r}; it has {', '.join(sorted(archive))}")
    return archive[name]
