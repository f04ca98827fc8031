"""Forms of words from their base form and tags, by Apertium's generators (used as programs of their own)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from passerelle.errors import RunError
from passerelle.languages.codes import language
from passerelle.quality.evidence.analysis import find_analyser

Wanted = tuple[str, tuple[str, ...]]
"""A base form and Apertium's tags."""


class Generator:
    """A language's generator, with what it said before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[Wanted, str | None] = {}

    def generate(self, wanted: Iterable[Wanted]) -> dict[Wanted, str | None]:
        """Return the form of each base form with its tags; ``None`` where the language has none.

        Raises:
            RunError: The generator failed.
        """
        asked = list(dict.fromkeys(wanted))
        fresh = [one for one in asked if one not in self._known]
        if fresh:
            self._known.update(zip(fresh, self._run(fresh), strict=True))
        return {one: self._known[one] for one in asked}

    def _run(self, wanted: list[Wanted]) -> list[str | None]:
        sent = "".join(f"^{lemma}{''.join(f'<{tag}>' for tag in tags)}$\n" for lemma, tags in wanted)
        done = subprocess.run(
            ["lt-proc", "-g", str(self._file)],
            input=sent,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        forms = done.stdout.splitlines()
        if done.returncode or len(forms) != len(wanted):
            said = done.stderr.strip()[:200]
            raise RunError(f"lt-proc ({self._file.name}) gave {len(forms)} forms for {len(wanted)} words: {said}")
        return [None if form[:1] in ("#", "@", "*") else form.replace("~", "") for form in forms]


@cache
def open_generator(code: str) -> Generator | None:
    """Open the generator that fits a language's analyser; ``None`` if none is installed."""
    analyser = find_analyser(code)
    if analyser is None:
        return None
    ends = [f"-{short}.autogen.bin" for short in (language(code).iso639_3, language(code).bcp47)]
    files = sorted(file for end in ends for file in analyser.parent.glob(f"*{end}"))
    return Generator(files[0]) if files else None
