"""A hard limit in euros and hours: what would go beyond it isn't begun, and what is done stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from passerelle.config import Settings
from passerelle.costs.clocks import Stopwatch, Took
from passerelle.costs.prices import prices
from passerelle.errors import RunError
from passerelle.runs import read_json, write_json

_FILE = "spent.json"
_KEPT_EVERY = 5.0
"""Seconds from one writing down of what is spent to the next: what a kill forgets."""


class Limits(Settings):
    """What a comparison may spend in all, over all the times that it goes on.

    Attributes:
        euros: By the table of prices, and what paid engines and servers take.
        hours: By the clock.
    """

    euros: float | None = Field(default=None, gt=0)
    hours: float | None = Field(default=None, gt=0)


class LimitReached(RunError):
    """A limit leaves no room for what comes next."""


class Allowance:
    """What is left of the limits.

    Args:
        limits: The limits.
        folder: Where what earlier runs spent is kept.

    Attributes:
        reserve: Share of the limits, from 0 to 1, that isn't to be spent yet.
    """

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.reserve = 0.0
        self._limits, self._path, self._watch = limits, folder / _FILE, Stopwatch()
        self._before, self._engine_eur = _kept(self._path)
        self._lock = threading.Lock()
        self._kept_at = self._before.seconds

    def close(self) -> None:
        """Keep what was spent for the next run."""
        self._keep(self._before + self._watch.took(), self._engine_eur)

    def _keep(self, took: Took, paid: float) -> None:
        self._kept_at = took.seconds
        write_json(self._path, {"took": asdict(took), "engine_eur": paid})

    def pay(self, euros: float) -> None:
        """Count what somebody else took."""
        with self._lock:
            self._engine_eur += euros

    def share(self) -> float:
        """Return the share of the limits that is spent, of whichever more is."""
        took = self._before + self._watch.took()
        with self._lock:
            paid = self._engine_eur
        if took.seconds - self._kept_at > _KEPT_EVERY:
            self._keep(took, paid)
        euros = prices().euros(took.processor_seconds, took.device_seconds, 0.0) + paid
        shares = [
            done / limit
            for done, limit in ((euros, self._limits.euros), (took.seconds / 3600, self._limits.hours))
            if limit is not None
        ]
        return max(shares, default=0.0)

    @property
    def is_spent(self) -> bool:
        """Whether it leaves no room for what comes next."""
        return self.share() >= 1 - self.reserve

    def __str__(self) -> str:
        named = [f"{self._limits.euros:g} €"] if self._limits.euros is not None else []
        named += [f"{self._limits.hours:g} hours"] if self._limits.hours is not None else []
        return " or ".join(named)


def spent_before(folder: Path) -> tuple[float, float]:
    """Return the euros and hours that earlier runs in a folder spent of limits."""
    took, paid = _kept(folder / _FILE)
    return prices().euros(took.processor_seconds, took.device_seconds, 0.0) + paid, took.seconds / 3600


def _kept(path: Path) -> tuple[Took, float]:
    known = read_json(path) or {"took": asdict(Took()), "engine_eur": 0.0}
    return Took.read(known["took"]), float(known["engine_eur"])


_current: list[Allowance] = []
"""The allowance of the command, for all its threads."""


@contextmanager
def allowed(limits: Limits | None, folder: Path) -> Iterator[Allowance | None]:
    """Keep to limits within the block; what is spent is remembered in the folder."""
    if limits is None:
        yield None
        return
    allowance = Allowance(limits, folder)
    _current.append(allowance)
    try:
        yield allowance
    finally:
        _current.remove(allowance)
        allowance.close()


def is_spent() -> bool:
    """Whether a limit leaves no room for what comes next."""
    return any(allowance.is_spent for allowance in _current)


def require_allowance() -> None:
    """Go on only where limits leave room.

    Raises:
        LimitReached: They don't.
    """
    for allowance in _current:
        if allowance.is_spent:
            kept = ", but for asking what was made" if allowance.reserve else ""
            raise LimitReached(
                f"left out: the limit of {allowance} leaves no room for it{kept}. Raise limits and give the same "
                "command again: what is done isn't done again."
            )


def pay(euros: float) -> None:
    """Count what an engine's or a server's owner takes."""
    for allowance in _current:
        allowance.pay(euros)
