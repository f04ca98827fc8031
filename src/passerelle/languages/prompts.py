"""What the example asks about a picture: the part `prompts` of each language's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from passerelle.languages.knowledge import ExamplePrompts, known, languages_with


@dataclass(frozen=True)
class Prompts:
    """The prompts of one language; `knowledge.ExamplePrompts` says what each is."""

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


def find_prompts(language: str) -> Prompts | None:
    """Return a language's prompts, or ``None`` where its file has none."""
    found = known(language).prompts
    return _made(language, found) if found is not None else None


@cache
def _made(language: str, found: ExamplePrompts) -> Prompts:
    return Prompts(language=language, **{**found.model_dump(), "articles": frozenset(found.articles)})


def languages_with_prompts() -> tuple[str, ...]:
    """Return the codes of the languages whose files have prompts."""
    return languages_with("prompts")


def english() -> Prompts:
    """Return the English prompts, from which all others were translated."""
    found = find_prompts("en")
    assert found is not None
    return found
