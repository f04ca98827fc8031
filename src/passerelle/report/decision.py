"""What a team decides from: which differences are real, what arms do to English, where most is lost, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from passerelle.report.advice.advise import questions_needed, standard_error_of
from passerelle.report.cells import english_metric
from passerelle.report.contents import ENGLISH, ZERO_SHOT, Arm, Contents, Difference
from passerelle.report.parse import as_list, as_mapping, as_number, as_text, mappings
from passerelle.report.wording import counted, decimal, gap_text, interval, listed, metric_title, signed, whole

FEW_PICTURES = 10
MOST_UNREAD = 95.0
"""Percent of answers; where more of everybody's couldn't be read, scores say nothing of the arms."""
_WIDEST = 100.0
"""Points between the worst and the best possible."""
_WINNERS = 3
"""Arms whose victories are told."""


def real_differences(contents: Contents, metric: str) -> Iterator[str]:
    """Say which differences are more than chance allows, and what the test is too small for."""
    adapted = contents.adapted_arms()
    names = {arm.name for arm in adapted}
    pairs = [
        each if each.value > 0 else each.reversed()
        for each in contents.differences
        if (each.metric, each.test) == (metric, contents.main_test)
        and {each.arm, each.against} <= names
        and each.value is not None
    ]
    if not pairs:
        if sum(arm.value(metric) is not None for arm in adapted) > 1:
            yield "No two arms were compared question by question, so no difference is shown to be real."
        return
    held, open_pairs = [d for d in pairs if d.is_separable], [d for d in pairs if not d.is_separable]
    yield from _victories(contents, held)
    yield from _undecided(contents, metric, open_pairs, len(pairs))
    errors = [error for each in pairs if (error := standard_error_of(each))]
    if errors:
        from passerelle.evaluation.statistics.power import detectable

        smallest = median(map(detectable, errors))
        if smallest < _WIDEST:
            yield f"The test shows differences from about {decimal(smallest, 0)} points on (80 times in 100)."
        else:
            yield "The test is too small to show any difference."


def _victories(contents: Contents, held: Sequence[Difference]) -> Iterator[str]:
    beaten: dict[str, list[str]] = {}
    for each in held:
        beaten.setdefault(each.arm, []).append(contents.title(each.against))
    winners = sorted(beaten.items(), key=lambda item: -len(item[1]))
    for name, others in winners[:_WINNERS]:
        whom = listed(others) if len(others) <= 2 else f"{len(others)} other arms"
        yield f"{contents.title(name)} is ahead of {whom} by more than chance allows."
    if left := sum(len(others) for _, others in winners[_WINNERS:]):
        yield f"So it is in {counted(left, 'other pair')}."


def _undecided(contents: Contents, metric: str, pairs: Sequence[Difference], compared: int) -> Iterator[str]:
    if not pairs:
        return
    widest = max(pairs, key=lambda each: each.value or 0.0)
    between = f"{contents.title(widest.arm)} and {contents.title(widest.against)}"
    gap = f"{gap_text(widest)}{not_apart(widest)}"
    if len(pairs) == 1:
        said = f"{between} can't be told apart: {gap}."
    else:
        count = f"Of {compared} pairs none can" if len(pairs) == compared else f"{len(pairs)} of {compared} pairs can't"
        said = f"{count} be told apart; the widest of these gaps is between {between}: {gap}."
    yield said
    arm = contents.arm(widest.arm)
    score = arm.score(metric) if arm else None
    items = score.items if score else None
    needed = questions_needed(widest, items) if items else None
    if items and needed and needed > items:
        yield f"{whole(needed)} questions, of {whole(items)} now, would show a gap of that size."


def not_apart(difference: Difference | None) -> str:
    """Say why a difference isn't one where its interval alone would mislead."""
    only_corrected = difference is not None and difference.excludes_zero and not difference.is_separable
    return ", which Holm's correction for many comparisons takes back" if only_corrected else ""


def english_effects(contents: Contents) -> Iterator[str]:
    """Say which arms lost English, the worst first, which gained, and for which nothing can be shown."""
    metric = english_metric(contents)
    reference = contents.arm(ENGLISH)
    base = reference.value(metric, ENGLISH) if reference else None
    trained = [arm for arm in contents.adapted_arms() if not arm.is_untrained and not arm.failed]
    scored = [] if base is None else [(v, arm) for arm in trained if (v := arm.value(metric, ENGLISH)) is not None]
    if base is not None:
        yield from _against_base(contents, metric, base, scored)
    known = {arm.name for _, arm in scored}
    if unknown := [arm.title for arm in trained if arm.name not in known]:
        yield f"English wasn't measured for {listed(unknown)}."
    if untrained := [arm.title for arm in contents.adapted_arms() if arm.is_untrained and not arm.failed]:
        verb = "trains nothing and answers" if len(untrained) == 1 else "train nothing and answer"
        yield f"{listed(untrained)} {verb} English as the base does."


def _against_base(contents: Contents, metric: str, base: float, scored: Sequence[tuple[float, Arm]]) -> Iterator[str]:
    changed: dict[str, list[str]] = {"worse": [], "better": []}
    kept = []
    for value, arm in sorted(scored, key=lambda pair: pair[0]):
        paired = contents.difference(arm.name, ZERO_SHOT, metric, ENGLISH)
        score = arm.score(metric, ENGLISH)
        # Where the two weren't paired, only what lies beyond the arm's own interval is called a loss or a gain.
        low, high = (score.low, score.high) if score else (None, None)
        outside = high is not None and low is not None and not low <= base <= high
        if value == base or not (paired.is_separable if paired else outside):
            kept.append(arm.title)
            continue
        how = changed["worse" if value < base else "better"]
        by = gap_text(paired) if paired else f"{signed(value - base)} points, not paired"
        first = "" if how else f" against {decimal(base)}"
        how.append(f"{arm.title} {decimal(value)}{first} ({by})")
    for how_much, arms in changed.items():
        if arms:
            yield f"English {how_much} than the base's: {'; '.join(arms)}."
    if kept:
        yield f"Neither loss nor gain of English can be shown for {listed(kept)}."


_PARTS = {
    "model": "the model's own",
    "parser": "from reading the answers by English rules",
    "items": "from suspect translations in the test",
}


def biggest_loss(contents: Contents, metric: str) -> Iterator[str]:
    """Say what the distance between English and the target language is made of, for the model as it is."""
    rows = [row for row in mappings(contents.raw.get("gaps")) if as_text(row.get("benchmark")) == metric]
    language = contents.target.partition("-")[0]
    rows = [row for row in rows if as_text(row.get("language")).partition("-")[0] == language]
    row = next((row for row in rows if row.get("system") == ZERO_SHOT), rows[0] if rows else {})
    parts = as_mapping(row.get("parts"))
    total, found = _part(parts, "total"), [(part, name) for name in _PARTS if (part := _part(parts, name))]
    if total is None or not found:
        return
    system = as_text(row.get("system"))
    whose = "the model as it is" if system == ZERO_SHOT else contents.title(system)
    value, low, high = total
    name = metric_title(metric).lower()
    if value <= 0:
        yield f"In {name} {whose} answers {contents.target_name} no worse than English: {signed(-value)} points."
        return
    if low <= 0:
        yield (
            f"In {name} English is {_written(total)} points ahead of {contents.target_name} for {whose}: the test is "
            "too small to show where anything is lost."
        )
        return
    yield f"In {name} {whose} loses {_written(total)} points from English to {contents.target_name}."
    found.sort(key=lambda each: -each[0][0])
    largest, first = found[0]
    others = [f"{_written(amounts)} {_PARTS[which]}" for amounts, which in found[1:] if any(amounts)]
    if others:
        yield f"Most of that is {_PARTS[first]}: {_written(largest)}."
        yield f"Besides, {' and '.join(others)}."
    else:
        yield f"All of that is {_PARTS[first]}."


def _part(parts: Mapping[str, Any], name: str) -> tuple[float, float, float] | None:
    numbers = [as_number(each) for each in as_list(parts.get(name))]
    value, low, high = numbers if len(numbers) == 3 else (None, None, None)
    return None if value is None or low is None or high is None else (value, low, high)


def _written(part: tuple[float, float, float]) -> str:
    value, low, high = part
    return f"{decimal(value)} {interval(low, high)}" if low != high else decimal(value)


def nothing_read(contents: Contents, metric: str, arms: Sequence[Arm]) -> bool:
    """Whether nearly no answer of any arm could be read."""
    shares = [score.unread_share for arm in arms if (score := arm.score(metric))]
    return bool(shares) and all(share is not None and share[0] >= MOST_UNREAD for share in shares)


def own_engine(contents: Contents) -> Iterator[str]:
    """Say which tests were translated by an engine that answers for an arm too."""
    for row in mappings(contents.raw.get("own_engine")):
        test, engine = (as_text(row.get(key)) for key in ("test", "engine"))
        if test and engine and (arms := [contents.title(as_text(name)) for name in as_list(row.get("arms"))]):
            use, which = ("uses", "that arm") if len(arms) == 1 else ("use", "these arms")
            whose = f"which {listed(arms)} {use} too"
            yield f"The machine test of {test} was translated by {engine}, {whose}: it favours {which}."


def warnings_of(contents: Contents, metric: str) -> Iterator[str]:
    """Yield what has to be known before any number of the comparison is used."""
    yield from contents.warnings
    limit = as_number(as_mapping(contents.raw.get("config")).get("limit"))
    pictures = as_number(as_mapping(as_mapping(contents.raw.get("data")).get("pictures")).get("test"))
    if limit is not None and limit <= FEW_PICTURES:
        yield (
            f"A trial run, cut to {counted(limit, 'question')} of each test: it shows that all works, and measures "
            "nothing."
        )
    elif pictures is not None and pictures <= FEW_PICTURES:
        yield f"The test has {counted(pictures, 'picture')}: it can show none but the largest differences."
    yield from own_engine(contents)
    if len(contents.seeds) == 1 and any(arm.trained_on and arm.value(metric) is not None for arm in contents.arms):
        yield "One seed was run: how far the same training, done anew, lands elsewhere isn't known."
    if failed := [arm.title for arm in contents.arms if arm.failed]:
        yield f"{listed(failed)} failed and {'is' if len(failed) == 1 else 'are'} shown without scores."
