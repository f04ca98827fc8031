"""Short French noun phrases put together from a dictionary: "a helmeted guinea fowl" → "une pintade casquée".

Rule-based engines translate word by word and leave what they don't know. A caption is mostly one noun phrase, whose
head stands last in English and first in French; with the longest phrases that the dictionary knows and the gender
of the head, the phrase can be written anew. Anything else is left to the engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

from passerelle.quality.evidence.freedict import Dictionary, Grammar

MOST_WORDS = 12
_LONGEST_PHRASE = 4
_HEADS, _MODIFIERS = 3, 2
_MOST = 16
_DETERMINERS = {"a": "un", "an": "un", "the": "le", "some": "des", "two": "deux", "three": "trois", "our": "notre"}
_LINKS = {"of": "de", "with": "avec", "in": "dans", "on": "sur", "for": "pour", "at": "à", "and": "et", "or": "ou"}
_BEFORE = frozenset("grand petit gros beau vieux jeune bon joli nouveau long énorme autre premier".split())
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


@dataclass(frozen=True)
class Composed:
    """A phrase and how much the dictionaries stand behind its weakest word: in votes, and against the likeliest."""

    text: str
    votes: float
    share: float


def forms(word: str) -> list[str]:
    """Return a word and what may be its singular."""
    found = [word]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        found.append(word[:-1])
    if word.endswith(("'s", "’s")):
        found.append(word[:-2])
    return found


def compose(text: str, book: Dictionary) -> list[Composed]:
    """Write a caption as French noun phrases in several ways, the likeliest first; none if it can't be done."""
    bare = text.strip().rstrip(".!?…").strip()
    words = [word.lower() for word in _TOKEN.findall(bare)]
    if not words or len(words) > MOST_WORDS or re.search(r"[.,;:!?\d(]", bare):
        return []
    chunks: list[tuple[str, list[str]]] = [("", [])]
    for word in words:
        if word in _LINKS:
            chunks.append((_LINKS[word], []))
        else:
            chunks[-1][1].append(word)
    if not all(words for _, words in chunks):
        return []
    options = [[(link, found) for found in _noun_phrases(words, book)] for link, words in chunks]
    made = [_linked(parts) for parts in islice(product(*options), 4 * _MOST)]
    unique = {found.text: found for found in sorted(made, key=lambda found: found.share)}
    return sorted(unique.values(), key=lambda found: (-found.share, -found.votes))[:_MOST]


def _linked(parts: tuple[tuple[str, Composed], ...]) -> Composed:
    text = ""
    for link, part in parts:
        text = _elided(f"{text} {link} {part.text}") if link else part.text
    return Composed(text, min(part.votes for _, part in parts), min(part.share for _, part in parts))


def _noun_phrases(words: list[str], book: Dictionary) -> Iterator[Composed]:
    determiner = words[0] if words[0] in _DETERMINERS else ""
    units = _units(words[1:] if determiner else words, book)
    if not units:
        return
    *before, head = units
    heads = list(_heads(head, book))
    best = max(votes for _, votes, _ in heads) if heads else 1.0
    for noun, votes, plural in heads:
        grammar = book.grammar(noun)
        modifiers = [list(_modifiers(unit, grammar, plural, book)) for unit in before]
        article = _article(_DETERMINERS.get(determiner, ""), grammar, plural)
        for chosen in islice(product(*modifiers), 8):
            first = " ".join(text for text, _, place in chosen if place == "before")
            last = " ".join(text for text, _, place in reversed(chosen) if place == "after")
            core = _plural(noun) if plural else noun
            joined = _elided(" ".join(filter(None, (article, first, core, last))))
            weights = [votes, *(weight for _, weight, _ in chosen)]
            shares = [votes / best, *(w / of_unit[0][1] for (_, w, _), of_unit in zip(chosen, modifiers, strict=True))]
            yield Composed(joined, min(weights), min(1.0, *shares) if len(shares) > 1 else min(1.0, shares[0]))


def _units(words: list[str], book: Dictionary) -> list[str]:
    """Cut words into the longest phrases that the dictionary knows, from the right; none if a word is unknown."""
    units: list[str] = []
    end = len(words)
    while end:
        for start in range(max(0, end - _LONGEST_PHRASE), end):
            phrase = " ".join(words[start:end])
            if any(book.weighed(form) for form in forms(phrase)):
                units.insert(0, phrase)
                end = start
                break
        else:
            return []
    return units


def _heads(unit: str, book: Dictionary) -> Iterator[tuple[str, float, bool]]:
    """Nouns for a unit, with votes and whether it is a plural."""
    for form in forms(unit):
        found = book.weighed(form)
        nouns = [pair for pair in found if book.grammar(pair[0]).kind == "n"] or found
        if nouns:
            for noun, votes in nouns[:_HEADS]:
                yield noun, votes, form != unit
            return


def _modifiers(unit: str, head: Grammar, plural: bool, book: Dictionary) -> Iterator[tuple[str, float, str]]:
    for form in forms(unit):
        found = book.weighed(form)[:4]
        if not found:
            continue
        adjectives = [pair for pair in found if _may_be_adjective(pair[0], book)]
        for word, votes in adjectives[:_MODIFIERS]:
            agreed = feminine(word) if head.is_feminine else word
            place = "before" if word in _BEFORE else "after"
            yield (_plural(agreed) if plural else agreed), votes, place
        nouns = [pair for pair in found if book.grammar(pair[0]).kind == "n"]
        for word, votes in nouns[: _MODIFIERS if not adjectives else 1]:
            yield f"de {word}", votes * (1.0 if not adjectives else 0.5), "after"
        return


def _may_be_adjective(word: str, book: Dictionary) -> bool:
    return book.grammar(word).kind == "adj" or book.is_word(feminine(word)) and feminine(word) != word


def _article(kind: str, head: Grammar, plural: bool) -> str:
    if kind == "un":
        return "des" if plural else "une" if head.is_feminine else "un"
    if kind == "le":
        return "les" if plural else "la" if head.is_feminine else "le"
    return kind


def feminine(word: str) -> str:
    """Write an adjective's feminine by its ending."""
    for ending, becomes in (
        ("e", "e"), ("eux", "euse"), ("eau", "elle"), ("eur", "euse"), ("if", "ive"), ("er", "ère"), ("el", "elle"),
        ("en", "enne"), ("on", "onne"), ("anc", "anche"), ("ec", "èche"), ("gros", "grosse"), ("long", "longue"),
        ("vieux", "vieille"), ("oux", "ousse"),
    ):  # fmt: skip
        if word.endswith(ending):
            return word[: -len(ending)] + becomes
    return word + "e"


def _plural(word: str) -> str:
    first, blank, rest = word.partition(" ")
    if first.endswith(("s", "x", "z")):
        return word
    return first + ("x" if first.endswith(("eau", "eu")) else "s") + blank + rest


def _elided(text: str) -> str:
    """Write "d'eau" for "de eau" and "l'arbre" for "le arbre", "du" for "de le"."""
    text = re.sub(r"\bde les\b", "des", re.sub(r"\bde le (?![aeiouhéèêœ])", "du ", text))
    return re.sub(r"\b([dDlL])(?:e|a) (?=[aeiouhéèêâîôûœ])", r"\1'", text)


def with_article(text: str, book: Dictionary) -> str:
    """Put the article right that a phrase begins with, by the gender of the noun behind it."""
    words = text.split(" ")
    if len(words) < 2 or words[0].lower() not in ("un", "une"):
        return text
    feminine_noun = book.grammar(words[1].strip(".,!?").lower()).is_feminine
    if feminine_noun is None:
        return text
    article = "une" if feminine_noun else "un"
    return " ".join([article.capitalize() if words[0][0].isupper() else article, *words[1:]])
