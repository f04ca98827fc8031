"""Which words a text has and what each can be, by Apertium's analysers (used as programs of their own).

Readings aren't chosen between: checks ask whether any of them would be right.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from passerelle.errors import RunError
from passerelle.languages.codes import language
from passerelle.runs import file_hash
from passerelle.translation.engines.apertium_modes import data_folder
from passerelle.translation.engines.apertium_stream import encode_segment, split_lines

_UNIT = re.compile(r"\^((?:[^$\\]|\\.)*)\$", re.DOTALL)
_TAGS = re.compile(r"<([^>]+)>")
_AT_ONCE = 1000
_REMEMBERED = 20_000


@dataclass(frozen=True)
class Reading:
    """One thing that a word can be.

    Attributes:
        lemma: Its base form.
        tags: Apertium's tags in order: the part of speech first, then gender, number and others.
    """

    lemma: str
    tags: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Part of speech: ``n``, ``adj``, ``det``, ``pr``, ``vblex`` and others; ``pp`` for a participle."""
        return "pp" if "pp" in self.tags else self.tags[0]


@dataclass(frozen=True)
class Word:
    """A word, or an idiom that the analyser knows whole.

    Attributes:
        form: As it stands in the text.
        readings: What it can be; none for a word that the analyser doesn't know.
        after_break: Whether a mark other than a blank stands before it.
    """

    form: str
    readings: tuple[Reading, ...]
    after_break: bool = False

    @property
    def kinds(self) -> frozenset[str]:
        """The parts of speech that it can be."""
        return frozenset(reading.kind for reading in self.readings)


def find_analyser(code: str) -> Path | None:
    """Return the largest installed analyser of a language; ``None`` if there is none.

    Args:
        code: Any code or name of the language.
    """
    folder = data_folder()
    if folder is None or shutil.which("lt-proc") is None:
        return None
    known = language(code)
    files = [path for short in (known.iso639_3, known.bcp47) for path in folder.glob(f"*/{short}-*.automorf.bin")]
    return max(files, key=lambda path: (path.stat().st_size, path.name), default=None)


class Analysis:
    """A language's analyser, with what it said before.

    Attributes:
        signature: The analyser's file and its hash.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.signature = f"{file.name} {file_hash(file)[:12]}"
        self._known: dict[str, tuple[Word, ...]] = {}

    def analyse(self, texts: Sequence[str]) -> list[tuple[Word, ...]]:
        """Return the words of each text.

        Raises:
            RunError: The analyser failed.
        """
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(fresh), _AT_ONCE):
            batch = fresh[start : start + _AT_ONCE]
            self._known.update(zip(batch, self._run(batch), strict=True))
        return [self._known[text] for text in texts]

    def _run(self, texts: Sequence[str]) -> list[tuple[Word, ...]]:
        # What Apertium can't carry is put as blanks: it is no word.
        parts = ["  ".join(split_lines(text)[::2]).replace("’", "'") for text in texts]
        sent = b"".join(encode_segment(part, number) for number, part in enumerate(parts))
        done = subprocess.run(
            ["lt-proc", "-w", "-z", str(self._file)],
            input=sent,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        replies = done.stdout.decode("utf-8", "replace").split("\0")[: len(texts)]
        if done.returncode or len(replies) != len(texts):
            said = done.stderr.decode("utf-8", "replace").strip()[:200]
            raise RunError(f"lt-proc ({self._file.name}) gave {len(replies)} answers for {len(texts)} texts: {said}")
        return [read_words(reply) for reply in replies]


@functools.cache
def open_analysis(code: str) -> Analysis | None:
    """Open a language's analyser, one for all checks of the process; ``None`` if none is installed."""
    file = find_analyser(code)
    return Analysis(file) if file else None


def read_words(reply: str) -> tuple[Word, ...]:
    """Read Apertium's stream: ``^chats/chat<n><m><pl>$``; marks of sentences and commas are breaks."""
    words = []
    end, broken = 0, True
    for match in _UNIT.finditer(reply):
        between = reply[end : match.start()]
        broken = broken or any(not mark.isspace() for mark in between)
        end = match.end()
        form, *readings = match[1].split("/")
        found = tuple(reading for part in readings if (reading := _reading(part)) is not None)
        if found and found[0].tags[0] in ("sent", "cm", "lpar", "rpar", "guio", "apos", "lquot", "rquot"):
            broken = True
            continue
        words.append(Word(form, found, broken))
        broken = False
    return tuple(words)


def _reading(part: str) -> Reading | None:
    """Read one reading; of contractions such as ``de<pr>+le<det>`` the last part, which what follows agrees with."""
    if part.startswith("*"):
        return None
    last = part.rpartition("+")[2] if "<" in part.rpartition("+")[2] else part
    tags = tuple(_TAGS.findall(last))
    return Reading(last.partition("<")[0], tags) if tags else None
