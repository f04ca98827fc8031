"""What is asked about a picture, in each language (`passerelle/data/prompts.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Prompts:
    """The prompts of one language; see the data file for their placeholders."""

    language: str
    yes: str
    no: str
    caption: str
    yes_no: str
    which: str
    articles: frozenset[str]
    in_language: str = ""

    def inline(self, caption: str) -> str:
        """Return a caption as it stands inside a sentence: no full stop, its article in lower case."""
        text = caption.strip().rstrip(".!").strip()
        first, _, _ = text.lower().partition(" ")
        elided, mark, _ = first.replace("’", "'").partition("'")
        if first in self.articles or elided + mark in self.articles:
            return text[:1].lower() + text[1:]
        return text

    def ask_whether(self, caption: str) -> str:
        """Ask whether the picture shows `caption`."""
        return self.yes_no.format(caption=self.inline(caption))

    def ask_which(self, captions: Sequence[str]) -> str:
        """Ask which of four captions fits."""
        a, b, c, d = map(self.inline, captions)
        return self.which.format(a=a, b=b, c=c, d=d)


@cache
def _all() -> dict[str, Prompts]:
    text = files("passerelle.data").joinpath("prompts.toml").read_text(encoding="utf-8")
    return {
        language: Prompts(language=language, **{**entry, "articles": frozenset(entry["articles"])})
        for language, entry in tomllib.loads(text).items()
    }


def find_prompts(language: str) -> Prompts | None:
    """Return a language's prompts, or ``None`` where the data file has none."""
    return _all().get(language)


def languages_with_prompts() -> tuple[str, ...]:
    """Return the codes of the languages that the data file has."""
    return tuple(_all())


def english() -> Prompts:
    """Return the English prompts, from which all others were translated."""
    return _all()["en"]
