"""Say in words what more data brought an arm, whether more would help, and from where on it is as good as another."""

from __future__ import annotations

from collections.abc import Iterator

from passerelle.report.cells import headline_metric
from passerelle.report.contents import Contents
from passerelle.report.curves.learning import Crossing, Ends, LearningCurve, Step, cost_at, read_curves
from passerelle.report.wording import decimal, duration, interval, short, signed, whole

OFTEN = 0.025
"""Share of resamples from which on it is said that a curve may cross."""


def curve_sentences(contents: Contents) -> Iterator[str]:
    """Say what the curves of all arms show; nothing where there are none."""
    metric, test = headline_metric(contents), contents.main_test
    for curve in read_curves(contents):
        scored = curve.scored(metric, test)
        if len(scored) < 2:
            continue
        (first, low), (last, high) = scored[0], scored[-1]
        yield (
            f"{contents.title(curve.arm)} scores {decimal(low.value)} with {whole(first.samples)} examples and "
            f"{decimal(high.value)} with {whole(last.samples)}."
        )
        if (step := curve.last_step(metric, test)) is not None:
            yield f"The {_step_words(step)}."
        for crossing in curve.crossings:
            if (crossing.metric, crossing.test) == (metric, test):
                yield _crossing_words(contents, curve, crossing)


def more_data(contents: Contents, arm: str) -> str:
    """Say whether more data would help an arm, by the last step of its curve; empty where it has none."""
    curve = next((curve for curve in read_curves(contents) if curve.arm == arm), None)
    step = curve.last_step(headline_metric(contents), contents.main_test) if curve else None
    return f"Of {contents.title(arm)} the {_step_words(step)}." if step else ""


def points(ends: Ends) -> str:
    """Write a difference as ``+3.1 points [+0.4, +5.9]``."""
    return f"{signed(ends.value)} points {interval(ends.low, ends.high, plus=True)}".strip()


def _step_words(step: Step) -> str:
    gain = step.gain
    what = f"step from {whole(step.start)} to {whole(step.end)} examples brought {points(gain)}"
    if gain.low is not None and gain.low > 0:
        return f"{what}: more of the same data would probably help"
    if gain.high is not None and gain.high < 0:
        return f"{what}: more of the same data, trained on like this, doesn't help"
    return f"{what}: whether more of the same data would help can't be told"


def _crossing_words(contents: Contents, curve: LearningCurve, crossing: Crossing) -> str:
    title, against = contents.title(curve.arm), contents.title(crossing.against)
    if crossing.where.get("value") == "within":
        at = f"about {whole(crossing.at.value)} examples {crossing_interval(curve, crossing)}"
        return f"{title} comes level with {against} at {at}{_costs_there(contents, curve, crossing)}."
    if crossing.where.get("value") == "before":
        return f"{title} is level with {against}, or above it, from the fewest examples on, {whole(curve.smallest)}."
    share = crossing.share or 0.0
    chance = f"; in {100 * share:.0f} of 100 resamples it does" if share >= OFTEN else ""
    return (
        f"{title} doesn't come level with {against} within what was measured, up to {whole(curve.largest)} examples: "
        f"the difference is {points(crossing.last)} there{chance}. What lies beyond isn't known."
    )


def crossing_interval(curve: LearningCurve, crossing: Crossing) -> str:
    """Write the interval of a crossing, as ``[210, beyond 640]``; empty where nothing of it was measured."""
    ends = {"low": crossing.at.low, "high": crossing.at.high}
    if set(crossing.where.values()) in ({"before"}, {"beyond"}):
        return ""
    words = {"before": f"before {whole(curve.smallest)}", "beyond": f"beyond {whole(curve.largest)}"}
    return f"[{', '.join(words.get(crossing.where.get(name, ''), whole(end)) for name, end in ends.items())}]"


def _costs_there(contents: Contents, curve: LearningCurve, crossing: Crossing) -> str:
    seconds, money = cost_at(contents, curve, crossing.at.value)
    if seconds is None:
        return ""
    euros = "" if money is None else f" and {short(money)}\u00a0€"
    return f"; making it takes {duration(seconds)} of {'GPU' if contents.on_device else 'core'} time{euros} there"
