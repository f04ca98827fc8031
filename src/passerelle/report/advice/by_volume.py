"""The advice at a few volumes, in the words of a report."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from passerelle.report.advice.candidates import advise_on, candidates
from passerelle.report.advice.wish import Wish, euros
from passerelle.report.contents import Contents
from passerelle.report.wording import listed, whole

VOLUMES = (1_000, 100_000, 10_000_000)
"""Answers: a trial, a small service, a large one."""


def choice_by_volume(contents: Contents) -> Iterator[str]:
    """Say which arm to choose at each of a few volumes, and how sure that is; nothing where there is no choice."""
    able = {each.name: each for each in candidates(contents)}
    if len(able) < 2:
        return
    found = [(answers, advise_on(contents, Wish(answers))) for answers in VOLUMES]
    last = found[-1][1]
    if last.chosen is None:
        yield from (last.headline, *last.why, *last.measure[:1])
        return
    parts = []
    for name, group in groupby(found, lambda each: each[1].chosen):
        line = able[name or ""].line
        shown = [whole(n) + (f" ({euros(line.at(n))})" if line else "") for n, _ in group]
        parts.append(f"{able[name or ''].title} for {listed(shown)} answers")
    yield f"Choose {'; '.join(parts)}."
    yield from last.sure
    yield "For a volume, a budget and limits of your own: passerelle advise."
