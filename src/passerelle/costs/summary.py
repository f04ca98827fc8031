"""What an arm cost, summed up from the phases of its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.costs.ledger import Phase
from passerelle.costs.prices import prices

_MEANS = ("seconds", "flops", "tokens", "sentences", "characters", "engine_eur", "expert_minutes")
_PAID = ("seconds", "expert_minutes", "engine_eur")
"""What euros are made of."""


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
    alone = {key: sum(phase[key] for phase in phases) for key in _PAID}
    paid = {key: sum(phase[key] / phase["shared_by"] for phase in phases) for key in _PAID}
    answering = sum(phase["seconds"] for phase in phases if phase["phase"].startswith("answers"))
    return {
        "phases": phases,
        "total_seconds": alone["seconds"],
        "total_flops": sum(phase["flops"] for phase in phases),
        "total_expert_minutes": alone["expert_minutes"],
        "total_euros": _euros(alone),
        "paid_seconds": paid["seconds"],
        "paid_euros": _euros(paid),
        "peak_bytes": max((phase["peak_bytes"] for phase in phases), default=0),
        "seconds_per_answer": answering / answered if answered else None,
        "sentences_translated": round(sum(phase["sentences"] for phase in phases)),
        "characters_translated": round(sum(phase["characters"] for phase in phases)),
        "engine_eur": alone["engine_eur"],
    }


def _euros(amounts: Mapping[str, float]) -> float:
    return prices().euros(amounts["seconds"], amounts["expert_minutes"]) + amounts["engine_eur"]
