"""What a team wants of an arm, and what an arm has to offer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from passerelle.report.advice.volume import Line
from passerelle.report.contents import Score
from passerelle.report.wording import decimal, duration, whole


@dataclass(frozen=True)
class Wish:
    """What an arm has to hold.

    Attributes:
        answers: How many answers it is to give.
        budget: What making it and these answers may cost, in euros; ``None``: anything.
        keep_english: How many points of English it may lose; ``None``: any.
        latency: The longest that 95 of 100 answers may take, in seconds; ``None``: any.
    """

    answers: float
    budget: float | None = None
    keep_english: float | None = None
    latency: float | None = None


@dataclass(frozen=True)
class English:
    """Points of English that an arm lost against the base, with their interval; below zero where it gained."""

    lost: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Candidate:
    """An arm that may be chosen.

    Attributes:
        name: Its name.
        title: Its name for a reader.
        score: On the test that arms are judged by.
        line: Its cost by volume; ``None`` where it isn't known.
        latency: The 95th percentile of the seconds of an answer; ``None`` where it wasn't measured.
        english: What it lost of English; ``None`` where it wasn't measured.
        is_base: Whether it is the model as it was.
        more_data: Whether more data would help it, in a sentence; empty where it was trained at one size only.
    """

    name: str
    title: str
    score: Score
    line: Line | None
    latency: float | None
    english: English | None
    is_base: bool = False
    more_data: str = ""

    def against(self, wish: Wish) -> Iterator[str]:
        """Say what of a wish the arm doesn't hold."""
        if wish.budget is not None:
            if self.line is None:
                yield "what it costs isn't known"
            elif (total := self.line.at(wish.answers)) > wish.budget:
                yield f"{euros(total)} for {whole(wish.answers)} answers, of {euros(wish.budget)}"
        if wish.keep_english is not None and not self.is_base:
            if self.english is None:
                yield "what it does to English wasn't measured"
            elif self.english.lost > wish.keep_english:
                yield f"it loses {decimal(self.english.lost)} points of English, of {decimal(wish.keep_english)}"
        if wish.latency is not None:
            if self.latency is None:
                yield "how long an answer takes wasn't measured"
            elif self.latency > wish.latency:
                yield f"95 of 100 answers take up to {duration(self.latency)}, of {duration(wish.latency)}"


def euros(amount: float) -> str:
    """Write an amount: ``12.30 €``, ``0.0042 €``, ``1 204 €``."""
    digits = 0 if amount >= 1000 else 2 if amount >= 0.1 or not amount else 4 if amount >= 0.001 else 6
    return f"{decimal(amount, digits)}\u00a0€"
