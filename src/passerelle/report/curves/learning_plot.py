"""Draw quality by the number of examples, by the time and by the euros that making the arm takes, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from passerelle.report.cells import headline_metric, with_unit
from passerelle.report.contents import ZERO_SHOT, Contents, Score
from passerelle.report.curves.learning import LearningCurve, Point, read_curves
from passerelle.report.labels import Box, place_labels
from passerelle.report.plot import DURATIONS, KINDS, LINE, MUTED, PAPER, UNTRAINED, as_svg, figure_of
from passerelle.report.wording import short, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

By = Literal["examples", "time", "euros"]
Placed = tuple[LearningCurve, list[tuple[float, Point, Score]]]
"""A curve, and its points with their place across and their score."""

LINES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1, 1)), (0, (5, 2, 1, 2)))
"""Strokes of arms, one after the other: those that learnt from the same kind of text have the same colour."""
TITLES: dict[By, str] = {
    "examples": "Quality by the number of examples that an arm learnt from.",
    "time": "Quality by the time that making an arm with so many examples takes.",
    "euros": "Quality by the euros that making an arm with so many examples takes.",
}


def learning_plot(contents: Contents, by: By) -> str:
    """Draw each arm's quality at each size of data, and the levels of the arms that it is held against.

    Args:
        contents: The results.
        by: Across: examples, processor or device time, or euros.

    Returns:
        An SVG document; empty where no arm has two points with a score and a price above zero.
    """
    lines = list(_placed(contents, by))
    if not lines:
        return ""
    with figure_of(5.3, 3.9, f"learning-{by}") as (figure, axes):
        _axis(axes, sorted({x for _, placed in lines for x, _, _ in placed}), by, contents.on_device)
        axes.set_ylabel(f"{with_unit(contents, headline_metric(contents))}, {contents.test_name}")
        _draw_levels(axes, contents, lines[0][0])
        for number, line in enumerate(lines):
            _draw_line(axes, contents, line, LINES[number % len(LINES)])
        figure.tight_layout(pad=0.4)
        _name(figure, axes, lines)
        return as_svg(figure)


def _placed(contents: Contents, by: By) -> Iterator[Placed]:
    across: Callable[[Point], float | None] = {
        "examples": lambda point: point.samples,
        "time": lambda point: contents.computing(point.make),
        "euros": lambda point: point.make.euros if point.make else None,
    }[by]
    for curve in read_curves(contents):
        scored = curve.scored(headline_metric(contents), contents.main_test)
        placed = [(x, point, score) for point, score in scored if (x := across(point))]
        if len(placed) > 1:
            yield curve, sorted(placed, key=lambda each: each[0])


def _draw_line(axes: Axes, contents: Contents, line: Placed, stroke: Any) -> None:
    curve, placed = line
    arm = contents.arm(curve.arm)
    color, marker, _ = KINDS.get(arm.trained_on if arm else None) or (UNTRAINED, "X", "")
    xs = [x for x, _, _ in placed]
    beside = (axes.get_xlim()[1] / axes.get_xlim()[0]) ** 0.015
    axes.plot(xs, [score.value or 0.0 for _, _, score in placed], color=color, linewidth=1.6, linestyle=stroke)
    for x, point, score in placed:
        if score.low is not None and score.high is not None:
            axes.plot([x, x], [score.low, score.high], color=color, linewidth=1.6, alpha=0.45)
        same = (score.metric, score.test)
        seeds = [s.value for s in point.of.seed_scores if (s.metric, s.test) == same and s.value is not None]
        axes.plot([x * beside] * len(seeds), seeds, ".", color=color, markersize=5, alpha=0.7)
        axes.plot([x], [score.value or 0.0], marker, color=color, markersize=7, markeredgecolor=PAPER)


def _axis(axes: Axes, xs: Sequence[float], by: By, on_device: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    spread = max(xs[-1] / xs[0], 2)
    low, high = xs[0] / spread**0.1, xs[-1] * spread**0.3  # room for the names
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())
    known: dict[By, Sequence[float]] = {"examples": xs, "time": [*DURATIONS], "euros": _ROUND}
    write: dict[By, Callable[[float], str]] = {
        "examples": whole,
        "time": lambda x: DURATIONS.get(round(x), f"{x:g} s"),
        "euros": short,
    }
    axes.xaxis.set_major_locator(FixedLocator(_apart([t for t in known[by] if low <= t <= high], spread)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: write[by](x)))
    title = "Examples" if by == "examples" else f"{_what(by, on_device)} to make it"
    axes.set_xlabel(f"{title} (logarithmic)")
    axes.grid(color=LINE, linewidth=0.6)
    axes.tick_params(length=0)


_ROUND = [step * 10.0**power for power in range(-6, 7) for step in (1, 2, 5)]


def _what(by: By, on_device: bool) -> str:
    if by == "euros":
        return "Euros"
    return f"{'GPU' if on_device else 'Core'} time"


def _apart(ticks: Sequence[float], spread: float) -> list[float]:
    """Return the ticks that have room beside each other, the largest first."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or kept[-1] / tick >= spread**0.14:
            kept.append(tick)
    return kept


def _draw_levels(axes: Axes, contents: Contents, curve: LearningCurve) -> None:
    """Draw the arms that a curve is held against, and the base, as lines with their intervals and names."""
    metric = headline_metric(contents)
    names = dict.fromkeys((ZERO_SHOT, *(crossing.against for crossing in curve.crossings)))
    scores = {name: score for name in names if (arm := contents.arm(name)) and (score := arm.score(metric))}
    for place, (name, score) in enumerate(sorted(scores.items(), key=lambda pair: pair[1].value or 0.0)):
        value = score.value or 0.0
        if score.low is not None and score.high is not None:
            axes.axhspan(score.low, score.high, color=MUTED, alpha=0.08, linewidth=0)
        axes.axhline(value, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        under = len(scores) > 1 and not place
        axes.annotate(
            contents.title(name),
            (1, value),
            (-2, -3 if under else 3),
            ha="right",
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="top" if under else "bottom",
            color=MUTED,
            fontsize=8.5,
        )


def _name(figure: Figure, axes: Axes, lines: Sequence[Placed]) -> None:
    """Write each arm's name beside its last point."""
    scale, to_pixels = figure.dpi / 72, axes.transData.transform
    from_pixels = axes.transData.inverted().transform
    last = [placed[-1] for _, placed in lines]
    anchors = [to_pixels((x, score.value or 0.0)) for x, _, score in last]
    obstacles = [*_drawn(axes, scale), *(Box(*text.get_window_extent().extents) for text in axes.texts)]
    texts = [axes.annotate(curve.arm, (0, 0), fontsize=9, va="bottom", annotation_clip=False) for curve, _ in lines]
    sizes = [(extent.width, extent.height) for extent in (text.get_window_extent() for text in texts)]
    frame = Box(*axes.get_window_extent().extents)
    boxes = place_labels([(float(x), float(y)) for x, y in anchors], sizes, frame, obstacles, gap=7 * scale)
    for text, box in zip(texts, boxes, strict=True):
        text.set_position(tuple(from_pixels((box.left, box.bottom))))


def _drawn(axes: Axes, scale: float) -> Iterator[Box]:
    """Yield small boxes along what is drawn, for names to stay off."""
    for line in axes.lines:
        points = line.get_transform().transform(line.get_xydata())
        for (x, y), (u, v) in zip(points[:-1], points[1:], strict=True):
            for step in range(12):
                across, up = x + (u - x) * (step + 0.5) / 12, y + (v - y) * (step + 0.5) / 12
                yield Box(across - 3 * scale, up - 3 * scale, across + 3 * scale, up + 3 * scale)
