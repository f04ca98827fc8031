"""Checks are asked about some pairs: in this process, or by a worker that has checks of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from passerelle.quality.base import Check, Finding, Pair
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.engines import Engines

Asked = Mapping[str, Sequence[Pair]]
"""The pairs that each check is asked about, by its name."""


@runtime_checkable
class Prepared(Protocol):
    """A check that can begin to make ready beside this process, before it is asked."""

    def prepare(self) -> None:
        """Begin; what fails is said when it is asked."""
        ...


class Said(NamedTuple):
    """What checks say.

    Attributes:
        findings: Of each check, by name, one for each pair that it was asked about.
        seconds: What it took.
    """

    findings: dict[str, list[Finding]]
    seconds: dict[str, float]


def ask(checks: Mapping[str, Check], asked: Asked) -> Said:
    """Ask checks, in the order in which they are named; what slow ones run beside this process starts at once.

    Raises:
        RunError: An engine or a model that a check needs failed.
    """
    for name in list(asked)[1:]:
        if isinstance(check := checks[name], Prepared):
            check.prepare()
    findings, seconds = dict[str, list[Finding]](), dict[str, float]()
    for name, pairs in asked.items():
        began = time.perf_counter()
        findings[name] = list(checks[name].assess(pairs))
        seconds[name] = time.perf_counter() - began
    return Said(findings, seconds)


@dataclass(frozen=True)
class ChecksBetween:
    """The tools of a worker that asks checks: their names, by which it makes its own.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        names: Of the checks.
    """

    source: str
    target: str
    names: tuple[str, ...]

    def __call__(self) -> Callable[[Asked], Said]:
        """Make the checks.

        Raises:
            MissingDependency: A check lacks its model.
        """
        checks = build_checks(self.source, self.target, Engines(), self.names)
        return partial(ask, {check.name: check for check in checks})
