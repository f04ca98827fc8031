"""What an arm cost, summed up from the phases of its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from passerelle.costs.ledger import Phase
from passerelle.costs.prices import prices

_MEANS = ("seconds", "flops", "tokens", "sentences", "expert_minutes")


def cost_of(seeds: Sequence[Sequence[Phase]], answered: int) -> dict[str, Any]:
    """Return the mean cost over seeds, phase by phase and in all, as plain JSON types.

    Totals are what the arm would cost alone; what was paid shares work that other arms needed too.

    Args:
        seeds: The phases of each seed, the same ones in the same order; answering is in phases whose names begin with
            ``answers``.
        answered: How many answers one seed gave.
    """
    phases: list[dict[str, Any]] = []
    for row in zip(*seeds, strict=False):
        mean = {key: sum(getattr(phase, key) for phase in row) / len(row) for key in _MEANS}
        peak = max(phase.peak_bytes for phase in row)
        phases.append({"phase": row[0].phase, **mean, "peak_bytes": peak, "shared_by": row[0].shared_by})
    seconds, minutes = (sum(phase[key] for phase in phases) for key in ("seconds", "expert_minutes"))
    paid = {key: sum(phase[key] / phase["shared_by"] for phase in phases) for key in ("seconds", "expert_minutes")}
    answering = sum(phase["seconds"] for phase in phases if phase["phase"].startswith("answers"))
    return {
        "phases": phases,
        "total_seconds": seconds,
        "total_flops": sum(phase["flops"] for phase in phases),
        "total_expert_minutes": minutes,
        "total_euros": prices().euros(seconds, minutes),
        "paid_seconds": paid["seconds"],
        "paid_euros": prices().euros(paid["seconds"], paid["expert_minutes"]),
        "peak_bytes": max((phase["peak_bytes"] for phase in phases), default=0),
        "seconds_per_answer": answering / answered if answered else None,
        "sentences_translated": round(sum(phase["sentences"] for phase in phases)),
    }
