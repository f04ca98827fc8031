"""Several runs put together: what a page, Markdown, CSV and JSON are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from passerelle.report.contents import Amounts
from passerelle.report.several.between import Between, compare_runs
from passerelle.report.several.runs import LeftOut, Run, Told, read_runs
from passerelle.report.wording import listed


@dataclass(frozen=True)
class Several:
    """Runs beside each other.

    Attributes:
        runs: Those that could be read.
        left_out: Those that couldn't.
        between: An arm against the same of an earlier run, or why not.
        warnings: What has to be known before anything is read off: what is missing, failed or damaged.
    """

    runs: tuple[Run, ...]
    left_out: tuple[LeftOut, ...]
    between: tuple[Between, ...]
    warnings: tuple[str, ...]

    @property
    def machines(self) -> dict[str, str]:
        """The machine of each run, where it is known."""
        return {run.label: run.machine for run in self.runs if run.machine}

    @property
    def costs_caveat(self) -> str:
        """Say whether the costs of these runs can be held against each other."""
        differ = len(set(self.machines.values())) > 1
        unknown = [run.label for run in self.runs if not run.machine]
        said = []
        if differ:
            named = "; ".join(f"{label}: {machine}" for label, machine in self.machines.items())
            said.append(
                f"These runs were made on different machines ({named}): their times, and euros from these, don't "
                "compare. Operations and tokens do."
            )
        if unknown and len(self.runs) > 1:
            said.append(f"On what machine {listed(unknown)} ran isn't known.")
        older = [run.label for run in self.runs if run.kind == "comparison" and not run.contents.has_ledger]
        if older:
            said.append(
                f"{listed(older)}: of an older version, with time by the clock alone, making and measuring in one."
            )
        return " ".join(said) or "All on the same kind of machine; the clock still depends on who else was on it."

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what can't be held against each other at all: runs to different languages."""
        targets: dict[str, list[str]] = {}
        for run in self.runs:
            if run.kind == "comparison":
                targets.setdefault(run.contents.target_name, []).append(run.label)
        if len(targets) < 2:
            return ()
        named = "; ".join(f"{listed(labels)} to {target}" for target, labels in targets.items())
        return (
            f"These runs go to different languages ({named}): there they were asked different questions, so only what "
            "they do in English is compared.",
        )


def put_together(given: Sequence[tuple[str, Path]]) -> Several:
    """Read runs and compare them where they asked the same.

    Args:
        given: The name of each, empty where it has none, and its folder or ``results.json``.

    Raises:
        UserError: There is nothing at a path, a run is given twice, or none can be read.
    """
    runs, left_out = read_runs(given)
    return Several(tuple(runs), tuple(left_out), tuple(compare_runs(runs)), tuple(_warnings(runs, left_out)))


def _warnings(runs: Sequence[Run], left_out: Sequence[LeftOut]) -> Iterator[str]:
    yield from (f"{each.label} is left out: {each.reason}" for each in left_out)
    for run in runs:
        yield from (f"{run.label}: {damage}" for damage in run.damage)
        for entry in run.entries:
            if entry.arm.failed:
                yield f"{run.label}: {entry.arm.name} failed: {entry.arm.error or 'no reason was stored'}"
        raw = run.raw.get("warnings")
        yield from (f"{run.label}: {warning}" for warning in (raw if isinstance(raw, list) else ()))


def languages_of(runs: Sequence[Run]) -> list[str]:
    """Return the codes of all languages that were asked, English last."""
    codes = dict.fromkeys(told.language for run in runs for entry in run.entries for told in entry.scores)
    return sorted(codes, key=lambda code: code == "en")


def headlines(runs: Sequence[Run], language: str) -> list[tuple[str, str]]:
    """Return the metrics that tests in a language are known by, with who made the questions, people's first."""
    found = dict.fromkeys(
        (told.metric, told.score.test)
        for run in runs
        for entry in run.entries
        for told in entry.scores
        if told.language == language and told.is_headline
    )
    return sorted(found, key=lambda pair: pair[1] == "machine")


def as_json(several: Several) -> dict[str, Any]:
    """Return all of it as plain JSON types."""
    return {
        "runs": [_run(run) for run in several.runs],
        "left_out": {each.label: each.reason for each in several.left_out},
        "warnings": list(several.warnings),
        "notes": list(several.notes),
        "scores": list(score_rows(several)),
        "costs": list(cost_rows(several)),
        "costs_caveat": several.costs_caveat,
        "comparisons": [_between(each) for each in several.between if each.difference is not None],
        "not_comparable": [_between(each) for each in several.between if each.difference is None],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.label,
        "place": str(run.place),
        "kind": run.kind,
        "name": run.contents.name if run.kind == "comparison" else "",
        "model": run.model,
        "target": run.contents.target,
        "created": run.contents.created,
        "seeds": list(run.contents.seeds),
        "machine": run.machine,
        "versions": dict(run.versions),
        "arms": [
            {"arm": entry.arm.name, "title": entry.arm.title, "failed": entry.arm.failed, "error": entry.arm.error}
            for entry in run.entries
        ],
        "damage": list(run.damage),
    }


def score_rows(several: Several) -> Iterator[dict[str, Any]]:
    """Yield every score of every arm of every run."""
    for run in several.runs:
        for entry in run.entries:
            for told in entry.scores:
                yield {"run": run.label, "arm": entry.arm.name, **_told(told)}


def _told(told: Told) -> dict[str, Any]:
    score = told.score
    share = dict(zip(("value", "low", "high"), score.unread_share, strict=True)) if score.unread_share else None
    return {
        "language": told.language,
        "metric": told.metric,
        "test": score.test,
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "unit": score.unit,
        "questions": score.items,
        "pictures": score.pictures,
        "unread": score.unread,
        "unread_share": share,
        "headline": told.is_headline,
        "signature": score.signature,
    }


COSTS = ("processor_seconds", "device_seconds", "flops", "tokens", "euros", "seconds")


def cost_rows(several: Several) -> Iterator[dict[str, Any]]:
    """Yield what making each arm and a thousand of its answers take; of older results what they have."""
    for run in several.runs:
        for entry in run.entries:
            cost = entry.arm.cost
            where = {"run": run.label, "arm": entry.arm.name, "machine": run.machine}
            for name, amounts in (("make", cost.make), ("per_1000", cost.asking)):
                if amounts is not None:
                    yield {**where, "sum": name, **_amounts(amounts)}
            if cost.seconds is not None:
                older = {"flops": cost.flops, "seconds": cost.seconds}
                yield {**where, "sum": "all", **{key: older.get(key) for key in COSTS}}


def _amounts(amounts: Amounts) -> dict[str, float | None]:
    return {key: getattr(amounts, key) for key in COSTS}


def _between(each: Between) -> dict[str, Any]:
    found = {key: value for key, value in asdict(each).items() if key not in ("difference", "reason", "of")}
    if each.difference is None:
        return {key: found[key] for key in ("run", "against", "arm", "against_arm", "language", "metric", "test")} | {
            "reason": each.reason
        }
    numbers = {key: getattr(each.difference, key) for key in ("low", "high", "p", "holm_p")}
    return {**found, "difference": each.difference.value, **numbers, "of": list(each.of)}
