"""Read the rows of a benchmark's files as they are: JSON, JSON Lines, TSV, CSV, Parquet, MME's folder, `datasets`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import InputError, MissingDependency, to_install

Row = dict[str, Any]
_LISTS = ("questions", "annotations", "data", "rows")
_LONGEST_CELL = 64 * 2**20


class BrokenRow(InputError):
    """A row that can't be read; the rows after it can."""


def read_rows(places: Sequence[str]) -> Iterator[Row | BrokenRow]:
    """Read rows; of several files those of the same id are put together, as VQAv2's questions and annotations.

    Args:
        places: Files, or one folder.

    Yields:
        Rows as plain dictionaries. ``_number`` counts them from 1, ``_key`` is the key of a keyed document.

    Raises:
        InputError: A file is missing, or so broken that its rows can't be told apart.
        MissingDependency: A package that reads it isn't installed.
    """
    if len(places) == 1:
        yield from _numbered(_one(Path(places[0])))
        return
    joined: dict[str, Row] = {}
    for place in places:
        for row in _one(Path(place)):
            if isinstance(row, BrokenRow):
                yield row
                continue
            key = str(row.get("question_id", row.get("id", row.get("_key", ""))))
            joined.setdefault(key, {}).update(row)
    yield from _numbered(iter(joined.values()))


def _numbered(rows: Iterator[Row | BrokenRow]) -> Iterator[Row | BrokenRow]:
    for number, row in enumerate(rows, 1):
        yield row if isinstance(row, BrokenRow) else {"_number": number, **row}


def _one(path: Path) -> Iterator[Row | BrokenRow]:
    if path.is_dir():
        return _mme_folder(path)
    if not path.is_file():
        raise InputError(f"no file at {str(path)!r}: give the path of a benchmark's file, or datasets:NAME.")
    suffix = path.suffix.lower()
    if suffix in (".tsv", ".csv"):
        return _table(path, "\t" if suffix == ".tsv" else ",")
    if suffix == ".parquet":
        return _parquet(path)
    if suffix == ".jsonl":
        return _lines(path)
    return _document(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{str(path)!r} isn't UTF-8: {error.reason} at byte {error.start:,}.") from None
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error.strerror}.") from None


def _lines(path: Path) -> Iterator[Row | BrokenRow]:
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            yield _object(line, f"line {number}")


def _object(text: str, where: str) -> Row | BrokenRow:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return BrokenRow(f"{where}: not JSON: {error}")
    return value if isinstance(value, dict) else BrokenRow(f"{where}: not an object")


def _document(path: Path) -> Iterator[Row | BrokenRow]:
    text = _text(path)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        first = text.lstrip().split("\n", 1)[0]
        if isinstance(_object(first, ""), dict):  # JSON Lines under another name
            yield from _lines(path)
            return
        raise InputError(f"{str(path)!r} isn't JSON: {error}.") from None
    yield from _rows_of(value, path)


def _rows_of(value: Any, path: Path) -> Iterator[Row | BrokenRow]:
    if isinstance(value, list):
        yield from _objects(value)
    elif (
        isinstance(value, Mapping)
        and isinstance(value.get("images"), list)
        and isinstance(value.get("annotations"), list)
    ):
        yield from _captions(value)
    elif isinstance(value, Mapping) and (name := next((n for n in _LISTS if isinstance(value.get(n), list)), "")):
        shared = {f"_{key}": text for key, text in value.items() if isinstance(text, str)}
        for row in _objects(value[name]):
            yield row if isinstance(row, BrokenRow) else {**shared, **row}
    elif isinstance(value, Mapping) and all(isinstance(each, dict) for each in value.values()) and value:
        yield from ({"_key": key, **each} for key, each in value.items())
    else:
        raise InputError(f"{str(path)!r} holds no rows: give a list of objects, or an object of them.")


def _objects(values: Sequence[Any]) -> Iterator[Row | BrokenRow]:
    for number, value in enumerate(values, 1):
        yield value if isinstance(value, dict) else BrokenRow(f"row {number}: not an object")


def _captions(value: Mapping[str, Any]) -> Iterator[Row | BrokenRow]:
    """Put COCO's annotations together by picture."""
    captions: dict[Any, list[str]] = {}
    for row in value["annotations"]:
        if isinstance(row, Mapping) and "caption" in row:
            captions.setdefault(row.get("image_id"), []).append(row["caption"])
    for image in value["images"]:
        yield {
            "image_id": image.get("id"),
            "image": image.get("file_name"),
            "captions": captions.get(image.get("id"), []),
        }


def _table(path: Path, delimiter: str) -> Iterator[Row | BrokenRow]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter)
    try:
        header = next(reader, [])
        for number, cells in enumerate(reader, 1):
            if len(cells) == len(header):
                yield dict(zip(header, cells, strict=True))
            elif cells:
                yield BrokenRow(f"row {number}: {len(cells)} cells, where the header has {len(header)}")
    except csv.Error as error:
        raise InputError(f"{str(path)!r}, line {reader.line_num}: {error}.") from None


def _parquet(path: Path) -> Iterator[Row | BrokenRow]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as missing:
        raise MissingDependency(f"Parquet needs pyarrow: type {to_install('parquet')}") from missing
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{str(path)!r} can't be read as Parquet: {error}.") from None


def _mme_folder(path: Path) -> Iterator[Row | BrokenRow]:
    """Read MME's folders: a subtask each, a text file a picture, a question, a tab and its answer a line."""
    files = sorted(path.rglob("*.txt"))
    if not files:
        raise InputError(f"{str(path)!r} has no text files: give MME's folder, a file, or datasets:{path}.")
    for file in files:
        folder = file.parent
        subtask = folder.parent if folder.name == "questions_answers_YN" else folder
        for number, line in enumerate(_text(file).splitlines(), 1):
            question, tab, answer = line.rpartition("\t")
            if tab:
                picture = _picture_beside(file, subtask)
                yield {
                    "category": subtask.name,
                    "question_id": file.stem,
                    "question": question,
                    "answer": answer.strip(),
                    "image": str(picture.relative_to(path)) if picture else None,
                    "_line": number,
                    "_images": str(path),
                }
            elif line.strip():
                yield BrokenRow(f"{file.name}, line {number}: no tab between question and answer")


def _picture_beside(file: Path, subtask: Path) -> Path | None:
    for folder in (file.parent, subtask / "images"):
        for suffix in (".jpg", ".png", ".jpeg", ".webp"):
            if (picture := folder / f"{file.stem}{suffix}").is_file():
                return picture
    return None


def read_dataset(name: str) -> Iterator[Row | BrokenRow]:
    """Read a data set by `datasets`: ``NAME``, ``NAME@SPLIT`` or ``NAME:CONFIG@SPLIT``; a folder works too.

    Raises:
        InputError: It can't be loaded, or has several splits and none is named.
        MissingDependency: `datasets` isn't installed.
    """
    try:
        import datasets
    except ImportError as missing:
        raise MissingDependency(f"data sets need `datasets`: type {to_install('datasets')}") from missing
    whole, _, split = name.partition("@")
    place, _, config = whole.partition(":")
    try:
        if (Path(place) / "state.json").is_file() or (Path(place) / "dataset_dict.json").is_file():
            loaded = datasets.load_from_disk(place)
        else:
            loaded = datasets.load_dataset(place, config or None)
    except Exception as error:  # it raises whatever its builders raise
        raise InputError(f"`datasets` can't load {place!r}: {str(error).strip().splitlines()[0]}") from error
    if isinstance(loaded, dict):
        if not split and len(loaded) > 1:
            raise InputError(f"{place!r} has several splits: write datasets:{whole}@{next(iter(loaded))}.")
        if split and split not in loaded:
            raise InputError(f"{place!r} has no split {split!r}. It has {', '.join(loaded)}.")
        loaded = loaded[split or next(iter(loaded))]
    for number, row in enumerate(loaded, 1):
        yield {"_number": number, **row}
