"""What an arm cost, summed up from the phases of its seeds: making it, asking it, measuring it; never added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from passerelle.costs.clocks import clock_holds, others_cores, sum_of
from passerelle.costs.flops import added, scaled
from passerelle.costs.ledger import PER, Phase
from passerelle.costs.prices import prices

_WORDS = ("phase", "kind", "language", "shared_by", "peak_bytes", "device_peak_bytes", "flops_by_part")
_AMOUNTS = tuple(field.name for field in fields(Phase) if field.name not in _WORDS)
_CLOCKS = ("seconds", "processor_seconds", "device_seconds")


def cost_of(seeds: Sequence[Sequence[Phase]], answered: Mapping[str, int], language: str) -> dict[str, Any]:
    """Return the mean cost over seeds, phase by phase and summed up in three ways, as plain JSON types.

    What an arm takes is told as if it were alone; ``paid`` is what was spent here, where translations or features
    were known already, or other arms needed the same.

    Args:
        seeds: The phases of each seed, the same ones in the same order.
        answered: How many answers one seed gave, by language.
        language: In which it is asked at work.

    Returns:
        ``make``: what making it takes; ``per_1000``: what a thousand answers take, and by language in
        ``per_1000_by_language``; ``measuring``: what all its answers here took. A sum is ``None`` where a part of it
        isn't known.
    """
    phases = [_mean(row) for row in zip(*seeds, strict=False)]
    asking = [phase for phase in phases if phase["kind"] == "answers"]
    by_language = {
        code: _scaled(sums([p for p in asking if p["language"] == code]), PER / count)
        for code, count in answered.items()
        if count
    }
    return {
        "phases": phases,
        "make": sums([phase for phase in phases if phase["kind"] == "make"]),
        "per_1000": by_language.get(language),
        "per_1000_by_language": by_language,
        "measuring": sums(asking),
        "peak_bytes": max((phase["peak_bytes"] for phase in phases), default=0),
        "device_peak_bytes": _most(phase["device_peak_bytes"] for phase in phases),
        "sentences_translated": round(sum(phase["sentences"] for phase in phases)),
        "characters_translated": round(sum(phase["characters"] for phase in phases)),
        "engine_eur": sum(phase["engine_eur"] for phase in phases),
    }


def _mean(row: Sequence[Phase]) -> dict[str, Any]:
    first = row[0]
    mean = {key: sum_of(*(getattr(phase, key) for phase in row)) for key in _AMOUNTS}
    mean = {key: value if value is None else value / len(row) for key, value in mean.items()}
    parts = added(*(scaled(phase.flops_by_part, 1 / len(row)) for phase in row))
    words = {"phase": first.phase, "kind": first.kind, "language": first.language, "shared_by": first.shared_by}
    peaks = {
        "peak_bytes": max(phase.peak_bytes for phase in row),
        "device_peak_bytes": _most(phase.device_peak_bytes for phase in row),
    }
    return {**words, **mean, "flops_by_part": parts, **peaks}


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def sums(phases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sum of some phases, what was paid of it, euros and energy, and whether the clock can be trusted."""
    total = {key: sum_of(*(phase[key] for phase in phases)) for key in _AMOUNTS if not key.startswith("spared")}
    paid = {clock: sum_of(*(_paid(phase, clock) for phase in phases)) for clock in _CLOCKS}
    shares = ("engine_eur", "expert_minutes")
    paid |= {key: sum_of(*(_part(phase[key], phase["shared_by"]) for phase in phases)) for key in shares}
    now = sum(max(0.0, phase["seconds"] - phase["spared_seconds"]) for phase in phases)
    others = total["others_core_seconds"] or 0.0
    return {
        **total,
        "flops_by_part": added(*(phase["flops_by_part"] for phase in phases)),
        "euros": _euros(total),
        "watt_hours": _watt_hours(total),
        "grams_co2": _grams_co2(total),
        "paid": {**paid, "euros": _euros(paid)},
        "others_cores": others_cores(now, others),
        "clock_holds": clock_holds(now, others),
    }


def _scaled(sum_of: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Return sums times a factor; what is no amount stays."""
    scaled: dict[str, Any] = {}
    for key, value in sum_of.items():
        if isinstance(value, Mapping):
            scaled[key] = _scaled(value, factor)
        elif value is None or isinstance(value, bool) or key == "others_cores":
            scaled[key] = value
        else:
            scaled[key] = value * factor
    return scaled


def _paid(phase: Mapping[str, Any], clock: str) -> float | None:
    alone = phase[clock]
    return None if alone is None else max(0.0, alone - phase[f"spared_{clock}"]) / phase["shared_by"]


def _part(value: float | None, sharing: int) -> float | None:
    return None if value is None else value / sharing


def _euros(amounts: Mapping[str, Any]) -> float | None:
    keys = ("processor_seconds", "device_seconds", "expert_minutes")
    if any(amounts[key] is None for key in (*keys, "engine_eur")):
        return None
    return prices().euros(*(amounts[key] for key in keys)) + float(amounts["engine_eur"])


def _grams_co2(amounts: Mapping[str, Any]) -> float | None:
    energy = _watt_hours(amounts)
    return None if energy is None else energy / 1000 * prices().energy.grams_co2_per_kwh


def _watt_hours(amounts: Mapping[str, Any]) -> float | None:
    processor, device = amounts["processor_seconds"], amounts["device_seconds"]
    return None if processor is None or device is None else prices().watt_hours(processor, device)
