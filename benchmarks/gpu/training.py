"""Training on random weights of a published size, against TRL: samples and tokens a second, memory, utilisation.

Run: python -m gpu.training SHAPE [--smoke]
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from train_vs_trl import WARM_UP, matmul_peak, ours, theirs

from gpu.rows import attempt, emit
from gpu.shapes import DEVICE, SHAPES, build_shape, parameters, write_samples
from passerelle.costs.ledger import forget_peak_memory
from passerelle.progress import quiet

# Whether Liger's kernels are used, by what a row calls Passerelle's side.
OWN = {"Passerelle with Liger": True, "Passerelle": False}
# Gradient checkpointing and Liger's kernels, by what a row calls a side.
SIDES: dict[str, tuple[bool, bool]] = {
    "TRL without checkpointing": (False, False),
    "TRL with Liger": (True, True),
    "TRL, its defaults": (True, False),
}


class Comparison:
    """One shape on all sides.

    Args:
        shape: Its name.
        asked: The steps, the batch and the data, as `train_vs_trl` takes them.
        smoke: Whether the model is a tiny one.
    """

    def __init__(self, shape: str, asked: argparse.Namespace, smoke: bool) -> None:
        self.shape, self.asked, self.smoke = shape, asked, smoke
        self.mine: dict[str, dict[str, Any]] = {}
        self.peak = 0.0

    def matmul(self) -> None:
        """Measure the best matrix product of this run."""
        self.peak = matmul_peak(256, 3) if self.smoke else matmul_peak(8192, 20)
        emit(f"{self.shape}: the best matrix product", f"{self.peak / 1e12:.3g} TFLOP/s", flops=self.peak)

    def passerelle(self, side: str) -> None:
        """Train with Passerelle's loop."""
        forget_peak_memory()
        pretrained = build_shape(self.shape, tiny=self.smoke)
        size = parameters(pretrained)
        found = ours(self.asked, pretrained, parts=False, liger=OWN[side])
        step = statistics.median(found["each_step"])
        busy = 100 * self.asked.batch * found["flops_a_sample"] / step / self.peak
        tokens = self.asked.batch * found["tokens_a_sample"] / step
        said = f"{tokens:,.0f} tokens/s, {found['peak_gigabytes']:.3g} GB, {busy:.0f}% of the matrix product"
        said += f"; features of all pictures {found['features_seconds']:.1f} s before"
        if "profile" in found:
            said += f"; kernels are {100 * found['profile']['busy'] / found['profile']['seconds']:.0f}% of the time"
        self.mine[side] = found | {"tokens_a_second": tokens, "utilisation_percent": busy, "billions": size}
        emit(f"{self.shape} ({size:.2g} billion), {side}", said, "45% of the product", **self.mine[side])

    def trl(self, side: str) -> None:
        """Train with TRL."""
        checkpointing, liger = SIDES[side]
        forget_peak_memory()
        pretrained = build_shape(self.shape, tiny=self.smoke)
        found = theirs(self.asked, pretrained, checkpointing, liger, parts=False)
        step, data = statistics.median(found["each_step"]), found["parts"].get("data", 0.0)
        if not self.mine:
            return emit(f"{self.shape}, {side}", f"{step:.3g} s a step; Passerelle's side failed", **found)
        own = {name: statistics.median(mine["each_step"]) for name, mine in self.mine.items()}
        mine = next(iter(self.mine.values()))
        tokens = self.asked.batch * mine["tokens_a_sample"] / step
        apart = max(abs(a - b) for a, b in zip(mine["losses"], found["losses"], strict=True))
        times = {name: (step / each, (step - data) / each) for name, each in own.items()}
        said = "; ".join(
            f"{name} {whole:.2f}× as fast ({bare:.2f}× with TRL's reading of pictures left out)"
            for name, (whole, bare) in times.items()
        )
        said = f"{tokens:,.0f} tokens/s, {found['peak_gigabytes']:.3g} GB; {said}; losses at most {apart:.3f} apart"
        figures = {"tokens_a_second": tokens, "times": times, "loss_apart": apart}
        return emit(f"{self.shape}, {side}", said, "1.3×, at most its memory", **figures, **found)


def main() -> None:
    """Measure all sides of a shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        steps, batch = (WARM_UP + 2, 2) if given.smoke else (WARM_UP + 6, 8)
        size = (120, 90) if given.smoke else (640, 480)
        data = write_samples(Path(folder), steps * batch, min(24, steps * batch), size)
        asked = argparse.Namespace(steps=steps, batch=batch, data=str(data))
        comparison = Comparison(given.shape, asked, given.smoke)
        attempt(f"{given.shape}: the best matrix product", comparison.matmul)
        for side, liger in OWN.items():
            if not liger or (DEVICE.type == "cuda" and importlib.util.find_spec("liger_kernel") is not None):
                attempt(f"{given.shape}, {side}", partial(comparison.passerelle, side))
        for side, (_, liger) in SIDES.items():
            missing = [name for name in ("trl", "datasets") if importlib.util.find_spec(name) is None]
            missing += ["liger_kernel"] if liger and importlib.util.find_spec("liger_kernel") is None else []
            if missing:
                emit(f"{given.shape}, {side}", f"not run: {', '.join(missing)} isn't installed")
            elif liger and DEVICE.type != "cuda":
                emit(f"{given.shape}, {side}", "not run: Liger's kernels are a GPU's")
            else:
                attempt(f"{given.shape}, {side}", partial(comparison.trl, side))


if __name__ == "__main__":
    main()
