"""Read pairs of source and translation from two files that belong together, or from two columns of one."""

from __future__ import annotations

import heapq
import random
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from passerelle.errors import InputError
from passerelle.formats.base import BadRow, Field, Format, Row
from passerelle.formats.images import ImageFolder, check_images
from passerelle.formats.layout import layouts
from passerelle.formats.registry import CONTAINERS, open_format
from passerelle.formats.saving import save
from passerelle.languages.codes import language
from passerelle.quality.aligning import Alignment, Files, Unpaired, align, said
from passerelle.quality.base import Pair, PairedRow
from passerelle.quality.in_step import PairsInStep, RowsInStep, in_step
from passerelle.quality.plain_text import PlainText
from passerelle.translation.dataset.rejects import reject_reasons

_NAMES = ("question", "caption", "answer")
_SUFFIXES = {"captions": "caption", "multiple_choice_answer": "answer", "answers": "answer", "instruction": "question"}


@dataclass(frozen=True)
class Paired:
    """Two files that belong together.

    Attributes:
        format: Of the translated file.
        path: The translated file.
        rows: All rows with a text, in the order of the file, or a sample of them; many are read again each time.
        without_text: Rows of the translated file that have no text in either: nothing to judge, nothing to lose.
        unpaired: Rows of either file that the other doesn't have.
        gaps: The same in a sentence; empty if there are none.
    """

    format: Format
    path: Path
    rows: Collection[PairedRow]
    without_text: tuple[Row, ...] = ()
    unpaired: tuple[Unpaired, ...] = ()
    gaps: str = ""

    @property
    def pairs(self) -> Collection[Pair]:
        """The pairs of all rows: a list, or where there are many, what reads them again each time."""
        if isinstance(self.rows, RowsInStep):
            return PairsInStep(self.rows)
        return [pair for row in self.rows for pair in row.pairs]

    @property
    def languages(self) -> tuple[str, str]:
        """BCP-47 codes of source and translation."""
        first = next(iter(self.rows)).pairs[0]
        return first.source_language, first.target_language

    def with_texts(
        self, texts: Iterable[tuple[PairedRow, Mapping[str, str]]]
    ) -> Iterator[tuple[Row, Mapping[str, str]]]:
        """Yield rows to write, with those that have no text at their places among them.

        Args:
            texts: Rows that are to be written, in order, with their new texts by place.
        """
        written = ((row.row, new) for row, new in texts)
        others: Iterator[tuple[Row, Mapping[str, str]]] = ((row, {}) for row in self.without_text)
        return heapq.merge(written, others, key=lambda pair: pair[0].number)


@dataclass(frozen=True)
class PairOptions:
    """How two files are read.

    Attributes:
        source_language: Any code or name.
        target_language: The same.
        format: Name of the format; empty: find out.
        fields: Places of the texts, for rows of any kind.
        image_fields: Places of image paths, for rows of any kind.
        images: The image folder; ``None`` if it isn't known.
        images_anywhere: Whether images may lie outside of the image folder.
        columns: Places of source and translation, where both stand in one file.
    """

    source_language: str = "en"
    target_language: str = "fr"
    format: str = ""
    fields: tuple[str, ...] = ()
    image_fields: tuple[str, ...] = ()
    images: Path | None = None
    images_anywhere: bool = False
    columns: tuple[str, ...] = field(default=())


def read_pairs(source: Path, translated: Path | None, options: PairOptions, left_out: Collection[int] = ()) -> Paired:
    """Read two files that belong together: row by row, or by their rows' ids where one of them lacks some.

    Args:
        source: The file that was translated.
        translated: Its translation in the same format, perhaps with its file of rejects beside it; ``None`` with
            `options.columns`.
        options: How to read them.
        left_out: Numbers of more rows of the source that are known to have no translation.

    Raises:
        ConfigError: Unknown language, format or place.
        InputError: The files don't belong together, a side is empty, a translated row is bad; the first is named.
    """
    codes = language(options.source_language).bcp47, language(options.target_language).bcp47
    if options.images is not None and not options.images.is_dir():
        raise InputError(f"no folder at {str(options.images)!r}: give the folder of the images with --images.")
    if translated is None:
        return _read_columns(source, options, codes)
    data_format = _open(source, options)
    categories = read_categories(source, data_format)
    files = Files(source, translated)

    def make(ours: Row, theirs: Row, look: bool) -> PairedRow:
        _check_places(ours, theirs, source, translated)
        picture, cluster = _picture(ours, options, source, look=look)
        there = {text.place: text.text for text in theirs.fields}
        category = categories.get(ours.number, "")
        pairs = (
            Pair(text.text, there[text.place], *codes, field_kind(text, data_format.name), category, picture, cluster)
            for text in ours.fields
        )
        return PairedRow(theirs, tuple(text.place for text in ours.fields), tuple(pairs))

    stepping = in_step(partial(data_format.rows, source), partial(data_format.rows, translated), make)
    if stepping is not None:
        return _checked(Paired(data_format, translated, *stepping), source)
    rows: list[PairedRow] = []
    without_text: list[Row] = []
    found = aligned(files, data_format, left_out)
    for ours, theirs in found.pairs:
        row = make(ours, theirs, True)
        if row.pairs:
            rows.append(row)
        else:
            without_text.append(theirs)
    unpaired, gaps = tuple(found.unpaired), said(found.unpaired, files)
    return _checked(Paired(data_format, translated, tuple(rows), tuple(without_text), unpaired, gaps), source)


def _checked(paired: Paired, source: Path) -> Paired:
    if not paired.rows:
        raise InputError(f"{str(source)!r} has no rows with a text: there is nothing to look at.")
    return paired


def _open(source: Path, options: PairOptions) -> Format:
    plain = PlainText()
    if options.format == plain.name or (not options.format and not options.fields and plain.detects(source)):
        return plain
    return open_format(source, options.format, options.fields, options.image_fields)


def _read_columns(source: Path, options: PairOptions, codes: tuple[str, str]) -> Paired:
    """Read a file that holds source and translation in two places of each row."""
    if len(options.columns) != 2:
        raise InputError(
            f"{str(source)!r} alone holds no translation: give the translated file too, or the places of both in it, "
            "as in --columns source,target."
        )
    data_format = open_format(source, options.format, options.columns, options.image_fields)
    rows = []
    for row in _good(data_format.rows(source), source):
        texts = {text.place: text.text for text in row.fields}
        for place in options.columns:
            if place not in texts:
                raise InputError(f"{source}, row {row.number} (id {row.id!r}): {place!r} is empty or missing.")
        picture, cluster = _picture(row, options, source)
        pair = Pair(texts[options.columns[0]], texts[options.columns[1]], *codes, "text", "", picture, cluster)
        rows.append(PairedRow(row, (options.columns[1],), (pair,)))
    return _checked(Paired(data_format, source, tuple(rows)), source)


def _good(rows: Iterator[Row | BadRow], path: Path) -> Iterator[Row]:
    for row in rows:
        if isinstance(row, BadRow):
            raise InputError(
                f"{path}, row {row.number}: {row.reason}: {row.detail}. Put the row right, or leave it out."
            )
        yield row


def aligned(files: Files, data_format: Format, left_out: Collection[int]) -> Alignment:
    """Bring the rows of both files together; what of the source can't be read has no translation.

    Raises:
        InputError: The files don't belong together, or a row of the translation is bad.
    """
    rejected = {**dict.fromkeys(left_out, ""), **reject_reasons(files.translated)}
    ours, alone = [], []
    for row in data_format.rows(files.source):
        if isinstance(row, Row):
            ours.append(row._replace(raw=b""))
        else:
            alone.append(Unpaired("source", row.number, str(row.number), row.reason))
    found = align(ours, list(_good(data_format.rows(files.translated), files.translated)), rejected, files)
    return Alignment(found.pairs, sorted([*alone, *found.unpaired]))


def _check_places(ours: Row, theirs: Row, source: Path, translated: Path) -> None:
    one, other = [text.place for text in ours.fields], [text.place for text in theirs.fields]
    for place in one:
        if place not in other:
            raise InputError(f"{translated}, row {theirs.number} (id {theirs.id!r}): {place!r} is empty or missing.")
    for place in other:
        if place not in one:
            raise InputError(
                f"{source}, row {ours.number} (id {ours.id!r}): {place!r} is empty or missing, but translated."
            )


def _picture(row: Row, options: PairOptions, source: Path, *, look: bool = True) -> tuple[Path | None, str]:
    """Return the row's picture inside the image folder, which is looked at, and what its pairs are clustered by."""
    named = [image for image in row.images if not image.startswith("data:")]
    if not named:
        return None, row.id
    images = options.images or (source.parent if options.images_anywhere else None)
    if images is None:
        return None, named[0]
    problem = check_images(row, ImageFolder(images, anywhere=options.images_anywhere)) if look else None
    if problem is not None:
        raise InputError(f"{source}, row {row.number} (id {row.id!r}): {problem[0]}: {problem[1]}.")
    path = images / named[0]
    return (path if path.is_file() else None), named[0]


def field_kind(text: Field, format_name: str = "") -> str:
    """Say what a text is in its data set, by its kind, its place and the format."""
    if text.kind in ("option", "answer"):
        return text.kind
    parts = text.place.split(".")
    if text.kind == "yes-no":
        return "answer"
    for part in reversed(parts):
        name = _SUFFIXES.get(part, part)
        if name in _NAMES:
            return name
    if len(parts) == 3 and parts[1].isdigit() and parts[0] in ("conversations", "messages"):
        return "question" if int(parts[1]) % 2 == 0 else "answer"
    return "caption" if "caption" in format_name else "text"


def read_categories(source: Path, data_format: Format) -> Mapping[int, str]:
    """Return what stands in ``category`` by row number; empty for formats that have none."""
    layout = layouts().get(data_format.name)
    if layout is None or layout.container == "text-folder":
        return {}
    reader = CONTAINERS[layout.container](replace(layout, fields={"category": "text"}, embedded=(), require=()))
    try:
        rows = (row for row in reader.rows(source) if isinstance(row, Row) and row.fields)
        return {row.number: sys.intern(row.fields[0].text) for row in rows}
    except InputError:  # a table without such a column; what else may be wrong is said when the texts were read
        return {}


def sample(paired: Paired, pairs: int, seed: int = 1) -> Paired:
    """Draw rows, all of one picture together, until there are as many pairs as asked for, or a few more.

    Args:
        paired: The files.
        pairs: At least so many pairs, at least 1; all if there are fewer.
        seed: Of the draw.
    """
    drawn = _drawn([(row.pairs[0].cluster, len(row.pairs)) for row in paired.rows], pairs, seed)
    return replace(paired, rows=tuple(row for row in paired.rows if row.pairs[0].cluster in drawn))


def sample_source(source: Path, options: PairOptions, pairs: int, target: Path, seed: int = 1) -> None:
    """Write a sample of a data set that isn't translated yet, drawn as `sample` does.

    Raises:
        InputError: A row is bad.
        StorageError: The file can't be written.
    """
    data_format = _open(source, options)
    rows = [row._replace(raw=b"") for row in _good(data_format.rows(source), source)]
    drawn = _drawn([(_cluster(row), len(row.fields)) for row in rows], pairs, seed)
    save(data_format, source, target, ((row, {}) for row in rows if _cluster(row) in drawn))


def only_kinds(paired: Paired, kinds: Collection[str]) -> Paired:
    """Return the files with the texts of some kinds alone; rows without one stay, as they are.

    An answer that is one of its row's options goes with them: one can't be changed without the other.

    Args:
        paired: The files.
        kinds: Of `passerelle.quality.base.TEXT_KINDS`; none: all texts.

    Raises:
        InputError: There is no text of these kinds.
    """
    if not kinds:
        return paired
    rows = []
    for row in paired.rows:
        options = {pair.source for pair in row.pairs if pair.field == "option"}
        of = ["option" if pair.field == "answer" and pair.source in options else pair.field for pair in row.pairs]
        kept = [one for one, kind in zip(zip(row.places, row.pairs, strict=True), of, strict=True) if kind in kinds]
        rows.append(replace(row, places=tuple(place for place, _ in kept), pairs=tuple(pair for _, pair in kept)))
    if not any(row.pairs for row in rows):
        found = ", ".join(sorted({pair.field for pair in paired.pairs}))
        raise InputError(f"{str(paired.path)!r} has no text that is {' or '.join(kinds)}: its texts are {found}.")
    return replace(paired, rows=tuple(rows))


def _drawn(sizes: Sequence[tuple[str, int]], pairs: int, seed: int) -> set[str]:
    """Draw clusters until they hold as many pairs as asked for; `sizes` are of their rows."""
    total: dict[str, int] = {}
    for cluster, count in sizes:
        total[cluster] = total.get(cluster, 0) + count
    order = list(total)
    random.Random(seed).shuffle(order)
    drawn: set[str] = set()
    count = 0
    for cluster in order:
        if count >= pairs:
            break
        drawn.add(cluster)
        count += total[cluster]
    return drawn


def _cluster(row: Row) -> str:
    return next((image for image in row.images if not image.startswith("data:")), row.id)


def read_references(path: Path, paired: Paired) -> list[str | None]:
    """Read human translations, by row id and place.

    Args:
        path: In the format of the translated file; rows may be missing.
        paired: The files.

    Returns:
        One for each of `paired.pairs`, in order; ``None`` where there is none: the caller states how many.

    Raises:
        InputError: A row is bad, or none fits.
    """
    known = {(row.id, text.place): text.text for row in _good(paired.format.rows(path), path) for text in row.fields}
    found = [known.get((row.row.id, place)) for row in paired.rows for place in row.places]
    if not any(text is not None for text in found):
        raise InputError(f"{str(path)!r} has no reference for any row of {str(paired.path)!r}: their ids must agree.")
    return found
