"""All formats by name, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.formats.base import BadRow, FieldKind, Format
from passerelle.formats.contents import describe, is_object
from passerelle.formats.delimited import Delimited
from passerelle.formats.json_document import JsonDocument
from passerelle.formats.json_lines import JsonLines
from passerelle.formats.layout import Layout, layouts
from passerelle.formats.parquet import Parquet
from passerelle.formats.places import parse_place
from passerelle.formats.text_folder import TextFolder

CONTAINERS: dict[str, Callable[[Layout], Format]] = {
    "delimited": Delimited,
    "json": JsonDocument,
    "jsonl": JsonLines,
    "parquet": Parquet,
    "text-folder": TextFolder,
}

# Formats for any rows, whose fields the user names: container and delimiter.
PLAIN: dict[str, tuple[str, str]] = {
    "csv": ("delimited", ""),
    "json": ("json", ""),
    "jsonl": ("jsonl", ""),
    "parquet": ("parquet", ""),
    "tsv": ("delimited", "\t"),
}
_TRIED_ROWS = 1000


@cache
def formats() -> dict[str, Format]:
    """Return the formats whose fields are known, by name."""
    return {name: CONTAINERS[layout.container](layout) for name, layout in layouts().items()}


def detect(path: Path) -> Format:
    """Find out which format a file or a folder is in, from what is in it.

    Raises:
        InputError: It is in none that is known, or in several; the message says what was seen and what to type.
    """
    if not path.exists():
        raise InputError(f"no file at {str(path)!r}: give the path of a data file.")
    fitting = [data_format for data_format in formats().values() if data_format.detects(path)]
    if len(fitting) == 1:
        return fitting[0]
    names = [data_format.name for data_format in fitting]
    if fitting:
        raise InputError(
            f"{str(path)!r} can be read as {' or '.join(names)}. Say which: --format {names[0]} or --format {names[1]}."
        )
    raise InputError(
        f"{str(path)!r} is in no format that is known: it is {describe(path)}. Name what is to be translated, for "
        f"example --fields messages.*.content,caption, or the format: --format {'|'.join(formats())}."
    )


def open_format(path: Path, name: str = "", fields: Sequence[str] = (), images: Sequence[str] = ()) -> Format:
    """Return the format to read a file with: the one that is named, that of the fields, or what is detected.

    Args:
        path: The data file or folder.
        name: What ``--format`` says; empty: find out.
        fields: Places of the texts to translate; needed where `name` is a plain one such as ``jsonl``.
        images: Places of image paths, for plain formats.

    Raises:
        ConfigError: There is no such format, or a place can't be read.
        InputError: The file is in no format that is known, or has no text at any of the places.
    """
    if name and name not in PLAIN and name not in formats():
        raise ConfigError(unknown("format", name, [*formats(), *PLAIN]))
    if fields:
        if name in formats():
            raise ConfigError(f"format {name!r} knows its fields: leave out --format or --fields.")
        data_format = _plain(name or _plain_name(path), path, fields, images)
        _expect_texts(data_format, path, fields)
        return data_format
    if name in PLAIN:
        raise ConfigError(
            f"format {name!r} needs the places of the texts to translate: for example "
            "--fields messages.*.content,caption"
        )
    return formats()[name] if name else detect(path)


def _plain(name: str, path: Path, fields: Iterable[str], images: Sequence[str]) -> Format:
    container, delimiter = PLAIN[name]
    rows = "*"
    if container == "json" and is_object(path):
        # The rows of an object may be anywhere in it: the places are counted from its top, rows are at the first star.
        rows, fields = _split_rows(list(fields))
    kinds: dict[str, FieldKind] = dict.fromkeys(fields, "text")
    layout = Layout(
        name,
        container,
        kinds,
        rows=rows,
        keyed=None,
        id="id",
        images=tuple(images),
        delimiter=delimiter,
        own=container != "delimited",  # its header is held against the fields
    )
    for place in (*kinds, *images):
        parse_place(place)
    return CONTAINERS[container](layout)


def _plain_name(path: Path) -> str:
    seen = describe(path)
    for beginning, name in (
        ("a Parquet", "parquet"),
        ("a JSON document", "json"),
        ("JSON lines", "jsonl"),
        ("a table", "csv"),
    ):
        if seen.startswith(beginning):
            return name
    raise InputError(f"{str(path)!r} can't be read with --fields: it is {seen}. Give JSON, JSONL, CSV, TSV or Parquet.")


def _split_rows(fields: Sequence[str]) -> tuple[str, list[str]]:
    """Cut places in a whole document after the first star: before it are the rows, after it what is in a row."""
    begins, rests = set(), []
    for place in fields:
        begin, star, rest = place.partition("*.")
        if not star:
            raise ConfigError(
                f"the document is an object, so {place!r} must say where its rows are: for example data.*.{place} for "
                f'{{"data": [...]}}, or *.{place} if each key is a row.'
            )
        begins.add(begin)
        rests.append(rest)
    if len(begins) > 1:
        raise ConfigError(
            f"the rows can't be in several places at once ({', '.join(f'{begin}*' for begin in sorted(begins))}): "
            "translate one after the other."
        )
    return f"{begins.pop()}*", rests


def _expect_texts(data_format: Format, path: Path, fields: Sequence[str]) -> None:
    tried = 0
    for row in islice(data_format.rows(path), _TRIED_ROWS):
        tried += 1
        if not isinstance(row, BadRow) and row.fields:
            return
    if tried:
        raise InputError(
            f"no text at {', '.join(fields)} in the first {tried:,} rows of {str(path)!r}, which is {describe(path)}. "
            "Put the places right in --fields; * stands for any index or key."
        )
