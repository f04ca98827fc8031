"""What a reader found in one row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from passerelle.formats.base import Field, FieldKind
from passerelle.formats.places import KEY, TEXT_ROLES, Node, escape

# Data sets are translated out of English. What stands around a bare answer is white space and punctuation.
_BARE_YES_NO = re.compile(r"\W*(?:yes|no)\W*", re.IGNORECASE)
_LONGEST_BARE = 20


class Number(str):
    """A number as it is written: ``1.0`` is no ``1``, and an id may have thousands of digits."""

    __slots__ = ()


@dataclass(slots=True)
class Found:
    """All that is wanted of one row.

    Attributes:
        fields: The texts to translate, blank ones too.
        images: Image paths by place.
        embedded: Image data by place: base64 or bytes.
        values: Other wanted values by place: the id, and what templates name.
        present: The required places that are there.
        known: Whether any key that begins a place of a user's own is there, be it null.
        strange: Places where a text is wanted and something else stands, or a text where none is known.
    """

    fields: list[Field] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    embedded: dict[str, str | bytes] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    known: bool = False
    strange: list[str] = field(default_factory=list)

    def visit(self, node: Node, value: Any, place: str = "") -> None:
        """Keep what is wanted of a value and of everything below it.

        Args:
            node: What is wanted.
            value: Made of dictionaries, lists, strings, numbers and bytes.
            place: Where the value is in its row.
        """
        if node.roles:
            self.record(node, value, place)
        if isinstance(value, dict):
            members: Iterable[tuple[str, Any]] = value.items()
            if place and node.has_texts and _holds_a_text_elsewhere(node, value):
                self.strange.append(place)
        elif isinstance(value, list):
            members = zip(map(str, range(len(value))), value, strict=True)
            if node.star is None and node.has_texts and _holds_text(value):
                self.strange.append(place)
        else:
            is_plain = all(role == KEY or role.startswith("need:") for role in node.roles)
            if type(value) is str and node.has_texts and is_plain and value.strip():
                self.strange.append(place)
            return
        before = place + "." if place else ""
        children, star = node.children, node.star
        for key, inner in members:
            child = children.get(key, star)
            if child is None:
                continue
            if child.is_leaf:
                if child.is_text and type(inner) is str:  # as nearly all that is wanted
                    self.known = self.known or KEY in child.roles
                    self.fields.append(Field(before + escape(key), inner, _kind("text", inner)))
                else:
                    self.record(child, inner, before + escape(key))
            else:
                self.visit(child, inner, before + escape(key))

    def record(self, node: Node, value: Any, place: str) -> None:
        """Keep one value for whatever it is wanted for."""
        if KEY in node.roles:
            self.known = True
        if value is None:
            return
        for role in node.roles:
            if role in TEXT_ROLES:
                if type(value) is str:  # no number
                    self.fields.append(Field(place, value, _kind(cast(FieldKind, role), value)))
                elif node.is_leaf and isinstance(value, dict | list) and _holds_text(value):
                    self.strange.append(place)
            elif role == "embedded":
                if isinstance(value, str | bytes):
                    self.embedded[place] = value
            elif role == "image":
                if type(value) is str:
                    self.images[place] = value
            elif role == "value":
                self.values[place] = str(value)
            elif role != KEY:
                self.present.add(role.removeprefix("need:"))


def _holds_text(value: Any) -> bool:
    """Say whether a text that isn't blank stands anywhere in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    return any(map(_holds_text, value)) if isinstance(value, list) else type(value) is str and bool(value.strip())


def _holds_a_text_elsewhere(node: Node, value: dict[str, Any]) -> bool:
    """Say whether an object has none of the wanted keys but a text of several words under another."""
    if node.star is not None or not node.children or not node.children.keys().isdisjoint(value):
        return False
    return any(type(inner) is str and " " in inner.strip() for inner in value.values())


def _kind(kind: FieldKind, text: str) -> FieldKind:
    bare = len(text) < _LONGEST_BARE and kind in ("text", "answer") and _BARE_YES_NO.fullmatch(text)
    return "yes-no" if bare else kind
