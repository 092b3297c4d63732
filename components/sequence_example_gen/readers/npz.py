"""Reads NumPy archives, where one array contains the steps of all sequences and another one contains their lengths.

::

    tokens   a b c d e f
    lengths  2   1 3        ->   [a b], [c], [d e f]
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_sequence.components.sequence_example_gen.files.file_system import FileAccessError
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.spec import Frozen, SequenceSpec

_Array = npt.NDArray[Any]

_ARRAY_SUFFIX = ".npy"
"""The suffix of the members of an archive, after the names of their arrays."""


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
        lengths, arrays = self._load_features(source)
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
        arrays = _load_arrays(source)
        lengths = arrays.pop(settings.lengths, np.zeros(0, np.int64))
        context = {name for name, array in arrays.items() if len(array) == len(lengths)}
        ends = np.cumsum(lengths)
        for number, (start, end) in enumerate(zip(ends - lengths, ends, strict=True)):
            record = _select_record(arrays, context, number, slice(start, end))
            yield {name: value.tolist() for name, value in record.items()}

    def _load_features(self, source: Source) -> tuple[_Array, dict[str, _Array]]:
        """Loads the lengths of the sequences, and the array of each feature by feature name.

        Raises:
          DamagedFileError: if the file is no archive, or if an array is missing or has a wrong shape or dtype.
        """
        arrays_by_source = _load_arrays(source, [self._lengths_name, *map(self._spec.source, self._spec.features)])
        lengths = arrays_by_source[self._lengths_name]
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
            raise DamagedFileError(f"`{self._lengths_name}` must be [N] integers that are not negative")
        num_steps = sum(lengths.tolist())  # Integers of Python do not overflow.
        arrays = {name: arrays_by_source[self._spec.source(name)] for name in self._spec.features}
        for name, array in arrays.items():
            is_context = self._spec.features[name].context
            expected = len(lengths) if is_context else num_steps
            if array.ndim == 0 or len(array) != expected:
                row_unit = "sequence" if is_context else "step"
                message = f"`{name}` has shape {array.shape}, expected {expected} rows, one per {row_unit}"
                raise DamagedFileError(message)
        return lengths, arrays


def _load_arrays(source: Source, names: Iterable[str] | None = None) -> dict[str, _Array]:
    """Loads the arrays of an archive by name, or all of its arrays if `names` is None.

    Raises:
      DamagedFileError: if the file is no archive of plain arrays, or if an array is missing.
      FileAccessError: if the file system does not open or read the file.
    """
    try:
        with source.open_seekable() as stream, zipfile.ZipFile(stream) as archive:
            members = {info.filename.removesuffix(_ARRAY_SUFFIX): info for info in archive.infolist()}
            return {name: _load_array(archive, members, name) for name in (members if names is None else names)}
    except (DamagedFileError, FileAccessError):
        raise
    # Damage makes zipfile and NumPy raise errors of a dozen classes. Errors of the file system were raised before.
    except Exception as error:
        message = f"the file is not a NumPy archive of plain arrays: {error or type(error).__name__}"
        raise DamagedFileError(message) from None


def _load_array(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str) -> _Array:
    if name not in members:
        raise DamagedFileError(f"the file has no array {name!r}; it has {', '.join(sorted(members))}")
    info = members[name]
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DamagedFileError(f"the array {name!r} has a compression that NumPy does not write")
    with archive.open(info) as member:
        array: _Array = np.lib.format.read_array(member, allow_pickle=False)  # type: ignore[no-untyped-call]
        # This reads to the end, where the checksum is compared.
        if member.read(1) or (array.size and not array.dtype.itemsize):
            raise DamagedFileError(f"the array {name!r} has another size than its header says")
    return array


def _select_record(arrays: Mapping[str, _Array], context: set[str], number: int, steps: slice) -> dict[str, Any]:
    """Returns the record at position `number`: its row of each context array, and its steps of each other array."""
    return {name: array[number] if name in context else array[steps] for name, array in arrays.items()}
