"""Short French noun phrases put together from a dictionary: "a helmeted guinea fowl" → "une pintade casquée".

Rule-based engines translate word by word and leave what they don't know. A caption is mostly one noun phrase, whose
head stands last in English and first in French; with the longest phrases that the dictionary knows and the gender
of the head, the phrase can be written anew. Sentences, longer texts and whatever holds another function word than an
article or a preposition are left to the engines: a dictionary's word for "her" is seldom what stands in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from passerelle.languages.knowledge import known
from passerelle.quality.evidence.freedict import Dictionary, Grammar
from passerelle.quality.repair.saying import has_finite_verb, kinds_of, look_at
from passerelle.quality.repair.wording import Wording

_LONGEST_PHRASE = 4
_HEADS, _MODIFIERS = 3, 2
_MOST = 16
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NO_PHRASE = re.compile(r"[.,;:!?¿¡\d()\[\]{}\"“”«»/\n]")


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


def phrase_words(text: str, wording: Wording) -> list[str]:
    """Return the words of a short noun phrase in lower case; none for anything else, such as a sentence.

    Args:
        text: A text of the source language.
        wording: What is known of the two languages.
    """
    bare = text.strip()
    bare = bare[:-1].rstrip() if bare.endswith((".", "!")) else bare
    words = [word.lower() for word in _TOKEN.findall(bare)]
    rules = wording.phrases
    if not 0 < len(words) <= rules.most_words or _NO_PHRASE.search(bare):
        return []
    lexicon = known(wording.source).words
    function = set(lexicon.function.split()) if lexicon else set()
    is_plain = all(
        word not in function or word in rules.links or word in rules.singular or word in rules.plural for word in words
    )
    has_content = any(word not in function for word in words)
    return words if is_plain and has_content and not has_finite_verb(text, wording.source) else []


def compose(text: str, book: Dictionary, wording: Wording) -> list[Composed]:
    """Write a short noun phrase anew in several ways, the likeliest first; none where it is no such phrase.

    Args:
        text: A text of the source language.
        book: Dictionaries.
        wording: What is known of the two languages.

    Raises:
        RunError: The source's analyser failed.
    """
    chunks: list[tuple[str, list[str]]] = [("", [])]
    for word in phrase_words(text, wording):
        if word in wording.phrases.links:
            chunks.append((wording.phrases.links[word], []))
        else:
            chunks[-1][1].append(word)
    if not all(words for _, words in chunks):
        return []
    options = [[(link, found) for found in _noun_phrases(words, book, wording)] for link, words in chunks]
    made = [_linked(parts, wording) for parts in islice(product(*options), 4 * _MOST)]
    unique = {found.text: found for found in sorted(made, key=lambda found: found.share)}
    return sorted(unique.values(), key=lambda found: (-found.share, -found.votes))[:_MOST]


def _linked(parts: tuple[tuple[str, Composed], ...], wording: Wording) -> Composed:
    text = ""
    for link, part in parts:
        text = wording.contracted(f"{text} {link} {part.text}") if link else part.text
    return Composed(text, min(part.votes for _, part in parts), min(part.share for _, part in parts))


def look_up(texts: Sequence[str], book: Dictionary, wording: Wording) -> None:
    """Analyse at once what phrases may be put together from, which is much faster than one by one.

    Raises:
        RunError: The target's analyser failed.
    """
    words = {word for text in texts for word in phrase_words(text, wording)}
    look_at(
        [found for word in sorted(words) for form in forms(word) for found, _ in usable(form, book, wording)[:4]],
        wording.target,
    )


def usable(word: str, book: Dictionary, wording: Wording) -> list[tuple[str, float]]:
    """Return a word's translations with their votes, without what only says something about the word."""
    return [pair for pair in book.weighed(word) if not wording.is_gloss(pair[0])]


def _noun_phrases(words: list[str], book: Dictionary, wording: Wording) -> Iterator[Composed]:
    rules = wording.phrases
    may_be_one, may_be_more = words[0] in rules.singular, words[0] in rules.plural
    determiner = words[0] if may_be_one or may_be_more else ""
    rest = words[1:] if determiner else words
    if any(word in rules.singular or word in rules.plural for word in rest):
        return
    units = _units(rest, book, wording)
    if not units:
        return
    *before, head = units
    heads = list(_heads(head, book, wording))
    best = max(votes for _, votes, _ in heads) if heads else 1.0
    for noun, votes, plural in heads:
        if determiner and not (may_be_more if plural else may_be_one):
            continue  # "a man walks": no phrase
        grammar = book.grammar(noun)
        modifiers = [list(_modifiers(unit, grammar, plural, book, wording)) for unit in before]
        article = _article((rules.plural if plural else rules.singular).get(determiner, ""), grammar, plural)
        for chosen in islice(product(*modifiers), 8):
            first = " ".join(text for text, _, place in chosen if place == "before")
            if first and not plural and not grammar.is_feminine:
                first = wording.before_noun(first, noun)
            last = " ".join(text for text, _, place in reversed(chosen) if place == "after")
            core = as_plural(noun) if plural else noun
            joined = wording.contracted(" ".join(filter(None, (article, first, core, last))))
            weights = [votes, *(weight for _, weight, _ in chosen)]
            shares = [votes / best, *(w / of_unit[0][1] for (_, w, _), of_unit in zip(chosen, modifiers, strict=True))]
            yield Composed(joined, min(weights), min(1.0, *shares) if len(shares) > 1 else min(1.0, shares[0]))


def _units(words: list[str], book: Dictionary, wording: Wording) -> list[str]:
    """Cut words into the longest phrases that the dictionary knows, from the right; none if a word is unknown."""
    units: list[str] = []
    end = len(words)
    while end:
        for start in range(max(0, end - _LONGEST_PHRASE), end):
            phrase = " ".join(words[start:end])
            if any(usable(form, book, wording) for form in forms(phrase)):
                units.insert(0, phrase)
                end = start
                break
        else:
            return []
    return units


def _heads(unit: str, book: Dictionary, wording: Wording) -> Iterator[tuple[str, float, bool]]:
    """Nouns for a unit, with votes and whether it is a plural."""
    for form in forms(unit):
        found = usable(form, book, wording)
        nouns = [pair for pair in found if book.grammar(pair[0]).kind == "n"] or found
        if nouns:
            for noun, votes in nouns[:_HEADS]:
                yield noun, votes, form != unit
            return


def _modifiers(
    unit: str, head: Grammar, plural: bool, book: Dictionary, wording: Wording
) -> Iterator[tuple[str, float, str]]:
    for form in forms(unit):
        found = usable(form, book, wording)[:4]
        if not found:
            continue
        adjectives = [pair for pair in found if _may_be_adjective(pair[0], book, wording)]
        for word, votes in adjectives[:_MODIFIERS]:
            agreed = feminine(word) if head.is_feminine else word
            place = "before" if word in wording.first_adjectives else "after"
            yield (as_plural(agreed) if plural else agreed), votes, place
        nouns = [pair for pair in found if book.grammar(pair[0]).kind == "n"]
        for word, votes in nouns[: _MODIFIERS if not adjectives else 1]:
            yield f"de {word}", votes * (1.0 if not adjectives else 0.5), "after"
        return


def _may_be_adjective(word: str, book: Dictionary, wording: Wording) -> bool:
    return (
        "adj" in kinds_of(word, wording.target)
        or book.grammar(word).kind == "adj"
        or book.is_word(feminine(word))
        and feminine(word) != word
    )


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


def as_plural(word: str) -> str:
    """Write a noun's or an adjective's plural by its ending; of a phrase the first word's."""
    first, blank, rest = word.partition(" ")
    if first.endswith(("s", "x", "z")):
        return word
    return first + ("x" if first.endswith(("eau", "eu")) else "s") + blank + rest


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
