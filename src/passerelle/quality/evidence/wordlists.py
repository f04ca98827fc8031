"""The words of a language, by the lists that Debian installs in ``/usr/share/dict``."""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from passerelle.languages.knowledge import known
from passerelle.runs import file_hash

FOLDER = Path("/usr/share/dict")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "’": "'"})


@dataclass(frozen=True)
class WordList:
    """A language's words.

    Attributes:
        name: The file's name, with the beginning of its SHA-256.
        words: Each word in lower case, ligatures written apart.
        pieces: What an elision leaves of a word: French "l", "qu".
        common: The words that the list doesn't write with a capital only: no names.
    """

    name: str
    words: frozenset[str]
    pieces: frozenset[str]
    common: frozenset[str] = frozenset()

    def knows(self, word: str) -> bool:
        """Whether a word (as of `identify.words_of`, any case) is in the list, or all of its hyphenated parts are.

        Single letters and the pieces of elisions are known.
        """
        plain = plain_word(word)
        if len(plain) == 1 or plain in self.words or plain in self.pieces:
            return True
        parts = plain.split("-")
        return len(parts) > 1 and all(len(part) < 2 or part in self.words for part in parts)


def plain_word(word: str) -> str:
    """Write a word as the lists are kept: composed, in lower case, without ligatures."""
    return unicodedata.normalize("NFC", word).lower().translate(_LIGATURES)


def package(language: str) -> str | None:
    """Name the Debian package with a language's words; ``None`` where none is known."""
    entry = known(language).word_list
    return entry.package if entry else None


def find_word_list(language: str) -> WordList | None:
    """Read a language's list, once per process.

    Args:
        language: BCP-47 code.

    Returns:
        ``None`` where none is known, or the list isn't installed.
    """
    return _read(language, FOLDER)


@functools.lru_cache(maxsize=8)
def _read(language: str, folder: Path) -> WordList | None:
    entry = known(language).word_list
    if entry is None:
        return None
    path = folder / entry.file
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    plain = [line.strip() for line in plain_word(text).splitlines()]  # all at once: there are 350,000
    return WordList(
        name=f"{entry.file} {file_hash(path)[:12]}",
        words=frozenset(plain),
        pieces=frozenset(entry.pieces.split()),
        common=frozenset(word for line, word in zip(text.splitlines(), plain, strict=True) if line[:1].islower()),
    )
