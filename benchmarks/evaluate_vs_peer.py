"""Questions a second against the ways of evaluation harnesses: options by likelihood, and generated answers.

Options: shared prefixes against one full forward an option, as lmms-eval 0.7's `LlavaHf.loglikelihood`, its loop
copied: for each option the picture is processed and goes through the tower, and picture, question and option go through
the language model. Asked in one language and in two, with features computed anew, and with features that an earlier run
kept.

Generation: captions, and open questions of which several are about each picture, in two languages; against one
`generate` a question, as `LlavaHf.generate_until` has it, and against `generate` on batches of questions in order.

All start from picture files. The same weights, the same questions, one way after the other in each round. Processor
seconds are given beside the clock's, since they say more on a machine that does other work; set OMP_NUM_THREADS=1 for
them.

Run: python benchmarks/evaluate_vs_peer.py [options|generation] [--rounds 3] [--pictures 24]
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

from passerelle.costs.flops import FlopMeter
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

NEW_TOKENS = 32
"""Of generated answers, at most."""
PLAIN_BATCH = 16
"""Questions of a batch of plain `generate`."""
METER = FlopMeter()
"""One for all rounds, as a run has one: every tenth batch is counted."""


def processed(model: PretrainedModel, texts: list[str], images: list[Any], **options: Any) -> Any:
    """Run the processor as `apply_chat_template` does: it adds no first token to a template that has one."""
    begun = texts[0].startswith(model.tokenizer.bos_token or "\0")
    return model.processor(text=texts, images=images, add_special_tokens=not begun, return_tensors="pt", **options)


@torch.inference_mode()
def peer(model: PretrainedModel, questions: list[Question], paths: dict[str, Path]) -> list[int]:
    """Choose as lmms-eval's llava_hf does: the option with the smallest mean loss, a full forward for each."""
    chosen = []
    for question in questions:
        losses = []
        for option in question.options:
            image = open_picture(paths[question.picture])
            asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.prompt}]}
            said = {"role": "assistant", "content": [{"type": "text", "text": option}]}
            prompt = model.processor.apply_chat_template([asked], tokenize=False, add_generation_prompt=True)
            # Without the line break that some templates put behind a turn.
            whole = model.processor.apply_chat_template([asked, said], tokenize=False).rstrip()
            inputs = processed(model, [whole], [image])
            inputs = inputs.to(model.device).to(model.model.dtype)
            labels = inputs["input_ids"].clone()
            context = processed(model, [prompt], [image])["input_ids"]
            labels[:, : context.shape[1]] = -100
            losses.append(float(model.model(**inputs, labels=labels).loss))
        chosen.append(min(range(len(losses)), key=losses.__getitem__))
    return chosen


def ours(model: PretrainedModel, questions: list[Question], paths: dict[str, Path], folder: Path) -> list[int]:
    """Choose by the same rule, the mean per token, on shared prefixes, with features from the cache in a folder."""
    encoder, features = Encoder(model, MAX_LENGTH), VisionFeatures(model, folder)
    answers = FamilyAnswerer(encoder, features, paths, NEW_TOKENS, {}, METER).answer(questions)
    means = [[score / count for score, count in zip(a.logprobs, a.tokens, strict=True)] for a in answers]
    return [max(range(len(scores)), key=scores.__getitem__) for scores in means]


@torch.inference_mode()
def plain_replies(
    model: PretrainedModel, questions: list[Question], paths: dict[str, Path], batch: int = 1
) -> list[str]:
    """Answer with `generate` on so many questions at once, in their order; one at a time as llava_hf does."""
    said: list[str] = []
    for start in range(0, len(questions), batch):
        part = questions[start : start + batch]
        prompts = [
            model.processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.prompt}]}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for question in part
        ]
        images = [[open_picture(paths[question.picture])] for question in part]
        inputs = processed(model, prompts, images, padding=True, padding_side="left")
        inputs = inputs.to(model.device).to(model.model.dtype)
        made = model.bare.generate(
            **inputs, do_sample=False, max_new_tokens=NEW_TOKENS, pad_token_id=model.tokenizer.pad_token_id
        )
        said += model.tokenizer.batch_decode(made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in said]


def our_replies(model: PretrainedModel, questions: list[Question], paths: dict[str, Path], folder: Path) -> list[str]:
    """Answer with Passerelle's answerer, with features from the cache in a folder."""
    encoder, features = Encoder(model, MAX_LENGTH), VisionFeatures(model, folder)
    answers = FamilyAnswerer(encoder, features, paths, NEW_TOKENS, {}, METER).answer(questions)
    return [answer.text for answer in answers]


def draw_questions(pictures: int) -> tuple[dict[str, list[Question]], dict[str, Path]]:
    """Draw all questions about so many pictures in English and French, and say where the pictures are."""
    known = [p for p in tuxpaint.read_pictures("fr", cache_folder() / "pictures" / "stamps") if "fr" in p.captions][
        ::10
    ]
    found = {}
    for code in ("en", "fr"):
        prompts = find_prompts(code) or english()
        drawn = render(draw_items(known, ["en", "fr"]), {p.id: p.captions[code] for p in known}, prompts)
        wanted = {q.picture: None for q in drawn if q.kind == "choice-random"}
        shown = set([*wanted][:pictures])
        found[code] = [replace(q, id=f"{q.id}/{code}") for q in drawn if q.picture in shown]
    return found, {p.id: p.path for p in known}


def choices(questions: list[Question]) -> list[Question]:
    """Return one four-way choice a picture, scored without priors: the peer knows no forward without the picture."""
    return [replace(q, kind="options") for q in questions if q.kind == "choice-random"]


def openly(questions: list[Question], *kinds: str) -> list[Question]:
    """Return questions of these kinds to be answered in words."""
    return [replace(q, kind="open", options=()) for q in questions if q.kind in kinds]


Work = Callable[[], list[Any]]


def measure(ways: dict[str, tuple[int, Work]], rounds: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Run the ways in turn; give questions a second of the clock and of the processor, medians, and what was chosen."""
    clock: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    chosen: dict[str, list[Any]] = {}
    for _ in range(rounds):
        for name, (_, work) in ways.items():
            start, began = time.perf_counter(), time.process_time()
            chosen[name] = work()
            clock[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - began)
    figures = {
        name: {
            "questions": count,
            "per_second": float(f"{count / statistics.median(clock[name]):.4g}"),
            "per_processor_second": float(f"{count / statistics.median(processor[name]):.4g}"),
        }
        for name, (count, _) in ways.items()
    }
    return figures, chosen


def against(figures: dict[str, Any], peer_name: str) -> dict[str, dict[str, float]]:
    """Return how many times as fast as a peer the other ways are."""
    return {
        kind: {n: round(each[kind] / figures[peer_name][kind], 2) for n, each in figures.items() if n != peer_name}
        for kind in ("per_second", "per_processor_second")
    }


def same(one: list[Any], other: list[Any]) -> str:
    """Say of how many questions two ways have the same answer."""
    return f"{sum(a == b for a, b in zip(one, other, strict=True))} of {len(one)}"


def measure_options(
    model: PretrainedModel, by_language: dict[str, list[Question]], paths: dict[str, Path], rounds: int
) -> dict[str, Any]:
    """Measure choices, in the first language and in all."""
    asked = {code: choices(questions) for code, questions in by_language.items()}
    one, both = next(iter(asked.values())), [q for questions in asked.values() for q in questions]
    every = "both languages" if len(asked) > 1 else "one language"
    with tempfile.TemporaryDirectory() as place:
        fresh = (Path(place) / str(number) for number in itertools.count())
        warm = Path(place) / "warm"
        ours(model, both, paths, warm)
        ways: dict[str, tuple[int, Work]] = {
            "one language": (len(one), lambda: ours(model, one, paths, next(fresh))),
            every: (len(both), lambda: ours(model, both, paths, next(fresh))),
            "features kept": (len(both), lambda: ours(model, both, paths, warm)),
            "peer": (len(both), lambda: peer(model, both, paths)),
        }
        figures, chosen = measure(ways, rounds)
    agreed = same(chosen[every], chosen["peer"])
    return {**figures, "ratios": against(figures, "peer"), "same_choice": agreed, "rounds": rounds}


def measure_generation(
    model: PretrainedModel, questions: list[Question], paths: dict[str, Path], rounds: int
) -> dict[str, Any]:
    """Measure generated answers, features computed anew in each run."""
    with tempfile.TemporaryDirectory() as place:
        fresh = (Path(place) / str(number) for number in itertools.count())
        count = len(questions)
        ways: dict[str, tuple[int, Work]] = {
            "passerelle": (count, lambda: our_replies(model, questions, paths, next(fresh))),
            "one by one": (count, lambda: plain_replies(model, questions, paths)),
            "batched": (count, lambda: plain_replies(model, questions, paths, PLAIN_BATCH)),
        }
        figures, said = measure(ways, rounds)
    ratios = {name: against({n: figures[n] for n in ("passerelle", name)}, name) for name in ("one by one", "batched")}
    agreed = {name: same(said["passerelle"], said[name]) for name in ("one by one", "batched")}
    agreed["batched and one by one"] = same(said["batched"], said["one by one"])
    words = statistics.mean(len(text.split()) for text in said["one by one"])
    return {**figures, "ratios": ratios, "same_answer": agreed, "words_an_answer": round(words, 1), "rounds": rounds}


def main() -> None:
    """Measure and print the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("options", "generation"), default="options")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=24)
    given = parser.parse_args()
    quiet()
    model = load_pretrained(EMBEDDED)
    by_language, paths = draw_questions(given.pictures)
    if given.what == "options":
        print(json.dumps(measure_options(model, by_language, paths, given.rounds)))
        return
    every = [q for questions in by_language.values() for q in questions]
    kinds = {"captions": ("caption",), "several a picture": ("caption", "yes-no")}
    for name, chosen in kinds.items():
        found = measure_generation(model, openly(every, *chosen), paths, given.rounds)
        print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
