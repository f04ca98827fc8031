"""Cost by volume: a plot and a table of what arms cost for a number of answers, with where they cross."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passerelle.report.advice.by_volume import VOLUMES
from passerelle.report.advice.candidates import candidates
from passerelle.report.advice.volume import Line, break_even
from passerelle.report.advice.wish import euros
from passerelle.report.cells import Cell
from passerelle.report.contents import PIPELINE, Arm, Contents
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.plot import INK, LINE, MUTED, as_svg, figure_of, kind_of
from passerelle.report.wording import DASH, duration, short, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEWEST, _MOST = 100.0, 1e8
"""Answers at both ends of the plot."""
_STEPS = 60
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))


def lines_of(contents: Contents) -> list[Line]:
    """Return what each arm costs by volume, where that is known."""
    return [each.line for each in candidates(contents) if each.line is not None]


def volume_plot(contents: Contents) -> str:
    """Draw what each arm costs by the number of answers, and where the cheapest changes.

    Returns:
        An SVG document; empty where fewer than two arms have a cost.
    """
    lines = [line for line in lines_of(contents) if line.making > 0 or line.per_answer > 0]
    if len(lines) < 2:
        return ""
    with figure_of(5.3, 4.2, "volume") as (figure, axes):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(_FEWEST, _MOST)
        for place, line in enumerate(lines):
            _draw_line(axes, contents, line, place)
        _draw_crossings(axes, contents, lines)
        _label_axes(axes)
        rows = -(-len(lines) // 3)
        key = axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, frameon=False, fontsize=8.5)
        key.set_in_layout(False)
        figure.tight_layout(pad=0.4, rect=(0, 0, 1, 1 - 0.06 * rows))
        return as_svg(figure)


def _draw_line(axes: Axes, contents: Contents, line: Line, place: int) -> None:
    arm = contents.arm(line.name)
    color, marker, _ = kind_of(arm) if arm else (MUTED, "o", "")
    steps = [_FEWEST * (_MOST / _FEWEST) ** (step / _STEPS) for step in range(_STEPS + 1)]
    axes.plot(
        steps,
        [line.at(answers) for answers in steps],
        color=color,
        linestyle=_DASHES[place % len(_DASHES)],
        linewidth=1.6,
        marker=marker,
        markersize=4,
        markevery=(2 + 3 * (place % 5), 15),
        label=line.name,
    )


def _draw_crossings(axes: Axes, contents: Contents, lines: Sequence[Line]) -> None:
    """Mark where trained arms become cheaper than the pipeline, and write the first of these volumes."""
    pipeline = _pipeline(contents, lines)
    found = sorted(each for line in lines if (each := _cheaper_from(contents, line, pipeline)) is not None)
    shown = [answers for answers in found if _FEWEST < answers < _MOST]
    if pipeline is None or not shown:
        return
    axes.plot(shown, [pipeline.at(answers) for answers in shown], "o", color=INK, markersize=8, fillstyle="none")
    axes.axvline(shown[0], color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.annotate(
        whole(_rounded(shown[0])),
        (shown[0], 0.02),
        (-3, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=MUTED,
        fontsize=8.5,
        rotation=90,
        va="bottom",
        ha="right",
    )


def _pipeline(contents: Contents, lines: Sequence[Line]) -> Line | None:
    """Return the pipeline that costs least for each answer; ``None`` where there is none."""
    arms = {arm.name for arm in contents.arms if arm.name == PIPELINE or arm.translated_by}
    return min((line for line in lines if line.name in arms), key=lambda line: line.per_answer, default=None)


def _cheaper_from(contents: Contents, line: Line, pipeline: Line | None) -> float | None:
    """Return from how many answers on a trained arm costs less than a pipeline; ``None`` where it never does."""
    arm = contents.arm(line.name)
    if pipeline is None or arm is None or arm.is_untrained or line.per_answer >= pipeline.per_answer:
        return None
    return break_even(line, pipeline) or 0.0


def _label_axes(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _thousands(x)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{short(y)} €"))
    axes.tick_params(length=0)
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_xlabel("Answers (logarithmic)")
    axes.set_ylabel("Making it and answering (logarithmic)")


def _thousands(answers: float) -> str:
    return f"{answers / 1e6:g}M" if answers >= 1e6 else f"{answers / 1e3:g}k" if answers >= 1e3 else f"{answers:g}"


def _rounded(answers: float) -> float:
    """Round to two digits: a crossing isn't known better."""
    return float(f"{answers:.2g}")


def volume_table(contents: Contents) -> Table:
    """Show what each arm costs at a few volumes, from where on it is cheaper than the pipeline, and how one waits."""
    lines = lines_of(contents)
    pipeline = _pipeline(contents, lines)
    than = f"Cheaper than {contents.title(pipeline.name)} from" if pipeline else "Cheaper than a pipeline from"
    return Table(
        "volume",
        "Cost by volume: making an arm is paid once, answering each time. Whether the cheapest arm at a volume is good "
        "enough, the differences say. Waiting is for an answer that is asked for by itself: half of them came within "
        "the first time, 95 in 100 within the second.",
        "Arm",
        (*(f"{_thousands(answers)} answers" for answers in VOLUMES), than, "Waiting, half", "95 in 100"),
        (Group("", tuple(_row(contents, line, pipeline) for line in lines if len(lines) > 1)),),
    )


def _row(contents: Contents, line: Line, pipeline: Line | None) -> Row:
    data, since = {"arm": line.name}, _cheaper_from(contents, line, pipeline)
    arm = contents.arm(line.name)
    asking = arm.cost.asking if arm else None
    waits = (asking.p50_seconds, asking.p95_seconds) if asking else (None, None)
    costs = [(answers, line.at(answers)) for answers in VOLUMES]
    cells = (
        *(Cell(euros(cost), value=cost, data=data | {"volume": str(answers)}) for answers, cost in costs),
        Cell(_since(arm, since, pipeline), value=since, data=data | {"number": "cheaper-from"}),
        *(
            Cell(duration(wait), value=wait, data=data | {"metric": f"{which}-seconds"})
            for which, wait in zip(("p50", "p95"), waits, strict=True)
        ),
    )
    return Row(contents.title(line.name), cells, note=line.name)


def _since(arm: Arm | None, answers: float | None, pipeline: Line | None) -> str:
    if answers is None:
        return DASH if pipeline is None or arm is None or arm.is_untrained else "never"
    return f"{whole(_rounded(answers))} answers" if answers else "the first answer"
