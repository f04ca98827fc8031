"""FreeDict's dictionaries joined into one table: word translations, and the grammar of the target's words.

FreeDict's English–French has 8,800 words and lacks "ferret". English–German joined with German–French, and so on
through every language that is installed, knows many more, and tells a usual translation from a rare one: more ways
lead there.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from passerelle.errors import MissingDependency, to_install
from passerelle.languages.codes import language
from passerelle.quality.evidence.dictd import FOLDER, Entry, entries, installed
from passerelle.runs import cache_folder, content_hash, written_beside

VERSION = "4"
DIRECT = 2.0
"""A dictionary of the two languages themselves counts as much as two ways through others."""
LONGEST_PHRASE = 4
"""Words of the longest phrase of the source that is looked up."""

Votes = dict[str, dict[str, float]]
"""For each word its translations, each with how much speaks for it."""


@dataclass(frozen=True)
class Grammar:
    """What dictionaries say of a word of the target language.

    Attributes:
        kind: ``n``, ``adj``, ``v``, …; empty if it isn't said.
        is_feminine: ``None`` if it isn't said.
    """

    kind: str = ""
    is_feminine: bool | None = None


class Dictionary(Protocol):
    """Knows words of two languages; what candidates are composed with."""

    def weighed(self, word: str) -> list[tuple[str, float]]:
        """Return a word's translations with their votes, the likeliest first."""
        ...

    def grammar(self, word: str) -> Grammar:
        """Say what is known of a word of the target language."""
        ...

    def is_word(self, text: str) -> bool:
        """Whether a word or phrase heads an entry of the target language's dictionaries."""
        ...


@dataclass
class Joined:
    """What all dictionaries between two languages say.

    Attributes:
        votes: Translations of the source's words and phrases.
        said: How many dictionaries say which kind and gender of a word of the target language.
    """

    votes: Votes = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    said: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def note(self, entry: Entry) -> None:
        """Count what a dictionary says of a word of the target language."""
        kind = entry.grammar.split(",")[0].strip()
        self.said[entry.head].update({f"kind {kind}": 1} if kind else {"": 0})
        for gender in ("fem", "masc"):
            if gender in entry.grammar:
                self.said[entry.head][gender] += 1

    def grammar(self) -> Iterator[tuple[str, Grammar]]:
        """Yield each word with what most dictionaries say of it."""
        for word, counts in self.said.items():
            kinds = [(count, name[5:]) for name, count in counts.items() if name.startswith("kind ")]
            feminine, masculine = counts["fem"], counts["masc"]
            yield word, Grammar(max(kinds, default=(0, ""))[1], None if feminine == masculine else feminine > masculine)


def join(source: str, target: str, folder: Path = FOLDER) -> Joined:
    """Join all dictionaries between two languages.

    Each way is worth one vote for a word, shared among the translations that it leads to.

    Args:
        source: ISO 639-3 code.
        target: ISO 639-3 code.
        folder: Where the dictionaries are.
    """
    found, joined = installed(folder), Joined()
    _add(joined.votes, _both_ways(found, source, target, joined), DIRECT)
    middles = {b for a, b in found if a == source} | {a for a, b in found if b == source}
    for middle in sorted(middles - {source, target}):
        onward = _both_ways(found, middle, target, joined)
        if onward:
            # A word of the middle that leads nowhere takes no part of the vote, and needn't be read.
            _add(joined.votes, _chain(_both_ways(found, source, middle, reached=onward), onward), 1.0)
    return joined


def _both_ways(
    found: dict[tuple[str, str], Path],
    source: str,
    target: str,
    joined: Joined | None = None,
    reached: Collection[str] | None = None,
) -> Votes:
    """Read a dictionary and its opposite, each as shares of one.

    Args:
        found: The installed dictionaries.
        source: ISO 639-3 code.
        target: ISO 639-3 code.
        joined: Where the grammar of the target's words is noted; nowhere if ``None``.
        reached: Only these words of the target; all if ``None``.
    """
    votes: Votes = defaultdict(lambda: defaultdict(float))
    if (source, target) in found:
        for entry in entries(found[source, target], most_words=LONGEST_PHRASE):
            for word in entry.translations:
                if reached is None or word in reached:
                    votes[entry.head][word] += 1
    if (target, source) in found:
        for entry in entries(found[target, source], reached):
            if joined is not None:
                joined.note(entry)
            for word in entry.translations:
                if word.count(" ") < LONGEST_PHRASE:
                    votes[word][entry.head] += 1
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


class WordTable:
    """A `Dictionary` between two languages, joined once and kept in the cache.

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
            raise MissingDependency(_none(source, target))
        self.signature = f"freedict {VERSION} " + " ".join(
            f"{a}-{b}:{version}" for (a, b), version in _versions(used).items()
        )
        digest = content_hash(self.signature)[:12]
        path = (cache or cache_folder() / "dictionaries") / f"{'-'.join(codes)}-{digest}.sqlite"
        if not path.is_file():
            _write(path, join(*codes, folder))
        self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        self._known: dict[str, dict[str, float]] = {}
        self._grammar: dict[str, Grammar | None] = {}

    def translations(self, word: str) -> dict[str, float]:
        """Return a word's translations with their votes, the likeliest first; none if it isn't known."""
        key = word.lower()
        if key not in self._known:
            rows = self._database.execute(
                "SELECT translation, votes FROM words WHERE word = ? ORDER BY votes DESC, translation", (key,)
            )
            self._known[key] = dict(rows.fetchall())
        return self._known[key]

    def weighed(self, word: str) -> list[tuple[str, float]]:
        """Return a word's translations with their votes, the likeliest first."""
        return list(self.translations(word).items())

    def grammar(self, word: str) -> Grammar:
        """Say what is known of a word of the target language."""
        return self._heading(word) or Grammar()

    def is_word(self, text: str) -> bool:
        """Whether a word or phrase heads an entry of the target language's dictionaries."""
        return self._heading(text) is not None

    def __contains__(self, word: str) -> bool:
        return bool(self.translations(word))

    def _heading(self, word: str) -> Grammar | None:
        key = word.lower()
        if key not in self._grammar:
            row = self._database.execute("SELECT kind, feminine FROM grammar WHERE word = ?", (key,)).fetchone()
            self._grammar[key] = None if row is None else Grammar(row[0], None if row[1] is None else bool(row[1]))
        return self._grammar[key]


def packages(source: str, target: str) -> list[str]:
    """Return the Debian packages that help most from one language to another, by name; none where there are none."""
    a, b = language(source).iso639_3, language(target).iso639_3
    through = [c for c in ("deu", "spa", "ita", "nld", "por", "swe", "fin", "pol") if c not in (a, b)]
    through = [c for c in through if {f"{c}-{b}", f"{b}-{c}"} & _packaged()]
    pairs = [(a, b), (b, a), *((a, c) for c in through), *((c, b) for c in through), *((b, c) for c in through)]
    return [f"dict-freedict-{one}-{other}" for one, other in pairs if f"{one}-{other}" in _packaged()]


def _none(source: str, target: str) -> str:
    says, wanted = f"no FreeDict dictionary leads from {source!r} to {target!r}", packages(source, target)
    if not wanted:
        return f"{says}, and Debian has none"
    other = target if source == "en" else source
    return f"{says}. Install some: " + to_install("quality", debian=wanted, language=other)


@cache
def _packaged() -> frozenset[str]:
    text = files("passerelle.data").joinpath("freedict.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(text)["packaged"].split())


def _used(found: dict[tuple[str, str], Path], source: str, target: str) -> dict[tuple[str, str], Path]:
    ends = {c for pair in found for c in pair}
    middles = {
        c
        for c in ends - {source, target}
        if ({(source, c), (c, source)} & found.keys()) and ({(target, c), (c, target)} & found.keys())
    }
    wanted = {frozenset((source, target)), *(frozenset((end, c)) for end in (source, target) for c in middles)}
    return {pair: path for pair, path in found.items() if frozenset(pair) in wanted}


def _versions(used: Mapping[tuple[str, str], Path]) -> dict[tuple[str, str], str]:
    """Say each dictionary's version: its package's, or its sizes; all at once, as each question takes long."""
    names = {pair: f"dict-freedict-{pair[0]}-{pair[1]}" for pair, path in used.items() if path.parent == FOLDER}
    listed = ""
    if names and shutil.which("dpkg-query") is not None:
        command = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names.values()]
        listed = subprocess.run(command, capture_output=True, text=True).stdout
    known = dict(line.split(" ", 1) for line in listed.splitlines())
    sizes = {pair: f"{p.stat().st_size}-{p.with_suffix('.dict.dz').stat().st_size}" for pair, p in used.items()}
    return {pair: known.get(names.get(pair, ""), "").strip() or sizes[pair] for pair in used}


def _write(path: Path, joined: Joined) -> None:
    with written_beside(path) as beside:
        database = sqlite3.connect(beside)
        database.execute("CREATE TABLE words (word TEXT, translation TEXT, votes REAL)")
        rows = ((head, word, round(vote, 5)) for head, words in joined.votes.items() for word, vote in words.items())
        database.executemany("INSERT INTO words VALUES (?, ?, ?)", rows)
        database.execute("CREATE INDEX by_word ON words (word)")
        database.execute("CREATE TABLE grammar (word TEXT PRIMARY KEY, kind TEXT, feminine INTEGER) WITHOUT ROWID")
        heads = ((word, known.kind, known.is_feminine) for word, known in joined.grammar())
        database.executemany("INSERT INTO grammar VALUES (?, ?, ?)", heads)
        database.commit()
        database.close()
