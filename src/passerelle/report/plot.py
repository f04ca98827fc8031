"""Draw quality against cost, and the human against the machine test, as SVG.

Colours are from the Okabe-Ito palette, which colour-blind readers can tell apart; shapes say the same again.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from passerelle.report.cells import english_metric, headline_metric, with_unit
from passerelle.report.contents import ENGLISH, Arm, Contents, Score
from passerelle.report.labels import Box, place_labels
from passerelle.report.pareto import pareto_front
from passerelle.report.parse import read_results
from passerelle.report.wording import THOUSAND, score_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2a37"
MUTED = "#5b6673"
LINE = "#dcd9d2"
UNTRAINED = "#4a5563"
MACHINE = "#b34b00"
REPAIRED = "#9a3f77"
HUMAN = "#0a66a8"
NATIVE = "#00705a"
PAPER = "#fffffe"

# What an arm learnt from: its colour, its marker, and the words of the key.
KINDS: dict[str | None, tuple[str, str, str]] = {
    None: (UNTRAINED, "o", "not trained"),
    "machine": (MACHINE, "s", "machine-translated data"),
    "repaired": (REPAIRED, "P", "machine-translated, repaired data"),
    "human-translation": (HUMAN, "D", "human-translated data"),
    "native": (NATIVE, "v", "native speakers' data"),
    "elsewhere": (UNTRAINED, "^", "adapted elsewhere"),
}
DURATIONS = {
    1: "1 s", 3: "3 s", 10: "10 s", 30: "30 s", 60: "1 min", 180: "3 min", 600: "10 min", 1800: "30 min",
    3600: "1 h", 10800: "3 h", 36000: "10 h", 86400: "1 day", 259200: "3 days", 864000: "10 days",
}  # fmt: skip
_UNITS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
_FINER = (*(number * scale for scale in (1, 10, 100) for number in (1, 1.5, 2, 3, 4, 5, 7)), 1000)
FEW_TICKS = 3
"""Marks that a logarithmic axis of time should have."""
_APART = 1.3
"""Ratio of neighbouring marks, so that their words don't touch."""

CostKey = Literal["seconds", "flops", "making", "asking"]
COSTS: dict[CostKey, str] = {
    "asking": "Quality of each arm against what its answers take.",
    "making": "Quality of each arm against what making it takes.",
}
OLDER_COSTS: dict[CostKey, str] = {
    "seconds": "Quality of each arm against the time it took, as in the key table.",
    "flops": "Quality of each arm against its computation.",
}
_AXES = {"seconds": "Time in all", "making": "{} time to make it", "asking": f"{{}} time for {THOUSAND} answers"}
NOTHING = "nothing"
"""Stands on the axis where arms cost nothing, for which a logarithmic one has no place."""


def cost_plot(results: Mapping[str, Any] | Contents, cost: CostKey = "seconds") -> str:
    """Draw each arm's quality against what it cost in all, with the Pareto front.

    Args:
        results: What ``results.json`` holds, or the same already read.
        cost: ``asking`` for what a thousand answers take, ``making`` for what making the arm takes, in processor or
            device time; for results of older versions ``seconds`` and ``flops``, of all in one sum.

    Returns:
        An SVG document; empty where no arm has both a score and a cost above zero. Making an arm may cost nothing.
    """
    contents = results if isinstance(results, Contents) else read_results(results)
    metric = headline_metric(contents)
    points = [
        (arm, price, score)
        for arm in contents.adapted_arms()
        if (price := _price(contents, arm, cost)) is not None
        and (price > 0 or cost == "making")
        and (score := arm.score(metric)) is not None
    ]
    if not any(price for _, price, _ in points):
        return ""
    nothing = min(price for _, price, _ in points if price) / 4
    is_free = any(not price for _, price, _ in points)
    points = [(arm, price or nothing, score) for arm, price, score in points]
    with figure_of(5.3, 4.2, f"cost-{cost}") as (figure, axes):
        _cost_axis(axes, [price for _, price, _ in points], cost, nothing if is_free else None, contents.on_device)
        axes.set_ylabel(f"{with_unit(contents, metric)}, {contents.test_name}")
        _english_line(axes, contents)
        _draw_front(axes, [(price, score.value or 0.0) for _, price, score in points])
        for arm, price, score in points:
            _draw_point(axes, arm, price, score)
        rows = _key(axes, [arm for arm, _, _ in points])
        figure.tight_layout(pad=0.4, rect=(0, 0, 1, 1 - 0.06 * rows))
        _draw_labels(figure, axes, points)
        return as_svg(figure)


def _price(contents: Contents, arm: Arm, cost: CostKey) -> float | None:
    if cost in ("making", "asking"):
        return contents.computing(arm.cost.make if cost == "making" else arm.cost.asking)
    return arm.cost.seconds if cost == "seconds" else arm.cost.flops


def dumbbell_plot(results: Mapping[str, Any] | Contents) -> str:
    """Draw each arm's score on the human test beside its score on the machine-translated one.

    Args:
        results: What ``results.json`` holds, or the same already read.

    Returns:
        An SVG document; empty where no arm has both scores.
    """
    contents = results if isinstance(results, Contents) else read_results(results)
    metric = headline_metric(contents)
    rows = [
        (arm, human, machine)
        for arm in contents.adapted_arms()
        if (human := arm.score(metric, "human")) is not None and (machine := arm.score(metric, "machine")) is not None
    ]
    if not rows:
        return ""
    rows.sort(key=lambda row: row[1].value or 0.0)
    with figure_of(5.3, 1.0 + 0.44 * len(rows), "dumbbell") as (figure, axes):
        for row, (_, human, machine) in enumerate(rows):
            _draw_dumbbell(axes, row, human, machine)
        axes.set_yticks(range(len(rows)), [arm.name for arm, _, _ in rows])
        axes.tick_params(length=0)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(with_unit(contents, metric))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=9.5)
        figure.tight_layout(pad=0.4)
        return as_svg(figure)


@contextmanager
def figure_of(width: float, height: float, salt: str) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure of `width` × `height` inches; `salt` keeps the ids of two plots on a page apart."""
    import matplotlib
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": LINE,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "axes.unicode_minus": False,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height))
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        yield figure, axes


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG document without a date."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _cost_axis(axes: Axes, prices: Sequence[float], cost: CostKey, nothing: float | None, on_device: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    spread = max(max(prices) / min(prices), 4)
    low, high = min(prices) / spread**0.22, max(prices) * spread**0.45  # room for the labels
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())
    if cost != "flops":
        ticks = _duration_ticks(2 * nothing if nothing else low, high, FEW_TICKS if nothing is None else FEW_TICKS - 1)
        places = [nothing, *ticks] if nothing else list(ticks)
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: NOTHING if x == nothing else ticks.get(x, "")))
        axes.set_xlabel(_AXES[cost].format("GPU" if on_device else "Core") + " (logarithmic)")
    else:
        powers = [step * 10.0**power for power in range(3, 25) for step in (1, 3)]
        axes.xaxis.set_major_locator(FixedLocator([each for each in powers if low <= each <= high]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1e15:g}"))
        axes.set_xlabel("PFLOP in all (logarithmic)")
    axes.grid(color=LINE, linewidth=0.6)
    axes.tick_params(length=0)


def _duration_ticks(low: float, high: float, few: int) -> dict[float, str]:
    """Return durations between two numbers of seconds, with their words; finer ones where the usual are few."""
    usual: dict[float, str] = {seconds: words for seconds, words in DURATIONS.items() if low <= seconds <= high}
    if len(usual) >= few:
        return usual
    seconds, unit = next((each for each in _UNITS if high >= 2 * each[0]), _UNITS[-1])
    finer: dict[float, str] = {}
    for number in _FINER:
        last = max(finer, default=0.0)
        if low <= number * seconds <= high and number * seconds >= _APART * last:
            finer[number * seconds] = f"{number:g} {unit}"
    return finer if len(finer) > len(usual) else usual


def _english_line(axes: Axes, contents: Contents) -> None:
    """Draw the English reference as a line: it answers other questions, so it is no point among the arms."""
    metric = headline_metric(contents)
    reference = contents.arm(ENGLISH)
    score = reference.score(metric, ENGLISH) if reference and english_metric(contents) == metric else None
    if score is None or score.value is None:
        return
    axes.axhline(score.value, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), gid="english")
    axes.annotate(
        f"base on English questions: {score_text(score)}",
        (0, score.value),
        (3, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        color=MUTED,
        fontsize=8.5,
    )


def _draw_front(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    front = [points[index] for index in pareto_front(points)]
    right = axes.get_xlim()[1]
    xs, ys = [*(x for x, _ in front), right], [*(y for _, y in front), front[-1][1]]
    axes.step(xs, ys, where="post", color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)), alpha=0.8, gid="front")


def _draw_point(axes: Axes, arm: Arm, price: float, score: Score) -> None:
    color, marker, _ = kind_of(arm)
    if score.low is not None and score.high is not None:
        axes.plot([price, price], [score.low, score.high], color=color, linewidth=1.6, alpha=0.45)
    axes.plot([price], [score.value or 0.0], marker, color=color, markersize=7, markeredgecolor=PAPER)


def kind_of(arm: Arm) -> tuple[str, str, str]:
    """Return the colour, the marker and the words of what an arm learnt from; what is unknown, as it stands."""
    return KINDS.get(arm.trained_on) or (UNTRAINED, "X", str(arm.trained_on))


def _key(axes: Axes, arms: Sequence[Arm]) -> int:
    """Draw what colours and shapes mean above the axes; return in how many rows."""
    order = list(KINDS.values())
    found = {kind_of(arm) for arm in arms}
    for color, marker, words in sorted(found, key=lambda kind: order.index(kind) if kind in order else len(order)):
        axes.plot([], [], marker, color=color, markersize=6, markeredgecolor=PAPER, label=words)
    columns = 3 if len(found) <= 3 and KINDS["repaired"] not in found else 2  # what a figure's width holds
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=8.5,
        handletextpad=0.2,
        columnspacing=1.0,
        borderaxespad=0.1,
    )
    legend.set_in_layout(False)
    return math.ceil(len(found) / columns)


def _draw_labels(figure: Figure, axes: Axes, points: Sequence[tuple[Arm, float, Score]]) -> None:
    """Write each arm's name beside its point, with a thin line where it had to go farther away."""
    scale = figure.dpi / 72
    to_pixels, from_pixels = axes.transData.transform, axes.transData.inverted().transform
    anchors = [tuple(map(float, to_pixels((price, score.value or 0.0)))) for _, price, score in points]
    obstacles = [Box(x - 5 * scale, y - 5 * scale, x + 5 * scale, y + 5 * scale) for x, y in anchors]
    for _, price, score in points:
        if score.low is not None and score.high is not None:
            (x, low), (_, high) = to_pixels((price, score.low)), to_pixels((price, score.high))
            obstacles.append(Box(x - 2 * scale, low, x + 2 * scale, high))
    obstacles += _front_boxes(axes, scale)
    obstacles += [Box(*t.get_window_extent().extents) for t in axes.texts]
    texts = [axes.annotate(arm.name, (0, 0), fontsize=9, va="bottom", annotation_clip=False) for arm, _, _ in points]
    sizes = [(extent.width, extent.height) for extent in (t.get_window_extent() for t in texts)]
    frame = axes.get_window_extent()
    boxes = place_labels([(x, y) for x, y in anchors], sizes, Box(*frame.extents), obstacles, gap=7 * scale)
    for text, box, (x, y) in zip(texts, boxes, anchors, strict=True):
        text.set_position(tuple(from_pixels((box.left, box.bottom))))
        near = box.nearest(x, y)
        if abs(near[0] - x) + abs(near[1] - y) > 16 * scale:
            start, end = from_pixels(near), from_pixels((x, y))
            axes.plot([start[0], end[0]], [start[1], end[1]], color=MUTED, linewidth=0.6)


def _front_boxes(axes: Axes, scale: float) -> Iterator[Box]:
    """Yield thin boxes along the Pareto front, for labels to stay off."""
    for line in axes.lines:
        if line.get_gid() == "front":
            points = line.get_transform().transform(line.get_xydata())
            corners = [(x, y) for (x, _), (_, y) in zip(points[1:], points[:-1], strict=True)]
            for (x, y), (u, v), (w, z) in zip(points[:-1], corners, points[1:], strict=True):
                yield Box(x, y - scale, u, v + scale)
                yield Box(u - scale, min(v, z), w + scale, max(v, z))


def _draw_dumbbell(axes: Axes, row: int, human: Score, machine: Score) -> None:
    ends = [human.value or 0.0, machine.value or 0.0]
    axes.plot(ends, [row + 0.14, row - 0.14], color=LINE, linewidth=3, solid_capstyle="round", zorder=1)
    for score, color, marker, shift, words in (
        (human, HUMAN, "o", 0.14, "human test"),
        (machine, MACHINE, "s", -0.14, "machine-translated test"),
    ):
        y = row + shift
        if score.low is not None and score.high is not None:
            axes.plot([score.low, score.high], [y, y], color=color, linewidth=1.4, alpha=0.45)
        axes.plot(
            [score.value or 0.0], [y], marker, color=color, markersize=6.5, markeredgecolor=PAPER,
            label=words if row == 0 else None,
        )  # fmt: skip
