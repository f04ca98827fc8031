"""The figures of an evaluation as records, read tolerantly: a report of damaged results still opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.errors import ConfigError
from passerelle.languages.codes import language
from passerelle.report.contents import ENGLISH, Score
from passerelle.report.parse import as_list, as_mapping, as_number, as_text, mappings


@dataclass(frozen=True)
class Scored:
    """One figure of one system.

    Attributes:
        system: Who answered.
        benchmark: Name of the benchmark.
        language: Of the questions; ``fr-en`` where two are held against each other.
        metric: Name of the metric, as results of comparisons call it: a benchmark's own by the benchmark.
        part: Part of the benchmark; empty for all.
        score: The figure.
        is_headline: Whether the benchmark is known by it.
        is_used: Whether reports show it: of two readings of the same answers one is.
        missing: Questions that aren't counted.
    """

    system: str
    benchmark: str
    language: str
    metric: str
    part: str
    score: Score
    is_headline: bool
    is_used: bool
    missing: float | None

    @property
    def is_between(self) -> bool:
        """Whether it holds two languages against each other."""
        return self.metric == f"{self.benchmark} consistency"

    @property
    def is_other_headline(self) -> bool:
        """Whether it is what the benchmark is known by, in the reading that doesn't count."""
        return not self.is_used and not self.part and self.metric == self.benchmark


def read_figures(results: Mapping[str, Any]) -> list[Scored]:
    """Return the figures of an evaluation.

    Args:
        results: What its ``results.json`` holds.
    """
    figures = mappings(results.get("figures"))
    own = {as_text(f.get("benchmark")): as_text(f.get("metric")) for f in figures if f.get("headline") is True}
    return [_read(figure, own) for figure in figures]


def damage_of_figures(results: Mapping[str, Any]) -> tuple[str, ...]:
    """Say how many figures can't be read; nothing where all can."""
    figures = as_list(results.get("figures"))
    lost = sum(not isinstance(f, Mapping) or as_number(f.get("value")) is None for f in figures)
    return (f"{lost} of {len(figures)} figures can't be read: evaluate again, with the same --out.",) if lost else ()


def _read(figure: Mapping[str, Any], own: Mapping[str, str]) -> Scored:
    benchmark, metric = as_text(figure.get("benchmark"), "unnamed"), as_text(figure.get("metric"))
    part, spoken = as_text(figure.get("subtask")), as_text(figure.get("language"))
    name = benchmark if own.get(benchmark) == metric else f"{benchmark} {metric}"
    unread = as_mapping(figure.get("unread"))
    share = tuple(as_number(unread.get(key)) for key in ("value", "low", "high"))
    score = Score(
        metric=f"{name}: {part}" if part else name,
        test=ENGLISH if spoken == "en" else "human",
        value=as_number(figure.get("value")),
        low=as_number(figure.get("low")),
        high=as_number(figure.get("high")),
        items=as_number(figure.get("units")),
        pictures=as_number(figure.get("clusters")),
        unread=as_number(figure.get("unmatched")),
        unit=as_text(figure.get("unit")),
        higher_is_better=True if figure.get("direction") == "higher" else None,
        signature=as_text(figure.get("signature")),
        unread_share=None if None in share else share,  # type: ignore[arg-type]
    )
    return Scored(
        as_text(figure.get("system"), "unnamed"),
        benchmark,
        spoken,
        name,
        part,
        score,
        figure.get("headline") is True,
        figure.get("used") is not False,
        as_number(figure.get("missing")),
    )


def language_name(code: str) -> str:
    """Name a language for a reader; its code where it isn't known."""
    try:
        return language(code).name
    except ConfigError:
        return code
