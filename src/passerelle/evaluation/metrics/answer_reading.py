"""One answer read as it counts: by the rules of its language, or by whoever decided what rules couldn't read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from passerelle.evaluation.benchmarks.base import Benchmark, DecidedAnswer, Decision, Item
from passerelle.evaluation.parsing.localised import is_read, option_of, why_unread, yes_or_no
from passerelle.evaluation.parsing.plain_rules import Why
from passerelle.records import Answer

Asked = Literal["letter", "yes-no", "equal"]
"""What is to be found out of an answer: the option that it names, yes or no, or whether it is a right one."""
YES, NO = 0, 1


_NOTHING: frozenset[Why] = frozenset({"refusal", "both", "none of the options"})


class Read(NamedTuple):
    """What an answer says.

    Attributes:
        place: Of the option that it names; of yes and no 0 and 1; ``None`` where it names none, or can't be read.
        unread: Whether it couldn't be read.
    """

    place: int | None
    unread: bool


def asked_of(item: Item, benchmark: Benchmark) -> Asked | None:
    """Return what is to be found out of an answer to an item; nothing where its words are scored."""
    if benchmark.kind == "yes-no":
        return "yes-no"
    if benchmark.kind == "choice" and item.options:
        return "letter"
    return "equal" if benchmark.kind in ("choice", "open") else None


def decision_of(answer: Answer) -> Decision | None:
    """Return what somebody decided of an answer, if anybody did."""
    return answer.decision if isinstance(answer, DecidedAnswer) else None


def deciders(answers: Sequence[Answer]) -> list[str]:
    """Return who decided any of the answers, for signatures."""
    return sorted({decision.by for answer in answers if (decision := decision_of(answer)) is not None})


def read_option(item: Item, answer: Answer) -> Read:
    """Read which option an answer names."""
    place = option_of(answer.text, item.options, item.language)
    return _read(place if place is None or item.options[place] else None, item, answer)


def read_yes_or_no(item: Item, answer: Answer) -> Read:
    """Read whether an answer says yes or no."""
    language = item.language if is_read(item.language) else "en"
    said = yes_or_no(answer.text, language, item.question)
    return _read(None if said is None else YES if said == "yes" else NO, item, answer)


def is_guessed(item: Item, answer: Answer, as_option: bool) -> bool:
    """Whether a rule that reads something in an answer guesses: it refuses, says both or several, or that none fits.

    Args:
        item: The question.
        answer: What was said.
        as_option: Whether an option is asked for, else yes or no.
    """
    read = read_option(item, answer) if as_option else read_yes_or_no(item, answer)
    return read.unread and why_unread(answer.text, item.language, item.options if as_option else ()) in _NOTHING


def _read(place: int | None, item: Item, answer: Answer) -> Read:
    """Return what rules read, else what was decided: of an answer that is only known to be wrong, nothing."""
    decision = decision_of(answer)
    if place is not None or decision is None:
        return Read(place, place is None)
    if decision.right is not None:
        return Read(item.correct if decision.right else None, False)
    return Read(decision.says, False)
