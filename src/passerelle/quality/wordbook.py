"""Word translations out of the FreeDict dictionaries that Debian packages, also by way of other languages.

FreeDict's English–French file has 8,805 entries and lacks "ferret". English–German with German–French, and eight
more languages in between, know many more: a word that several ways lead to is the likelier one. Files are read as
data (``dictd``'s index and gzip), never linked; each states its own licence in ``/usr/share/doc``.
"""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from passerelle.errors import MissingDependency
from passerelle.translation.languages import language

FOLDER = Path("/usr/share/dictd")
DIRECT_WEIGHT = 2.0
"""A direct entry counts as much as two ways through another language."""

_WORD = re.compile(r"[^\W\d_][^\d()]{0,38}")
_DIGITS = {c: n for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}
_SENSE = re.compile(r"^\d+\. ")
_ASIDE = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|/[^/]*/|\b[IVX]+\.\s")
_CODES = {"en": "eng", "fr": "fra", "de": "deu", "es": "spa", "it": "ita", "pt": "por", "nl": "nld"}


class Dictionary(Protocol):
    """Knows words."""

    def translations(self, word: str) -> list[str]:
        """Return the known translations of a word or a fixed phrase, the likeliest first; none if unknown."""
        ...


@dataclass(frozen=True)
class Grammar:
    """What a dictionary says of a word of the target language.

    Attributes:
        kind: ``n``, ``adj``, ``v``, …; empty if it isn't said.
        is_feminine: ``None`` if it isn't said.
    """

    kind: str = ""
    is_feminine: bool | None = None


class Wordbook:
    """A `Dictionary` of those words that some texts need.

    Attributes:
        signature: The files that it was read from.
    """

    def __init__(self, needed: Iterable[str], source: str = "en", target: str = "fr", folder: Path = FOLDER) -> None:
        """Read what the dictionaries know of some words.

        Args:
            needed: Words and phrases in lower case.
            source: BCP-47 code.
            target: BCP-47 code.
            folder: Where ``freedict-*.index`` are.

        Raises:
            MissingDependency: There is no dictionary between these languages.
        """
        self._votes: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._grammar: dict[str, Grammar] = {}
        self._known: set[str] = set()
        begins, ends = _code(source), _code(target)
        files = {path.stem.removeprefix("freedict-") for path in folder.glob("freedict-*.index")}
        wanted = {word.lower() for word in needed}
        self._direct(folder, files, (begins, ends), wanted)
        middles = {name.split("-")[1] for name in files if name.startswith(f"{begins}-")} - {ends}
        used = [m for m in sorted(middles) if self._through(folder, files, (begins, m, ends), wanted)]
        if not used and f"{begins}-{ends}" not in files:
            raise MissingDependency(
                f"no FreeDict dictionary from {source} to {target} in {str(folder)!r}. "
                f"Install it: sudo apt-get install dict-freedict-{begins}-{ends}"
            )
        self.signature = f"freedict {begins}-{ends} through {' '.join(used) or 'nothing'}"

    def translations(self, word: str) -> list[str]:
        """Return translations by falling votes, then by length and alphabet."""
        return [found for found, _ in self.weighed(word)]

    def weighed(self, word: str) -> list[tuple[str, float]]:
        """Return translations with their votes, the likeliest first."""
        votes = self._votes.get(word.lower(), {})
        return sorted(votes.items(), key=lambda pair: (-pair[1], len(pair[0]), pair[0]))

    def grammar(self, word: str) -> Grammar:
        """Say what is known of a word of the target language."""
        return self._grammar.get(word.lower(), Grammar())

    def is_word(self, text: str) -> bool:
        """Whether a word or phrase heads an entry of the target language's dictionaries."""
        return text.lower() in self._known

    def _direct(self, folder: Path, files: set[str], way: tuple[str, str], wanted: set[str]) -> None:
        begins, ends = way
        if f"{begins}-{ends}" in files:
            for head, _, found in entries(folder, f"{begins}-{ends}"):
                if head in wanted:
                    for word in found:
                        self._votes[head][word] += DIRECT_WEIGHT
        if f"{ends}-{begins}" in files:
            for head, gram, found in entries(folder, f"{ends}-{begins}"):
                self._note(head, gram)
                for word in wanted.intersection(map(str.lower, found)):
                    self._votes[word][head] += DIRECT_WEIGHT

    def _through(self, folder: Path, files: set[str], way: tuple[str, str, str], wanted: set[str]) -> bool:
        begins, middle, ends = way
        onward: dict[str, set[str]] = defaultdict(set)
        for head, _, found in entries(folder, f"{begins}-{middle}"):
            if head in wanted:
                for word in found:
                    onward[word.lower()].add(head)
        votes: dict[tuple[str, str], float] = {}
        if f"{middle}-{ends}" in files:
            for head, _, found in entries(folder, f"{middle}-{ends}"):
                for start in onward.get(head, ()):
                    votes |= {(start, word): 1.0 / (1 + place) for place, word in enumerate(found[:4])}
        if f"{ends}-{middle}" in files:
            for head, gram, found in entries(folder, f"{ends}-{middle}"):
                self._note(head, gram)
                for word in found:
                    votes |= {(start, head): 1.0 for start in onward.get(word.lower(), ())}
        for (start, word), vote in votes.items():
            self._votes[start][word] += vote
        return bool(votes)

    def _note(self, head: str, gram: str) -> None:
        self._known.add(head)
        if not gram or self._grammar.get(head, Grammar()).is_feminine is not None:
            return
        kind = gram.split(",")[0].strip()
        gender = True if "fem" in gram else False if "masc" in gram else None
        if head not in self._grammar or gender is not None:
            self._grammar[head] = Grammar(kind, gender)


def _code(name: str) -> str:
    two = language(name).bcp47.split("-")[0]
    return _CODES.get(two, two)


def entries(folder: Path, pair: str) -> Iterator[tuple[str, str, list[str]]]:
    """Read a dictionary: head in lower case, what is said of its grammar, and its translations."""
    data = gzip.decompress((folder / f"freedict-{pair}.dict.dz").read_bytes())
    with (folder / f"freedict-{pair}.index").open(encoding="utf-8", errors="replace") as index:
        for line in index:
            head, start, length = line.rstrip("\n").split("\t")[:3]
            if head.startswith("00"):
                continue
            begin = _number(start)
            text = data[begin : begin + _number(length)].decode("utf-8", "replace")
            first, *body = text.split("\n")
            gram = first.partition("<")[2].partition(">")[0]
            yield head.lower(), gram, _translations(body)


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 64 + _DIGITS[digit]
    return value


def _translations(body: list[str]) -> list[str]:
    """Numbered senses, or else the first line; what is in brackets is about the word, not the word."""
    senses = [line for line in body if _SENSE.match(line)] or body[:1]
    found = []
    for line in senses:
        bare = _ASIDE.sub(" ", _SENSE.sub("", line))
        found += [" ".join(part.split()) for part in re.split(r"[,;]", bare)]
    return [word for word in dict.fromkeys(found) if _WORD.fullmatch(word)]
