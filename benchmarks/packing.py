"""Rows of mixed length packed into lines against the same padded: forward and backward of LoRA on the embedded base.

Texts of drawn words, of 8 to 240 words by the logarithm, that begin otherwise, in batches. Both layouts of a batch one
after the other in each round, the order changing; figures are medians of the ratios of their times. Losses are
compared.

Run: python benchmarks/packing.py [--rounds 3] [--batches 2] [--batch 8]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import time
from typing import Any

import torch

from passerelle.adaptation.loop import StageRecord, make_trainable
from passerelle.adaptation.settings import PartSettings, StageSettings
from passerelle.adaptation.stages import attach
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.batches import layout_logprobs
from passerelle.models.conversing import Encoder
from passerelle.models.layouts import Layout, lay_out, padded
from passerelle.models.pretrained import PretrainedModel, load_pretrained, set_training
from passerelle.models.vision_cache import VisionFeatures
from passerelle.progress import quiet

WORDS = ("boat", "cat", "tree", "red", "sea", "sky", "house", "ball", "small", "old", "water", "hand", "green")


def conversations(count: int) -> list[Conversation]:
    """Return questions and replies of drawn words."""
    drawn = random.Random(1)

    def said(words: int) -> str:
        return " ".join(drawn.choices(WORDS, k=words))

    found = []
    for _ in range(count):
        turns = (Message("user", (said(6),)), Message("assistant", (said(round(8 * 30 ** drawn.random())),)))
        found.append(Conversation("", turns, (), "en", "native"))
    return found


def timed(pretrained: PretrainedModel, vision: VisionFeatures, layout: Layout) -> tuple[float, float]:
    """Return the seconds of a forward and a backward, and the loss."""
    began = time.perf_counter()
    loss = -layout_logprobs(pretrained, vision, layout).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    value = float(loss.detach())
    seconds = time.perf_counter() - began
    pretrained.model.zero_grad()
    return seconds, value


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Time both layouts of all batches."""
    quiet()
    pretrained = load_pretrained("embedded", device="cuda" if torch.cuda.is_available() else "cpu")
    part = PartSettings(how="lora", learning_rate=1e-4)
    groups = attach(pretrained, StageSettings(name="training", train={"language": part}), seed=1)
    make_trainable(pretrained.model, groups, StageRecord("training"))
    set_training(pretrained.model, True)
    vision = VisionFeatures(pretrained, None)
    rows = [row for talk in conversations(asked.batches * asked.batch) for row in Encoder(pretrained, 4096)(talk)]
    batches = [rows[at : at + asked.batch] for at in range(0, len(rows), asked.batch)]
    layouts = [(lay_out(pretrained, batch), padded(pretrained, batch)) for batch in batches]
    timed(pretrained, vision, layouts[0][0])
    ratios, apart = [], 0.0
    for number in range(asked.rounds):
        for pair in layouts:
            order = pair if number % 2 else pair[::-1]
            times = {id(layout): timed(pretrained, vision, layout) for layout in order}
            (packed, one), (side_by_side, other) = (times[id(layout)] for layout in pair)
            ratios.append(side_by_side / packed)
            apart = max(apart, abs(one - other))
    shapes = [[list(layout.inputs["input_ids"].shape) for layout in pair] for pair in layouts]
    return {
        "lines": shapes,
        "places": round(statistics.mean(math.prod(pad) / math.prod(pack) for pack, pad in shapes), 2),
        "padded_over_packed": round(statistics.median(ratios), 2),
        "all": [round(ratio, 2) for ratio in ratios],
        "losses_apart": apart,
        "dtype": str(pretrained.bare.dtype),
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
