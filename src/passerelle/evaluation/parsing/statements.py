"""What a clause says of a question: that what was asked for is so, or isn't.

A clause is read by the question's own words: which of them it names, what it says of them that can't be true together
with what was asked (another number, colour or place), whether it denies them, whether it says that they are there. A
denial that names none of them and speaks of something else says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.evaluation.parsing.open_words import words_in
from passerelle.evaluation.parsing.published import Said
from passerelle.evaluation.parsing.text import alike, clauses
from passerelle.evaluation.parsing.words import Words

_LONGEST_STATEMENT = 3  # words of "There is." and "Yes it is.", which name nothing
_LONGEST_OTHER = 1  # words of a denial that are neither the question's nor little: "no animals are there"
_SHORT = 2  # words of a denial that can be of nothing but what was asked: "no trace"
_SHORTEST_COMPOUND = 3
QUESTION_MARKS = "?？؟"


@dataclass(frozen=True)
class Asked:
    """What a question is about.

    Attributes:
        words: Its own words, each once; little words and words of the picture are none.
        number: The number among them.
        exists: Whether it asks if something is there.
        wanted: What is asked to be there: the words behind "a", else the first.
        tokens: All words, those of the picture left out.
    """

    words: tuple[str, ...] = ()
    number: int | None = None
    exists: bool = False
    wanted: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How much a statement can name."""
        return len(self.words) + (self.number is not None)


@dataclass(frozen=True)
class Vote:
    """What a clause says, how many of the question's words it names, and where it stands."""

    said: Said
    named: int
    place: int


def asked_in(question: str, words: Words) -> Asked:
    """Find what a question in lower case is about."""
    sentences = [part for part in clauses(question) if part[-1] in QUESTION_MARKS]
    text = " ".join(sentences) or question
    is_there = words.there.search(text) is not None
    tokens = words.tokens(words.in_picture.sub(" ", text))
    numbers = words.number_in(tokens)
    counted = {place + 1 for place in numbers if tokens[place + 1 : place + 2] and tokens[place + 1] in words.counters}
    kept = [
        place for place, word in enumerate(tokens) if _is_content(word, words) and place not in {*numbers, *counted}
    ]
    found = tuple(dict.fromkeys(words.bare(tokens[place]) for place in kept))
    number = next((value for value in numbers.values() if value > 1), None)
    wanted = tuple(map(words.bare, _behind_article(tokens, kept, words)))
    if words.reading.free_order or words.reading.denies_behind or not words.reading.spaced:
        return Asked(found, number, is_there, (), tuple(tokens))
    return Asked(found, number, is_there, wanted or found[:1] * (is_there and number is None), tuple(tokens))


def _is_content(word: str, words: Words) -> bool:
    if words.silent.isdisjoint((word, words.bare(word))) and not word.isdecimal():
        return len(word) > 1 or not words.reading.spaced
    return False


def _behind_article(tokens: Sequence[str], kept: Sequence[int], words: Words) -> tuple[str, ...]:
    """Return the question's words behind the first indefinite article: "a red car"."""
    for place, word in enumerate(tokens):
        if word in words.indefinite and place + 1 in kept:
            end = place + 1
            while end in kept:
                end += 1
            return tuple(tokens[place + 1 : end])
    return ()


def vote_of(part: str, place: int, asked: Asked, own: Sequence[Words]) -> Vote | None:
    """Return what a clause says of what was asked."""
    if any(words.conditional.search(part) or words.whether.search(part) for words in own):
        return None
    named = named_in(part, asked, own[0])
    if any(_is_denied(part, asked, words) for words in own):
        if (excepted := _but_for(part, asked, own)) is not None:
            return Vote(excepted, named, place)
        if named or _denies_little(part, asked, own):
            return Vote("no", named, place)
        return Vote("no", 0, place) if asked.exists and any(words.only.search(part) for words in own) else None
    if any(words.affirms.search(part) for words in own):
        return Vote("yes", asked.count, place)
    if _excludes(part, named, asked, own[0]):
        return Vote("no", named, place)
    if asked.exists and named < asked.count and any(words.only.search(part) for words in own):
        return Vote("no", named, place)
    if _affirms(part, named, asked, own):
        return Vote("yes", named, place)
    return None


def _is_denied(part: str, asked: Asked, words: Words) -> bool:
    """Whether a clause is a denial; a word that denies by itself is none where it is what was asked: "is it empty?"."""
    absent = words.absent.search(part)
    if absent is not None and any(alike(word, other) for word in words_in(absent[0]) for other in asked.tokens):
        return words.denies(part)
    return words.is_negated(part)


def named_in(part: str, asked: Asked, words: Words) -> int:
    """Count the question's words that a clause names."""
    said = words.tokens(part)
    if words.reading.spaced:
        named = sum(_names(said, word, words) for word in asked.words)
    else:
        named = sum(word in part or _stands_apart(word, part) for word in asked.words)
    return named + (asked.number is not None and asked.number in words.number_in(said).values())


def _stands_apart(run: str, part: str) -> bool:
    """Whether the characters of several words without blanks between stand in a clause in their order."""
    rest = iter(part)
    return len(run) > 2 and all(character in rest for character in run)


def _names(said: Sequence[str], word: str, words: Words) -> bool:
    """Whether one of some words is a form of a word, or made with it at its end where words are made of several."""
    if any(alike(word, words.bare(other)) for other in said):
        return True
    own_forms = [form for form in words.forms if words.is_form(word, form)]
    if any(words.is_form(other, form) for form in own_forms for other in said):
        return True
    is_long = words.reading.compounds and len(word) >= _SHORTEST_COMPOUND
    return is_long and any(other.endswith(word) and len(other) > len(word) + 1 for other in said)


def _but_for(part: str, asked: Asked, own: Sequence[Words]) -> Said | None:
    """Read a denial with an exception: "except for a fisherman there is nobody"."""
    for words in own:
        if not (match := words.apart_from.search(part)) or not asked.words:
            continue
        wanted = Asked(asked.wanted or asked.words[:1])
        denial = words.negation.search(part, match.end())
        excepted = part[match.end() : denial.start() if denial else len(part)]
        others = part[: match.start()] + " " + part[match.end() + len(excepted) :]
        if words.reading.denies_behind:
            excepted, others = part[: match.start()], part[match.end() :]
        about_people = not words.people.isdisjoint(asked.tokens) and words.nobody.search(part) is not None
        if about_people or named_in(excepted, wanted, words) or named_in(others, wanted, words):
            return "yes"
    return None


def _denies_little(part: str, asked: Asked, own: Sequence[Words]) -> bool:
    """Whether a denial that names nothing can be about what was asked: "there isn't", "I see no animals"."""
    if not asked.count or not own[0].reading.spaced:
        return True
    words = min(own, key=lambda each: len(_others(part, each)))
    others = _others(part, words)
    is_there = words.exists.search(part) or words.negation.match(part)
    is_short = len(own[0].tokens(part)) <= _SHORT
    return not others or is_short or (asked.exists and len(others) <= _LONGEST_OTHER and is_there is not None)


def _others(part: str, words: Words) -> list[str]:
    """Return the words of a clause that aren't little, nor denials."""
    rest = words.stripped(words.without_denial(part).strip())
    return [word for word in words.tokens(rest) if _is_content(word, words)]


def _excludes(part: str, named: int, asked: Asked, words: Words) -> bool:
    """Whether a clause says what can't be true together with what was asked: another number, colour or place."""
    said = words.tokens(words.in_picture.sub(" ", part))
    numbers = set(words.number_in(said).values())
    counted = words.number_words_of(said)
    others = [word for word in said if _is_content(word, words) and word not in counted]
    if asked.number is not None and numbers and asked.number not in numbers and (named or not others):
        return True
    is_swapped = _is_swapped(said, asked, words)
    for group in words.exclusive:
        here, there = _of_group(group, asked.tokens, words), _of_group(group, said, words)
        if not here or not there or set(here) & set(there):
            continue
        rest = [word for word in others if not any(entry.fullmatch(word) for entry in group)]
        if _says_of_same(here, there, asked.tokens, said, words, named > 0 or not rest):
            return not is_swapped
    return is_swapped


def _of_group(group: Sequence[re.Pattern[str]], tokens: Sequence[str], words: Words) -> dict[int, int]:
    """Return the first places of a set's entries among some words, forms of one as one."""
    found: dict[int, int] = {}
    for number, entry in enumerate(group):
        for place, token in enumerate(tokens):
            if words.is_form(token, entry):
                found.setdefault(_first_form(group, number), place)
                break
    return found


def _first_form(group: Sequence[re.Pattern[str]], number: int) -> int:
    """Return the first entry of a set of which an entry is a form, where neither says which its forms are."""
    entry = group[number].pattern
    if "|" in entry or "*" in entry:
        return number
    same = (n for n, other in enumerate(group[:number]) if not set("|*") & set(other.pattern))
    return next((n for n in same if alike(group[n].pattern, entry)), number)


def _says_of_same(
    here: dict[int, int], there: dict[int, int], asked: Sequence[str], said: Sequence[str], words: Words, named: bool
) -> bool:
    """Whether two places or qualities are said of the same; a preposition is where the same word follows it."""
    (first, second) = next(iter(here.values())), next(iter(there.values()))
    if said[second] not in words.silent and asked[first] not in words.silent:
        return named
    one, other = (
        next((word for word in tokens[place + 1 :] if _is_content(word, words)), "")
        for tokens, place in ((asked, first), (said, second))
    )
    return bool(one) and alike(one, other)


def _is_swapped(said: Sequence[str], asked: Asked, words: Words) -> bool:
    """Whether two things that are compared stand the other way round: "B is larger than A"."""
    if len(asked.words) < 3 or not (words.than.search(" ".join(asked.tokens)) and words.than.search(" ".join(said))):
        return False
    places = [
        next((place for place, word in enumerate(said) if alike(word, thing)), -1)
        for thing in (asked.words[0], asked.words[-1])
    ]
    return min(places) >= 0 and places[0] > places[1]


def _beginnings(part: str, words: Words) -> tuple[str, ...]:
    """Return a clause, and what it is without its leads, or without the words of the picture that begin it."""
    rest = part
    while (match := words.pictured.match(rest)) and match.end():
        rest = rest[match.end() :]
    return part, words.stripped(part), rest


def _affirms(part: str, named: int, asked: Asked, own: Sequence[Words]) -> bool:
    exists = any(words.exists.search(part) for words in own)
    if not asked.count:
        return exists and any(words.exists.match(start) for words in own for start in _beginnings(part, words))
    if named == asked.count:
        return True
    if exists and not named:
        return asked.exists and _says_little(part, own[0])
    if named and _says_nothing_else(part, asked, own[0]):
        return True
    is_object = bool(asked.wanted) and named_in(part, Asked(asked.wanted), own[0]) == len(asked.wanted)
    return exists and asked.exists and is_object and named >= asked.count / 2


def _says_nothing_else(part: str, asked: Asked, words: Words) -> bool:
    """Whether a clause is of the question's words alone, the last or the number among them: "it is white", "four"."""
    said = words.tokens(part)
    numbers = words.number_in(said)
    counted = words.number_words_of(said)
    others = [word for word in _others(part, words) if word not in counted]
    if any(not any(alike(words.bare(word), other) for other in asked.words) for word in others):
        return False
    if asked.number is not None:
        return asked.number in numbers.values()
    is_verb_again = len(said) == 1 and _names(said, asked.words[0], words)  # "Lukeeko hän?" "Lukee."
    return is_verb_again or _names(said, asked.words[-1], words)


def _says_little(part: str, words: Words) -> bool:
    """Whether a clause says that something is there, and not what: "there is one"."""
    if words.reading.spaced:
        return len(words_in(part)) <= _LONGEST_STATEMENT
    return all(word in words.silent for word in words.tokens(part))
