"""Open answers: whether two are the same but for how they are written, in the words of their language.

Case, punctuation, articles, elisions, marks of thousands, number words, units in words, ligatures: none of them counts.
A sign counts ("-5" is not "5"), and accents do where an answer is written with any: "salé" is not "sale", while "sale"
may stand for "salé" in an answer without accents. Around the answer a sentence may stand, of the question's own words
and of words that frame an answer ("there are", "it is"); a word more makes it another answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from passerelle.evaluation.parsing.markup import without_markup
from passerelle.evaluation.parsing.open_words import words_in
from passerelle.evaluation.parsing.spoken import cut_at
from passerelle.evaluation.parsing.text import VOWELS, alike, clauses, composed, folded, plain, unligated
from passerelle.evaluation.parsing.words import ENGLISH, Words, is_read, words_of_language
from passerelle.languages.knowledge import known

_SMALLEST_SCALE = 1000
_EDGES = '.,;:!?()[]{}"«»“”„…/\\¡¿。、，！？」「'
_DIGITS_AND_LETTERS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_HEAD = re.compile(r":\s|\s[–—-]\s|\n|\(")
"""What an answer is explained behind: "five: three red ones and two blue ones"."""
_REMARK = re.compile(r"([^,;.]+)[,;.]\s+(.*)")
_TIME = re.compile(r"(\d{1,2})\s?[:.hH]\s?(\d{2})")
_TIME_SAID = re.compile(r"(?<![\d.,:])(\d{1,2})\s?[:.hH]\s?(\d{2})(?![\d.,:]*\d)")
_STRANGE = re.compile(rf"[^\w.%€$£¥₹₩₪₫₺₽₴°º'+²³{VOWELS}]+")
_SIGNS = r"€$£%°¥₹₩₪₫₺₽₴"
_CURRENCY = re.compile(r"^(r\$|us\$|[€$£¥₹₩₪₫₺₽₴])$")


def answer_words(text: str, language: str) -> str:
    """Normalise an open answer in its own language, as VQA's rules do for English, accents away.

    Args:
        text: An answer or a reference.
        language: Its language, ISO 639-1; where nothing is known of it, only case, punctuation and accents go.
    """
    return folded(" ".join(_bare(_tokens(text, language), language)))


def same_answer(answer: str, reference: str, language: str, question: str = "") -> bool:
    """Say whether an answer is the same as a reference.

    Args:
        answer: What was said.
        reference: What is right.
        language: The language of both, ISO 639-1.
        question: What was asked: its words may stand in the answer.
    """
    texts = list(dict.fromkeys([answer, *_heads(answer, language), *_without_leads(answer, language)]))
    if any(_is_same(text, reference, language, question) for text in texts):
        return True
    if _is_only_number(texts[-1], reference, language, question):
        return True
    if (total := _total(answer, language)) and _is_same(total[0], reference, language, question):
        right = _tokens(reference, language)
        return len(right) == 1 and right[0].isdecimal() and sum(total[1]) <= int(right[0])
    if (twice := _said_twice(answer, language)) and all(_is_same(t, reference, language, question) for t in twice):
        return True
    return any(
        _is_same(left, reference, language, question) for text in texts if (left := _without_denied(text, language))
    )


@lru_cache(maxsize=1 << 12)
def _said(text: str) -> str:
    """Return a text without markup, as answers are compared: each rule looks at it anew."""
    return plain(without_markup(text))


def _heads(answer: str, language: str) -> list[str]:
    """Return what stands before an explanation, and before the parts of it: "five, of which two are black"."""
    text = without_markup(answer)
    head = _HEAD.split(text, maxsplit=1)[0]
    whole = _words_of(language).whereof.split(_said(answer), maxsplit=1)[0]
    return [each for each in (head, whole) if each.strip() and each != text]


def _without_leads(answer: str, language: str) -> list[str]:
    """Return an answer without what it is founded on and what leads to it: "judging by the coats, I think winter"."""
    if not is_read(language):
        return []
    words = words_of_language(language)
    text = _said(answer)
    ground, comma, rest = text.partition(", ")
    founded = rest if comma and rest and words.ground.fullmatch(ground) else text
    left = words.stripped(founded)
    return [each for each in (founded, left) if each and each != text]


def _is_only_number(text: str, reference: str, language: str, question: str) -> bool:
    """Whether the right number is the only one said, and of what was asked: "the town has 1500 inhabitants"."""
    right, said = _tokens(reference, language), _tokens(text, language)
    if len(right) != 1 or not right[0].isdecimal() or not is_read(language):
        return False
    words = words_of_language(language)
    if [word for word in said if any(map(str.isdigit, word))] != right or words.is_negated(" ".join(said)):
        return False
    if not words.open.bounds or words.bound.search(text) or words.conditional.search(text):
        return False
    if any(word in words.joining for word in said):
        return False
    counted = said[said.index(right[0]) + 1 :][:1]
    return any(_is_counted(word) and alike(word, asked) for word in counted for asked in _tokens(question, language))


def _said_twice(answer: str, language: str) -> list[str]:
    """Return both halves of an answer that says the same again: "a dozen, that is, twelve"."""
    halves = [half.strip(" ,;") for half in _words_of(language).that_is.split(_said(answer), maxsplit=1)]
    return halves if len(halves) == 2 and all(halves) else []


def _total(answer: str, language: str) -> tuple[str, list[int]] | None:
    """Return what stands before a remark with smaller numbers, and these: "five; two are black, three are white"."""
    if not is_read(language) or (found := _REMARK.match(_said(answer))) is None:
        return None
    words = words_of_language(language)
    parts = list(words.number_in(words.tokens(found[2])).values())
    is_other = words.is_negated(found[2]) or words.contrary.search(found[2]) or words.conditional.search(found[2])
    return None if is_other or not parts else (found[1], parts)


def _without_denied(answer: str, language: str) -> str:
    """Return an answer without the clauses that deny something: "it isn't a Dell, but a Lenovo"; empty if none does."""
    if not is_read(language):
        return ""
    words = words_of_language(language)
    parts = [piece for part in clauses(composed(without_markup(answer)).lower()) for piece in cut_at(part, [words])]
    left = [part for part in parts if not words.is_negated(part)]
    return (
        ", ".join(words.stripped(words.contrary.sub("", part, count=1).strip()) for part in left)
        if left != parts
        else ""
    )


def _is_same(answer: str, reference: str, language: str, question: str) -> bool:
    if (right_time := _TIME.fullmatch(reference.strip())) is not None:
        answer, reference = _TIME_SAID.sub(r"\1:\2", answer), f"{right_time[1]}:{right_time[2]}"
    said, right = _tokens(answer, language), _tokens(reference, language)
    if not said or not right:
        return False
    has_accents = folded(" ".join(said)) != " ".join(said)
    readings = [_as_they_stand, _bare, *([] if has_accents else [_unaccented]), _spelt_out]
    for reading in readings:
        words, wanted = reading(said, language), reading(right, language)
        if words == wanted or _framed(words, wanted, language, question):
            return True
    return False


def _bare(tokens: Sequence[str], language: str) -> list[str]:
    """Return words without what is glued to them."""
    words = _words_of(language)
    return [words.bare(token) for token in tokens]


def _as_they_stand(tokens: Sequence[str], _: str) -> list[str]:
    return list(tokens)


def _unaccented(tokens: Sequence[str], _: str) -> list[str]:
    return [folded(token) for token in tokens]


def _spelt_out(tokens: Sequence[str], language: str) -> list[str]:
    """Return words as who lacks a letter writes them."""
    found = known(language).open
    spelt = found.spelt.items() if found else ()
    words = list(tokens)
    for letter, written in spelt:
        words = [word.replace(letter, written) for word in words]
    return words


def _framed(said: Sequence[str], right: Sequence[str], language: str, question: str) -> bool:
    """Whether the right words stand in an answer, once, and all others are of the question or frame an answer."""
    places = [p for p in range(len(said) - len(right) + 1) if list(said[p : p + len(right)]) == list(right)]
    if not places or len(said) == len(right) or not is_read(language):
        return False
    words = words_of_language(language)
    if words.is_negated((" " if words.reading.spaced else "").join(said)):
        return False
    asked = [words.bare(word) for word in _tokens(question, language) if not word.isdecimal()]
    rest = [*said[: places[0]], *said[places[0] + len(right) :]]
    if any(word in words.joining for word in rest):
        return False
    behind = said[places[0] + 1 : places[0] + 2]
    if right[0].isdecimal() and len(right) == 1 and behind and _is_counted(behind[0]):
        rest.remove(behind[0])
    return all(_is_frame(word, asked, words) for word in rest)


def _is_counted(word: str) -> bool:
    """Whether a word behind a number can be what is counted: "8500 inhabitants"; units are shorter."""
    return word.isalpha() and len(word) > (3 if word.isascii() else 2)


def _is_frame(word: str, asked: Sequence[str], words: Words) -> bool:
    pieces = words_in(word)
    if word == "1" and words.counters:  # "一个女人"
        return True
    return any(alike(word, other) for other in asked) or (bool(pieces) and words.framing.issuperset(pieces))


def _tokens(text: str, language: str) -> list[str]:
    return list(_cached_tokens(text, _words_of(language)))


def _words_of(language: str) -> Words:
    return words_of_language(language if is_read(language) else ENGLISH)


@lru_cache(maxsize=50_000)
def _cached_tokens(text: str, words: Words) -> tuple[str, ...]:
    text = unligated(_said(text))
    for pattern in words.open.times:
        text = re.sub(pattern, r"\1:\2", text)
    text = _numbers_with_points(words.spaced_out(text), words.numbers.decimal)
    text = _ordinals(_with_units(text, words), words)
    tokens = [token for raw in text.split() for token in _apart(raw, words)]
    return tuple(_digits([token for token in tokens if token], words))


def _numbers_with_points(text: str, decimal: str) -> str:
    """Write numbers without marks of thousands and with a decimal point."""
    other = "." if decimal != "." else ","
    mark, thousands = re.escape(decimal), re.escape(other)
    grouped = rf"(?<![\d.,])(\d{{1,3}})((?:[{other}' ]\d{{3}})+)(?!\d)(?!{thousands}\d)"
    text = re.sub(grouped, lambda m: m[1] + re.sub(r"\D", "", m[2]), text)
    if decimal == ".":  # lakhs: "1,25,000"
        text = re.sub(r"(?<![\d.,])\d{1,2}(?:,\d{2})+,\d{3}(?![\d,])", lambda m: m[0].replace(",", ""), text)
    else:
        text = re.sub(rf"(?<=\d){mark}(?=\d)", ".", text)
    text = re.sub(r"(?<=\d)\.0+(?![\d.])|(?<=\d)(\.\d*[1-9])0+(?![\d.])", r"\1", text)
    text = re.sub(r"(?<![\d%])%\s?(\d+(?:\.\d+)?)", r"\1%", text)
    text = re.sub(rf"(?<=\d)(?=[{_SIGNS}])|(?<=[{_SIGNS}])(?=\d)", " ", text)
    return _DIGITS_AND_LETTERS.sub(" ", text)


def _with_units(text: str, words: Words) -> str:
    """Write units as their signs."""
    for pattern, sign in words.units:
        text = pattern.sub(rf"\1 {sign}", text)
    return text


def _ordinals(text: str, words: Words) -> str:
    """Write ordinals as digits with a sign: ``3e``, ``3.º`` and ``troisième`` become ``3º``."""
    if words.ordinal_end is not None:
        text = words.ordinal_end.sub("º", text)
    return text


def _apart(raw: str, words: Words) -> list[str]:
    """Split a word at its elision and take its punctuation away; a minus sign before a number stays."""
    sign = "-" if re.match(r"[(\[\"«]*-\s?\.?\d", raw) else ""
    elisions = words.open.elisions
    bare = raw.strip(_EDGES + "-" + "'`*_")
    if not bare:
        return []
    if bare in words.open.whole or not elisions:
        pieces = _STRANGE.sub(" ", bare)
        return [sign + piece for piece in pieces.replace("'", " " if elisions else "'").split()]
    before, mark, after = bare.partition("'")
    if mark and before in elisions:
        return [elisions[before], *_apart(after, words)]
    found = _STRANGE.sub(" ", bare).replace("'", " ").split()
    return [sign + found[0], *found[1:]] if found else []


def _scaled(number: str, scale: int) -> str | None:
    """Multiply a number in digits by the word behind it: "2.5 million"; ``None`` if it is no such word."""
    if scale < _SMALLEST_SCALE or not re.fullmatch(r"\d+(\.\d+)?", number):
        return None
    return f"{Decimal(number) * scale:f}".removesuffix(".0")


def _digits(tokens: Sequence[str], words: Words) -> list[str]:
    """Write number words as digits and leave articles out; an article alone is the number one."""
    if len(tokens) == 1 and words.number_words.alone(tokens[0]):
        return ["1"]
    found: list[str] = []
    place = 0
    while place < len(tokens):
        number = words.number_words.starting(tokens, place)
        if number is not None and not (number[1] == 1 and "".join(tokens[place + 1 : place + 2]).isdecimal()):
            scale = _scaled(found[-1], number[0]) if found else None
            found[-1:] = [scale] if scale is not None else [*found[-1:], str(number[0])]
            place += number[1]
            continue
        if tokens[place] in words.counters and found and found[-1].isdecimal():
            place += 1
            continue
        if tokens[place] not in words.articles:
            found.append(words.ordinals.get(tokens[place], tokens[place]))
        place += 1
    if len(found) == 2 and (_CURRENCY.match(found[0]) or (found[0] in words.open.units and found[1].isdecimal())):
        found.reverse()
    while found and found[0] in words.beginnings:
        del found[0]
    return found or list(tokens)
