"""Places in a row: dotted paths such as ``conversations.*.value``, and the tree that finds all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from passerelle.errors import ConfigError

TEXT_ROLES = frozenset({"text", "option", "answer", "yes-no"})
"""The roles of texts that are translated: the kinds of a `Field`."""
KEY = "key"
"""The role of what a place of a user's own begins with."""

_SPECIAL = re.compile(r"[\\.*]")
_PART = re.compile(r"(?:[^\\.]|\\.)*")
_ESCAPED = re.compile(r"\\(.)")


@lru_cache(maxsize=4096)
def escape(key: str) -> str:
    """Write a key as a part of a place: dots, stars and backslashes get a backslash before them."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], key)


def parse_place(place: str) -> tuple[str | None, ...]:
    """Split a place into its keys; ``None`` stands for ``*``, which matches any key or index.

    Raises:
        ConfigError: A part is empty, or a backslash ends the place.
    """
    parts, start = [], 0
    while True:
        found = _PART.match(place, start)
        assert found is not None, "the pattern matches anything"
        if not found[0] or found.end() < len(place) and place[found.end()] != ".":
            raise ConfigError(
                f"{place!r} is no place in a row. Write keys with dots between them and * for any index or key, "
                "for example messages.*.content; a dot inside a key is written \\."
            )
        parts.append(None if found[0] == "*" else _ESCAPED.sub(r"\1", found[0]))
        if found.end() == len(place):
            return tuple(parts)
        start = found.end() + 1


def first_key(place: str) -> str:
    """Return the place of what a place begins with.

    Raises:
        ConfigError: It can't be read.
    """
    key = parse_place(place)[0]
    return "*" if key is None else escape(key)


@dataclass(slots=True)
class Node:
    """What is wanted below one place.

    Attributes:
        children: By key.
        star: For keys that `children` doesn't name.
        roles: What the value here is wanted for; empty: only things below it are.
        is_leaf: Whether nothing below it is wanted.
        is_text: Whether the value here is wanted as a text, and for nothing else but that it is there.
        has_texts: Whether a text is wanted here or below.
    """

    children: dict[str, Node] = field(default_factory=dict)
    star: Node | None = None
    roles: set[str] = field(default_factory=set)
    is_leaf: bool = False
    is_text: bool = False
    has_texts: bool = False

    def child(self, key: str) -> Node | None:
        """Return what is wanted below a key; ``None`` if nothing is."""
        return self.children.get(key, self.star)

    def _reach(self, parts: Iterable[str | None]) -> Node:
        node = self
        for part in parts:
            if part is None:
                node.star = node.star or Node()
                node = node.star
            else:
                node = node.children.setdefault(part, Node())
        return node

    def _merge(self, other: Node) -> None:
        self.roles |= other.roles
        for key, child in other.children.items():
            self.children.setdefault(key, Node())._merge(child)
        if other.star is not None:
            self.star = self.star or Node()
            self.star._merge(other.star)

    def _settle(self) -> None:
        """Let what is wanted under any key be wanted under the named keys too."""
        for child in self.children.values():
            if self.star is not None:
                child._merge(self.star)
            child._settle()
        if self.star is not None:
            self.star._settle()
        self.is_leaf = not self.children and self.star is None
        self.is_text = self.is_leaf and self.roles - {KEY} == {"text"}
        below = [*self.children.values(), *([self.star] if self.star else [])]
        self.has_texts = bool(self.roles & TEXT_ROLES) or any(child.has_texts for child in below)


def tree(wanted: Iterable[tuple[str, str]]) -> Node:
    """Build the tree of all places that are wanted.

    Args:
        wanted: Pairs of a place and its role.

    Raises:
        ConfigError: A place can't be read.
    """
    root = Node()
    for place, role in wanted:
        root._reach(parse_place(place)).roles.add(role)
    root._settle()
    return root
