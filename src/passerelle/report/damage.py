"""What of the results is missing or can't be read, in sentences: a report of damaged results says that they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from passerelle.report.wording import listed

_AGAIN = "Give the command that made the results again: it writes them anew from what it kept."


def damage_of(results: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what of a comparison's results is missing or can't be read.

    Args:
        results: What ``results.json`` holds.

    Returns:
        Sentences, the last of which says what to do; none where all is there.
    """
    found = list(_damage(results))
    return (*found, _AGAIN) if found else ()


def _damage(results: Mapping[str, Any]) -> Iterator[str]:
    arms = results.get("arms")
    if "arms" in results and not isinstance(arms, list):
        yield "The arms of these results can't be read."
    entries = arms if isinstance(arms, list) else []
    readable = [arm for arm in entries if isinstance(arm, Mapping) and isinstance(arm.get("name"), str)]
    if lost := len(entries) - len(readable):
        yield f"{lost} of {len(entries)} arms can't be read: {'it is' if lost == 1 else 'they are'} damaged."
    for arm in readable:
        yield from _damaged_arm(arm)
    config = results.get("config")
    wanted = config.get("arms") if isinstance(config, Mapping) else None
    names = {arm["name"] for arm in readable}
    if isinstance(wanted, Mapping) and (missing := [str(name) for name in wanted if name not in names]):
        yield f"{listed(missing)}: in the experiment, but not in its results."


def _damaged_arm(arm: Mapping[str, Any]) -> Iterator[str]:
    scores, is_failed = arm.get("scores"), arm.get("status") == "failed"
    if not isinstance(scores, list):
        if not is_failed:
            yield f"{arm['name']}: its scores are missing, or can't be read."
        return
    if lost := sum(not _is_score(score) for score in scores):
        yield f"{arm['name']}: {lost} of {len(scores)} scores can't be read."
    elif not scores and not is_failed:
        yield f"{arm['name']} has no score."
    if "cost" in arm and not isinstance(arm["cost"], Mapping):
        yield f"{arm['name']}: its costs can't be read."


def _is_score(score: object) -> bool:
    if not isinstance(score, Mapping) or not isinstance(score.get("metric"), str):
        return False
    value = score.get("value")
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
