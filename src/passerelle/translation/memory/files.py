"""The translation memory in files that other tools read and write: TMX and CSV."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.formats.values.spreadsheet import told
from passerelle.languages.codes import language, regional
from passerelle.records import Origin
from passerelle.runs import flush_to_disk, written_beside
from passerelle.translation.memory.entries import ORIGINS_BY_RANK, Entry, Stored
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.tmx import Unit, read_units, tmx_lines

LONGEST_TEXT = 1_000_000
COLUMNS = tuple(column.name for column in fields(Entry))
_NEEDED_COLUMNS = ("source", "translation")
_IMPORTED_AT_ONCE = 2000
_SHOWN_REJECTS = 5
# Python's csv module refuses cells of more than 128 KiB unless told otherwise.
_LONGEST_CELL = 8 * LONGEST_TEXT


@dataclass(frozen=True)
class Defaults:
    """What an imported entry gets where the file doesn't say it; languages given here also choose.

    Attributes:
        source: Code of the language that was translated; other pairs of the file are left out.
        target: Code of the language that it was translated to; with a country other than its usual one (``fr-CA``)
            only what is said there is taken, as the language's own.
        origin: Who made translations of which the file doesn't say it.
    """

    source: str | None = None
    target: str | None = None
    origin: Origin = "human-translation"

    def normalised(self) -> Defaults:
        """The same with BCP-47 codes.

        Raises:
            ConfigError: Unknown language.
        """
        return Defaults(self.source and language(self.source).bcp47, self.target and regional(self.target), self.origin)


@dataclass
class ImportReport:
    """What became of the entries of a file.

    Attributes:
        new: Those that the memory didn't know.
        replaced: Those that took the place of one of the same or a lower origin.
        kept: Those whose place in the memory is held by the same or a better translation, or a younger one.
        rejected: Number of those that were left out, by reason.
        examples: The first of those left out: where in the file, reason, detail.
    """

    new: int = 0
    replaced: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str, str]] = field(default_factory=list)

    def reject(self, place: str, reason: str, detail: str) -> None:
        """Count an entry that is left out, and keep the first ones as examples."""
        self.rejected[reason] += 1
        if len(self.examples) < _SHOWN_REJECTS:
            self.examples.append((place, reason, detail[:200]))

    def count(self, stored: Stored) -> None:
        """Count entries that were given to the memory."""
        self.new += stored.new
        self.replaced += stored.replaced
        self.kept += stored.kept


class _Rejected(Exception):
    """One entry can't be taken: a reason code and a detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def export_memory(memory: TranslationMemory, path: Path, source: str | None = None, target: str | None = None) -> int:
    """Write the memory, or one pair of languages of it, as TMX or CSV; the file appears when it is whole.

    Args:
        memory: The memory.
        path: A file that ends in ``.tmx`` or ``.csv``.
        source: BCP-47 code; all if not given.
        target: The same.

    Returns:
        Number of entries written.

    Raises:
        ConfigError: The file's name ends otherwise.
        StorageError: The disk is full, or the folder can't be written.
    """
    kind = _kind(path)
    sources = {part.source for part in memory.parts() if target in (None, part.target)}
    only = source or (sources.pop() if len(sources) == 1 else None)
    written = 0

    def counted() -> Iterator[Entry]:
        nonlocal written
        for entry in memory.entries(source, target):
            written += 1
            yield entry

    with _beside(path) as file:
        if kind == ".tmx":
            file.writelines(tmx_lines(counted(), only))
        else:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows([getattr(entry, column) for column in COLUMNS] for entry in counted())
    return written


def import_memory(memory: TranslationMemory, path: Path, defaults: Defaults | None = None) -> ImportReport:
    """Take the entries of a TMX or CSV file into the memory.

    They are taken in batches, each whole or not at all, so that others can write meanwhile; importing a file
    again changes nothing.

    Args:
        memory: The memory.
        path: A file that ends in ``.tmx`` or ``.csv``.
        defaults: What holds where the file doesn't say it.

    Returns:
        How many were new, replaced others, weren't needed, or were rejected, and why.

    Raises:
        ConfigError: The file's name ends otherwise, or a language is unknown.
        InputError: There is no such file, or it can't be read on; what came before is in the memory.
        StorageError: The disk is full, or the memory can't be written.
    """
    read = _read_tmx if _kind(path) == ".tmx" else _read_csv
    report, known = ImportReport(), (defaults or Defaults()).normalised()
    try:
        with path.open("rb") as file:
            entries = read(file, path, known, report)
            while batch := list(islice(entries, _IMPORTED_AT_ONCE)):
                report.count(memory.add(batch))
    except InputError as error:
        taken = report.new + report.replaced
        raise InputError(f"{error} {taken} entries before that were taken into the memory.") from error
    except FileNotFoundError as error:
        raise InputError(f"no file at {str(path)!r}.") from error
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error.strerror}.") from error
    return report


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".tmx", ".csv"):
        raise ConfigError(f"{str(path)!r}: " + unknown("kind of memory file", kind, (".tmx", ".csv")))
    return kind


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[TextIO]:
    """Open a file beside its place and rename it when all is written and on the disk."""
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        yield file
        flush_to_disk(file)


def _read_tmx(file: BinaryIO, path: Path, defaults: Defaults, report: ImportReport) -> Iterator[Entry]:
    now = _now()
    for unit in read_units(file, path):
        try:
            columns = list(_columns_of(unit, defaults))
        except _Rejected as rejected:
            report.reject(f"unit {unit.number}", rejected.reason, rejected.detail)
            continue
        yield from _entries(((f"unit {unit.number}", each) for each in columns), defaults, report, now)


def _columns_of(unit: Unit, defaults: Defaults) -> Iterator[dict[str, str]]:
    """The pairs of a unit, as a CSV file would hold them."""
    wanted = defaults.source or unit.source_language
    if wanted == "*all*":
        raise _Rejected("no-source-language", "the file doesn't say which language was translated: give --source")
    source = next((v for v in unit.variants if _code(v.language) == _code(wanted)), None)
    others = [v for v in unit.variants if v is not source]
    if source is None or not others:
        languages = ", ".join(v.language for v in unit.variants) or "none"
        raise _Rejected("no-translation", f"no text in {wanted} with a translation; languages here: {languages}")
    for other in others:
        yield {
            "source": source.text,
            "translation": other.text,
            "source_language": source.language,
            "target_language": other.language,
            "signature": unit.properties.get("x-engine", ""),
            "glossary": unit.properties.get("x-glossary", ""),
            "origin": unit.properties.get("x-origin", ""),
            "created": other.created,
        }


def _read_csv(file: BinaryIO, path: Path, defaults: Defaults, report: ImportReport) -> Iterator[Entry]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    sheet = told(path)
    text = io.TextIOWrapper(file, encoding=sheet.encoding, errors=sheet.errors, newline="")
    for _ in range(sheet.skipped):
        text.readline()
    table = csv.DictReader(text, delimiter=sheet.delimiter, strict=True)
    try:
        missing = [column for column in _NEEDED_COLUMNS if column not in (table.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path}: no column {missing[0]!r} in the first line. Needed: {', '.join(_NEEDED_COLUMNS)}; "
                f"known too: {', '.join(column for column in COLUMNS if column not in _NEEDED_COLUMNS)}."
            )
        yield from _entries(((f"line {table.line_num}", row) for row in table), defaults, report, _now())
    except csv.Error as error:
        raise InputError(f"{path}, line {table.line_num + 1}: {error}.") from error
    finally:
        text.detach()  # the caller closes the file


def _entries(
    rows: Iterable[tuple[str, Mapping[str, str]]], defaults: Defaults, report: ImportReport, now: str
) -> Iterator[Entry]:
    for place, row in rows:
        try:
            entry = _entry(row, defaults, now)
        except _Rejected as rejected:
            report.reject(place, rejected.reason, rejected.detail)
            continue
        taken = _asked_for(entry, defaults)
        if taken is None:
            pair = f"{entry.source_language} to {entry.target_language}"
            report.reject(place, "other-languages", f"{pair} wasn't asked for")
        else:
            yield taken


def _asked_for(entry: Entry, defaults: Defaults) -> Entry | None:
    """Return an entry in the languages that were asked for; one of the country asked for as the language's own."""
    if defaults.source not in (None, entry.source_language):
        return None
    if defaults.target is None or language(entry.target_language).bcp47 == defaults.target:
        return entry
    plain = language(defaults.target).bcp47
    return replace(entry, target_language=plain) if entry.target_language == defaults.target else None


def _entry(row: Mapping[str, str], defaults: Defaults, now: str) -> Entry:
    """Check one entry of a file.

    Raises:
        _Rejected: It can't be taken.
    """
    if None in row or None in row.values():
        raise _Rejected("wrong-column-count", "as many cells are needed as in the first line")
    for column in _NEEDED_COLUMNS:
        _check_text(column, row[column])
    origin = next((known for known in ORIGINS_BY_RANK if known == (row.get("origin") or defaults.origin)), None)
    if origin is None:
        raise _Rejected("unknown-origin", unknown("origin", row["origin"], ORIGINS_BY_RANK))
    return Entry(
        source=row["source"],
        translation=row["translation"],
        source_language=_named_language(row.get("source_language") or defaults.source, "source", _code),
        target_language=_named_language(row.get("target_language") or defaults.target, "target", regional),
        signature=row.get("signature") or "",
        glossary=row.get("glossary") or "",
        origin=origin,
        created=_date(row.get("created") or "") or now,
    )


def _check_text(column: str, text: str) -> None:
    if not text.strip():
        raise _Rejected("empty-text", f"the {column} is empty")
    if len(text) > LONGEST_TEXT:
        raise _Rejected("too-long", f"the {column} has {len(text):,} characters; at most {LONGEST_TEXT:,}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Rejected("not-unicode", f"the {column} isn't valid UTF-8: {text[:40]!r}") from None


def _named_language(code: str | None, which: str, read: Callable[[str], str]) -> str:
    if not code:
        raise _Rejected("unknown-language", f"no {which} language: give --{which}")
    try:
        language(code)
        return read(code)
    except ConfigError as error:
        raise _Rejected("unknown-language", str(error)) from error


@lru_cache(maxsize=1024)
def _code(name: str) -> str:
    """A language's BCP-47 code, or the name itself if it is unknown."""
    try:
        return language(name).bcp47
    except ConfigError:
        return name


def _date(created: str) -> str:
    """A date as the memory keeps it, so that dates compare as texts; empty if it isn't one."""
    try:
        date = datetime.fromisoformat(created)
    except ValueError:
        return ""
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
