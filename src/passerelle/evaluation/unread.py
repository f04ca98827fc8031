"""Answers that couldn't be read, said in the open: which of two readings counts, and where too many are left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from passerelle.evaluation.benchmarks.base import Measure, Parser
from passerelle.evaluation.statistics.figures import Figure

MOST_UNREAD = 5.0
"""Percent of a score's answers; where more couldn't be read, whoever sees the score is told."""
WHAT_TO_DO = (
    "Unread answers count as wrong. Compare likelihoods instead (answers: mean, or --method mean), where nothing is "
    "read; have people label them (passerelle review create --unread); or have a model read them "
    "(--reader llm:MODEL@URL)."
)
Measured = Mapping[tuple[str, str, str], Sequence[Sequence[Measure]]]
"""The measures of each system, benchmark and language, each of every seed."""


@dataclass(frozen=True)
class Reading:
    """Which reading of the answers to a benchmark in one language counts, for all systems.

    Attributes:
        benchmark: Name of the benchmark.
        language: Of its questions.
        parser: ``localised``, or ``published`` where that leaves fewer answers unread.
        localised: Answers, of all systems and seeds, that the rules of their language leave unread.
        published: Answers that the benchmark's own rule leaves unread.
        answers: How many there are.
    """

    benchmark: str
    language: str
    parser: Parser
    localised: int
    published: int
    answers: int

    def says_why(self) -> str:
        """Say why the headline is by the published rule; empty where it isn't."""
        if self.parser != "published":
            return ""
        return (
            f"{self.benchmark} ({self.language}): scores are by the benchmark's published rule, which leaves "
            f"{self.published} of {self.answers} answers unread, where the rules of the language leave "
            f"{self.localised}."
        )


def choose_readings(measured: Measured) -> dict[tuple[str, str], Reading]:
    """Choose the reading of each benchmark in each language, the same for all systems so that they can be compared.

    The rules of the language count only where they leave no more answers unread than the published rule does.

    Args:
        measured: What was measured by both.

    Returns:
        By benchmark and language; there is none where nothing had to be read.
    """
    unread: dict[tuple[str, str], dict[str, int]] = {}
    answers: dict[tuple[str, str], int] = {}
    for (_, name, language), measures in measured.items():
        for seeds in measures:
            if seeds[0].headline and seeds[0].unread is not None:
                counts = unread.setdefault((name, language), {})
                flags = [flag for each in seeds if each.unread for flag in each.unread.flags]
                counts[seeds[0].parser] = counts.get(seeds[0].parser, 0) + sum(flags)
                if seeds[0].parser == "localised":
                    answers[name, language] = answers.get((name, language), 0) + len(flags)
    found = {}
    for (name, language), counts in unread.items():
        own, published = counts.get("localised", 0), counts.get("published", 0)
        parser: Parser = "localised" if own <= published else "published"
        found[name, language] = Reading(name, language, parser, own, published, answers.get((name, language), 0))
    return found


def warnings(figures: Iterable[Figure], readings: Iterable[Reading]) -> list[str]:
    """Say in plain sentences what a reader of headline scores has to know of unread answers.

    Args:
        figures: All figures.
        readings: Which reading of them counts.

    Returns:
        A sentence for each test that is read by its published rule, one for each of which more than 5% couldn't be
        read, and what to do then; none where all is well.
    """
    said = [why for reading in readings if (why := reading.says_why())]
    unread = list(_too_many(figures))
    return [*said, *unread, *([WHAT_TO_DO] if unread else [])]


def _too_many(figures: Iterable[Figure]) -> Iterator[str]:
    tests: dict[tuple[str, str], list[str]] = {}
    for figure in figures:
        share = figure.unread
        if figure.headline and share is not None and share["value"] > MOST_UNREAD:
            interval = f"{share['value']:.1f}% [{share['low']:.1f}, {share['high']:.1f}]"
            tests.setdefault((figure.benchmark, figure.language), []).append(f"{figure.system} {interval}")
    for (name, language), systems in tests.items():
        which = ", ".join(systems)
        yield f"{name} ({language}): more than {MOST_UNREAD:.0f}% of the answers couldn't be read: {which}."
