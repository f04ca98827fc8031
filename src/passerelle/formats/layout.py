"""What a format's rows look like: which places are translated, where the id and the images are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, get_args

from passerelle.errors import ConfigError, unknown
from passerelle.formats.base import MAX_TEXT_CHARACTERS, BadRow, Field, FieldKind, Row
from passerelle.formats.found import Found
from passerelle.formats.images import check_embedded
from passerelle.formats.places import KEY, Node, first_key, tree
from passerelle.formats.values.missing import filled_options, is_missing, may_be_missing

_VARIABLE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class ImageTable:
    """A second list of a file, which names the images by number, as COCO's `images`.

    Attributes:
        rows: Place of its entries.
        key: Place of the number in an entry.
        name: Place of the file name in an entry.
        reference: Place of the number in a row.
    """

    rows: str
    key: str
    name: str
    reference: str


@dataclass(frozen=True)
class Layout:
    """What the rows of a format look like, whatever they are kept in.

    Attributes:
        name: What ``--format`` calls it.
        title: For people.
        container: What the rows are kept in; a name in `CONTAINERS`.
        fields: Kind by place of what is translated.
        rows: Place of the rows in a JSON document.
        keyed: Whether the rows of a document are the values of an object; ``None``: of an object or an array.
        id: Place of the id; empty: the key in an object of rows, else the number.
        images: Places of image paths.
        image_template: Path of the image, instead of `images`, with ``{place}`` in it, or ``{key}`` for the key that
            the row stands under.
        image_table: Where the images are named by number.
        embedded: Places of embedded images.
        require: Places without which a row is none of this format.
        delimiter: Between the cells of a table; empty: whichever of comma, tab, semicolon and bar the header has most.
        answer: Place of the right option's letter, of tables with a column for each option.
        columns: Names of the columns of files that have no header.
        own: Whether a user named the fields: each row has at least one of the keys that they begin with.
    """

    name: str
    container: str
    fields: Mapping[str, FieldKind]
    title: str = ""
    rows: str = "*"
    keyed: bool | None = False
    id: str = ""
    images: tuple[str, ...] = ()
    image_template: str = ""
    image_table: ImageTable | None = None
    embedded: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    delimiter: str = ""
    answer: str = ""
    columns: tuple[str, ...] = ()
    own: bool = False

    @cached_property
    def tree(self) -> Node:
        """All wanted places with what they are wanted for."""
        values = [name for name in _VARIABLE.findall(self.image_template) if name != "key"]
        values += [place for place in (self.id, self.answer) if place]
        values += [self.image_table.reference] if self.image_table else []
        return tree(
            [
                *self.fields.items(),
                *((place, "value") for place in values),
                *((place, "image") for place in self.images),
                *((place, "embedded") for place in self.embedded),
                *((place, f"need:{place}") for place in self.require),
                *((first_key(place), KEY) for place in self.fields if self.own),
            ]
        )

    def fits(self, found: Found) -> bool:
        """Say whether what was found looks like a row of this format."""
        return len(found.present) == len(self.require) and bool(self.require or found.fields)

    def row(
        self, number: int, found: Found, raw: bytes, key: str = "", table: Mapping[str, str] | None = None
    ) -> Row | BadRow:
        """Make a row of what was found in it.

        Args:
            number: The row's number.
            found: What is in it.
            raw: The row as it stands in the file.
            key: The key that it stands under.
            table: File names by image number, where the format has such a table.
        """
        problem = self._problem(found)
        if problem is not None:
            return BadRow(number, *problem, raw)
        images = self._images(found, key)
        if self.image_table is not None and table:
            reference = found.values.get(self.image_table.reference, "")
            if reference not in table:
                return BadRow(number, "missing-image", f"the file's list of images has none with id {reference!r}", raw)
            images = (table[reference],)
        fields = tuple([field for field in found.fields if not is_missing(field.text)])
        if self.answer:
            fields = self._filled(fields, found.values.get(self.answer, "").strip())
        own = printable(found.values.get(self.id, "") if self.id else key)
        return Row(number, own or str(number), fields, images, raw, not own or self.container == "text-folder")

    def _filled(self, fields: tuple[Field, ...], answer: str) -> tuple[Field, ...]:
        """Leave out what stands for an option, or a text, that isn't there."""
        options = filled_options({field.place: field.text for field in fields if field.kind == "option"}, answer)
        return tuple(
            field
            for field in fields
            if (field.place in options if field.kind == "option" else not may_be_missing(field.text))
        )

    def _problem(self, found: Found) -> tuple[str, str] | None:
        if len(found.present) < len(self.require):
            missing = [place for place in self.require if place not in found.present]
            return "missing-field", f"{self.name} rows have {', '.join(missing)}; this one doesn't"
        if self.own and not found.known:
            keys = ", ".join(dict.fromkeys(map(first_key, self.fields)))
            return "unknown-shape", f"the row has none of the keys that --fields names: {keys}"
        if found.strange and (self.require or self.own):
            where = found.strange[0] or "the row itself"
            return "unknown-shape", f"{where} isn't built as {self.name} rows are: its texts can't be found"
        for field in found.fields:
            if len(field.text) > MAX_TEXT_CHARACTERS:
                return "too-long", f"{field.place} has {len(field.text):,} characters; at most {MAX_TEXT_CHARACTERS:,}"
            if not field.text.isascii() and printable(field.text) != field.text:
                return "invalid-unicode", f"{field.place} holds half of a surrogate pair, which no text can hold"
        for place, data in found.embedded.items():
            if (problem := check_embedded(data)) is not None:
                return problem[0], f"{place}: {problem[1]}"
        return None

    def _images(self, found: Found, key: str) -> tuple[str, ...]:
        if self.image_template:
            known = {"key": key, **found.values}
            if all(name in known for name in _VARIABLE.findall(self.image_template)):
                return (_VARIABLE.sub(lambda name: known[name[1]], self.image_template),)
            return ()
        if not found.images:
            return ()
        # Hugging Face keeps {bytes, path}: with the bytes there, the path is only where they once came from.
        inside = {place.rpartition(".")[0] for place in found.embedded}
        return tuple(
            path
            for place, path in found.images.items()
            if not is_missing(path) and place.rpartition(".")[0] not in inside
        )


def printable(text: str) -> str:
    """Return a text that can be encoded: half surrogate pairs become escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def layouts() -> dict[str, Layout]:
    """Return the known layouts by name, as ``data/formats.toml`` has them.

    Raises:
        ConfigError: The file has a mistake.
    """
    tables = tomllib.loads(resources.files("passerelle").joinpath("data/formats.toml").read_text("utf-8"))
    return {name: _layout(name, {**tables.get(table.get("like"), {}), **table}) for name, table in tables.items()}


def _layout(name: str, table: dict[str, Any]) -> Layout:
    table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key != "like"}
    allowed = set(Layout.__dataclass_fields__) - {"name"}
    for key in table.keys() - allowed:
        raise ConfigError(f"format {name!r}: {unknown('key', key, allowed)}")
    for kind in set(table.get("fields", {}).values()) - set(get_args(FieldKind)):
        raise ConfigError(f"format {name!r}: {unknown('kind of field', kind, get_args(FieldKind))}")
    if "image_table" in table:
        table["image_table"] = ImageTable(**table["image_table"])
    return Layout(name=name, **table)
