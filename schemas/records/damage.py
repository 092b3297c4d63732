"""Defines damaged files, which cannot be read to their end, unlike a reject, after which the next record can be read.

Code that reads one file raises a `DamagedFileError`. Code that reads many files catches it, keeps the records before
the damage, and reports a `DamagedFile`.
"""

from __future__ import annotations

from typing import Annotated

import pydantic

from tfx_sequence.schemas.records.rejects import make_writable
from tfx_sequence.schemas.spec import Frozen


class DamagedFile(Frozen):
    """A file that could not be read to its end.

    Attributes:
      file: The name of the file.
      message: A sentence for a person that says what is wrong.
      num_records: The number of records (in long form, of rows) that were read before the damage. They are counted as
        accepted or rejected like those of other files.
      line: The number of the line with the damage, from 1. None if it is not known.
      offset: The position of the damage in the decompressed file, in bytes from 0. None if it is not known.
    """

    file: str
    message: Annotated[str, pydantic.BeforeValidator(make_writable)]
    num_records: int = 0
    line: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        """Returns the place, the message and the number of records before the damage, on one line."""
        places = (("line", self.line), ("offset", self.offset))
        place = ", ".join([self.file, *(f"{name} {value}" for name, value in places if value is not None)])
        return f"{place}: {self.message} ({self.num_records} records before it were read)"


class DamagedFileError(ValueError):
    """Raised if the rest of a file cannot be read: it is damaged, cut off, or not what the settings say.

    Args:
      message: A sentence that says what is wrong.
      file: The name of the file. If None, it is the file that is being read.
      line: The number of the line, from 1, if it is known.
      offset: The position in the decompressed file, in bytes from 0, if it is known.
    """

    def __init__(
        self, message: str, file: str | None = None, line: int | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message, file, line, offset)
        self.message = message
        self.file = file
        self.line = line
        self.offset = offset

    def __str__(self) -> str:
        """Returns the message, without the place."""
        return self.message

    def describe(self, file: str, num_records: int) -> DamagedFile:
        """Returns the description of the damage.

        Args:
          file: The file that is being read. It is used if the error does not name another one.
          num_records: The number of records that were read before.
        """
        return DamagedFile(
            file=self.file or file,
            message=self.message,
            num_records=num_records,
            line=self.line,
            offset=self.offset,
        )
