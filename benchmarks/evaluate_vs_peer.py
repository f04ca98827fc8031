"""Questions a second with four options: shared prefixes against one full forward an option, as lmms-eval's llava_hf.

The peer is lmms-eval 0.7's `LlavaHf.loglikelihood`, its loop copied: for each option the picture is processed and goes
through the tower, and picture, question and option go through the language model. Both start from picture files;
features that were kept on disk before aren't used. The same weights, the same questions, one after the other in each
round.

Run: python benchmarks/evaluate_vs_peer.py [--rounds 3] [--pictures 24]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from passerelle.compare.base import own_pictures
from passerelle.compare.run import quiet
from passerelle.methods.answering import BenchmarkAnswerer
from passerelle.models.embedded import assemble
from passerelle.models.features import FeatureCache
from passerelle.models.vlm import VisionLanguageModel
from passerelle.records import Question
from passerelle.sources.pictures import open_picture
from passerelle.sources.prompts import english
from passerelle.sources.questions import draw_items, render


@torch.inference_mode()
def peer(model: VisionLanguageModel, questions: list[Question], paths: dict[str, Path]) -> list[int]:
    """Choose as lmms-eval's llava_hf does: the option with the smallest mean loss, a full forward for each."""
    chosen = []
    for question in questions:
        losses = []
        for option in question.options:
            image = open_picture(paths[question.picture])
            content = [{"type": "text", "text": question.prompt}, {"type": "image"}]
            messages = [{"role": "user", "content": content}]
            prompt = model.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            whole = f"{prompt}{option}{model.tokenizer.eos_token}"
            inputs = model.processor(text=[whole], images=[image], return_tensors="pt").to(model.model.dtype)
            labels = inputs["input_ids"].clone()
            context = model.processor(text=[prompt], images=[image], return_tensors="pt")["input_ids"]
            labels[:, : context.shape[1]] = -100
            losses.append(float(model.model(**inputs, labels=labels).loss))
        chosen.append(min(range(len(losses)), key=losses.__getitem__))
    return chosen


def ours(model: VisionLanguageModel, questions: list[Question], paths: dict[str, Path]) -> list[int]:
    """Choose by the same rule, the mean per token, on shared prefixes; features are computed anew."""
    with tempfile.TemporaryDirectory() as folder:
        keys = list(dict.fromkeys(q.picture for q in questions))
        features = FeatureCache(model, Path(folder)).get([paths[key] for key in keys])
        answers = BenchmarkAnswerer(model, features, {key: row for row, key in enumerate(keys)}).answer(questions)
    means = [[score / count for score, count in zip(a.logprobs, a.tokens, strict=True)] for a in answers]
    return [max(range(len(scores)), key=scores.__getitem__) for scores in means]


Way = Callable[[VisionLanguageModel, list[Question], dict[str, Path]], list[int]]


def main() -> None:
    """Measure and print the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=24)
    given = parser.parse_args()
    quiet()
    model = VisionLanguageModel.load(assemble())
    pictures = [p for p in own_pictures() if p.source == "stamps"][::10][: given.pictures]
    paths = {picture.id: picture.path for picture in pictures}
    captions = {p.id: p.captions["en"] for p in pictures}
    drawn = render(draw_items(pictures, ["en"]), captions, english())
    # Scored without priors, as the peer scores: its likelihoods know no picture-less forward.
    questions = [Question(**{**vars(q), "kind": "options"}) for q in drawn if q.kind == "choice-random"]
    ways: dict[str, Way] = {"passerelle": ours, "llava_hf": peer}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    chosen: dict[str, list[int]] = {}
    for _ in range(given.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            chosen[name] = way(model, questions, paths)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    same = sum(a == b for a, b in zip(chosen["passerelle"], chosen["llava_hf"], strict=True))
    result: dict[str, Any] = {
        "questions": len(questions),
        "options": sum(len(q.options) for q in questions),
        "rounds": given.rounds,
        "questions_per_second": {name: round(len(questions) / s, 2) for name, s in medians.items()},
        "ratio": round(medians["llava_hf"] / medians["passerelle"], 2),
        "same_choice": f"{same} of {len(questions)}",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
