"""Scoring four options on shared prefixes against one forward per option, interleaved, medians.

Run: python benchmarks/prefix_trees.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch
from passerelle.compare.base import own_pictures
from passerelle.models.features import FeatureCache
from passerelle.models.vlm import VisionLanguageModel

from passerelle.evaluation.asking.answering import ModelAnswerer
from passerelle.example.embedded import assemble
from passerelle.example.questions import draw_items, render
from passerelle.languages.prompts import english
from passerelle.models.prefix_tree import collate
from passerelle.progress import quiet
from passerelle.runs import cache_folder

PICTURES = 48


@torch.inference_mode()
def one_by_one(model: VisionLanguageModel, features: torch.Tensor, groups: list) -> list[float]:
    """Score each sequence by itself, as evaluation harnesses do."""
    scores = []
    for group in groups:
        for sequence in group:
            batch = collate([[sequence]], model.image_token, model.end_token)
            scores.append(float(model.target_logprobs(batch, features).sum()))
    return scores


def main() -> None:
    """Measure and print the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    quiet()
    model = VisionLanguageModel.load(assemble())
    pictures = [p for p in own_pictures() if p.source == "stamps"][::10][:PICTURES]
    features = FeatureCache(model, cache_folder() / "features").get([p.path for p in pictures])
    rows = {p.id: row for row, p in enumerate(pictures)}
    questions = [
        q
        for q in render(draw_items(pictures, ["en"]), {p.id: p.captions["en"] for p in pictures}, english())
        if q.kind == "choice-random"
    ]
    groups = [[model.encode(q.prompt, option, rows[q.picture]) for option in q.options] for q in questions]
    answerer = ModelAnswerer(model, features, rows)
    seconds: dict[str, list[float]] = {"trees": [], "one_by_one": []}
    results = {}
    for _ in range(rounds):
        for name, work in (
            ("trees", lambda: answerer.log_likelihoods(groups)),
            ("one_by_one", lambda: one_by_one(model, features, groups)),
        ):
            start = time.perf_counter()
            results[name] = work()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    chosen = {
        name: [max(range(4), key=scores[4 * i : 4 * i + 4].__getitem__) for i in range(len(groups))]
        for name, scores in results.items()
    }
    same = sum(a == b for a, b in zip(chosen["trees"], chosen["one_by_one"], strict=True))
    print(
        json.dumps(
            {
                "questions": len(questions),
                "rounds": rounds,
                "questions_per_second": {n: round(len(questions) / s, 2) for n, s in medians.items()},
                "ratio": round(medians["one_by_one"] / medians["trees"], 2),
                "same_choice": f"{same} of {len(groups)}",
            }
        )
    )


if __name__ == "__main__":
    main()
