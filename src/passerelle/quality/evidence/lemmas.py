"""Base forms and kinds of words, by Apertium's analysers (used as programs of their own) or left as they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from passerelle.errors import RunError
from passerelle.languages.codes import language
from passerelle.translation.engines.apertium_modes import data_folder

_READING = re.compile(r"(?P<lemma>[^<]*)(?P<tags>(?:<[^>]+>)*)")
_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_PLAIN = str.maketrans({"’": "'", "\u2010": "-", "\u2011": "-", "\u00ad": "-"})
CONTENT = frozenset({"n", "np", "adj", "vblex", "adv"})
"""Apertium's tags of words that carry meaning."""
EMPTY = frozenset(
    {"det", "pr", "prn", "cnjcoo", "cnjsub", "cnjadv", "vbser", "vbhaver", "vaux", "vbmod", "predet", "rel"}
)
"""Tags of words that don't; a word that can be one of these isn't counted on."""


def tokens(text: str) -> list[str]:
    """Return a text's words in lower case; French ``l'eau`` gives two."""
    return _TOKEN.findall(text.lower().translate(_PLAIN))


@dataclass(frozen=True)
class Word:
    """What is known of a word's form.

    Attributes:
        forms: Its base forms, and itself.
        has_content: Whether it carries meaning; a word that the analyser doesn't know does.
    """

    forms: frozenset[str]
    has_content: bool


class Analyser:
    """Finds the base forms of a language's words.

    Without an installed Apertium analyser each word is its own base form, and those of up to three letters are
    taken for empty.
    """

    def __init__(self, code: str) -> None:
        """Find the language's analyser.

        Args:
            code: Any code or name of the language.
        """
        self._file = _analyser(language(code).iso639_3, language(code).bcp47)
        self._known: dict[str, Word] = {}

    @property
    def signature(self) -> str:
        """The analyser's file and size."""
        return f"{self._file.name}:{self._file.stat().st_size}" if self._file else "no analyser"

    def look_up(self, words: Iterable[str]) -> dict[str, Word]:
        """Return what is known of each word.

        Args:
            words: Words as `tokens` gives them.

        Raises:
            RunError: The analyser failed.
        """
        asked = list(dict.fromkeys(words))
        fresh = [word for word in asked if word not in self._known]
        if fresh and self._file is not None:
            for word, answer in zip(fresh, _run(self._file, fresh), strict=True):
                self._known[word] = _word(word, answer)
        else:
            self._known |= {word: Word(frozenset({word}), len(word) > 3) for word in fresh}
        return {word: self._known[word] for word in asked}


def _word(word: str, answer: str) -> Word:
    """Read Apertium's stream: ``^bats/bat<n><pl>/bat<vblex><pres>$``."""
    forms, kinds = {word}, set()
    readings = answer.partition("^")[2].partition("$")[0].split("/")[1:]
    whole = answer.count("^") == 1
    for reading in readings if whole else ():
        match = _READING.match(reading)
        if match is None or reading.startswith("*"):
            continue
        tags = re.findall(r"<([^>]+)>", match["tags"])
        if tags:
            forms.add(match["lemma"].lower())
            kinds.add(tags[0])
    has_content = not kinds or (bool(kinds & CONTENT) and not kinds & EMPTY)
    return Word(frozenset(forms), has_content and (len(word) > 1 or not word.isascii()))


def _run(file: Path, words: list[str]) -> list[str]:
    """Analyse each word by itself: a null after each keeps them apart."""
    sent = "".join(f"{word}\0" for word in words)
    done = subprocess.run(
        ["lt-proc", "-w", "-z", str(file)],
        input=sent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    answers = done.stdout.split("\0")[: len(words)]
    if done.returncode or len(answers) != len(words):
        raise RunError(f"lt-proc gave {len(answers)} answers for {len(words)} words: {done.stderr.strip()[:200]}")
    return answers


@lru_cache(maxsize=64)
def _analyser(long: str, short: str) -> Path | None:
    """The largest analyser of a language that is installed."""
    folder = data_folder()
    if folder is None or shutil.which("lt-proc") is None:
        return None
    files = [path for code in (long, short) for path in folder.glob(f"*/{code}-*.automorf.bin")]
    return max(files, key=lambda path: (path.stat().st_size, path.name), default=None)
