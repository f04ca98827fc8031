"""What `passerelle review` prints of a campaign and of what was put back, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from passerelle.review.findings.status import CampaignStatus
from passerelle.review.putting_back.reach import Plan

MOST_ROWS = 5
"""So many rows of a correction are named; all are in the list that is written."""


def _figure(value: float, form: str = ".2f") -> str:
    return "–" if value != value else format(value, form)


def status_lines(found: CampaignStatus) -> Iterator[str]:
    """Say how a campaign stands."""
    done, total = sum(e.done for e in found.experts), sum(e.total for e in found.experts)
    yield f"{found.campaign}: {done:,} of {total:,} done in {found.expert_hours:.2f} expert hours"
    for expert in found.experts:
        agrees = ", ".join(f"{task} {_figure(value)}" for task, value in expert.with_others.items())
        line = f"{expert.name:16} {expert.done:5,}/{expert.total:<5,} {expert.minutes:7.1f} min"
        line += f"  checks failed {expert.failed}/{expert.checks}"
        line += f"  same on repeats {_figure(expert.self_agreement, '.0f')}%"
        yield f"{line}  α with others: {agrees or '–'}{'  DISAGREES WITH THE OTHERS' if expert.is_apart else ''}"
    for task in found.agreement:
        alpha, percent = _figure(task.alpha, ".3f"), _figure(task.percent, ".0f")
        yield f"{task.task:16} Krippendorff's α {alpha} ({task.level}), {percent}% the same, {task.units:,} items"
    for arm in found.ranking:
        automatic = f", automatic score {found.automatic[arm.arm]:.1f}" if arm.arm in found.automatic else ""
        interval = f"{arm.strength.value:+.2f} [{arm.strength.low:+.2f}, {arm.strength.high:+.2f}]"
        yield f"{arm.arm:16} strength {interval}, {arm.duels:,} judgments{automatic}"
    for rate in found.rates:
        interval = f"{rate.rate.value:.1f}% [{rate.rate.low:.1f}, {rate.rate.high:.1f}]"
        counts = f"{rate.wins} won, {rate.ties} ties, {rate.losses} lost"
        yield f"{rate.first} against {rate.second}: {interval} ({counts})"
    if found.correlation == found.correlation:
        yield f"Spearman of strengths with automatic scores: {found.correlation:.2f}"
    for one in found.contrary:
        yield f"{one.item}: experts prefer {one.experts}, the automatic score {one.automatic} by {one.difference:g}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """List what goes into which rows, and what goes nowhere."""
    if not plan.reaches and not plan.left_out:
        yield "no text goes into any row: nothing was corrected"
    for one in plan.reaches:
        named = ", ".join(one.rows[:MOST_ROWS]) + (", …" if len(one.rows) > MOST_ROWS else "")
        yield f"{len(one.rows):,} row{'s' if len(one.rows) > 1 else ''} ({named}): {one.source!r}"
        yield f"  {one.machine!r}"
        yield f"  becomes {one.text!r}"
    for out in plan.left_out:
        yield f"left out, {out.reason} ({out.detail}): {out.text!r} for {out.source!r} in row {out.row}"


def applied_lines(done: dict[str, Any], record: Path) -> Iterator[str]:
    """Say what was put back."""
    written = f"{done['corrections']:,} corrections and {done['native']['texts']:,} native texts"
    yield f"{written} in {done['expert_hours']:.2f} expert hours"
    for origin, counts in done["memory_entries"].items():
        new, replaced, kept = (counts[key] for key in ("new", "replaced", "kept"))
        yield f"memory, {origin}: {new:,} new, {replaced:,} replaced, {kept:,} there already"
    if done["left_out"]:
        yield f"left out: {len(done['left_out']):,} texts that can't stand in the data; see 'left_out' in {record}"
    for one in done["disputed"]:
        yield f"disputed: {one['source']!r}: {one['agreeing']} of {one['experts']} experts wrote {one['text']!r}"
    if "rows" in done:
        rows = done["rows"]
        counts = f"{rows['touched']:,} touched, {rows['changed']:,} changed, {rows['refused']:,} refused"
        yield f"rows: {rows['all']:,}, {counts}: {done['data']}"
    if "chrf" in done:
        chrf, change = done["chrf"], done["chrf"]["change"]
        yield (
            f"chrF to {chrf['texts']:,} references: {chrf['before']:.2f} before, {chrf['after']:.2f} after, "
            f"{change['value']:+.2f} [{change['low']:+.2f}, {change['high']:+.2f}]"
        )
        if chrf["per_expert_hour"]:
            hourly = chrf["per_expert_hour"]
            yield f"  per expert hour {hourly['value']:+.2f} [{hourly['low']:+.2f}, {hourly['high']:+.2f}]"
    fitted = done["calibration"]
    yield f"labels: {fitted['labels']:,} in {fitted['file']}"
    yield f"calibration: {fitted['calibration'] or 'not fitted: ' + fitted['reason']}"
    for run, arms in done.get("outdated", {}).items():
        yield f"out of date in {run}: {', '.join(arms) or 'no arm'}"
        if arms:
            yield f"  passerelle compare EXPERIMENT --review {record} --out {run}   runs these again"
    yield f"written: {record}"
