"""Placeholders: what stands for a protected part while a sentence is with an engine.

Which form an engine leaves alone is a property of the engine. It is found by trying, once for each signature.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.translation.base import Translator
from passerelle.translation.protection.protect import MASK, Part
from passerelle.translation.protection.segments import Segment

_FIRST_PRIVATE = 0xE100
_PROBE_PARTS = ("\u0001", "\u0002")


@dataclass(frozen=True)
class Form:
    """One way to write placeholders.

    Attributes:
        name: For example ``underscores``.
        template: How one is written.
        pattern: Finds one, as engines may have changed it.
        most: How many a sentence can hold.
    """

    name: str
    template: str
    pattern: re.Pattern[str]
    most: int

    def write(self, number: int) -> str:
        """Write the placeholder of a part; the first has number 1."""
        return self.template.format(n=number, c=chr(_FIRST_PRIVATE + number - 1))

    def numbers(self, text: str) -> list[int]:
        """Read the numbers of all placeholders in a text, in order."""
        return [_number(match[1]) for match in self.pattern.finditer(text)]


@dataclass(frozen=True)
class Encoded:
    """A segment as an engine sees it.

    Attributes:
        text: What the engine is asked.
        form: How the parts are hidden; ``None`` where none is.
        hidden: The parts that placeholders stand for, in order.
        glued: For each, whether a blank was put before it and after it that must go again: beside a letter a
            placeholder would become part of a word.
    """

    text: str
    form: Form | None = None
    hidden: tuple[Part, ...] = ()
    glued: tuple[tuple[bool, bool], ...] = ()


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("passerelle.data").joinpath("placeholders.toml").read_text(encoding="utf-8"))


@cache
def all_forms() -> tuple[Form, ...]:
    """Return every form of ``placeholders.toml``, the best first."""
    return tuple(
        Form(entry["name"], entry["template"], re.compile(entry["pattern"]), entry["most"])
        for entry in _table()["form"]
    )


def encode(segment: Segment, form: Form | None, *, hide_numbers: bool) -> Encoded | None:
    """Write a segment for an engine.

    Args:
        segment: The sentence.
        form: How to write placeholders; ``None`` if there is no form that the engine keeps.
        hide_numbers: Put placeholders for numbers too, not only for what the engine must not see.

    Returns:
        What to ask, or ``None`` if the form can't serve: its pattern finds something else in the sentence.
    """
    if not segment.parts:
        return Encoded(segment.masked)
    pieces = segment.masked.split(MASK)
    text, hidden, glued = pieces[0], list[Part](), list[tuple[bool, bool]]()
    for part, piece in zip(segment.parts, pieces[1:], strict=True):
        if part.role == "number" and not hide_numbers:
            text += part.text + piece
            continue
        if form is None:
            return None
        hidden.append(part)
        before, after = text[-1:].isalnum(), piece[:1].isalnum()
        text += " " * before + form.write(len(hidden)) + " " * after + piece
        glued.append((before, after))
    if not hidden:
        return Encoded(text)
    if form is None or len(hidden) > form.most or form.numbers(text) != list(range(1, len(hidden) + 1)):
        return None
    return Encoded(text, form, tuple(hidden), tuple(glued))


def decode(translation: str, encoded: Encoded) -> str | None:
    """Put the parts back into a translation.

    Returns:
        The translation, or ``None`` if a placeholder is missing, doubled or unknown.
    """
    if encoded.form is None:
        return translation
    matches = list(encoded.form.pattern.finditer(translation))
    numbers = [_number(match[1]) for match in matches]
    if sorted(numbers) != list(range(1, len(encoded.hidden) + 1)):
        return None
    text, end = "", 0
    for number, match in zip(numbers, matches, strict=True):
        glued_before, glued_after = encoded.glued[number - 1]
        between = translation[end : match.start()]
        text += between.removesuffix(" ") if glued_before else between
        text += encoded.hidden[number - 1].becomes
        end = match.end()
        end += glued_after and translation[end : end + 1] == " "
    return text + translation[end:]


def find_leftovers(source: str, translation: str) -> list[str]:
    """Find what looks like a placeholder in a translation and isn't in its source."""
    matches = (match[0] for form in all_forms() for match in form.pattern.finditer(translation))
    return [found for found in matches if found not in source]


def probe(engine: Translator) -> tuple[Form, ...]:
    """Try every form on an engine with a fixed dozen of sentences.

    The result is kept in the cache folder by the engine's signature.

    Args:
        engine: The engine to try.

    Returns:
        The forms that come back whole from at least half of the sentences, best first. All of them for an engine
        that only remembers: the one that was asked decides which form it knows.
    """
    known = probed(engine)
    if known is None:
        sentences = _table()["probe"]["sentences"]
        kept = _count_survivors(engine, sentences)
        write_json(_probe_file(engine), {"signature": engine.signature, "sentences": len(sentences), "kept": kept})
        known = _usable(kept, len(sentences))
    return known


def probed(engine: Translator) -> tuple[Form, ...] | None:
    """Return what `probe` found on an engine before; ``None`` if it was never tried. The engine isn't asked."""
    if getattr(engine, "only_remembers", False):
        return all_forms()
    known = read_json(_probe_file(engine))
    return None if known is None else _usable(known["kept"], known["sentences"])


def _probe_file(engine: Translator) -> Path:
    key = content_hash([engine.signature, engine.source, engine.target, _table()])
    return cache_folder() / "placeholders" / f"{key[:16]}.json"


def _usable(survivors: Mapping[str, int], sentences: int) -> tuple[Form, ...]:
    usable = [form for form in all_forms() if 2 * survivors.get(form.name, 0) >= sentences]
    return tuple(sorted(usable, key=lambda form: -survivors[form.name]))


def probe_texts() -> list[str]:
    """Return what `probe` asks an engine: each sentence in each form."""
    return [
        sentence.replace(_PROBE_PARTS[0], form.write(1)).replace(_PROBE_PARTS[1], form.write(2))
        for form in all_forms()
        for sentence in _table()["probe"]["sentences"]
    ]


def _count_survivors(engine: Translator, sentences: Sequence[str]) -> dict[str, int]:
    answers = iter(engine.translate(probe_texts()))
    return {
        form.name: sum(
            sorted(form.numbers(next(answers))) == [1, 2][: 1 + (_PROBE_PARTS[1] in sentence)] for sentence in sentences
        )
        for form in all_forms()
    }


def _number(found: str) -> int:
    return int(found) if found.isdigit() else ord(found) - _FIRST_PRIVATE + 1
