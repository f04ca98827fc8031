"""Standing instructions and forms of answers with their translations by people: looked up before any engine is asked.

One file a direction in ``passerelle/data/phrasebooks``, and a user's own of the same form; see
``docs/reference/protection.md``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from passerelle.errors import InputError, unknown
from passerelle.runs import content_hash

LONGEST_CHARACTERS = 600
"""No longer text is looked up."""

_TRANSLATED = ("thing", "text")
_KEPT = {"letter": r"\(?[A-J]\)?", "number": "[0-9]+"}
_TEXT = r"\S(?:.*\S)?"
_THING_WORDS = 6
_SLOT = re.compile(r"\{([a-z_]+?)([0-9]*)\}")
_END = re.compile(r"[\s\u00a0]*([.!]?)$")
_ALIKE = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "\u202f": " "})
_PARTS = ("phrases", "slots", "determiners", "polite", "colon")
_FORM = "Write it as docs/reference/protection.md shows."


class Ask(NamedTuple):
    """What stands in an open slot, still to be translated."""

    text: str


Found = tuple[str | Ask, ...]
"""A translation: what is fixed, and what is still to be translated, in order."""


@dataclass(frozen=True)
class _Open:
    """A phrase with open slots."""

    written: str  # the pattern
    source: str
    pieces: tuple[str, ...]  # of the translation: literal, slot, literal, …

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds it; made when it is needed, for most phrases begin with another word than any text does."""
        return re.compile(self.written)


class Phrasebook:
    """Phrases of one language with their translations into another.

    Attributes:
        digest: Hash of all phrases, for the key of what was translated with them.
        entries: Number of phrases, as the files hold them.
        own: Name of the user's own file among them; empty without one.
    """

    def __init__(self, contents: Sequence[Mapping[str, Any]] = (), own: str = "") -> None:
        """Take the contents of files; a phrase of an earlier one wins.

        Raises:
            InputError: A phrase has a slot that isn't known, or one that its translation lacks.
        """
        self.digest = content_hash([dict(content) for content in contents])[:16]
        self.entries = 0
        self.own = own
        self._polite = tuple(word for content in contents for word in content.get("polite", ()))
        self._colon = next((str(content["colon"]) for content in contents if "colon" in content), ":")
        self._plain: dict[str, tuple[str, str]] = {}
        self._open: dict[str, list[_Open]] = {}
        for content in contents:
            self._add(content)

    def __bool__(self) -> bool:
        """Whether there is any phrase."""
        return self.entries > 0

    def find(self, text: str) -> Found | None:
        """Find a text's translation, where the whole text is one phrase.

        Case of the first letter, and a full stop or colon at the end, are the text's own.

        Returns:
            ``None`` if it is no phrase.
        """
        if not self or not text.strip() or len(text) > LONGEST_CHARACTERS:
            return None
        found = self._find(text)
        if found is None and text[-1] == ":" and (found := self._find(text[:-1])) is not None:
            return (*found, self._colon)
        return found

    def _find(self, text: str) -> Found | None:
        key, end = _key(text)
        words = key.split(" ", 1)
        for polite in ("", *self._polite):
            if polite and words[0] != polite:
                continue
            rest = key.removeprefix(f"{polite} ") if polite else key
            if rest in self._plain:
                source, translation = self._plain[rest]
                return (_cased(text, source, translation) + end,)
        for phrase in (*self._open.get(words[0], ()), *self._open.get("", ())):
            match = phrase.pattern.fullmatch(text)
            if match is not None:
                return tuple(_filled(text, phrase, match, end))
        return None

    def _add(self, content: Mapping[str, Any]) -> None:
        for name in content:
            if name not in _PARTS:
                raise InputError(f"{unknown('part of a phrasebook', name, _PARTS)} {_FORM}")
        slots: Mapping[str, Mapping[str, str]] = content.get("slots", {})
        for source, translation in content.get("phrases", {}).items():
            self._check(source, translation, slots)
            self.entries += 1
            for written, meant in _expanded(source, translation, slots):
                if _SLOT.search(written):
                    phrase = _open(written, meant, str(content.get("determiners", "")).split())
                    first = _key(written.partition("{")[0])[0].partition(" ")
                    self._open.setdefault(first[0] if first[1] or first[2] else "", []).append(phrase)
                else:
                    self._plain.setdefault(_key(written)[0], (written, _END.sub("", meant)))

    @staticmethod
    def _check(source: str, translation: object, slots: Mapping[str, Any]) -> None:
        if not isinstance(translation, str) or not source.strip() or not translation.strip():
            raise InputError(f"phrasebook: {source!r} has no text as its translation, but {translation!r}. {_FORM}")
        known = [*slots, *_KEPT, *_TRANSLATED]
        for name, _ in _SLOT.findall(source):
            if name not in known:
                raise InputError(f"phrasebook, {source!r}: {unknown('slot', name, known)}")
        if sorted(_SLOT.findall(source)) != sorted(_SLOT.findall(translation)):
            raise InputError(f"phrasebook, {source!r}: its translation {translation!r} has other slots. {_FORM}")


def read_phrasebook(source: str, target: str, own: Path | None = None) -> Phrasebook:
    """Read the phrases between two languages: a user's own, then those that ship.

    Args:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        own: A TOML file of the same form as those that ship.

    Raises:
        InputError: The user's file is missing, no TOML, or holds what it can't.
    """
    if own is None:
        return _shipped(source, target)
    try:
        content = tomllib.loads(own.read_text(encoding="utf-8-sig"))
        return Phrasebook([content, *_contents(source, target)], own.name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"can't read the phrasebook {str(own)!r}: {error}. Give a TOML file in UTF-8.") from None
    except (InputError, AttributeError, TypeError) as error:
        raise InputError(f"{own}: {error}") from None


@cache
def _shipped(source: str, target: str) -> Phrasebook:
    return Phrasebook(_contents(source, target))


@cache
def shipped_digest() -> str:
    """Return a hash of all phrasebooks that ship."""
    found = sorted(files("passerelle.data").joinpath("phrasebooks").iterdir(), key=lambda file: file.name)
    return content_hash([file.read_text(encoding="utf-8") for file in found if file.name.endswith(".toml")])[:16]


def _contents(source: str, target: str) -> list[dict[str, Any]]:
    file = files("passerelle.data").joinpath("phrasebooks", f"{source}-{target}.toml")
    return [tomllib.loads(file.read_text(encoding="utf-8"))] if file.is_file() else []


def alike(text: str) -> str:
    """Return a text with plain apostrophes and quotation marks, and one plain blank for any."""
    return " ".join(text.translate(_ALIKE).split())


def _key(text: str) -> tuple[str, str]:
    """Return what phrases are found by, and the full stop that was cut off."""
    plain = alike(text)
    end = _END.search(plain)
    mark = end[1] if end else ""
    return _END.sub("", plain).lower(), mark


def _expanded(source: str, translation: str, slots: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield a phrase once for each filling of its closed slots, of which all words are known."""
    closed = [f"{name}{number}" for name, number in _SLOT.findall(source) if name in slots]
    for chosen in product(*(slots[name.rstrip("0123456789")].items() for name in closed)):
        written, meant = source, translation
        for name, (words, becomes) in zip(closed, chosen, strict=True):
            written, meant = written.replace(f"{{{name}}}", words), meant.replace(f"{{{name}}}", becomes)
        yield written, meant


def _open(source: str, translation: str, determiners: Sequence[str]) -> _Open:
    thing = rf"(?:(?:{'|'.join(determiners)})\s)(?:[\w'’-]+\s){{0,{_THING_WORDS}}}?[\w'’-]+"
    kinds = {**_KEPT, "thing": thing, "text": _TEXT}
    pieces = _SLOT.split(_END.sub("", source))
    pattern = _literal(pieces[0])
    for kind, number, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        pattern += rf"(?P<{kind}{number}>{kinds[kind]})" + _literal(literal)
    ends = "" if source.rstrip()[-1:] in "?:" else r"\s*[.!]?"
    meant = _SLOT.split(_END.sub("", translation))
    own = [meant[0]]
    for kind, number, literal in zip(meant[1::3], meant[2::3], meant[3::3], strict=True):
        own += [f"{kind}{number}", literal]
    return _Open(rf"\s*{pattern}{ends}", source, tuple(own))


def _literal(text: str) -> str:
    """Return a pattern for a text: any case, blanks and quotation marks."""
    escaped = re.escape(text.translate(_ALIKE)).replace(r"\ ", r"\s+").replace("'", "['’‘]").replace('"', '["“”]')
    return f"(?i:{escaped})"


def _filled(text: str, phrase: _Open, match: re.Match[str], end: str) -> Iterator[str | Ask]:
    for place, piece in enumerate(phrase.pieces):
        if place % 2 == 0:
            fixed = _cased(text, phrase.source, piece) if place == 0 else piece
            if fixed:
                yield fixed
        elif piece.rstrip("0123456789") in _TRANSLATED:
            yield Ask(match[piece])
        else:
            yield match[piece]
    if end and not match[0].rstrip().endswith(("?", ":")) and not match.groups()[-1].endswith(end):
        yield end


def _cased(text: str, source: str, translation: str) -> str:
    first, usual = text.lstrip()[:1], source.lstrip()[:1]
    if first.isupper() and translation[:1].islower():
        return translation[:1].upper() + translation[1:]
    if first.islower() and usual.isupper():
        return translation[:1].lower() + translation[1:]
    return translation
