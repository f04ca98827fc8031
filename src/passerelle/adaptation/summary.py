"""What an adaptation did, printed."""

from __future__ import annotations

import sys
from typing import Any


def print_summary(record: dict[str, Any]) -> None:
    """Print what was done on stdout."""
    for stage in record["stages"]:
        done = stage["record"]
        loss = f"loss {done['loss'][0][1]:.3f} → {done['loss'][-1][1]:.3f}" if done["loss"] else "no step"
        print(f"{stage['name']}: {done['steps']} steps, {done['samples']} samples, {loss}, {stage['seconds']:.0f} s")
        if stage["alarms"] and stage["alarms"]["stopped"]:
            print(f"  stopped: {stage['alarms']['stopped']}; the best weights are kept")
    for kind, path in record.get("outputs", {}).items():
        print(f"{kind}: {path}")
    if record["rejected"]:
        print(f"{len(record['rejected'])} samples rejected: see run.json", file=sys.stderr)
