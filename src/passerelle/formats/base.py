"""The contract of a data format: rows with the texts to translate, and the way back into a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol, runtime_checkable

FieldKind = Literal["text", "option", "answer", "yes-no"]

MAX_TEXT_CHARACTERS = 1_000_000
"""A longer text is no text of a data set: its row is bad, with the reason ``too-long``."""


class Field(NamedTuple):
    """One text of a row that is to be translated.

    Attributes:
        place: Dotted path in the row: ``conversations.1.value``, ``A``, ``question``. A dot, a star or a
            backslash inside a key is written with a backslash before it.
        text: The text as a reader of the format gets it.
        kind: ``option``: one of the row's answer options. ``answer``: must equal the translation of the option
            with the same text. ``yes-no``: a bare yes or no, translated by lexicon.
    """

    place: str
    text: str
    kind: FieldKind = "text"


class Row(NamedTuple):
    """One row of a data set.

    Attributes:
        number: 1-based, for messages: the line in files of lines, else the row's place in its file.
        id: The row's own id, or its number.
        fields: The texts to translate, in the order of the file; blank ones are left out.
        images: Relative paths in the image folder. Embedded images were checked by the reader.
        raw: The row as it stands in the file; of Parquet, the columns that were read.
        is_numbered: Whether its id says only where it stands, so that it is another once a row before is gone.
    """

    number: int
    id: str
    fields: tuple[Field, ...]
    images: tuple[str, ...]
    raw: bytes = b""
    is_numbered: bool = False


@dataclass(frozen=True)
class BadRow:
    """A row that can't be used. The rows after it are read all the same.

    Attributes:
        number: As in `Row`.
        reason: A code: ``broken-json``, ``wrong-column-count``, ``bad-image``, ``too-long`` and others, see
            ``docs/reference/formats.md``.
        detail: What was wrong, for people.
        raw: The row as it stands in the file.
    """

    number: int
    reason: str
    detail: str
    raw: bytes


@runtime_checkable
class Format(Protocol):
    """Reads the rows of a file and writes the same file with other texts."""

    @property
    def name(self) -> str:
        """What ``--format`` calls it."""
        ...

    @property
    def is_folder(self) -> bool:
        """Whether a data set is a folder, as MME's: then it is a `FolderFormat`, which `write` refuses."""
        ...

    def detects(self, path: Path) -> bool:
        """Say whether a file looks like this format, from its first rows."""
        ...

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the rows one after the other; never more than a few are in memory.

        Raises:
            InputError: The file is missing, or so broken that the rest can't be read; the message says where.
        """
        ...

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the source again with other texts; what isn't translated comes back byte for byte.

        Args:
            source: The file that the rows were read from.
            out: Where to write.
            rows: Rows in the order of the file, each with its new texts by place. Places that aren't named keep
                their text; rows that aren't named are left out. Of a row only the number is needed; with its fields
                and its raw bytes it may be written faster.

        Raises:
            InputError: The source changed since the rows were read.
        """
        ...


@runtime_checkable
class FolderFormat(Format, Protocol):
    """A format whose data set is a folder."""

    def write_folder(self, source: Path, target: Path, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the folder again, as `Format.write` does with a file; files that hold no rows are copied.

        Raises:
            InputError: The source changed since the rows were read.
            StorageError: The disk is full, or the folder can't be written.
        """
        ...
