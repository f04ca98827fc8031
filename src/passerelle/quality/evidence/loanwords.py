"""Words written alike in two languages: they show neither, and aren't words left untranslated."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

from passerelle.languages.identify import load_lexicon
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.wordlists import WordList, find_word_list, plain_word
from passerelle.runs import content_hash


@dataclass(frozen=True)
class Loanwords:
    """The words that a source and a target language share.

    Attributes:
        listed: Those of ``data/loanwords-XX.txt`` and of the lexicons.
        source: The source language's words, if they are installed.
        target: The target language's words, if they are installed.
    """

    listed: frozenset[str]
    source: WordList | None
    target: WordList | None

    def has(self, word: str) -> bool:
        """Whether both languages write a word so; any case."""
        plain = plain_word(word)
        if plain in self.listed:
            return True
        return bool(self.source and self.target and plain in self.source.words and plain in self.target.words)

    @property
    def signature(self) -> str:
        """What the answers depend on."""
        lists = " ".join(found.name for found in (self.source, self.target) if found)
        return f"loanwords {content_hash(sorted(self.listed))[:12]} {lists}".strip()


@functools.lru_cache(maxsize=16)
def find_loanwords(direction: Direction) -> Loanwords:
    """Return the words that the two languages share.

    Lists are kept for each language beside English; without one, the lexicons' shared words remain.
    """
    own = direction.target if direction.source == "en" else direction.source
    path = resources.files("passerelle.data").joinpath(f"loanwords-{own}.txt")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    words = {plain_word(word) for line in text.splitlines() if not line.startswith("#") for word in line.split()}
    return Loanwords(
        frozenset(words | load_lexicon().shared), find_word_list(direction.source), find_word_list(direction.target)
    )
