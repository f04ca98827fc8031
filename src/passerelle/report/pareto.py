"""Which arms are worth their cost."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Find the points that no other point beats in both cost and quality.

    Args:
        points: Pairs of cost (lower is better) and quality (higher is better).

    Returns:
        Their indices, from the cheapest on. Of equal points the first is kept.
    """
    order = sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1]))
    front: list[int] = []
    for index in order:
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front
