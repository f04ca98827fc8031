"""FreeDict's dictionaries, as Debian packages them for ``dictd``, joined into one table of word translations.

FreeDict's English–French has 8,800 words. English–German joined with German–French, and so on through every
language that is installed, knows many more, and tells a usual translation from a rare one: more ways lead there.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from passerelle.errors import MissingDependency
from passerelle.runs import cache_folder, content_hash, written_beside
from passerelle.translation.languages import language

FOLDER = Path("/usr/share/dictd")
VERSION = "2"
DIRECT = 2.0
"""A dictionary of the two languages themselves counts as much as two ways through others."""
LONGEST = 40
"""Longer texts in a dictionary's place for a translation are explanations."""

_DIGITS = {c: n for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}
_NUMBER = re.compile(r"\b(?:\d+|[IVX]+)\.(?:\s|$)")
_ASIDE = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|//?[^/]*//?|…")
_TEXT = re.compile(r"[^\W\d_][^\d]*")

_HYPHENS = str.maketrans({"\u2010": "-", "\u2011": "-", "\u00ad": "-"})

Votes = dict[str, dict[str, float]]
"""For each word its translations, each with how much speaks for it."""


def installed(folder: Path = FOLDER) -> dict[tuple[str, str], Path]:
    """Return the index of each installed dictionary by its languages (ISO 639-3 codes, source and target)."""
    names = {path: path.stem.removeprefix("freedict-").split("-") for path in sorted(folder.glob("freedict-*.index"))}
    return {(name[0], name[1]): path for path, name in names.items() if len(name) == 2}


def entries(index: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield head word and translations of each entry, in lower case; entries without a translation are left out.

    Args:
        index: A dictionary's ``.index``; its ``.dict.dz`` lies beside it.
    """
    data = gzip.decompress(index.with_suffix(".dict.dz").read_bytes())
    with index.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            head, start, length = line.rstrip("\n").split("\t")[:3]
            if head.startswith("00"):
                continue
            begin = _number(start)
            found = translations(data[begin : begin + _number(length)].decode("utf-8", "replace"))
            if found:
                yield head.strip().lower().translate(_HYPHENS), found


def translations(entry: str) -> list[str]:
    """Return the translations that an entry gives, in lower case: what is numbered, else the first line.

    Glosses in brackets, pronunciation, grammar and cross-references are left out.
    """
    body = [line for line in entry.split("\n")[1:] if line.strip()]
    numbered = [line for line in body if _NUMBER.match(line.strip())]
    found = []
    for line in numbered or body[:1]:
        for part in re.split(r"[,;]|\b\d+\.\s", _NUMBER.sub(";", _ASIDE.sub(" ", line))):
            text = " ".join(part.split()).strip(" .!?").lower().translate(_HYPHENS)
            if _TEXT.fullmatch(text) and len(text) <= LONGEST:
                found.append(text)
    return list(dict.fromkeys(found))


def join(source: str, target: str, folder: Path = FOLDER) -> Votes:
    """Join all dictionaries between two languages.

    Each way is worth one vote for a word, shared among the translations that it leads to.

    Args:
        source: ISO 639-3 code.
        target: ISO 639-3 code.
        folder: Where the dictionaries are.
    """
    found = installed(folder)
    total: Votes = defaultdict(lambda: defaultdict(float))
    direct = _both_ways(found, source, target)
    _add(total, direct, DIRECT)
    middles = {b for a, b in found if a == source} | {a for a, b in found if b == source}
    for middle in sorted(middles - {source, target}):
        onward = _both_ways(found, middle, target)
        if onward:
            _add(total, _chain(_both_ways(found, source, middle), onward), 1.0)
    return total


def _both_ways(found: dict[tuple[str, str], Path], source: str, target: str) -> Votes:
    """Read a dictionary and its opposite, each as shares of one."""
    votes: Votes = defaultdict(lambda: defaultdict(float))
    if (source, target) in found:
        for head, words in entries(found[source, target]):
            for word in words:
                votes[head][word] += 1
    if (target, source) in found:
        for head, words in entries(found[target, source]):
            for word in words:
                votes[word][head] += 1
    return votes


def _shares(words: dict[str, float]) -> dict[str, float]:
    total = sum(words.values())
    return {word: vote / total for word, vote in words.items()}


def _chain(first: Votes, second: Votes) -> Votes:
    joined: Votes = {}
    for head, middles in first.items():
        reached: dict[str, float] = defaultdict(float)
        for middle, share in _shares(middles).items():
            for word, onward in _shares(second[middle]).items() if middle in second else ():
                reached[word] += share * onward
        if reached:
            joined[head] = reached
    return joined


def _add(total: Votes, votes: Votes, weight: float) -> None:
    for head, words in votes.items():
        for word, share in _shares(words).items():
            total[head][word] += weight * share


def _number(digits: str) -> int:
    """Read dictd's numbers: base 64, most significant digit first."""
    value = 0
    for digit in digits:
        value = value * 64 + _DIGITS[digit]
    return value


class WordTable:
    """Word translations between two languages, joined once and kept in the cache.

    Attributes:
        signature: The dictionaries' versions.

    Raises:
        MissingDependency: No dictionary leads from one language to the other; the message says what to install.
    """

    def __init__(self, source: str, target: str, folder: Path = FOLDER, cache: Path | None = None) -> None:
        """Open the table, or join it.

        Args:
            source: Any code or name of the source language.
            target: The same of the target language.
            folder: Where the dictionaries are.
            cache: Where tables are kept.
        """
        codes = language(source).iso639_3, language(target).iso639_3
        used = _used(installed(folder), *codes)
        if not used:
            raise MissingDependency(
                f"no FreeDict dictionary leads from {source!r} to {target!r}. Install some: "
                f"sudo apt-get install --no-install-recommends {' '.join(packages(source, target))}"
            )
        self.signature = f"freedict {VERSION} " + " ".join(f"{a}-{b}:{_version(a, b, p)}" for (a, b), p in used.items())
        digest = content_hash(self.signature)[:12]
        path = (cache or cache_folder() / "dictionaries") / f"{'-'.join(codes)}-{digest}.sqlite"
        if not path.is_file():
            _write(path, join(*codes, folder))
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        self._known: dict[str, dict[str, float]] = {}

    def translations(self, word: str) -> dict[str, float]:
        """Return a word's translations with their votes, the likeliest first; none if it isn't known."""
        key = word.lower()
        if key not in self._known:
            rows = self._database.execute(
                "SELECT translation, votes FROM words WHERE word = ? ORDER BY votes DESC, translation", (key,)
            )
            self._known[key] = dict(rows.fetchall())
        return self._known[key]

    def __contains__(self, word: str) -> bool:
        return bool(self.translations(word))


def packages(source: str, target: str) -> list[str]:
    """Return the Debian packages that help most from one language to another, by name."""
    a, b = language(source).iso639_3, language(target).iso639_3
    through = [c for c in ("deu", "spa", "ita", "nld", "por", "swe", "fin", "pol") if c not in (a, b)]
    pairs = [(a, b), (b, a), *((a, c) for c in through), *((c, b) for c in through), *((b, c) for c in through)]
    return [f"dict-freedict-{one}-{other}" for one, other in pairs if (one, other) not in _NOT_PACKAGED]


_NOT_PACKAGED = {("ita", "fra"), ("spa", "fra")}


def _used(found: dict[tuple[str, str], Path], source: str, target: str) -> dict[tuple[str, str], Path]:
    ends = {c for pair in found for c in pair}
    middles = {
        c
        for c in ends - {source, target}
        if ({(source, c), (c, source)} & found.keys()) and ({(target, c), (c, target)} & found.keys())
    }
    wanted = {frozenset((source, target)), *(frozenset((end, c)) for end in (source, target) for c in middles)}
    return {pair: path for pair, path in found.items() if frozenset(pair) in wanted}


def _version(source: str, target: str, path: Path) -> str:
    if shutil.which("dpkg-query") is not None and path.parent == FOLDER:
        command = ["dpkg-query", "-W", "-f", "${Version}", f"dict-freedict-{source}-{target}"]
        version = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        if version:
            return version
    return f"{path.stat().st_size}-{path.with_suffix('.dict.dz').stat().st_size}"


def _write(path: Path, votes: Votes) -> None:
    with written_beside(path) as beside:
        database = sqlite3.connect(beside)
        database.execute("CREATE TABLE words (word TEXT, translation TEXT, votes REAL)")
        rows = ((head, word, round(vote, 5)) for head, words in votes.items() for word, vote in words.items())
        database.executemany("INSERT INTO words VALUES (?, ?, ?)", rows)
        database.execute("CREATE INDEX by_word ON words (word)")
        database.commit()
        database.close()
