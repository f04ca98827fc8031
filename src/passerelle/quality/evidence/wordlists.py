"""The words of a language, by the lists that Debian installs in ``/usr/share/dict``."""

from __future__ import annotations

import functools
import io
import unicodedata
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from passerelle.languages.knowledge import known
from passerelle.quality.evidence.derived import FOLDER as DERIVED
from passerelle.runs import cache_folder, file_hash, write_atomically

FOLDER = Path("/usr/share/dict")
_VERSION = 1
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "’": "'"})


class SortedWords(Set[str]):
    """Words that lie sorted in a file, of which the system reads what is looked at: nothing to load or to hold.

    Args:
        rows: The words in UTF-8, sorted, each once [words].
    """

    def __init__(self, rows: NDArray[np.bytes_]) -> None:
        self._rows = rows

    def __contains__(self, word: Any) -> bool:
        key = word.encode()
        if not len(self._rows) or len(key) > self._rows.dtype.itemsize:
            return False
        place = int(np.searchsorted(self._rows, np.array(key, dtype=self._rows.dtype)))
        return place < len(self._rows) and bool(self._rows[place] == key)

    def __iter__(self) -> Iterator[str]:
        return (row.decode() for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)


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
    words: Set[str]
    pieces: frozenset[str]
    common: Set[str] = frozenset()

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
    """Open a language's list, once per process; it is sorted into the cache when it is first needed.

    Args:
        language: BCP-47 code.

    Returns:
        ``None`` where none is known, or the list isn't installed.

    Raises:
        StorageError: The cache can't be written.
    """
    return _open(language, FOLDER, cache_folder() / DERIVED)


@functools.lru_cache(maxsize=8)
def _open(language: str, folder: Path, cache: Path) -> WordList | None:
    entry = known(language).word_list
    if entry is None:
        return None
    path = folder / entry.file
    if not path.is_file():
        return None
    digest = file_hash(path)[:12]
    files = [cache / f"words-{entry.file}-{digest}-{_VERSION}-{part}.npy" for part in ("all", "common")]
    rows = [found for file in files if (found := _mapped(file)) is not None]
    if len(rows) < len(files):
        rows = list(_sorted(path))
        for file, each in zip(files, rows, strict=True):
            _keep(file, each)
    words, common = map(SortedWords, rows)
    return WordList(f"{entry.file} {digest}", words, frozenset(entry.pieces.split()), common)


def _sorted(path: Path) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_]]:
    """Read a list: all of its words, and those that are no names."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    plain = [line.strip() for line in plain_word(text).splitlines()]  # all at once: there are 350,000
    common = (word for line, word in zip(lines, plain, strict=True) if line[:1].islower())
    return _array(plain), _array(common)


def _array(words: Iterable[str]) -> NDArray[np.bytes_]:
    return np.array(sorted({word.encode() for word in words if word}), dtype=np.bytes_)


def _mapped(file: Path) -> NDArray[np.bytes_] | None:
    """Map a file into memory; ``None`` where it is missing or broken, so that it is made again."""
    try:
        found = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype.kind == "S" and found.ndim == 1 else None


def _keep(file: Path, rows: NDArray[np.bytes_]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    write_atomically(file, buffer.getvalue())
