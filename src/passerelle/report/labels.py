"""Place labels beside points so that they cover neither each other nor what is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle in drawing units."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    def holds(self, x: float, y: float) -> bool:
        """Whether the point is inside."""
        return self.left <= x <= self.right and self.bottom <= y <= self.top

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the box that is nearest to the given one."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)

    def outside(self, frame: Box) -> float:
        """Return the area that lies outside `frame`."""
        area = (self.right - self.left) * (self.top - self.bottom)
        return area - self.overlap(frame)


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    obstacles: Sequence[Box] = (),
    gap: float = 7.0,
) -> list[Box]:
    """Choose a place for each label, the most crowded anchors first.

    Args:
        anchors: The point that each label belongs to.
        sizes: Width and height of each label.
        frame: Where labels have to stay.
        obstacles: What they have to stay off: points, interval bars.
        gap: Distance between a point and its label.

    Returns:
        The place of each label, in the order of `anchors`. Each is the candidate that covers least, and
        of those the nearest; with room enough nothing is covered.
    """

    def crowd(index: int) -> float:
        x, y = anchors[index]
        return min((math.hypot(x - u, y - v) for i, (u, v) in enumerate(anchors) if i != index), default=math.inf)

    placed: dict[int, Box] = {}
    for index in sorted(range(len(anchors)), key=lambda i: (crowd(i), i)):
        taken = [*obstacles, *placed.values()]

        def cost(candidate: tuple[Box, float], index: int = index, taken: list[Box] = taken) -> float:
            box, distance = candidate
            crossed = _crossed(anchors[index], box, taken) if distance > 2 * gap else 0
            return sum(map(box.overlap, taken)) * 10 + box.outside(frame) * 40 + distance + crossed * 3 * gap

        placed[index] = min(_candidates(anchors[index], sizes[index], gap), key=cost)[0]
    return [placed[index] for index in range(len(anchors))]


def _crossed(anchor: tuple[float, float], box: Box, taken: Sequence[Box]) -> int:
    """Count what the line from a point to its label would run through; its own mark doesn't count."""
    (x, y), (u, v) = anchor, box.nearest(*anchor)
    line = [(x + (u - x) * step / 12, y + (v - y) * step / 12) for step in range(1, 13)]
    others = [other for other in taken if not other.holds(x, y)]
    return sum(any(other.holds(*point) for point in line) for other in others)


def _candidates(anchor: tuple[float, float], size: tuple[float, float], gap: float) -> Iterator[tuple[Box, float]]:
    """Yield places around a point, to its right first, farther and farther away."""
    (x, y), (width, height) = anchor, size
    for ring in range(9):
        radius = gap * (1 + 0.8 * ring)
        for step, angle in enumerate((0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)):
            across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            left = x + radius * across - width * (1 - across) / 2
            bottom = y + radius * up - height * (1 - up) / 2
            yield Box(left, bottom, left + width, bottom + height), radius + 0.3 * step
