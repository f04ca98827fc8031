"""What a stage took: its training and the weights that it leaves, without the features that it may share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.adaptation.loop import StageRecord
from passerelle.adaptation.processes import Launched
from passerelle.costs.clocks import Stopwatch, Took
from passerelle.costs.ledger import Phase
from passerelle.models.parameter_files import save_tensors
from passerelle.models.sharding import gathered


def keep_weights(parameters: dict[str, Any], weights: Path, processes: Launched) -> Took:
    """Write the weights of a stage; return what that took."""
    watch = Stopwatch()
    trained = gathered(parameters, keep=processes.first)
    if processes.first:
        save_tensors(weights, trained)
    return watch.took()


def without_features(phase: Phase, features: Phase, record: StageRecord) -> Phase:
    """Return what a stage took but for its features; what runs that were cut off took before is added."""
    processor = (phase.processor_seconds or 0.0) - (features.processor_seconds or 0.0)
    device = (phase.device_seconds or 0.0) - (features.device_seconds or 0.0)
    whole, theirs = phase.written_bytes, features.written_bytes
    now = replace(
        phase,
        seconds=phase.seconds - (features.seconds - features.spared_seconds),
        processor_seconds=processor + features.spared_processor_seconds,
        device_seconds=device + features.spared_device_seconds,
        others_core_seconds=phase.others_core_seconds - features.others_core_seconds,
        written_bytes=None if whole is None or theirs is None else max(0.0, whole - theirs),
        flops=record.flops,
        flops_by_part=record.flops_by_part,
        tokens=record.tokens,
    )
    now.add(Took(**record.took_before) if record.took_before else Took(record.seconds_before))
    return now
