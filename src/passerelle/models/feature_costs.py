"""What a picture's vision features take, remembered beside them: who finds them made is told what they would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from passerelle.costs.book import part
from passerelle.costs.clocks import Stopwatch, Took
from passerelle.costs.flops import AlikeMeter, ByPart, added, scaled
from passerelle.costs.ledger import Phase
from passerelle.runs import read_json, write_json

T = TypeVar("T")
_FILE = "took.json"


@dataclass
class FeatureCosts:
    """Counts what features take.

    Attributes:
        folder: Where features are kept; ``None``: in memory only.
        meter: What counts the operations of the work that computes features.
        pictures: Pictures whose features were computed now.
        took: What else it took.
        spared_pictures: Pictures whose features were found.
        spared: What those would have taken, at the rate of all that were ever computed there.
        flops_by_part: Operations by part, of those that were found too.
    """

    folder: Path | None
    meter: AlikeMeter
    pictures: int = 0
    took: Took = Took()
    spared_pictures: int = 0
    spared: Took = Took()
    flops_by_part: ByPart = field(default_factory=dict)

    @property
    def flops(self) -> float:
        """Operations, of features that were found too."""
        return sum(self.flops_by_part.values())

    def computed(self, pictures: int, work: Callable[[], T]) -> T:
        """Do `work`, which computes the features of so many pictures by way of the meter, and count it."""
        watch = Stopwatch()
        with part("features"):
            result = work()
        took, taken = watch.took(), self.meter.taken()
        self.pictures += pictures
        self.flops_by_part = added(self.flops_by_part, taken)
        self.took = self.took + took
        if self.folder:
            before, so_far, flops = self._known()
            known = {"pictures": before + pictures, "flops_by_part": added(flops, taken)}
            write_json(self.folder / _FILE, known | asdict(so_far + took))
        return result

    def found(self, pictures: int) -> None:
        """Count pictures whose features were there already."""
        known, took, flops = self._known()
        if known:
            self.spared = self.spared + replace(took * (pictures / known), others_core_seconds=0.0, written_bytes=0.0)
            self.flops_by_part = added(self.flops_by_part, scaled(flops, pictures / known))
        self.spared_pictures += pictures

    def charge(self, phase: Phase, took: Took) -> None:
        """Charge a phase, in which preparing features took so long, as if none had been found."""
        phase.add(took + self.spared)
        phase.flops += self.flops
        phase.flops_by_part = added(phase.flops_by_part, self.flops_by_part)
        phase.spared_seconds += self.spared.seconds
        phase.spared_processor_seconds += self.spared.processor_seconds
        phase.spared_device_seconds += self.spared.device_seconds

    def _known(self) -> tuple[int, Took, ByPart]:
        row = read_json(self.folder / _FILE) if self.folder else None
        if row is None:
            return 0, Took(), {}
        return int(row["pictures"]), Took.read(row), dict(row["flops_by_part"])
