"""Options and generated answers on random weights of a published size, against the ways of evaluation harnesses.

Random weights never end an answer by themselves: every sixteenth token is one that ends it, so that lengths differ as
those of real answers do.

Run: python -m gpu.asking [--smoke] [--shape SmolVLM-2.2B] [--pictures 4] [--edge 640]
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import evaluate_vs_peer
import torch

from gpu.rows import attempt, emit
from gpu.shapes import SHAPES, build_shape, write_samples
from passerelle.formats.conversations import read_conversations
from passerelle.models.pretrained import PretrainedModel
from passerelle.progress import quiet
from passerelle.records import Question

TINY = 2, 120
"""Pictures of the smoke run, and the longer edge of each."""
QUESTIONS = 3
OPTIONS = 4
ENDS_EVERY = 16


def draw(folder: Path, pictures: int, size: tuple[int, int]) -> tuple[list[Question], dict[str, Path]]:
    """Return so many questions about each picture, each with options, and where the pictures are."""
    path = write_samples(folder, pictures * QUESTIONS, pictures, size)
    talks, _ = read_conversations(path, images=None, language="en", origin="native")
    replies = [" ".join(str(talk.messages[1].text).split()[:4]) for talk in talks]
    questions = [
        Question(
            id=talk.id,
            kind="choice-random",
            picture=talk.images[0].name,
            source="random",
            language="en",
            origin="native",
            prompt=talk.messages[0].text,
            options=tuple(replies[(number + step) % len(replies)] for step in range(OPTIONS)),
        )
        for number, talk in enumerate(talks)
    ]
    return questions, {talk.images[0].name: talk.images[0] for talk in talks}


def options(model: PretrainedModel, questions: list[Question], paths: dict[str, Path]) -> None:
    """Measure choices."""
    found = evaluate_vs_peer.measure_options(model, {"en": questions}, paths, rounds=1)
    times = found["ratios"]["per_second"]
    said = f"{times['one language']}× one forward an option ({times['features kept']}× with features kept); "
    emit(f"options, {model.path}", said + f"the same choice on {found['same_choice']}", "8×", **found)


def generation(model: PretrainedModel, questions: list[Question], paths: dict[str, Path]) -> None:
    """Measure generated answers."""
    found = evaluate_vs_peer.measure_generation(
        model, evaluate_vs_peer.openly(questions, "choice-random"), paths, rounds=1
    )
    times: dict[str, Any] = {name: kinds["per_second"]["passerelle"] for name, kinds in found["ratios"].items()}
    agreed = found["same_answer"]
    said = (
        f"{times['one by one']}× one `generate` a question, {times['batched']}× batched `generate`; the same answer on "
        f"{agreed['one by one']} (batched and one by one: {agreed['batched and one by one']})"
    )
    emit(f"generation, {model.path}", said, "4× and 1.3×", **found)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--shape", choices=SHAPES, default="SmolVLM-2.2B")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--edge", type=int, default=640, help="the longer edge of each picture, in pixels")
    given = parser.parse_args()
    quiet()
    model = build_shape(given.shape, tiny=given.smoke)
    words = model.bare.config.get_text_config().vocab_size
    model.bare.generation_config.eos_token_id = list(range(0, words, ENDS_EVERY))
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        pictures, edge = TINY if given.smoke else (given.pictures, given.edge)
        questions, paths = draw(Path(folder), pictures, (edge, edge * 3 // 4))
        evaluate_vs_peer.plain_replies(model, questions[:1], paths)  # what is done once on a GPU isn't timed
        attempt(f"options, {given.shape}", partial(options, model, questions, paths))
        attempt(f"generation, {given.shape}", partial(generation, model, questions, paths))


if __name__ == "__main__":
    main()
