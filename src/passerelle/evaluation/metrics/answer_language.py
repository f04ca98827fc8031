"""Which language an answer of any length is in: one word, a caption, a sentence, a list, several paragraphs.

Benchmarks of language confusion skip answers of under five words (Marchisio et al., 2406.20052), which most captions
and answers to questions are; this one is made for them. An answer is in the language asked for if its words speak
clearly for it and against every other, in another if they speak clearly for one, and *unknowable* where neither is so:
names, titles, numbers, what is written alike in several languages, and all that might as well be in a close language.

A long answer is judged line by line and sentence by sentence, and is in the language only if none of them isn't: the
line-level pass rate of the Language Confusion Benchmark.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from passerelle.errors import InputError
from passerelle.languages.contrast import (
    Contrast,
    alike,
    commonness,
    contrasts,
    has_capital_nouns,
    has_word_list,
    homographs,
    is_listed,
    is_telling,
    outside,
    plain,
    refusal,
    rivals_of,
    script_of,
    scripts,
    split,
)
from passerelle.languages.identify import PIVOT, load_lexicon, word_places, words_of
from passerelle.languages.knowledge import known
from passerelle.languages.prompts import find_prompts

VERSION = "2"
"""Raised whenever the same answer would be judged differently."""

Verdict = Literal["target", "other", "unknowable"]
Reason = Literal["empty", "echo", "language", "mixed", "no evidence", "close language"]

CLEAR = 0.3
"""Log-odds against each language that is no neighbour from which words show the language asked for."""

CLEAR_ENGLISH = 0.7
"""The same against English, and for it: what models fall back into needs the least evidence."""

CLEAR_OTHER = 2.0
"""Log-odds against the language asked for from which words show another."""

CLEAR_NEIGHBOUR = 3.0
"""The same for a neighbour."""

CLEAR_UNLISTED = 4.0
"""The same for a language of which few words are known."""

ALONE = 0.5
"""What more is asked for against the language where one word is all that there is."""

ONE_OF_SEVERAL = 2.0
"""The same where only one of several words tells the other language."""

NAMED = 2.0
"""What more is asked of a word with a capital that is all that there is, and so may be a name."""

FOREIGN = 1.2
"""Difference of Zipf frequencies from which one English word among others makes an answer mixed."""

BORROWED = 3.8
"""A word that no lexicon has and that is as common as this in the language asked for makes nothing mixed."""

INTERNATIONAL = 0.6
"""Nor does one whose Zipf frequency in two third languages is as near as this to that in English."""

FOREIGN_LISTED = 0.5
"""The same for a word of the English lexicon."""

ECHO_RATIO = 0.75
"""Similarity by words (difflib) from which an answer repeats the prompt, as with one word of four changed."""

_NOUN = 1.0  # a German word with a capital is no name if it is so much more common in German than elsewhere
_LETTER = 5.8  # a letter is a word where it is as common as this: "a", "y"
_QUOTED = re.compile(r"«[^»]*»|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|”[^”]*”|»[^«]*«|‘[^’]*’|「[^」]*」|『[^』]*』")
_SENTENCE = re.compile(r"(?<=[.!?;:])\s+")
_CLIPPED = re.compile(r"(?<!\w)['’]\w(?!\w)")  # Afrikaans "'n", Dutch "'t": the letter is French elsewhere
_MARK = re.compile(r"^\s*(?:[-*•–]|\(?\d+[.)]|\(?[A-Za-z][.)])\s+")
_SYLLABLES = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})
_PARTS = 3  # a sentence of fewer words isn't judged apart from its neighbours


@dataclass(frozen=True)
class Judgement:
    """What was decided about one answer, and why."""

    verdict: Verdict
    reason: Reason


@functools.lru_cache(maxsize=100_000)
def judge_answer(answer: str, prompt: str, language: str) -> Judgement:
    """Say whether one answer is in `language`.

    Args:
        answer: What was said; the prompt before the real answer is ignored.
        prompt: What was asked; an answer that only repeats it is none.
        language: Code of the language asked for.

    Raises:
        InputError: No identifier knows the language.
    """
    if reason := refusal(language):
        raise InputError(reason)
    answer = _after_prompt(unicodedata.normalize("NFC", answer), prompt)
    if not any(character.isalnum() for character in answer):
        return Judgement("other", "empty")
    if is_echo(words_of(answer), words_of(prompt)):
        return Judgement("other", "echo")
    found = [judge_part(part, plain(language)) for part in parts_of(answer)]
    target = next((each for each in found if each.verdict == "target"), None)
    if wrong := next((each for each in found if each.verdict == "other"), None):
        return Judgement("other", "mixed" if target else wrong.reason)
    close = next((each for each in found if each.reason == "close language"), None)
    return target or close or Judgement("unknowable", "no evidence")


def parts_of(answer: str) -> list[str]:
    """Cut an answer into lines and sentences, list marks and quotations away; short sentences stay together."""
    found = []
    for line in answer.splitlines():
        text = _MARK.sub("", line)
        unquoted = _QUOTED.sub(" ", text)
        text = unquoted if len(words_of(unquoted)) >= _PARTS else text
        sentences = [s for s in _SENTENCE.split(text) if s.strip()]
        if all(len(words_of(sentence)) >= _PARTS for sentence in sentences):
            found += sentences
        else:
            found.append(text)
    return [part for part in found if part.strip()]


def is_echo(words: Sequence[str], prompt: Sequence[str]) -> bool:
    """Say whether the words only repeat the prompt: a run of 3 words or half of it, or nearly all."""
    said, asked = [w.lower() for w in words], [w.lower() for w in prompt]
    count = len(said)
    if count < 2 or not asked:
        return False
    if count >= min(3, len(asked) / 2) and any(asked[i : i + count] == said for i in range(len(asked))):
        return True
    return count >= 3 and difflib.SequenceMatcher(None, said, asked, autojunk=False).ratio() >= ECHO_RATIO


def judge_part(text: str, code: str) -> Judgement:
    """Judge a line or a sentence by itself.

    Args:
        text: Without list marks.
        code: Code of the language asked for, without a region.
    """
    said = evidence_of(text, code)
    words = [word for word, _ in said]
    own = [word for word in words if script_of(word) in scripts(code)]
    if len(own) * 2 < len(words):
        return Judgement("other", "language")
    if not own:
        return Judgement("unknowable", "no evidence")
    if scripts(code) == {"HIRAGANA", "KATAKANA", "CJK"} and {script_of(word) for word in own} == {"CJK"}:
        return Judgement("unknowable", "close language")
    if len(own) == 1 and (told := _yes_or_no(own[0], code)):
        return told
    named = len(said) == 1 and said[0][1] and not _is_listed(own[0], code)
    plain_words = [word for word, capital in said if not capital or _is_sure(word, code)]
    return _weighed(own, plain_words, code, NAMED if named else 0.0)


def evidence_of(text: str, code: str) -> list[tuple[str, bool]]:
    """Keep the words that can show a language, in lower case, with whether they may be part of a name.

    Names, titles, letters and what is written alike are left out; of hyphenated words the parts are kept.

    Args:
        text: A line or a sentence, or several short ones.
        code: Code of the language asked for, without a region.
    """
    kept: list[tuple[str, bool]] = []
    left_out = load_lexicon().shared | _loanwords(code)
    for sentence in _SENTENCE.split(_CLIPPED.sub(" ", text)):
        words = words_of(sentence)
        if len(words) > 1 and all(word.isupper() for word in words):
            words = [word.lower() for word in words]
        names = _names(words, code)
        for place, word in enumerate(words):
            low = word.lower()
            listed = _is_listed(low, code)
            name = place in names
            if low in alike() or (low in left_out and not listed) or (name and not _is_noun(low)):
                continue
            if len(low) == 1 and not _is_word(low, code, place, len(words)):
                continue
            pieces = [piece for piece in low.split("-") if len(piece) > 1] if "-" in low and not listed else [low]
            kept += [(piece, word[0].isupper() or len(pieces) > 1) for piece in pieces]
    return kept


def _names(words: Sequence[str], code: str) -> set[int]:
    """Return the places of words that are names, or part of a title: those with a capital, but for nouns of German.

    A word of the language's file or of English's is none, unless it stands among others with a capital.
    """
    capital = [word[0].isupper() for word in words]
    listed = [_is_listed(word.lower(), code) for word in words]
    if len(words) > 1 and all(capital) and not has_capital_nouns(code):
        things = any(_is_thing(word.lower(), code) for word in words)  # "Black Cat" is no name, "The Beatles" is one
        return {place for place, known_word in enumerate(listed) if not (things and known_word)}
    found = set()
    for place, word in enumerate(words):
        run = (
            place > 0
            and not has_capital_nouns(code)
            and any(capital[max(1, place - 1) : place] + capital[place + 1 : place + 2])
        )
        if capital[place] and (run or (not listed[place] and (place > 0 or _is_double(word)))):
            found.add(place)
    return found


def _weighed(words: Sequence[str], sure: Sequence[str], code: str, more: float) -> Judgement:
    """Weigh the words of a part; `sure` are those that are no names, and `more` is asked of one that may be."""
    found = contrasts(words, code)
    against = [each for each in found if each.foreign and each.odds <= -_against(each, len(words), more)]
    if any(each.rival != PIVOT or len(words) > 1 or _is_english(words[0], code) for each in against):
        return Judgement("other", "language")
    foreign = code != PIVOT and any(_is_foreign(word, code) for word in sure)
    if foreign and len(words) > 1 and next(each for each in found if each.rival == PIVOT).own:
        return Judgement("other", "mixed")
    if any(each.odds < _for(each) + more for each in found) or outside(words, code):
        return Judgement("unknowable", "no evidence")
    if any(each.margin and (each.odds < each.margin or not (each.own or not each.listed)) for each in found):
        return Judgement("unknowable", "close language")
    return Judgement("target", "language")


def _for(contrast: Contrast) -> float:
    """Return the log-odds from which a text isn't in a rival that is no neighbour."""
    if contrast.margin:
        return -math.inf
    return CLEAR_ENGLISH if contrast.rival == PIVOT else CLEAR if contrast.listed else 0.0


def _against(contrast: Contrast, count: int, more: float) -> float:
    """Return the log-odds from which a rival is what a text of so many words is in."""
    if contrast.rival == PIVOT:
        return CLEAR_ENGLISH + more
    more += ALONE if count == 1 else ONE_OF_SEVERAL if contrast.foreign == 1 else 0.0
    if not contrast.listed:
        return CLEAR_UNLISTED + more
    return (CLEAR_NEIGHBOUR if contrast.margin else CLEAR_OTHER) + more


def _yes_or_no(word: str, code: str) -> Judgement | None:
    """Judge a bare yes or no, which is too common elsewhere to be weighed."""
    if word in _yes_and_no(code):
        return Judgement("target", "language")
    if word in _yes_and_no(PIVOT):
        shared = word in homographs(code) or _is_listed(word, code, english=False)  # Portuguese "no" is "in the"
        return Judgement("unknowable", "no evidence") if shared else Judgement("other", "language")
    return None


def _is_foreign(word: str, code: str) -> bool:
    """Say whether a word among those of a language is English."""
    if word in _yes_and_no(PIVOT) - _yes_and_no(code) and not _is_listed(word, code, english=False):
        return word not in homographs(code)
    if len(word) == 1 or not is_telling(word, code, PIVOT):
        return False
    listed = load_lexicon().knows(word, PIVOT)
    if not _is_english(word, code) or (not listed and commonness(word, code) >= BORROWED):
        return False
    return commonness(word, PIVOT) - commonness(word, code) >= (FOREIGN_LISTED if listed else FOREIGN)


def _is_english(word: str, code: str) -> bool:
    """Say whether a word is English and no other's, or in the English lexicon."""
    return load_lexicon().knows(word, PIVOT) or not _is_international(word, code)


def _is_international(word: str, code: str) -> bool:
    """Say whether a word is about as common elsewhere as in English: "dingo"."""
    others = [commonness(word, rival) for rival in rivals_of(code) if rival != PIVOT and has_word_list(rival)]
    return sum(other > commonness(word, PIVOT) - INTERNATIONAL for other in others) >= 2


def _is_thing(word: str, code: str) -> bool:
    """Say whether a word is one of things, and no article or the like, in the language's own file or in English's."""
    words = known(code).words
    own = words is not None and word in split(words.common)
    return own or word in load_lexicon().common[PIVOT]


def _is_sure(word: str, code: str) -> bool:
    """Say whether a word is no name though it has a capital."""
    return word in _yes_and_no(PIVOT) or _is_listed(word, code)


def _is_listed(word: str, code: str, english: bool = True) -> bool:
    """Say whether a word (lower case) is in the language's own file, or in English's."""
    return is_listed(word, code) or (english and load_lexicon().knows(word, PIVOT))


def _is_double(word: str) -> bool:
    """Say whether a word is a name with a hyphen: Coca-Cola."""
    return "-" in word and all(piece[:1].isupper() for piece in word.split("-"))


def _is_noun(word: str) -> bool:
    """Say whether a word with a capital is one of a language that writes its nouns so, and no name."""
    return commonness(word, "de") - max(commonness(word, PIVOT), commonness(word, "fr")) >= _NOUN


def _is_word(letter: str, code: str, place: int, count: int) -> bool:
    """Say whether a letter is a word of the language ("a", "y"), and not the name of a letter or an option."""
    if script_of(letter) in _SYLLABLES:
        return True
    return count > 1 and place < count - 1 and commonness(letter, code) >= (_LETTER if has_word_list(code) else 5)


def _after_prompt(answer: str, prompt: str) -> str:
    """Cut repeats of the whole prompt from the front; a lone echo stays, for `is_echo` to name."""
    asked = [word.lower() for word in words_of(prompt)]
    while asked:
        places = word_places(answer)
        begins = [word.lower() for word, _ in places[: len(asked)]] == asked
        if not begins or len(places) <= len(asked):
            return answer
        answer = answer[places[len(asked) - 1][1] :].lstrip(" .:!?\n\t\xa0")
    return answer


@functools.cache
def _yes_and_no(code: str) -> frozenset[str]:
    """Return a language's one-word answers to yes/no questions; empty where none are known."""
    prompts = find_prompts(code)
    return frozenset({prompts.yes.lower(), prompts.no.lower()} if prompts else ())


@functools.cache
def _loanwords(code: str) -> frozenset[str]:
    """Read the words that English and a language write alike; empty where no list ships."""
    file = resources.files("passerelle").joinpath(f"data/loanwords-{code}.txt")
    if not file.is_file():
        return frozenset()
    lines = file.read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
