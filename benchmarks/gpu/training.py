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

# Gradient checkpointing and Liger's kernels, by what a row calls a side.
SIDES: dict[str, tuple[bool, bool]] = {
    "TRL, its defaults": (True, False),
    "TRL without checkpointing": (False, False),
    "TRL with Liger": (True, True),
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
        self.mine: dict[str, Any] = {}
        self.peak = 0.0

    def matmul(self) -> None:
        """Measure the best matrix product of this run."""
        self.peak = matmul_peak(256, 3) if self.smoke else matmul_peak(8192, 20)
        emit(f"{self.shape}: the best matrix product", f"{self.peak / 1e12:.3g} TFLOP/s", flops=self.peak)

    def passerelle(self) -> None:
        """Train with Passerelle's loop."""
        forget_peak_memory()
        pretrained = build_shape(self.shape, tiny=self.smoke)
        size = parameters(pretrained)
        self.mine = ours(self.asked, pretrained, parts=False)
        step = statistics.median(self.mine["each_step"])
        busy = 100 * self.asked.batch * self.mine["flops_a_sample"] / step / self.peak
        tokens = self.asked.batch * self.mine["tokens_a_sample"] / step
        said = f"{tokens:,.0f} tokens/s, {self.mine['peak_gigabytes']:.3g} GB, {busy:.0f}% of the matrix product"
        features = f"; features of all pictures {self.mine['features_seconds']:.1f} s before"
        self.mine |= {"tokens_a_second": tokens, "utilisation_percent": busy, "billions": size}
        emit(f"{self.shape} ({size:.2g} billion), Passerelle", said + features, "45% of the product", **self.mine)

    def trl(self, side: str) -> None:
        """Train with TRL."""
        checkpointing, liger = SIDES[side]
        forget_peak_memory()
        pretrained = build_shape(self.shape, tiny=self.smoke)
        found = theirs(self.asked, pretrained, checkpointing, liger, parts=False)
        step, data = statistics.median(found["each_step"]), found["parts"].get("data", 0.0)
        if not self.mine:
            return emit(f"{self.shape}, {side}", f"{step:.3g} s a step; Passerelle's side failed", **found)
        own = statistics.median(self.mine["each_step"])
        tokens = self.asked.batch * self.mine["tokens_a_sample"] / step
        apart = max(abs(a - b) for a, b in zip(self.mine["losses"], found["losses"], strict=True))
        figures = {"tokens_a_second": tokens, "times": step / own, "loss_apart": apart}
        figures["times_without_its_data"] = (step - data) / own
        said = (
            f"{tokens:,.0f} tokens/s, {found['peak_gigabytes']:.3g} GB; Passerelle {step / own:.2f}× as fast "
            f"({(step - data) / own:.2f}× with TRL's reading of pictures left out); losses at most {apart:.3f} apart"
        )
        return emit(f"{self.shape}, {side}", said, "1.3×, at most its memory", **figures, **found)


def main() -> None:
    """Measure all sides of a shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        steps, batch = (WARM_UP + 2, 2) if given.smoke else (WARM_UP + 8, 8)
        size = (120, 90) if given.smoke else (640, 480)
        data = write_samples(Path(folder), steps * batch, min(24, steps * batch), size)
        asked = argparse.Namespace(steps=steps, batch=batch, data=str(data))
        comparison = Comparison(given.shape, asked, given.smoke)
        attempt(f"{given.shape}: the best matrix product", comparison.matmul)
        attempt(f"{given.shape}, Passerelle", comparison.passerelle)
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
