"""Write a translated data set as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from passerelle.errors import InputError
from passerelle.formats.base import FolderFormat, Format, Row
from passerelle.runs import storage


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
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    if target.is_dir() and (not data_format.is_folder or any(target.iterdir())):
        raise InputError(f"{str(target)!r} is a folder with something in it: name one that doesn't exist yet.")
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if isinstance(data_format, FolderFormat):
                data_format.write_folder(source, beside, rows)
            else:
                with beside.open("wb") as out:
                    data_format.write(source, out, rows)
                    out.flush()
                    os.fsync(out.fileno())
            beside.replace(target)
        finally:
            if beside.is_dir():
                shutil.rmtree(beside)
            beside.unlink(missing_ok=True)
