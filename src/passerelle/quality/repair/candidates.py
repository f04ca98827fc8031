"""Many translations of one text, from engines and dictionaries, for a choice to be made among them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from passerelle.quality.evidence.freedict import Dictionary
from passerelle.quality.repair.composing import as_plural, compose, forms, look_up, phrase_words, usable, with_article
from passerelle.quality.repair.mending import Mender
from passerelle.quality.repair.saying import look_at
from passerelle.quality.repair.wording import Wording, wording
from passerelle.translation.base import Translator

MOST_MARKED = 3
_MARKED = re.compile(r"[*@#]([^\W\d_][\w'’-]*)")
_MARKED_NUMBER = re.compile(r"(?<!\w)\*(?=\d)")
_ARTICLE = re.compile(r"^(a|an)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """One translation that may be chosen.

    Attributes:
        text: What a reader would see.
        way: How it came to be: ``engine``, ``variant``, ``fixed``, ``mended``, ``composed``, ``now``, …
        maker: The engine or dictionary that made it.
        unknown: How many of its words no engine and no dictionary knew.
        votes: How strongly the dictionaries stand behind its weakest word; 0 where none was asked.
        share: Votes of its weakest word as a share of those of the likeliest word in its place, 0..1.
        makers: How many ways led to the same text.
    """

    text: str
    way: str
    maker: str
    unknown: int = 0
    votes: float = 0.0
    share: float = 0.0
    makers: int = 1


Variant = Callable[[str], str]
VARIANTS: dict[str, Variant] = {
    "the": lambda text: _ARTICLE.sub("The ", text),
    "bare": lambda text: _ARTICLE.sub("", text).rstrip("."),
    "lower": lambda text: (text[:1].lower() + text[1:]).rstrip(".") if not text[:2].isupper() else text,
    "this is": lambda text: f"This is {text[:1].lower()}{text[1:]}" if _ARTICLE.match(text) else text,
}
_GIVEN_BACK = {
    "the": re.compile(r"^(le|la|l['’]|les)\s*", re.IGNORECASE),
    "this is": re.compile(r"^(c['’ ]est|ceci est|cela est|celui-ci est|ceci|c['’ ]*|cet?te? est)\s+", re.IGNORECASE),
}


class Pool:
    """Makes candidates with engines that mark what they don't know, and dictionaries.

    Attributes:
        book: What the dictionaries know of the texts.
    """

    def __init__(self, engines: Mapping[str, Translator], book: Dictionary) -> None:
        """Take the engines.

        Args:
            engines: By a short name; each marks unknown words with ``*``, as Apertium does with `mark_unknown`.
            book: Dictionaries between the languages.
        """
        self._engines, self.book = dict(engines), book
        first = next(iter(self._engines.values()), None)
        self.source, self.target = (first.source, first.target) if first else ("en", "fr")
        self.wording: Wording | None = wording(self.source, self.target)
        self._mender = Mender(self.source, self.target)

    def is_phrase(self, text: str) -> bool:
        """Whether a text is a short noun phrase, which may be written anew as a whole.

        Raises:
            RunError: The source's analyser failed.
        """
        return self.wording is not None and bool(phrase_words(text, self.wording))

    def mend(self, sources: Sequence[str], texts: Sequence[str]) -> list[str]:
        """Return translations with what engines write wrong again and again put right.

        Raises:
            RunError: An analyser failed.
        """
        return [
            fitted(source, now) if now != was else was
            for source, was, now in zip(sources, texts, self._mender.mend(sources, texts), strict=True)
        ]

    def candidates(self, texts: Sequence[str]) -> list[list[Candidate]]:
        """Return each text's candidates, the engines' own first, each text once.

        Raises:
            RunError: An engine or an analyser failed.
        """
        found: list[list[Candidate]] = [[] for _ in texts]
        look_at(texts, self.source)
        for name, engine in self._engines.items():
            for made, text, marked in zip(found, texts, engine.translate(texts), strict=True):
                made.append(self._finished(text, marked, "engine", name))
                made += self._fixed(text, marked, name)
        if self.wording is not None:
            self._add_known(self.wording, texts, found)
        return [_merged(made) for made in found]

    def _add_known(self, known: Wording, texts: Sequence[str], found: Sequence[list[Candidate]]) -> None:
        """Add the candidates that need knowledge of the two languages; a sentence is never written anew as a whole."""
        for name, engine in self._engines.items():
            rewritten = [known.rewrite(text) for text in texts]
            answers = engine.translate(rewritten)
            made = [fitted(text, unmarked(marked)) for text, marked in zip(texts, answers, strict=True)]
            for pool, new in zip(found, self.mend(texts, made), strict=True):
                if all(one.text != new for one in pool):
                    pool.append(Candidate(new, "mended", name))
        places = [place for place, text in enumerate(texts) if self.is_phrase(text)]
        for kind, vary in VARIANTS.items():
            asked = {place: ask for place in places if (ask := vary(texts[place])) != texts[place]}
            for name, engine in self._engines.items():
                for place, marked in zip(asked, engine.translate(list(asked.values())), strict=True):
                    found[place].extend(self._varied(texts[place], marked, kind, name))
        look_up([texts[place] for place in places], self.book, known)
        for place in places:
            found[place].extend(
                Candidate(fitted(texts[place], one.text), "composed", "dictionary", 0, one.votes, one.share)
                for one in compose(texts[place], self.book, known)
            )

    def _varied(self, text: str, marked: str, kind: str, name: str) -> list[Candidate]:
        """What an engine made of another way to write the source, brought back to the source's own way."""
        core = _GIVEN_BACK[kind].sub("", marked) if kind in _GIVEN_BACK else marked
        if _ARTICLE.match(text) and kind in ("the", "bare"):
            word = core.split(" ")[0].strip(".").lstrip("*").lower()
            core = f"{'une' if self.book.grammar(word).is_feminine else 'un'} {core[:1].lower()}{core[1:]}"
        return [self._finished(text, core, "variant", f"{name} {kind}"), *self._fixed(text, core, f"{name} {kind}")]

    def _finished(self, text: str, marked: str, way: str, maker: str) -> Candidate:
        return Candidate(fitted(text, unmarked(marked)), way, maker, len(_MARKED.findall(marked)))

    def _known(self, word: str) -> tuple[list[tuple[str, float]], bool]:
        """Return a word's translations, none for a name, and whether it is the plural of the noun they translate."""
        if word != word.lower():
            return [], False
        for form in forms(word):
            found = usable(form, self.book, self.wording) if self.wording else self.book.weighed(form)
            if found:
                nouns = self.wording is not None and form != word and self.book.grammar(found[0][0]).kind == "n"
                return found, nouns
        return [], False

    def _fixed(self, text: str, marked: str, maker: str) -> list[Candidate]:
        """Put the dictionary's words in the place of those that the engine didn't know."""
        unknown = _MARKED.findall(marked)
        if not 0 < len(unknown) <= MOST_MARKED:
            return []
        made = []
        for choice in (0, 1):
            left, votes, share = 0, 0.0, 0.0

            def put(match: re.Match[str], choice: int = choice) -> str:
                nonlocal left, votes, share
                known, is_plural = self._known(match[1])
                if len(known) <= choice:
                    left += 1
                    return match[1]
                votes = max(votes, known[choice][1])
                share = max(share, known[choice][1] / known[0][1])
                return as_plural(known[choice][0]) if is_plural else known[choice][0]

            fixed = with_article(_MARKED.sub(put, marked), self.book)
            fixed = self.wording.contracted(fixed) if self.wording else fixed
            if left < len(unknown):
                made.append(Candidate(fitted(text, fixed), "fixed", maker, left, votes, share))
        return made


def unmarked(text: str) -> str:
    """Return an engine's text without its marks for unknown words."""
    return _MARKED_NUMBER.sub("", _MARKED.sub(r"\1", text))


def _merged(made: Sequence[Candidate]) -> list[Candidate]:
    """Keep each text once, as the first way made it, with all that speaks for it."""
    merged: dict[str, Candidate] = {}
    for one in made:
        if one.text.strip():
            first = merged.get(one.text)
            merged[one.text] = (
                one
                if first is None
                else replace(
                    first, votes=max(first.votes, one.votes), share=max(first.share, one.share), makers=first.makers + 1
                )
            )
    return list(merged.values())


def fitted(source: str, text: str) -> str:
    """Begin and end a translation as its source does, the French blank before a mark included."""
    bare, mark = text.strip().rstrip(".!?…").rstrip(), re.search(r"[.!?…]+$", source.strip())
    if not bare:
        return ""
    bare = re.sub(r"\s+([.,])", r"\1", bare)
    if source[:1].isupper() and not bare[:2].isupper():
        bare = bare[:1].upper() + bare[1:]
    if mark is None:
        return bare
    return bare + (" " if mark[0][0] in "!?" else "") + mark[0]
