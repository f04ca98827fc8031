"""Draw the loss of each arm by its steps, stage by stage, with what was seen on held samples, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passerelle.report.contents import Arm, Contents, Look
from passerelle.report.plot import INK, KINDS, LINE, MUTED, UNTRAINED, as_svg, figure_of
from passerelle.report.wording import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HELD = {"target_loss": (INK, "o", "solid", "held samples"), "english_loss": (MUTED, "^", "dashed", "held, in English")}
"""What was seen: colour, marker, stroke and words of each."""


def loss_plots(contents: Contents) -> dict[str, tuple[str, str]]:
    """Return for each trained arm its losses as an SVG document, with what it shows, by the arm's name."""
    return {
        arm.name: (loss_plot(arm), f"Loss of {arm.title} by its steps.")
        for arm in contents.arms
        if sum(len(stage.loss) for stage in arm.stages) > 1
    }


def loss_plot(arm: Arm) -> str:
    """Draw an arm's losses: of training, and of held samples in both languages where alarms looked.

    Args:
        arm: Trained, with at least two steps.
    """
    color, _, _ = KINDS.get(arm.trained_on) or (UNTRAINED, "", "")
    with figure_of(5.3, 2.8, f"loss-{arm.name}") as (figure, axes):
        begun = 0.0
        for number, stage in enumerate(arm.stages):
            if len(arm.stages) > 1:
                _draw_stage(axes, stage.name, begun, is_first=not number)
            axes.plot(
                [begun + step for step, _ in stage.loss], [loss for _, loss in stage.loss], color=color, linewidth=1.2
            )
            _draw_looks(axes, stage.looks, begun)
            begun += max([*(step for step, _ in stage.loss), *(look.step for look in stage.looks)], default=0.0)
        axes.set_xlim(-0.02 * begun, begun * 1.02)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Step")
        axes.set_ylabel("Loss, nats a token")
        axes.xaxis.set_major_formatter(lambda x, _: whole(x))
        axes.grid(color=LINE, linewidth=0.6)
        axes.tick_params(length=0)
        _key(axes, color, [look for stage in arm.stages for look in stage.looks])
        figure.tight_layout(pad=0.4)
        return as_svg(figure)


def _draw_looks(axes: Axes, looks: Sequence[Look], begun: float) -> None:
    for name, (color, marker, stroke, _) in _HELD.items():
        seen = [(begun + look.step, value) for look in looks if (value := getattr(look, name)) is not None]
        xs, ys = [step for step, _ in seen], [value for _, value in seen]
        axes.plot(xs, ys, marker, color=color, linestyle=stroke, linewidth=1, markersize=5)


def _draw_stage(axes: Axes, name: str, begun: float, is_first: bool) -> None:
    if not is_first:
        axes.axvline(begun, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
    axes.annotate(
        name,
        (begun, 0),
        (4, 4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="bottom",
        color=MUTED,
        fontsize=8.5,
    )


def _key(axes: Axes, color: str, looks: Sequence[Look]) -> None:
    axes.plot([], [], color=color, linewidth=1.2, label="training")
    for name, (tone, marker, stroke, words) in _HELD.items():
        if any(getattr(look, name) is not None for look in looks):
            axes.plot([], [], marker, color=tone, linestyle=stroke, markersize=5, label=words)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, frameon=False, fontsize=8.5, borderaxespad=0.1)
