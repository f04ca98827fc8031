"""Write a translated data set as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from passerelle.errors import InputError
from passerelle.formats.base import FolderFormat, Format, Row
from passerelle.runs import flush_to_disk, written_beside


def save(
    data_format: Format | FolderFormat, source: Path, target: Path, rows: Iterable[tuple[Row, Mapping[str, str]]]
) -> None:
    """Write a data set again with other texts, beside its place, and rename it when it is whole.

    Args:
        data_format: The format of `source`, and of `target`.
        source: The file or folder that the rows were read from.
        target: The file or folder to write; a file is replaced, a folder must not exist yet.
        rows: As in `Format.write`.

    Raises:
        InputError: The source changed since the rows were read, or `target` is a folder with something in it.
        StorageError: The disk is full, or the place can't be written.
    """
    check_target(data_format, target)
    with written_beside(target) as beside:
        write_data(data_format, source, beside, rows)


def check_target(data_format: Format | FolderFormat, target: Path) -> None:
    """Make sure that a data set can be put in a place.

    Raises:
        InputError: A folder with something in it is there, or a file where a folder is to be.
    """
    if target.is_dir() and (not data_format.is_folder or any(target.iterdir())):
        raise InputError(f"{str(target)!r} is a folder with something in it: name one that doesn't exist yet.")
    if data_format.is_folder and target.is_file():
        raise InputError(f"{str(target)!r} is a file, and {data_format.name} is a folder: name one for it.")


def write_data(
    data_format: Format | FolderFormat, source: Path, target: Path, rows: Iterable[tuple[Row, Mapping[str, str]]]
) -> None:
    """Write a data set again with other texts, and flush it to the disk; arguments and errors as in `save`."""
    if isinstance(data_format, FolderFormat):
        data_format.write_folder(source, target, rows)
    else:
        with target.open("wb") as out:
            data_format.write(source, out, rows)
            flush_to_disk(out)
