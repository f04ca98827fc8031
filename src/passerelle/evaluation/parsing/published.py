"""How the benchmarks' authors read answers: rules made for English, kept to the letter so that scores can be compared.

Each function says where its rule is published. Two things differ, on purpose: where a rule guesses at random, the
answer is unmatched here; and a VQA annotation leaves itself out by its place, not by its content, as in VQA's own code,
where every annotation has an id.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

Said = Literal["yes", "no"]
LETTERS = string.ascii_uppercase

_PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
_COMMA = re.compile(r"(?<=\d)(\,)+(?=\d)")
_MOST_PERIODS = 32  # VQA's code passes re.UNICODE, which is 32, as the count of replacements
_AROUND = (
    ("", "."), ("", ","), ("", ":"), ("", ")"), ("", ")."), ("(", ")"), ("(", ")."),
    (":", ""), (":", ","), (":", "."), (":", ")"), (":", ")."),
)  # fmt: skip


@cache
def _vqa() -> dict[str, Any]:
    return tomllib.loads(resources.files("passerelle").joinpath("data/vqa_english.toml").read_text("utf-8"))


def vqa_words(text: str) -> str:
    """Normalise an answer as VQAv2's evaluation does (`vqaEval.py`: processPunctuation, processDigitArticle)."""
    return plain_words(without_marks(one_line(text), _COMMA, _PERIOD))


def one_line(text: str) -> str:
    """Return a text without line ends, tabs, and blanks around."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def without_marks(text: str, comma: re.Pattern[str], period: re.Pattern[str]) -> str:
    """Take punctuation away as VQA does: it leaves a blank where none touches it, unless the text has a number's comma.

    Args:
        text: The text.
        comma: What a comma within a number is.
        period: Points that go.
    """
    out, numeric = text, comma.search(text) is not None
    for mark in _vqa()["punctuation"]:
        touching = mark + " " in text or " " + mark in text or numeric
        out = out.replace(mark, "" if touching else " ")
    return period.sub("", out, count=_MOST_PERIODS)


def plain_words(text: str) -> str:
    """Leave articles out, write number words as digits and contractions with their apostrophes, as VQA does."""
    rules = _vqa()
    words = [rules["numbers"].get(word, word) for word in text.lower().split()]
    return " ".join(rules["contractions"].get(w, w) for w in words if w not in rules["articles"])


def vqa_accuracy(answer: str, references: Sequence[str]) -> float:
    """Score equal texts, already normalised: min(matches among the others / 3, 1), averaged over annotators (VQA).

    With a single reference it is exact match.
    """
    if len(references) == 1:
        return float(answer == references[0])
    matches = sum(answer == reference for reference in references)
    scores = [min(1.0, (matches - (answer == reference)) / 3) for reference in references]
    return sum(scores) / len(scores)


def without_punctuation(text: str) -> str:
    """Lower case, ASCII punctuation away, as `exact_match` with ignore_case and ignore_punctuation (lmms-eval, GQA)."""
    return text.lower().translate(str.maketrans("", "", string.punctuation))


def mmbench_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option by MMBench's first heuristic (VLMEvalKit of 2023): a letter alone, then the options' texts."""
    choices = [letter for place, letter in enumerate(LETTERS[:5]) if place >= len(options) or options[place]]
    if letter := letter_alone(answer, choices):
        return within(LETTERS.index(letter), options)
    lower = answer.lower()
    held = [place for place, option in enumerate(options) if option and option.lower() in lower]
    return held[0] if len(held) == 1 else None


def letter_alone(answer: str, letters: Sequence[str]) -> str:
    """Return the one letter that stands as a word of its own, bare or with its marks; empty if none or several do.

    An A among more than three words may be the article: then no bare letter counts.
    """
    words = answer.split()
    if len(found := [c for c in letters if c in words]) == 1 and not ("A" in words and len(words) > 3):
        return found[0]
    for before, after in _AROUND:
        found = [c for c in letters if f"{before}{c}{after}" in words]
        if len(found) == 1:
            return found[0]
    return ""


def scienceqa_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option as LLaVA's ScienceQA evaluation does: a bare letter, or ``A.`` at the beginning."""
    said = answer.strip()
    if len(said) == 1 and said.isalpha():
        return within(LETTERS.find(said.upper()), options)
    if len(said) >= 2 and said[0].isupper() and said[1] == ".":
        return within(LETTERS.find(said[0]), options)
    return None


def mmmu_option(answer: str, options: Sequence[str]) -> int | None:
    """Find the option as MMMU's `parse_multi_choice_response`: of several candidates the last one said."""
    for mark in ",.!?;:'":
        answer = answer.strip(mark)
    padded = f" {answer} "
    letters = LETTERS[: len(options)]
    if found := [c for c in letters if f"({c})" in padded]:
        return _last([(padded.rfind(f"({c})"), LETTERS.index(c)) for c in found])
    for pattern in ("{} ", "{}."):
        if found := [c for c in letters if pattern.format(c) in padded]:
            return _last([(padded.rfind(f" {c} "), LETTERS.index(c)) for c in found])
    if len(padded.split()) > 5:
        lower = padded.lower()
        held = [(lower.rfind(o.lower()), place) for place, o in enumerate(options) if o.lower() in lower]
        return _last(held) if held else None
    return None


def pope_said(answer: str) -> Said:
    """Read yes or no as POPE's `evaluate.py`: the first sentence means yes unless it has no or not among its words."""
    words = answer.partition(".")[0].replace(",", "").split(" ")
    return "no" if {"No", "not", "no"} & set(words) else "yes"


def pope_guesses(answer: str) -> bool:
    """Whether POPE's rule takes an answer for yes though no yes stands where it looks."""
    return pope_said(answer) == "yes" and not re.search(r"\byes\b", answer.partition(".")[0], re.IGNORECASE)


def mme_said(answer: str) -> Said | None:
    """Read yes or no as MME's `parse_pred_ans`: the whole answer, one letter, or within the first four letters."""
    said = answer.lower().strip().replace(".", "")
    if len(said) == 1:
        return "yes" if said == "y" else "no" if said == "n" else None
    beginning = said if said in ("yes", "no") else said[:4]
    return "yes" if "yes" in beginning else "no" if "no" in beginning else None


def mmmu_open(answer: str, references: Sequence[str], keys: Sequence[str] = ()) -> bool:
    """Judge an open answer as MMMU's `parse_open_response` and `eval_open`.

    Args:
        answer: What was said.
        references: Right answers.
        keys: Words after which the answer stands; MMMU's English ones unless given.
    """
    wanted = [value for reference in references for value in _mmmu_values(reference)]
    for value in _mmmu_candidates(answer, keys or _KEYS):
        if isinstance(value, float):
            if value in wanted:
                return True
        elif any(isinstance(w, str) and w in value for w in wanted):
            return True
    return False


_KEYS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),
)


def _mmmu_candidates(answer: str, keys: Sequence[str]) -> list[str | float]:
    whole = answer.strip().strip(".").lower()
    parts, found = re.split(r"\.\s(?=[A-Z])|\n", whole), []
    for place, part in enumerate(parts):
        marks = [*keys, "="] if place == len(parts) - 1 else keys
        if (shortest := _shortest_tail(part, marks)) not in ("", *":,.!?;'"):
            found.append(shortest)
    found = found or [whole]
    numbers = [number for text in found for pattern in _NUMBERS for number in pattern.findall(text)]
    return [value for text in (*found, *numbers) for value in _mmmu_values(text)]


def _shortest_tail(text: str, marks: Sequence[str]) -> str:
    """Return the shortest of what stands behind the last of each mark; after an empty one the search begins anew."""
    shortest = ""
    for mark in marks:
        if mark in text:
            tail = text.split(mark)[-1].strip()
            shortest = tail if not shortest or len(tail) < len(shortest) else shortest
    return shortest


def _mmmu_values(text: str) -> list[str | float]:
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        lower = text.lower()
        return [f" {lower}", f"{lower} "] if len(lower) == 1 else [lower]


def within(place: int, options: Sequence[str]) -> int | None:
    """Return a place if there is an option; else nothing."""
    return place if 0 <= place < len(options) else None


def _last(places: Sequence[tuple[int, int]]) -> int:
    """Return the option that was said last; of several at one place the first, as numpy's argmax."""
    return max(places, key=lambda pair: (pair[0], -pair[1]))[1]
