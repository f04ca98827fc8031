"""What a translated data set came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from passerelle.translation.dataset.counted import Needed
from passerelle.translation.dataset.tally import Tally


@dataclass(frozen=True)
class Summary:
    """What a translated data set came to.

    Attributes:
        source: The data file or folder.
        out: The translated one.
        rejects: The file of the rows that aren't in it.
        card: The page that says how it was made.
        format: Name of the format.
        source_language: BCP-47 code.
        target_language: BCP-47 code.
        engine: The engine's signature.
        fallback: The fallback engine's; empty if there is none.
        glossary: Digest of the glossary; empty if there is none.
        tally: What became of rows and texts.
        needed: What the engine and the memory did for it.
        seconds: How long it took.
        spent: What the engine cost, for one that costs something.
        unchanged: Whether all was there already, as it would be written, and nothing was.
    """

    source: str
    out: str
    rejects: str
    card: str
    format: str
    source_language: str
    target_language: str
    engine: str
    fallback: str
    glossary: str
    tally: Tally
    needed: Needed
    seconds: float
    spent: Any | None = None
    unchanged: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as a flat table, for JSON."""
        table = {
            **vars(self),
            **vars(self.tally),
            "rejected": dict(sorted(self.tally.rejected.items())),
            "ways": dict(sorted(self.tally.ways.items())),
            "repaired": self.tally.repaired,
            "frequent": [line._asdict() for line in self.tally.frequent.most()],
            **vars(self.needed),
            "seconds": round(self.seconds, 3),
            "spent": None if self.spent is None else asdict(self.spent),
        }
        return {key: value for key, value in table.items() if key not in ("tally", "needed")}
