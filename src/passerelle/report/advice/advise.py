"""Choose an arm by rules that can be read, or say why none can be chosen.

1. Arms that a wish rules out are left out, each with its reason.
2. Of the others the best by score leads; those that a paired difference doesn't tell apart from it are as good.
3. If the base, as it was, is among those, nothing is shown to help: no arm is chosen, and what to measure is said.
4. Else the cheapest of the good ones at the volume that was asked for is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from passerelle.report.advice.volume import Crossing, Line, break_even, cheapest, crossings
from passerelle.report.advice.wish import Candidate, Wish, euros
from passerelle.report.contents import Difference
from passerelle.report.wording import decimal, gap_text, interval, listed, whole

_REACH = 1.959963984540054
"""Standard errors from a difference to the end of its 95% interval."""

Differences = Callable[[str, str], Difference | None]
"""The paired difference of two arms by name, the first minus the second, on the score that arms are judged by."""


@dataclass(frozen=True)
class Advice:
    """What to choose.

    Attributes:
        chosen: Name of the arm; ``None`` where none can be chosen.
        headline: The advice in a sentence.
        why: Why this one.
        sure: How sure that is.
        changes: What would change it.
        left_out: Arms that the wish rules out, with the reason.
        crossings: Where the cheapest of the arms that are as good changes, by rising volume.
        measure: What to measure, where none can be chosen.
    """

    chosen: str | None
    headline: str
    why: tuple[str, ...] = ()
    sure: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    left_out: dict[str, str] | None = None
    crossings: tuple[Crossing, ...] = ()
    measure: tuple[str, ...] = ()


def advise(candidates: Sequence[Candidate], differences: Differences, wish: Wish) -> Advice:
    """Choose one of some arms.

    Args:
        candidates: Those that have a score.
        differences: How any two of them compare.
        wish: What the arm has to hold.
    """
    if not candidates:
        return Advice(None, "No arm has a score yet: let the comparison run to its end, passerelle compare FILE.")
    left_out = {each.title: "; ".join(why) for each in candidates if (why := list(each.against(wish)))}
    able = sorted((c for c in candidates if c.title not in left_out), key=lambda c: -(c.score.value or 0.0))
    if not able:
        return Advice(None, "No arm holds what was asked for.", left_out=left_out)
    best = able[0]
    good = [best, *(each for each in able[1:] if not _is_behind(best, each, differences))]
    base = next((each for each in able if each.is_base), None)
    if base in good and (base is not best or len(able) > 1):
        return _refusal(best, good, able, differences, left_out)
    lines = _lines(good)
    chosen = _cheapest(good, wish.answers)
    return Advice(
        chosen.name,
        f"Choose {chosen.title}.",
        tuple(_why(chosen, good, wish)),
        tuple(_sure(chosen, good, able, differences, wish)),
        tuple(_changes(chosen, good, candidates, left_out, differences, wish)),
        left_out,
        tuple(crossings(lines)) if len(lines) == len(good) else (),
    )


def _lines(candidates: Sequence[Candidate]) -> list[Line]:
    return [each.line for each in candidates if each.line is not None]


def _is_behind(best: Candidate, other: Candidate, differences: Differences) -> bool:
    difference = differences(best.name, other.name)
    return difference is not None and difference.is_separable and (difference.value or 0.0) > 0


def _cheapest(good: Sequence[Candidate], answers: float) -> Candidate:
    """Return the cheapest at a volume; the best by score where costs aren't known."""
    lines = _lines(good)
    if len(lines) < len(good):
        return good[0]
    name = cheapest(lines, answers).name
    return next(each for each in good if each.name == name)


def _refusal(
    best: Candidate,
    good: Sequence[Candidate],
    able: Sequence[Candidate],
    differences: Differences,
    left_out: dict[str, str],
) -> Advice:
    base = next(each for each in good if each.is_base)
    first = best if best is not base else next(each for each in able if each is not base)
    why = "No arm is shown to be better than the model as it is, so none is worth its cost yet."
    difference = differences(first.name, base.name)
    said = f"{first.title}, the best of the others, differs from it by {gap_text(difference)}." if difference else ""
    return Advice(
        None,
        why,
        (said,) if said else (),
        measure=tuple(_to_measure(first, base, difference)),
        left_out=left_out,
    )


def standard_error_of(difference: Difference) -> float | None:
    """Return a difference's standard error by the width of its interval; ``None`` without one."""
    if difference.low is None or difference.high is None:
        return None
    return (difference.high - difference.low) / (2 * _REACH)


def questions_needed(difference: Difference, items: float) -> float | None:
    """Return how many questions would show a difference 80 times in 100, if it is as large as it looks.

    Args:
        difference: With an interval, on `items` questions.
        items: How many there were.

    Returns:
        The number; ``None`` where there is no difference, or no interval.
    """
    from passerelle.evaluation.statistics.power import detectable, needed

    error = standard_error_of(difference)
    if error is None or not difference.value:
        return None
    return needed(items, detectable(error), difference.value) if error else None


def _to_measure(first: Candidate, base: Candidate, difference: Difference | None) -> Iterator[str]:
    if difference is None:
        yield f"Ask {first.title} and {base.title} the same questions: they weren't compared in pairs."
        return
    items = first.score.items or 0.0
    needed = questions_needed(difference, items)
    if needed and needed > items:
        yield (
            f"{whole(needed)} questions like these, of {whole(items)} now, would show a difference of "
            f"{decimal(abs(difference.value or 0.0))} points 80 times in 100."
        )
    elif needed:
        yield "More seeds or tests: among so many comparisons a difference of this size may come of chance."
    yield first.more_data or (
        "More or better data, or a better engine, may make a larger difference, which fewer questions show."
    )


def _why(chosen: Candidate, good: Sequence[Candidate], wish: Wish) -> Iterator[str]:
    score = chosen.score
    yield f"It scores {decimal(score.value)} {interval(score.low, score.high)}".rstrip() + "."
    priced = len(_lines(good)) == len(good)
    if chosen.line is not None:
        total = euros(chosen.line.at(wish.answers))
        cheaper = f", the least of the {len(good)} that are as good" if priced and len(good) > 1 else ""
        yield f"{whole(wish.answers)} answers cost {total} with what it takes to make it{cheaper}."
    if not priced:
        unknown = listed([each.title for each in good if each.line is None])
        yield f"What {unknown} would cost isn't known, so the best score decides."


def _sure(
    chosen: Candidate, good: Sequence[Candidate], able: Sequence[Candidate], differences: Differences, wish: Wish
) -> Iterator[str]:
    base = next((each for each in able if each.is_base and each is not chosen), None)
    following = next((each for each in able if each not in good and each is not base), None)
    ahead = [
        f"{gap_text(difference)} ahead of {'the model as it is' if other.is_base else other.title}"
        for other in filter(None, (base, following))
        if (difference := differences(chosen.name, other.name)) is not None
    ]
    if ahead:
        yield f"It is {' and '.join(ahead)}."
    as_good = [each for each in good if each is not chosen]
    if as_good:
        yield f"{listed([each.title for each in as_good])} can't be told apart from the best by this test."
    english = chosen.english
    if english is not None and english.high is not None and not chosen.is_base:
        if wish.keep_english is not None and english.high > wish.keep_english:
            yield f"It may lose up to {decimal(english.high)} points of English."
        elif english.low is not None and english.low > 0:
            yield f"It loses {decimal(english.lost)} {interval(english.low, english.high)} points of English."


def _changes(
    chosen: Candidate,
    good: Sequence[Candidate],
    candidates: Sequence[Candidate],
    left_out: dict[str, str],
    differences: Differences,
    wish: Wish,
) -> Iterator[str]:
    for other in good:
        if other is chosen:
            continue
        if chosen.line is not None and other.line is not None:
            answers = break_even(chosen.line, other.line)
            if answers is not None:
                side = "fewer" if answers < wish.answers else "more"
                yield f"With {side} than {whole(answers)} answers {other.title} costs less."
        difference = differences(chosen.name, other.name)
        items = chosen.score.items or 0.0
        if difference is not None and (needed := questions_needed(difference, items)) and needed > items:
            yield f"{whole(needed)} questions, of {whole(items)} now, would tell {other.title} from it."
    value = chosen.score.value or 0.0
    yield from filter(None, (each.more_data for each in (chosen, *(c for c in good if c is not chosen))))
    for other in candidates:
        if other in good or other.is_base or other.title in left_out or not (chosen.line and other.line):
            continue
        answers = break_even(chosen.line, other.line)
        if answers is not None and other.line.per_answer < chosen.line.per_answer:
            behind = differences(other.name, chosen.name)
            said = f"but scores {gap_text(behind)} against it" if behind else "but wasn't compared with it"
            yield f"With more than {whole(answers)} answers {other.title} costs less, {said}."
    for other in candidates:
        better = (other.score.value or 0.0) > value and other.title in left_out
        if better and not ((d := differences(other.name, chosen.name)) and not d.is_separable):
            yield f"{other.title} scores {decimal(other.score.value)}, and was left out: {left_out[other.title]}."


def lines_of(advice: Advice) -> Iterator[str]:
    """Write an advice as lines, each part under its name."""
    yield advice.headline
    parts = (("why", advice.why), ("how sure", advice.sure), ("what would change it", advice.changes))
    for name, lines in (*parts, ("what to measure", advice.measure)):
        for place, line in enumerate(lines):
            yield f"{name if not place else '':22}{line}"
    for place, (title, reason) in enumerate((advice.left_out or {}).items()):
        yield f"{'left out' if not place else '':22}{title}: {reason}"
