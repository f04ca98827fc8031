"""Draw how well estimated probabilities agree with what came true, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from passerelle.report.plot import HUMAN, INK, LINE, MUTED, as_svg, figure_of


def reliability_plot(bins: Sequence[Mapping[str, float]]) -> str:
    """Draw a reliability diagram.

    Args:
        bins: For each bin ``estimated`` and ``accepted`` shares (0..1) and its number of ``pairs``.

    Returns:
        An SVG document; empty without bins.
    """
    if not bins:
        return ""
    with figure_of(4.4, 4.0, "reliability") as (figure, axes):
        axes.plot([0, 100], [0, 100], color=LINE, linewidth=1.2, zorder=1)
        estimated = [100 * row["estimated"] for row in bins]
        accepted = [100 * row["accepted"] for row in bins]
        axes.plot(estimated, accepted, color=HUMAN, marker="o", linewidth=1.4, zorder=3)
        for x, y, row in zip(estimated, accepted, bins, strict=True):
            label = f"{row['pairs']:.0f}"
            axes.annotate(label, (x, y), (0, 7), textcoords="offset points", ha="center", fontsize=8, color=MUTED)
        axes.set_xlim(0, 104)
        axes.set_ylim(0, 108)
        axes.set_xlabel("estimated to be accepted (%)")
        axes.set_ylabel("accepted (%)")
        axes.set_title("Number of pairs beside each point", fontsize=9, color=INK, loc="left")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        figure.tight_layout(pad=0.5)
        return as_svg(figure)
