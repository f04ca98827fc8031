"""Yes and no: a word that says so, or a statement that affirms or denies what was asked.

A word counts at the beginning of the answer, or where a clause is nothing but it ("…, so no"); the last one counts. A
statement counts by what it says of the question's own words: of the clauses that name most of them the last. What only
obliges ("Sure!") counts where nothing else does. What answers nothing beats all of these but a yes before it or a
verdict behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from passerelle.evaluation.parsing.markup import without_markup
from passerelle.evaluation.parsing.published import Said
from passerelle.evaluation.parsing.text import QUOTES, alike, clauses, composed, plain
from passerelle.evaluation.parsing.words import Words, with_english, words_in

_AROUND = re.compile(r"\A(?:[^\w]+|(?:a|r|assistant|model)\s*:\s*)+")
_LONGEST_STATEMENT = 3  # words of "There is." and "Yes it is.", which name nothing
_LONGEST_DENIAL = 2
_QUESTION = "?？؟"


@dataclass(frozen=True)
class _Asked:
    """What a question is about: its own words, and the number among them."""

    words: tuple[str, ...]
    number: int | None
    exists: bool


@dataclass(frozen=True)
class _Vote:
    """What a clause says, how many of the question's words it names, and where it stands."""

    said: Said
    named: int
    place: int


def yes_or_no(answer: str, language: str, question: str = "") -> Said | None:
    """Read a yes or a no.

    Args:
        answer: What was said.
        language: The language asked for, ISO 639-1; an answer in English is read, too.
        question: What was asked; a statement is then read by what it says of it.

    Returns:
        ``None`` where neither is said, or both ("oui ou non"), or nothing is answered.

    Raises:
        ConfigError: How answers are read isn't known in the language.
    """
    text = _AROUND.sub("", composed(without_markup(answer)).lower().strip(QUOTES))
    own = with_english(language)
    if any(words.both.search(plain(text)) for words in own):
        return None
    parts = [part for clause in clauses(text) for part in _cut(clause, own)]
    parts = [part for part in parts if part[-1] not in _QUESTION or len(parts) == 1]
    verdicts = list(_verdicts(parts, own))
    refused = [place for place, part in enumerate(parts) if any(words.refusal.search(part) for words in own)]
    refused += [len(parts)] if not refused and any(words.refusal.search(plain(text)) for words in own) else []
    if refused:
        kept = [v for v in verdicts if v.place > refused[-1] or (v.said == "yes" and v.place < refused[0])]
        return kept[-1].said if kept else None
    if verdicts:
        return verdicts[-1].said
    if _halves(parts, own):
        return None
    asked = _asked(question, own)
    found = _by_statement(parts, asked, own)
    if found is not None:
        return found
    return "yes" if any(words.polite.match(_stripped(parts[0], words)) for words in own if parts) else None


def _halves(parts: Sequence[str], own: Sequence[Words]) -> bool:
    """Whether one clause ends with a yes and another with a no: "the left one is, the right one isn't"."""
    ends = {
        said
        for part in parts
        for words in own
        for said, phrases in (("yes", words.reading.yes), ("no", words.reading.no))
        if part.endswith(tuple(f" {phrase}" for phrase in phrases))
    }
    return len(ends) == 2


def _cut(clause: str, own: Sequence[Words]) -> list[str]:
    """Cut a clause where it goes over into another without a mark."""
    found = (match for words in own for match in words.cuts.finditer(clause))
    cuts = sorted({match.start() for match in found if clause[match.end() :].strip(QUOTES)} - {0})
    pieces = [clause[a:b].strip(QUOTES) for a, b in zip([0, *cuts], [*cuts, len(clause)], strict=True)]
    return [piece for piece in pieces if piece]


def _stripped(part: str, words: Words) -> str:
    """Return a clause without what may stand before an answer."""
    while (match := words.lead.match(part)) and match.end():
        part = part[match.end() :].strip(QUOTES)
    return part


def _verdicts(parts: Sequence[str], own: Sequence[Words]) -> Iterator[_Vote]:
    """Yield each yes or no that a word says."""
    for place, part in enumerate(parts):
        for words in own:
            if (said := _verdict(part, place == 0, words)) is not None:
                yield _Vote(said, 0, place)
                break


def _verdict(part: str, first: bool, words: Words) -> Said | None:
    is_supposed = words.conditional.search(part) is not None
    for start in dict.fromkeys((part, _stripped(part, words))):
        for pattern, said in words.said:
            if not (match := pattern.match(start)):
                continue
            rest = start[match.end() :].strip(QUOTES + "-/👍✅")
            is_polite = words.polite.fullmatch(start[: match.end()]) is not None
            if said is None or is_polite or (is_supposed and match.end() < len(part)):
                break
            whole = not re.search(r"\w", rest) or _stripped(rest, words) == "" or _repeats(rest, said, words)
            if whole or (first and not _is_statement(match[0], said, words)):
                return said
            break
    return None


def _repeats(rest: str, said: Said, words: Words) -> bool:
    return any(value == said and pattern.fullmatch(rest) for pattern, value in words.said)


def _is_statement(phrase: str, said: Said, words: Words) -> bool:
    """Whether a word is what denies a statement, too, as "no" in Spanish: with more behind it, it is none by itself."""
    return said == "no" and words.negation.fullmatch(phrase) is not None


def _asked(question: str, own: Sequence[Words]) -> _Asked:
    sentences = [part for part in clauses(composed(question).lower()) if part[-1] in _QUESTION]
    text = " ".join(sentences) or composed(question).lower()
    if not own[0].reading.spaced:
        return _Asked(tuple(_runs(text, own[0])), None, own[0].exists.search(text) is not None)
    tokens = words_in(text)
    silent = own[0].silent
    numbers = own[0].number_in(tokens)
    kept = [word for place, word in enumerate(tokens) if word not in silent and place not in numbers and len(word) > 1]
    number = next((value for value in numbers.values() if value > 1), None)
    return _Asked(tuple(dict.fromkeys(kept)), number, own[0].exists.search(text) is not None)


def _runs(text: str, words: Words) -> list[str]:
    """Return what a question without blanks is about: what is left between its little words."""
    little = sorted(words.silent, key=len, reverse=True)
    pattern = "|".join(map(re.escape, little)) or r"(?!)"
    return [run for run in re.split(rf"{pattern}|[\W_]+", text) if run]


def _by_statement(parts: Sequence[str], asked: _Asked, own: Sequence[Words]) -> Said | None:
    votes = [vote for place, part in enumerate(parts) if (vote := _vote(part, place, asked, own)) is not None]
    if len(parts) > 1 and not any(words.is_negated(part) for part in parts for words in own):
        whole = _vote(" ".join(parts), len(parts), asked, own)
        votes += [whole] if whole is not None else []
    votes = [_with_topic(vote, parts, asked, own) for vote in votes]
    if not votes:
        return None
    most = max(vote.named for vote in votes)
    return [vote for vote in votes if vote.named == most][-1].said


def _with_topic(vote: _Vote, parts: Sequence[str], asked: _Asked, own: Sequence[Words]) -> _Vote:
    """Return a bare denial as one of what the clause before it names: "planes, none"."""
    is_bare = vote.said == "no" and not vote.named and 0 < vote.place < len(parts)
    if not is_bare or len(words_in(parts[vote.place])) > _LONGEST_DENIAL:
        return vote
    return _Vote("no", _named(parts[vote.place - 1], asked, own[0]), vote.place)


def _vote(part: str, place: int, asked: _Asked, own: Sequence[Words]) -> _Vote | None:
    """Return what a clause says of what was asked."""
    if any(words.conditional.search(part) for words in own):
        return None
    named = _named(part, asked, own[0])
    if any(words.is_negated(part) for words in own):
        return _Vote("no", named, place)
    if named and _excludes(part, asked, own[0]):
        return _Vote("no", named, place)
    if asked.exists and named < len(asked.words) and any(words.only.search(part) for words in own):
        return _Vote("no", named, place)
    if _affirms(part, named, asked, own):
        return _Vote("yes", named, place)
    return None


def _beginnings(part: str, words: Words) -> tuple[str, ...]:
    """Return a clause, and what it is without its leads, or without the words of the picture that begin it."""
    rest = part
    while (match := words.pictured.match(rest)) and match.end():
        rest = rest[match.end() :]
    return part, _stripped(part, words), rest


def _named(part: str, asked: _Asked, words: Words) -> int:
    if not words.reading.spaced:
        return sum(run in part for run in asked.words)
    said = words_in(part)
    named = sum(any(alike(word, other) for other in said) for word in asked.words)
    return named + (asked.number is not None and asked.number in words.number_in(said).values())


def _excludes(part: str, asked: _Asked, words: Words) -> bool:
    """Whether a clause says what can't be true together with what was asked: another number, another colour."""
    said = words_in(part)
    numbers = set(words.number_in(said).values())
    if asked.number is not None and numbers and asked.number not in numbers:
        return True
    for group in words.exclusive:
        wanted = {word for word in group if word in asked.words}
        other = {word for word in group if word in said}
        if wanted and other and not any(alike(a, b) for a in wanted for b in other):
            return True
    return False


def _affirms(part: str, named: int, asked: _Asked, own: Sequence[Words]) -> bool:
    wanted = len(asked.words) + (asked.number is not None)
    exists = any(words.exists.search(part) for words in own)
    if not wanted:
        return exists and any(words.exists.match(start) for words in own for start in _beginnings(part, words))
    if named == wanted:
        return True
    if exists and not named:
        return len(words_in(part)) <= _LONGEST_STATEMENT and asked.exists
    first = asked.words[:1]
    is_object = bool(first) and _named(part, _Asked(first, None, True), own[0]) > 0
    return asked.exists and is_object and named >= wanted / 2
