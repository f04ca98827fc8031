"""How answers are read in their own language: yes and no, the letter of an option, an open answer's words.

What a language's words are is in ``data/answers.toml``. An answer in English is read too: whether the model
answered in the language asked for is another metric, `fidelity`. Nothing is guessed: what can't be told is unmatched.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Literal

from passerelle.errors import ConfigError, unknown
from passerelle.evaluation.parsing.markup import without_markup
from passerelle.evaluation.parsing.published import LETTERS, Said

VERSION = "2"
"""Raised whenever the same answer would be read differently."""

_ENGLISH = "en"
_QUOTES = "\"'«»“”‘’`*_ \t\n"
_ENDS = r"(?=$|[\s.,;:!?)\]\"*–—-])"
_ALONE = r"(?=\s*(?:$|[.,;:!?]))"
# What stands before the first word: emoji, list marks, and "A:" for answer.
_AROUND = re.compile(r"\A(?:[^\w]+|(?:a|r|assistant|model)\s*:\s*)+")
_LABELLED = re.compile(r"[AR]\s*:\s*([(\[]?[A-Z][)\].]*)")
_SENTENCE = re.compile(r"[.!?\n]")


@dataclass(frozen=True)
class Words:
    """What one language's answers are made of; see ``data/answers.toml``."""

    language: str
    table: Mapping[str, Any]

    @cached_property
    def said(self) -> list[tuple[re.Pattern[str], Said]]:
        """Patterns of what means yes or no at the beginning of an answer, the longest first."""
        entries: list[tuple[str, str, Said]] = [(p, _ENDS, "yes") for p in self.table["yes"]]
        entries += [(p, _ALONE, "yes") for p in self.table["yes_alone"]] + [(p, _ENDS, "no") for p in self.table["no"]]
        entries.sort(key=lambda entry: -len(entry[0]))
        return [(re.compile(re.escape(phrase) + end), value) for phrase, end, value in entries]

    @cached_property
    def lead(self) -> re.Pattern[str]:
        """What may stand before an answer: ``la réponse est``."""
        return re.compile(rf"(?:{'|'.join(self.table['leads'])})\s*[:,\-–]?\s*", re.IGNORECASE)

    @cached_property
    def negation(self) -> re.Pattern[str]:
        """What makes a statement a denial."""
        return re.compile("|".join(self.table["negates"]))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Words of numbers, those of two parts put together: ``vingt-deux``, ``vingt et un``."""
        simple: dict[str, int] = {**self.table["numbers"], **self.table.get("compounds", {})}
        found, tens = dict(simple), [(w, v) for w, v in simple.items() if 20 <= v < 100 and not v % 10]
        units = [(w, v) for w, v in simple.items() if 0 < v < 20]
        ones = [(w, 1) for w in self.table["one"]]
        for ten, value in tens:
            for unit, more in [*units, *ones]:
                if more < 10 or value in (60, 80):
                    for joint in ("-", " ", " et ", "-et-"):
                        found.setdefault(f"{ten}{joint}{unit}", value + more)
        # "quatre-vingts" loses its s before a unit, and hyphens are often left out.
        return {folded(word).replace("-", " "): value for word, value in found.items()}


@cache
def words_of_language(language: str) -> Words:
    """Return the words of a language.

    Raises:
        ConfigError: ``data/answers.toml`` has no such language.
    """
    table = _answers()
    if language not in table:
        raise ConfigError(
            unknown("language of answers", language, table)
            + " Add its words to data/answers.toml, or score in English."
        )
    return Words(language, table[language])


@cache
def _answers() -> dict[str, Any]:
    return tomllib.loads(resources.files("passerelle").joinpath("data/answers.toml").read_text("utf-8"))


def plain(text: str) -> str:
    """Return a text composed (NFC), in lower case, apostrophes straight, blanks single, without quotes around it."""
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'").replace("ʼ", "'")
    return " ".join(text.split()).strip(_QUOTES)


def folded(text: str) -> str:
    """Return a text without accents, ligatures written out: ``œuf`` becomes ``oeuf``."""
    text = text.replace("œ", "oe").replace("æ", "ae").replace("ß", "ss")
    marks = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in marks if not unicodedata.combining(c)))


# --- yes and no -----------------------------------------------------------------------------------------------------


def yes_or_no(answer: str, language: str) -> Said | None:
    """Read a yes or a no: a word at the beginning, or else a statement that affirms or denies.

    Args:
        answer: What was said.
        language: The language asked for, ISO 639-1.

    Returns:
        ``None`` where neither is said, or both ("oui ou non").
    """
    text = _AROUND.sub("", plain(without_markup(answer)))
    for words in _languages(language):
        found = _begins(text, words)
        if found == "both":
            return None
        if found is not None:
            return found
    for words in _languages(language):
        if any(phrase in text for phrase in words.table["refuses"]):
            return None
    for words in _languages(language):
        first = _SENTENCE.split(text, maxsplit=1)[0]
        if words.negation.search(first):
            return "no"
        starts = (text, _after_lead(text, words))
        if any(re.match(re.escape(p) + r"\b", start) for p in words.table["affirms"] for start in starts):
            return "yes"
    return None


def _languages(language: str) -> list[Words]:
    codes = dict.fromkeys((language, _ENGLISH))
    return [words_of_language(code) for code in codes]


def _begins(text: str, words: Words) -> Said | Literal["both"] | None:
    for start in (text, _after_lead(text, words)):
        for pattern, said in words.said:
            if match := pattern.match(start):
                rest = start[match.end() :].strip(_QUOTES + ",/")
                return "both" if _joins_other(rest, said, words) else said
    return None


def _after_lead(text: str, words: Words) -> str:
    match = words.lead.match(text)
    return text[match.end() :].lstrip(_QUOTES) if match else text


def _joins_other(rest: str, said: Said, words: Words) -> bool:
    """Say whether "oui" goes on as "ou non"."""
    joint = "|".join(map(re.escape, words.table["either"]))
    match = re.match(rf"(?:{joint})\b\s*", rest)
    after = rest[match.end() :] if match else rest if rest[:3] == "non" or rest[:2] == "no" else ""
    return bool(match or after) and any(p.match(after) and value != said for p, value in words.said)


# --- the letter of an option ----------------------------------------------------------------------------------------


def option_of(answer: str, options: Sequence[str], language: str) -> int | None:
    """Find the option that an answer names, by its letter or by its text.

    Args:
        answer: What was said.
        options: The options, in the order of their letters.
        language: The language asked for, ISO 639-1.

    Returns:
        Its place; ``None`` where none or several are named.
    """
    text = unicodedata.normalize("NFC", without_markup(answer)).replace("’", "'").strip(_QUOTES)
    if (labelled := _LABELLED.fullmatch(text)) is not None:
        text = labelled[1]
    letters = LETTERS[: len(options)]
    if (bare := re.fullmatch(r"[(\[]?([A-Za-z])[)\].:,]*", text)) is not None:
        return _place(bare[1], letters)
    if (first := re.match(r"[(\[]?([A-Za-z])(?:[)\]][.:,]?|[.:,])[*_]*(?=\s|$)", text)) or (
        first := re.match(r"([A-Z])\s+[-–:]\s", text)
    ):
        return _place(first[1], letters)
    if _names_several(text, language):
        return None
    exact = [place for place, option in enumerate(options) if same_answer(text, option, language)]
    if len(exact) == 1:
        return exact[0]
    for words in _languages(language):
        named = _led(text, letters, words)
        if named:
            return named.pop() if len(named) == 1 else None
    named_by_text = _by_text(text, options, language)
    return _alone(text, letters) if named_by_text is None else named_by_text


def _names_several(text: str, language: str) -> bool:
    """Say whether two letters stand together: ``A ou B``."""
    joints = "|".join(re.escape(word) for words in _languages(language) for word in words.table["either"])
    pair = re.search(rf"(?<![\w'])\(?([A-Z])\)?\s*(?:,|/|{joints})\s*\(?([A-Z])(?![\w'])", text)
    return pair is not None and pair[1] != pair[2]


def _place(letter: str, letters: str) -> int | None:
    place = letters.find(letter.upper())
    return place if place >= 0 else None


def _led(text: str, letters: str, words: Words) -> set[int]:
    """Return the options whose letters follow words such as "la réponse est"."""
    found: set[int] = set()
    joint = "|".join(map(re.escape, words.table["either"]))
    lead = words.lead.pattern
    pattern = re.compile(
        rf"(?i:(?<![^\W\d_])(?:{lead}))[(\[\"*«]*\s?([A-Z])(?![\w'-])(?!\s+[a-zà-ÿ]{{2,}}\s(?!(?i:{joint})\b))"
    )
    for match in pattern.finditer(text):
        if match.end(1) - match.start() < 2:
            continue
        if re.search(r"\b(pas|not|n't)\s*$", text[: match.start(1)].rstrip('("*« ')):
            continue
        if (place := _place(match[1], letters)) is not None:
            found.add(place)
        more = re.match(rf"[)\]\"*»]*\s*(?:{joint})\s+[(\[\"*«]*([A-Z])\b", text[match.end(1) :])
        if more and (place := _place(more[1], letters)) is not None:
            found.add(place)
    return found


def _by_text(text: str, options: Sequence[str], language: str) -> int | None:
    """Find the one option whose words stand in the answer; of two, the longer one if it holds the other."""
    said = f" {answer_words(text, language)} "
    if any(words.negation.search(plain(text)) for words in _languages(language)):
        return None
    read = [answer_words(option, language) for option in options]
    held = [place for place, option in enumerate(read) if option and f" {option} " in said]
    longest = max((read[place] for place in held), key=len, default="")
    apart = [place for place in held if f" {read[place]} " not in f" {longest} " or read[place] == longest]
    return apart[0] if len(apart) == 1 else None


def _alone(text: str, letters: str) -> int | None:
    """Find the one option's letter that stands by itself, as a capital that begins no sentence of words."""
    stands = re.findall(r"\(([A-Z])\)", text) or re.findall(r"(?<![\w'-])([A-Z])(?![\w'-])(?!\s+[a-zà-ÿ])", text)
    found = {place for letter in stands if (place := _place(letter, letters)) is not None}
    return found.pop() if len(found) == 1 else None


# --- open answers ---------------------------------------------------------------------------------------------------


def answer_words(text: str, language: str) -> str:
    """Normalise an open answer in its own language, as VQA's rules do for English.

    Punctuation and accents away, articles left out, elisions written out, numbers as digits with a point.

    Args:
        text: An answer or a reference.
        language: Its language, ISO 639-1.
    """
    words = words_of_language(language)
    text = _numbers_with_points(plain(without_markup(text)), words.table["decimal"])
    tokens = [token for raw in text.split() for token in _apart(raw, words)]
    tokens = [folded(token) for token in tokens if token]
    return " ".join(_digits(tokens, words))


def same_answer(answer: str, reference: str, language: str) -> bool:
    """Say whether two answers are the same but for what `answer_words` takes away."""
    return answer_words(answer, language) == answer_words(reference, language) != ""


def _numbers_with_points(text: str, decimal: str) -> str:
    """Write numbers without marks of thousands and with a decimal point."""
    if decimal == ",":
        text = re.sub(r"(?<=\d),(?=\d)", "\0", text)
        text = re.sub(r"(?<=\d)\.(?=\d{3}(?:\D|$))", "", text) if "\0" in text else text
        text = text.replace("\0", ".")
    else:
        text = re.sub(r"(?<=\d),(?=\d)", "", text)
    text = re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?:\D|$))", "", text)
    return re.sub(r"(?<=\d)(?=[€$£%°])|(?<=[€$£])(?=\d)", " ", text)


def _apart(raw: str, words: Words) -> list[str]:
    """Split a word at its elision and take its punctuation away."""
    elisions: Mapping[str, str] = words.table.get("elisions", {})
    bare = raw.strip('.,;:!?()[]{}"«»“”…/\\')
    if bare in words.table.get("whole", ()) or not elisions:
        return re.sub(r"[^\w.%€$£°'+]+", " ", bare).replace("'", " " if elisions else "'").split() if bare else []
    before, mark, after = bare.partition("'")
    if mark and before in elisions:
        return [elisions[before], *_apart(after, words)]
    return re.sub(r"[^\w.%€$£°+]+", " ", bare).split()


def _digits(tokens: Sequence[str], words: Words) -> list[str]:
    """Write number words as digits and leave articles out; an article alone is the number one."""
    ones, articles = set(words.table["one"]), {folded(a) for a in words.table["articles"]}
    if len(tokens) == 1 and tokens[0] in ones:
        return ["1"]
    found: list[str] = []
    place = 0
    while place < len(tokens):
        for size in (4, 3, 2, 1):
            number = words.numbers.get(" ".join(tokens[place : place + size]))
            if number is not None and place + size <= len(tokens):
                found.append(str(number))
                place += size
                break
        else:
            if tokens[place] not in articles:
                found.append(tokens[place])
            place += 1
    while found and found[0] in words.table["beginnings"]:
        del found[0]
    return found or list(tokens)
