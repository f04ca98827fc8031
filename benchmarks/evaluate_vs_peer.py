"""Questions a second with four options: shared prefixes against one full forward an option, as lmms-eval's llava_hf.

Asked in one language and in two, with features computed anew, and with features that an earlier run kept.

The peer is lmms-eval 0.7's `LlavaHf.loglikelihood`, its loop copied: for each option the picture is processed and goes
through the tower, and picture, question and option go through the language model. Both start from picture files.
The same weights, the same questions, one way after the other in each round. Processor seconds are given beside the
clock's, since they say more on a machine that does other work; set OMP_NUM_THREADS=1 for them.

Run: python benchmarks/evaluate_vs_peer.py [--rounds 3] [--pictures 24]
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from passerelle.costs.ledger import FlopMeter
from passerelle.evaluation.asking.family_answering import MAX_LENGTH, FamilyAnswerer
from passerelle.example import tuxpaint
from passerelle.example.questions import draw_items, render
from passerelle.languages.prompts import english, find_prompts
from passerelle.models.conversing import Encoder
from passerelle.models.names import EMBEDDED
from passerelle.models.pretrained import PretrainedModel, load_pretrained
from passerelle.models.vision_cache import VisionFeatures
from passerelle.pictures.opening import open_picture
from passerelle.progress import quiet
from passerelle.records import Question
from passerelle.runs import cache_folder


@torch.inference_mode()
def peer(model: PretrainedModel, questions: list[Question], paths: dict[str, Path]) -> list[int]:
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


NEW_TOKENS = 1
"""Of generated answers; there are none here."""
METER = FlopMeter()
"""One for all rounds, as a run has one: every tenth batch is counted."""


def ours(model: PretrainedModel, questions: list[Question], paths: dict[str, Path], folder: Path) -> list[int]:
    """Choose by the same rule, the mean per token, on shared prefixes, with features from the cache in a folder."""
    encoder, features = Encoder(model, MAX_LENGTH), VisionFeatures(model, folder)
    answers = FamilyAnswerer(encoder, features, paths, NEW_TOKENS, {}, METER).answer(questions)
    means = [[score / count for score, count in zip(a.logprobs, a.tokens, strict=True)] for a in answers]
    return [max(range(len(scores)), key=scores.__getitem__) for scores in means]


def draw_questions(pictures: int) -> tuple[dict[str, list[Question]], dict[str, Path]]:
    """Draw four-way choices about so many pictures in English and French, and say where the pictures are."""
    known = [p for p in tuxpaint.read_pictures("fr", cache_folder() / "pictures" / "stamps") if "fr" in p.captions][
        ::10
    ]
    found = {}
    for code in ("en", "fr"):
        prompts = find_prompts(code) or english()
        drawn = render(draw_items(known, ["en", "fr"]), {p.id: p.captions[code] for p in known}, prompts)
        choices = [q for q in drawn if q.kind == "choice-random"][:pictures]
        # Scored without priors, as the peer scores: its likelihoods know no forward without the picture.
        found[code] = [replace(q, id=f"{q.id}/{code}", kind="options") for q in choices]
    return found, {p.id: p.path for p in known}


Work = Callable[[], list[int]]


def measure(ways: dict[str, tuple[int, Work]], rounds: int) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Run the ways in turn; give questions a second of the clock and of the processor, medians, and what was chosen."""
    clock: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    chosen: dict[str, list[int]] = {}
    for _ in range(rounds):
        for name, (_, work) in ways.items():
            start, began = time.perf_counter(), time.process_time()
            chosen[name] = work()
            clock[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - began)
    figures = {
        name: {
            "questions": count,
            "per_second": round(count / statistics.median(clock[name]), 3),
            "per_processor_second": round(count / statistics.median(processor[name]), 3),
        }
        for name, (count, _) in ways.items()
    }
    return figures, chosen


def main() -> None:
    """Measure and print the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=24)
    given = parser.parse_args()
    quiet()
    model = load_pretrained(EMBEDDED)
    by_language, paths = draw_questions(given.pictures)
    one, both = by_language["en"], [*by_language["en"], *by_language["fr"]]
    with tempfile.TemporaryDirectory() as place:
        fresh = (Path(place) / str(number) for number in itertools.count())
        warm = Path(place) / "warm"
        ours(model, both, paths, warm)
        ways: dict[str, tuple[int, Work]] = {
            "one language": (len(one), lambda: ours(model, one, paths, next(fresh))),
            "both languages": (len(both), lambda: ours(model, both, paths, next(fresh))),
            "features kept": (len(both), lambda: ours(model, both, paths, warm)),
            "peer": (len(both), lambda: peer(model, both, paths)),
        }
        figures, chosen = measure(ways, given.rounds)
    ratios = {
        kind: {n: round(each[kind] / figures["peer"][kind], 2) for n, each in figures.items() if n != "peer"}
        for kind in ("per_second", "per_processor_second")
    }
    same = sum(a == b for a, b in zip(chosen["both languages"], chosen["peer"], strict=True))
    print(json.dumps({**figures, "ratios": ratios, "same_choice": f"{same} of {len(both)}", "rounds": given.rounds}))


if __name__ == "__main__":
    main()
