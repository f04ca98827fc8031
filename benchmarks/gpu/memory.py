"""Peak memory of `passerelle adapt` with and without gradient checkpointing, on random weights of Qwen2.5-VL's size.

Run: python -m gpu.memory [--smoke]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch

from gpu.rows import attempt, emit
from gpu.shapes import DEVICE, build_shape, write_samples
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings, complete_adaptation
from passerelle.costs.ledger import forget_peak_memory, peak_memory_bytes
from passerelle.progress import quiet

SHAPE = "Qwen2.5-VL-3B"
SETTING = "gradient_checkpointing"


def measure(data: Path, on: bool, smoke: bool) -> None:
    """Adapt for a few steps, the model built in the place of one that is loaded."""
    steps, batch = (2, 2) if smoke else (4, 8)
    pretrained = build_shape(SHAPE, tiny=smoke)
    named = data.parent / "base"  # configuration and processor, for what is to be known of a base before it is loaded
    pretrained.bare.config.save_pretrained(named)
    pretrained.processor.save_pretrained(named)
    content = {
        "model_name_or_path": str(named),
        "output_dir": str(data.parent / f"out-{on}"),
        "language": "fr",
        "data": [{"path": str(data), "language": "fr"}],
        "max_steps": steps,
        "per_device_train_batch_size": batch,
        "dataloader_num_workers": 0,
    } | ({SETTING: on} if SETTING in AdaptSettings.model_fields else {})
    forget_peak_memory()
    began = time.perf_counter()
    with patch("passerelle.adaptation.run.load_pretrained", lambda *_, **__: pretrained):
        record = adapt(AdaptSettings(**complete_adaptation(content)))
    seconds = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated() if DEVICE.type == "cuda" else peak_memory_bytes()
    losses = [loss for _, loss in record["stages"][0]["record"]["loss"]]
    what = f"{SHAPE}, {steps} steps of {batch}, {'with' if on else 'without'} checkpointing"
    emit(what, f"{peak / 1e9:.3g} GB, losses {losses}", peak_bytes=peak, seconds=seconds, losses=losses)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        size = (120, 90) if given.smoke else (640, 480)
        data = write_samples(Path(folder), 4 if given.smoke else 32, 4 if given.smoke else 16, size)
        attempt(f"{SHAPE} without checkpointing", partial(measure, data, False, given.smoke))
        if SETTING in AdaptSettings.model_fields:
            attempt(f"{SHAPE} with checkpointing", partial(measure, data, True, given.smoke))
        else:
            emit(f"{SHAPE} with checkpointing", f"not in this version: it has no setting {SETTING!r}")


if __name__ == "__main__":
    main()
