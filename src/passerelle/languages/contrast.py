"""How much a few words speak for one language and against others that they may be in.

Two witnesses are added up for each pair of languages, in log-odds: how common each word is in both (wordfreq, Speer
2022; where it lacks a language, the words of that language's own file), and a model of character n-grams (py3langid),
which knows more languages and is unsure of short texts. No word counts more than `MOST`, so that none decides alone.
"""

from __future__ import annotations

import functools
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Any

from passerelle.errors import MissingDependency, to_install
from passerelle.languages.identify import PIVOT, load_langid
from passerelle.languages.knowledge import known

RARE = 1.0
"""How common a word is, as its Zipf frequency, that a list lacks: it may still be a word."""

UNLISTED = 3.0
"""The same for a language of which only a few words are known, so that most are missing."""

LISTED = {"function": 5.6, "common": 4.6}
"""The same for the words of a language's own file."""

MOST = 2.5
"""The largest difference of Zipf frequencies, in powers of ten, by which a word counts."""

WEIGHTS = {2: (1.34, 0.128), 1: (0.54, 0.28), 0: (0.69, 0.33)}
"""Log-odds for a power of ten in how common a word is, and for a unit of py3langid's, by how many of the two languages
wordfreq has. Fitted on the train side of Tux Paint's captions, each against the four likeliest languages."""

TELLING = 0.75
"""Difference of Zipf frequencies from which a word tells one language from another."""

LISTED_TELLING = 0.5
"""The same for a word that is in the file of the one and not in that of the other."""

SHARED = 4.5
"""A word that is as common as this in a language belongs to it, whatever others have it too."""

_LEAST = 2.5  # a word that is rarer than this in a language shows nothing for it
_MOST_NGRAMS = 20.0
_LIKELIEST = 7.0  # py3langid's likeliest language may be ahead by so much of one that a text is in


@dataclass(frozen=True)
class Contrast:
    """A language against a rival.

    Attributes:
        rival: The other language.
        odds: Log-odds for the language, against the rival.
        margin: What must lie between them; 0 where they are no neighbours.
        own: How many words tell the language from the rival.
        foreign: How many tell the rival from the language.
        listed: Whether wordfreq has the rival.
    """

    rival: str
    odds: float
    margin: float
    own: int
    foreign: int
    listed: bool


def refusal(language: str) -> str:
    """Say why the language of a text can't be told from others; empty where it can."""
    code = plain(language)
    if not scripts(code):
        return f"no script is known for the language {language!r}"
    if has_word_list(code) or _class_of(code) in _ngrams()[1]:
        return ""
    if known(code).words:
        return ""
    return (
        f"no identifier knows the language {language!r}: neither wordfreq nor py3langid has it. Give its words in a "
        f"file of your own: passerelle languages {code} --start languages/{code}.toml"
    )


def engine() -> str:
    """Name the packages, with their versions, that the odds rest on."""
    return "+".join(f"{name}-{metadata.version(name)}" for name in ("wordfreq", "py3langid"))


def plain(language: str) -> str:
    """Return a language's code without its region or script."""
    return language.partition("-")[0]


def contrasts(words: Sequence[str], language: str) -> list[Contrast]:
    """Weigh a language against each that a text may be in instead.

    Args:
        words: In lower case and in a script of the language; names and what is written alike everywhere left out.
        language: Code of the language.
    """
    code = plain(language)
    ngrams = _rank(" ".join(words))
    mine = [commonness(word, code) for word in words]
    return [_contrast(words, mine, code, rival, ngrams) for rival in rivals_of(code)]


def outside(words: Sequence[str], language: str) -> bool:
    """Say whether character n-grams find some language, of all that they know, much likelier for the words."""
    ngrams = _rank(" ".join(words))
    own = ngrams.get(_class_of(plain(language)))
    return own is not None and max(ngrams.values()) - own > _LIKELIEST


def commonness(word: str, code: str) -> float:
    """Return how common a word in lower case is: its Zipf frequency, log10 of its count in a billion words."""
    return _frequency(word, code) if has_word_list(code) else _own_words(code).get(word, UNLISTED)


def is_telling(word: str, code: str, rival: str) -> bool:
    """Say whether a word belongs to a rival and not to a language."""
    here, there = commonness(word, code), commonness(word, rival)
    if PIVOT in (code, rival) and word in homographs(code if rival == PIVOT else rival):
        return False
    if is_listed(word, rival) and not is_listed(word, code) and there - here >= LISTED_TELLING:
        return True
    if not has_word_list(code):  # what its few words lack may be its own: only what everybody knows is foreign
        return here <= UNLISTED and there >= LISTED["function"]
    least = _LEAST if has_word_list(rival) else SHARED - 0.5
    return there - here >= TELLING and here < SHARED and there >= least


@functools.cache
def split(words: str) -> frozenset[str]:
    """Return the words of a list with blanks between them."""
    return frozenset(words.split())


def is_listed(word: str, code: str) -> bool:
    """Say whether a word in lower case is in the file of a language."""
    return word in _own_words(code)


def homographs(code: str) -> frozenset[str]:
    """Return the words of a language that English writes alike and means something else by."""
    words = known(code).words
    return split(words.homographs) if words else frozenset()


def has_word_list(code: str) -> bool:
    """Say whether wordfreq has the words of a language, and cuts texts into them without another package."""
    return _table()["as"]["wordfreq"].get(code, code) in _word_lists()


def rivals_of(code: str) -> tuple[str, ...]:
    """List what a text may be in besides a language: its neighbours, and what every text is weighed against."""
    same = [other for other in _table()["always"].split() if scripts(other) & scripts(code)]
    return tuple(dict.fromkeys(other for other in (*neighbours(code), *same) if other != code))


@functools.cache
def neighbours(code: str) -> Mapping[str, float]:
    """Return a language's neighbours, with the log-odds that must lie between."""
    pairs = [(*pair.split("-"), margin) for pair, margin in _table()["margins"].items()]
    found = {b: margin for a, b, margin in pairs if a == code} | {a: margin for a, b, margin in pairs if b == code}
    return {other: margin for other, margin in found.items() if scripts(other) & scripts(code)}


@functools.cache
def scripts(code: str) -> frozenset[str]:
    """Return what Unicode calls the letters of a language; empty where its script isn't known."""
    import langcodes

    if found := _table()["scripts"].get(code):
        return frozenset(found.split())
    script = langcodes.Language.get(code).maximize()
    return frozenset({script.script_name().upper().split()[0]}) if script.script else frozenset()


@functools.lru_cache(maxsize=100_000)
def script_of(word: str) -> str:
    """Return what Unicode calls most letters of a word."""
    names = Counter(unicodedata.name(letter, "?").split()[0] for letter in word if letter.isalpha())
    return names.most_common(1)[0][0] if names else "?"


@functools.cache
def alike() -> frozenset[str]:
    """Return units and marks that are written alike everywhere."""
    return frozenset(_table()["units"].split())


def has_capital_nouns(code: str) -> bool:
    """Say whether a capital inside a sentence shows no name in a language."""
    nouns = known(code).nouns
    return nouns is not None and nouns.capitals


def _contrast(
    words: Sequence[str], mine: Sequence[float], code: str, rival: str, ngrams: Mapping[str, float]
) -> Contrast:
    theirs = [commonness(word, rival) for word in words]
    by_words, by_ngrams = WEIGHTS[has_word_list(code) + has_word_list(rival)]
    more = sum(max(-MOST, min(MOST, here - there)) for here, there in zip(mine, theirs, strict=True))
    own, other = ngrams.get(_class_of(code)), ngrams.get(_class_of(rival))
    shape = 0.0 if own is None or other is None else max(-_MOST_NGRAMS, min(_MOST_NGRAMS, own - other))
    return Contrast(
        rival,
        by_words * more + by_ngrams * shape,
        neighbours(code).get(rival, 0.0),
        sum(_is_own(here, there, code) for here, there in zip(mine, theirs, strict=True)),
        sum(is_telling(word, code, rival) for word in words),
        has_word_list(rival),
    )


def _is_own(here: float, there: float, code: str) -> bool:
    """Say from how common a word is here and in a rival whether it tells a language from that."""
    if not has_word_list(code):
        return here > UNLISTED and there < SHARED and here > there
    return here - there >= (TELLING if there < SHARED else 2 * TELLING) and here >= _LEAST


@functools.lru_cache(maxsize=500_000)
def _frequency(word: str, code: str) -> float:
    from wordfreq import zipf_frequency

    return max(float(zipf_frequency(word, _table()["as"]["wordfreq"].get(code, code))), RARE)


def _own_words(code: str) -> Mapping[str, float]:
    words = known(code).words
    return _commonness_of(words.function, words.common) if words else {}


@functools.cache
def _commonness_of(function: str, common: str) -> Mapping[str, float]:
    return dict.fromkeys(common.split(), LISTED["common"]) | dict.fromkeys(function.split(), LISTED["function"])


@functools.lru_cache(maxsize=20_000)
def _rank(text: str) -> Mapping[str, float]:
    return {code: float(value) for code, value in _ngrams()[0].rank(text)}


def _class_of(code: str) -> str:
    return str(_table()["as"]["py3langid"].get(code, code))


@functools.cache
def _ngrams() -> tuple[Any, frozenset[str]]:
    """Load py3langid's model, and the codes of the languages that it knows."""
    identifier = load_langid(probabilities=False)
    return identifier, frozenset(map(str, identifier.nb_classes))


@functools.cache
def _word_lists() -> frozenset[str]:
    try:
        from wordfreq import available_languages
    except ImportError as error:
        raise MissingDependency(
            f"the language of answers needs wordfreq: type {to_install('demo', 'wordfreq')}"
        ) from error
    return frozenset(available_languages("small")) - {"zh", "ja", "ko"}  # these need a package to cut texts into words


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("passerelle").joinpath("data/neighbours.toml").read_text("utf-8"))
