"""Yes and no: a word that says so, or a statement that affirms or denies what was asked.

A word counts at the beginning of the answer, or where a clause is nothing but it ("…, so no"); the last one counts. A
statement counts by what it says of the question's own words: of the clauses that name most of them the last. What only
obliges ("Sure!") counts where nothing else does. What answers nothing beats all of these but a yes before it or a
verdict behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from passerelle.evaluation.parsing.markup import without_markup
from passerelle.evaluation.parsing.published import Said
from passerelle.evaluation.parsing.spoken import answered_in, cut_at
from passerelle.evaluation.parsing.statements import Asked, Vote, asked_in, named_in, vote_of
from passerelle.evaluation.parsing.text import QUOTES, clauses, composed, plain
from passerelle.evaluation.parsing.words import Words, words_of_language

_AROUND = re.compile(r"\A(?:[^\w]+|(?:a|r|assistant|model)\s*:\s*)+")
_TAIL = re.compile(r"\W+\Z")
_LONGEST_DENIAL = 2
_QUESTION = "?？؟"


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
    words_of_language(language)
    text = _AROUND.sub("", composed(without_markup(answer)).lower().strip(QUOTES))
    own = answered_in(text, language)
    if any(words.both.search(plain(text)) for words in own):
        return None
    parts = [part for clause in clauses(text) for part in cut_at(clause, own)]
    parts = [part for part in parts if not _asks(part, own) or len(parts) == 1]
    verdicts = list(_verdicts(parts, own))
    refused = [place for place, part in enumerate(parts) if any(words.refusal.search(part) for words in own)]
    refused += [len(parts)] if not refused and any(words.refusal.search(plain(text)) for words in own) else []
    asked = asked_in(composed(question).lower(), own[0])
    if refused:
        kept = [v for v in verdicts if v.place > refused[-1] or (v.said == "yes" and v.place < refused[0])]
        return kept[-1].said if kept else _nevertheless(parts[refused[-1] + 1 :], asked, own)
    if len(parts) == len(verdicts) == 2 and verdicts[0].said != verdicts[1].said and _are_bare(parts, own):
        return None
    if verdicts:
        return verdicts[-1].said
    if _halves(parts, own):
        return None
    found = _by_statement(parts, asked, own)
    if found is not None:
        return found
    begins = [start for words in own for part in parts[:1] for start in (part, words.stripped(part))]
    return "yes" if any(words.polite.match(start) for words in own for start in begins) else None


def _asks(part: str, own: Sequence[Words]) -> bool:
    """Whether a clause is a question, a direct one or an indirect one: "whether it is one"."""
    return part[-1] in _QUESTION or any(words.whether.search(part) for words in own)


def _nevertheless(parts: Sequence[str], asked: Asked, own: Sequence[Words]) -> Said | None:
    """Read what is said of the question's words behind a refusal: "hard to tell, but there seems to be a dog"."""
    votes = [vote for place, part in enumerate(parts) if (vote := vote_of(part, place, asked, own)) is not None]
    votes = [vote for vote in votes if vote.said == "yes" and vote.named == asked.count > 0]
    return votes[-1].said if votes else None


def _are_bare(parts: Sequence[str], own: Sequence[Words]) -> bool:
    """Whether each clause is nothing but a yes or a no."""
    return all(any(pattern.fullmatch(part) for words in own for pattern, _ in words.said) for part in parts)


def _halves(parts: Sequence[str], own: Sequence[Words]) -> bool:
    """Whether one clause ends with a yes and another with a no: "the left one is, the right one isn't"."""
    ends = {
        said
        for part in parts
        for words in own
        for said, pattern in (("yes", words.ends_with_yes), ("no", words.ends_with_no))
        if pattern.search(part)
    }
    return len(ends) == 2


def _verdicts(parts: Sequence[str], own: Sequence[Words]) -> Iterator[Vote]:
    """Yield each yes or no that a word says."""
    for place, part in enumerate(parts):
        for words in own:
            if (said := _verdict(part, place == 0, words)) is not None:
                yield Vote(said, 0, place)
                break


def _verdict(part: str, first: bool, words: Words) -> Said | None:
    is_supposed = words.conditional.search(part) is not None
    if not is_supposed and any(words.echoes.fullmatch(_TAIL.sub("", start)) for start in (part, words.stripped(part))):
        return "yes"
    for start in dict.fromkeys((part, words.stripped(part))):
        is_no_denial = words.not_negation.match(start) is not None  # "not only"
        for pattern, said in words.said:
            if (match := pattern.match(start)) is None or (said == "no" and is_no_denial):
                continue
            rest = start[match.end() :].strip(QUOTES + "-/👍✅")
            is_polite = words.polite.fullmatch(start[: match.end()]) is not None
            if said is None or is_polite or (is_supposed and match.end() < len(part)):
                break
            whole = not re.search(r"\w", rest) or words.stripped(rest) == "" or _repeats(rest, said, words)
            if whole or (first and not _is_statement(match[0], said, words)):
                return said
            break
    return None


def _repeats(rest: str, said: Said, words: Words) -> bool:
    return any(value == said and pattern.fullmatch(rest) for pattern, value in words.said)


def _is_statement(phrase: str, said: Said, words: Words) -> bool:
    """Whether a word is what denies a statement, too, as "no" in Spanish: with more behind it, it is none by itself."""
    return said == "no" and words.negation.fullmatch(phrase) is not None


def _by_statement(parts: Sequence[str], asked: Asked, own: Sequence[Words]) -> Said | None:
    parts = _with_exceptions(parts, own)
    votes = [vote for place, part in enumerate(parts) if (vote := vote_of(part, place, asked, own)) is not None]
    if len(parts) > 1 and not any(words.is_negated(part) for part in parts for words in own):
        whole = vote_of(" ".join(parts), len(parts), asked, own)
        votes += [whole] if whole is not None else []
    votes = [_with_topic(vote, parts, asked, own) for vote in votes]
    if _only_resembles(parts, asked, own):
        return "no"
    if not votes:
        return None
    most = max(vote.named for vote in votes)
    return [vote for vote in votes if vote.named == most][-1].said


def _with_exceptions(parts: Sequence[str], own: Sequence[Words]) -> list[str]:
    """Join an exception to the denial before or behind it: "apart from a cat, there is nothing"."""
    found: list[str] = []
    waits = False
    for part in parts:
        is_exception = any(words.excepts(part) for words in own)
        if waits or (is_exception and found and any(words.is_negated(found[-1]) for words in own)):
            found[-1] += " " + part
        else:
            found.append(part)
        waits = is_exception and not any(words.is_negated(part) for words in own)
    return found


def _only_resembles(parts: Sequence[str], asked: Asked, own: Sequence[Words]) -> bool:
    """Whether what was asked for only seems to be, and something else is: "it looks like a wolf, but is a husky"."""
    for place, part in enumerate(parts[:-1]):
        if named_in(part, asked, own[0]) and any(words.resembles.search(part) for words in own):
            after = " ".join(parts[place + 1 :])
            other = any(words.contrary.search(after) and words.exists.search(after) for words in own)
            return other and not named_in(after, asked, own[0])
    return False


def _with_topic(vote: Vote, parts: Sequence[str], asked: Asked, own: Sequence[Words]) -> Vote:
    """Return a bare denial as one of what the clause before it names: "planes, none"."""
    is_bare = vote.said == "no" and not vote.named and 0 < vote.place < len(parts)
    if not is_bare or len(own[0].tokens(parts[vote.place])) > _LONGEST_DENIAL:
        return vote
    return Vote("no", named_in(parts[vote.place - 1], asked, own[0]), vote.place)
