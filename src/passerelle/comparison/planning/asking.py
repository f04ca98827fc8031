"""What asking an arm will cost, by a few real questions of each test; its answers aren't kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from passerelle.comparison.planning.amounts import Amounts, total
from passerelle.costs.clocks import Took
from passerelle.evaluation.asking.asking import Answered, Cost, ask
from passerelle.evaluation.asking.journal import Journal
from passerelle.evaluation.asking.members import Member, Opener, System
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.reading import Test

BY_THEMSELVES = 3
"""Questions that are asked one by one, behind a first one that isn't timed: how long one waits."""
_PARTS = 3
"""Parts of the other questions, by which the doubt is known."""


@dataclass(frozen=True)
class Asked:
    """What asking a system will take.

    Attributes:
        tests: All of each test, by its name and language, of one seed.
        questions: How many each has.
        waits: Seconds that one waited for each answer that was asked for by itself in the target language.
    """

    tests: dict[tuple[str, str], Amounts] = field(default_factory=dict)
    questions: dict[tuple[str, str], int] = field(default_factory=dict)
    waits: tuple[float, ...] = ()

    def whole(self) -> Amounts:
        """Return what all tests take."""
        return total(self.tests.values())

    def per(self, answers: int, language: str) -> Amounts | None:
        """Return what so many answers in a language take; ``None`` where none are asked for in it."""
        count = sum(number for (_, code), number in self.questions.items() if code == language)
        asked = total(amounts for (_, code), amounts in self.tests.items() if code == language)
        return asked * (answers / count) if count else None


def foresee_asking(system: System, tests: Sequence[Test], target: str, questions: int, scratch: Path) -> Asked:
    """Ask a system some questions of each test, and foresee all of it by them.

    Args:
        system: Who is asked.
        tests: Each in one language.
        target: The language that it is adapted to.
        questions: How many of each, about; fewer where a test has fewer.
        scratch: A folder that goes when all is known.

    Raises:
        PasserelleError: It can't be asked; what is wrong is what would be wrong then.
    """
    opener, opened = system.members[0], cache(system.members[0].open)
    found, waits = Asked(), list[float]()
    for number, test in enumerate(tests):
        if not system.is_asked_in(test.language):
            continue
        place = scratch / f"{system.name}-{number}"
        alone, parts = chosen(test, questions)
        timed = [_ask(opener, opened, test, [item], place / f"{at}.jsonl") for at, item in enumerate(alone)][1:]
        asked = [_ask(opener, opened, test, part, place / f"part{at}.jsonl") for at, part in enumerate(parts)]
        where = test.name, test.language
        found.questions[where] = len(test.items)
        found.tests[where] = _for_each(asked) * len(test.items)
        if test.language == target:
            waits += [wait for each in timed for wait in each.waits()]
    return replace(found, waits=tuple(waits))


def _ask(opener: Opener, opened: Callable[[], Member], test: Test, items: list[Item], journal: Path) -> Answered:
    by = opener.translated_by(test.language)
    return ask(opened, opener.signature, replace(test, items=items), Journal(journal), None, by)


def chosen(test: Test, questions: int) -> tuple[list[Item], list[list[Item]]]:
    """Choose questions from all over a test, all of those about a picture, or a few about one alone.

    Args:
        test: The test.
        questions: How many, about.

    Returns:
        Those that are asked by themselves, the first of them untimed, and the others in parts; as far as there are so
        many.
    """
    groups: dict[str, list[Item]] = {}
    for item in test.items:
        groups.setdefault(str(item.picture or item.group or item.id), []).append(item)
    alike = list(groups.values())
    wanted = min(len(alike), max(1, round(questions * len(alike) / len(test.items))))
    picked = [alike[at * len(alike) // wanted] for at in range(wanted)]
    count = min(BY_THEMSELVES + 1, len(picked) // 2)
    rest = picked[count:]
    size = -(-len(rest) // _PARTS)
    parts = [[item for group in rest[at : at + size] for item in group] for at in range(0, len(rest), size)]
    return [group[0] for group in picked[:count]], parts


def _for_each(parts: Sequence[Answered]) -> Amounts:
    """Return what an answer takes, on average."""
    count = sum(len(part.kept) for part in parts)
    if not count:
        return Amounts()
    keys: tuple[Cost, ...] = ("flops", "tokens", "engine_eur")
    flops, tokens, engine_eur = (sum(part.total(key) for part in parts) / count for key in keys)
    pieces = [_took(part) for part in parts if part.kept]
    return Amounts.about(pieces, flops=flops, tokens=tokens, engine_eur=engine_eur)


def _took(part: Answered) -> Took:
    times = Took(part.total("seconds"), part.total("processor_seconds"), part.total("device_seconds"))
    return times * (1 / len(part.kept))
