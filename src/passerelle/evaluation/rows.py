"""Read the rows of a benchmark's files as they are: JSON, JSON Lines, TSV, CSV, Parquet, MME's folder, `datasets`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.errors import InputError, MissingDependency, to_install
from passerelle.formats.base import BadRow
from passerelle.formats.lines import lines
from passerelle.formats.values.rows import kind_of, read_object, read_values
from passerelle.formats.values.workbook import workbook_rows
from passerelle.formats.window import opened

Row = dict[str, Any]
_LISTS = ("questions", "annotations", "data", "rows", "logs")
_MME_RESULT = ("image", "question", "truth", "prediction")


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


def read_answers(path: Path) -> Iterator[Row | BrokenRow]:
    """Read the rows of a file of answers, or of MME's results: text files, one a subtask, in a folder.

    Raises:
        InputError: As `read_rows`.
    """
    if not path.is_dir() and path.suffix.lower() != ".txt":
        yield from read_rows([str(path)])
        return
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{str(path)!r} has no text files: give a file of answers, or the folder of MME's results.")
    for file in files:
        for number, line in _text_lines(file):
            cells = (line or "").split("\t")
            if len(cells) == len(_MME_RESULT):
                yield {"category": file.stem, **dict(zip(_MME_RESULT, cells, strict=True))}
            elif line is None or line.strip():
                yield BrokenRow(f"{file.name}, line {number}: not a picture, a question, its truth and an answer")


def _one(path: Path) -> Iterator[Row | BrokenRow]:
    if path.is_dir():
        return _mme_folder(path)
    if not path.is_file():
        raise InputError(f"no file at {str(path)!r}: give the path of a benchmark's file, or datasets:NAME.")
    if path.suffix.lower() == ".xlsx":
        return _objects(workbook_rows(path))
    if kind_of(path) == "object":
        return _rows_of(read_object(path), path)
    return _objects(read_values(path))


def _rows_of(value: Any, path: Path) -> Iterator[Row | BrokenRow]:
    if isinstance(value, list):
        yield from _objects(enumerate(value, 1))
    elif (
        isinstance(value, Mapping)
        and isinstance(value.get("images"), list)
        and isinstance(value.get("annotations"), list)
    ):
        yield from _captions(value)
    elif isinstance(value, Mapping) and (name := next((n for n in _LISTS if isinstance(value.get(n), list)), "")):
        shared = {f"_{key}": text for key, text in value.items() if isinstance(text, str)}
        for row in _objects(enumerate(value[name], 1)):
            yield row if isinstance(row, BrokenRow) else {**shared, **row}
    elif isinstance(value, Mapping) and all(isinstance(each, dict) for each in value.values()) and value:
        yield from ({"_key": key, **each} for key, each in value.items())
    else:
        raise InputError(f"{str(path)!r} holds no rows: give a list of objects, or an object of them.")


def _objects(values: Iterable[tuple[int, Any]]) -> Iterator[Row | BrokenRow]:
    for number, value in values:
        if isinstance(value, BadRow):
            yield BrokenRow(value.detail if value.detail.startswith("line ") else f"row {number}: {value.detail}")
        else:
            yield value if isinstance(value, dict) else BrokenRow(f"row {number}: not an object")


def _captions(value: Mapping[str, Any]) -> Iterator[Row | BrokenRow]:
    """Put COCO's annotations together by picture."""
    captions: dict[str, list[str]] = {}
    for number, row in enumerate(value["annotations"], 1):
        if not isinstance(row, Mapping) or not isinstance(row.get("caption"), str):
            yield BrokenRow(f"annotation {number}: no caption that is a text")
        else:
            captions.setdefault(str(row.get("image_id")), []).append(row["caption"])
    for number, image in enumerate(value["images"], 1):
        if not isinstance(image, Mapping):
            yield BrokenRow(f"image {number}: not an object")
            continue
        yield {
            "image_id": image.get("id"),
            "image": image.get("file_name"),
            "captions": captions.get(str(image.get("id")), []),
        }


def _mme_folder(path: Path) -> Iterator[Row | BrokenRow]:
    """Read MME's folders: a subtask each, a text file a picture, a question, a tab and its answer a line."""
    files = sorted(path.rglob("*.txt"))
    if not files:
        raise InputError(f"{str(path)!r} has no text files: give MME's folder, a file, or datasets:{path}.")
    for file in files:
        folder = file.parent
        subtask = folder.parent if folder.name == "questions_answers_YN" else folder
        for number, line in _text_lines(file):
            if line is None:
                yield BrokenRow(f"{file.name}, line {number}: it isn't encoded in UTF-8")
                continue
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


def _text_lines(path: Path) -> Iterator[tuple[int, str | None]]:
    with opened(path) as file:
        for line in lines(file):
            try:
                yield line.number, line.content.decode()
            except UnicodeDecodeError:
                yield line.number, None


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
