"""Euros: what computing and people's time are worth, by a table of stated assumptions."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SECONDS_PER_HOUR = 3600
_MINUTES_PER_HOUR = 60


@dataclass(frozen=True)
class Prices:
    """Prices and speeds.

    Attributes:
        core_hour_eur: One core for an hour.
        expert_hour_eur: An expert's hour.
        words_per_hour: Source words that an expert translates in an hour.
    """

    core_hour_eur: float
    expert_hour_eur: float
    words_per_hour: float

    def translation_minutes(self, texts: Iterable[str]) -> float:
        """Return how long a person takes to translate texts."""
        return sum(len(text.split()) for text in texts) / self.words_per_hour * _MINUTES_PER_HOUR

    def euros(self, seconds: float, expert_minutes: float, cores: int | None = None) -> float:
        """Return what computing, on all cores of this machine unless told otherwise, and people's time cost."""
        computing = seconds / _SECONDS_PER_HOUR * (cores or os.cpu_count() or 1) * self.core_hour_eur
        return computing + expert_minutes / _MINUTES_PER_HOUR * self.expert_hour_eur


@cache
def prices() -> Prices:
    """Return the table that ships (``passerelle/data/prices.toml``)."""
    table = tomllib.loads(files("passerelle.data").joinpath("prices.toml").read_text(encoding="utf-8"))
    return Prices(**table["compute"], **table["people"])
