"""What sorting texts by length and asking for each once bring, against the usual script.

Run: python benchmarks/translate_batching.py [--sentences 200] [--rows 200] [--sample 24] [--rounds 3]

The usual script generates row by row with the same weights and the same limits. It gets a random sample, another one in
each round, since its speed doesn't hang on how many rows there are. The instruction set is LLaVA-like: a few questions
asked again and again, and answers that repeat as captions of stamps do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from translation_data import make_marian, sentences, write_rows

from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.engines.inner_texts import answer_limit
from passerelle.translation.engines.seq2seq import Seq2SeqTranslator

QUESTIONS = (
    "What is in the picture?",
    "Describe the picture.",
    "What can be seen here?",
    "Give a short caption.",
    "Which animal is this?",
)


class OneByOne:
    """The usual script: each text by itself, also those that came before."""

    def __init__(self, model: Path) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(model)
        self._model = AutoModelForSeq2SeqLM.from_pretrained(model).eval()
        self._model.generation_config.max_length = None

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate one text after the other."""
        import torch

        translations = []
        for text in texts:
            ids = self._tokenizer(text, return_tensors="pt")
            with torch.inference_mode():
                out = self._model.generate(**ids, max_new_tokens=answer_limit(ids["input_ids"].shape[1]), num_beams=1)
            translations.append(self._tokenizer.decode(out[0], skip_special_tokens=True))
        return translations


def instructions(rows: int) -> list[str]:
    """Make the texts of an instruction set: a question and an answer in turn, answers four times on average."""
    draw = random.Random(0)
    answers = sentences(max(1, rows // 4), seed=2)
    return [text for _ in range(rows) for text in (draw.choice(QUESTIONS), draw.choice(answers))]


def speed(translate: Callable[[list[str]], object], texts: list[str]) -> float:
    """Return how many texts are translated in a second."""
    began = time.perf_counter()
    translate(texts)
    return len(texts) / (time.perf_counter() - began)


def ours(spec: str, source: Path, folder: Path) -> float:
    """Time `passerelle translate` with an empty memory, without loading the model."""
    folder.mkdir()
    job = Job(source, folder / "fr.jsonl", "fr", folder / "memory.sqlite", engine=spec, fields=("text",))
    return translate(job).seconds


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--sample", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    texts, repeated = sentences(asked.sentences), instructions(asked.rows)
    draw = random.Random(3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PASSERELLE_CACHE"] = str(folder / "cache")
        model = make_marian(folder / "marian")
        usual, batched = OneByOne(model), Seq2SeqTranslator(model, "en", "fr")
        source = write_rows(folder / "en.jsonl", repeated)
        for work in (usual, batched):
            work.translate(texts[:2])
        rounds = [
            (
                speed(usual.translate, draw.sample(texts, asked.sample)),
                speed(batched.translate, texts),
                speed(usual.translate, draw.sample(repeated, asked.sample)),
                speed(batched._ask, repeated),  # each text as often as it comes
                len(repeated) / ours(f"seq2seq:{model}", source, folder / str(number)),
            )
            for number in range(asked.rounds)
        ]
    names = ("one_by_one", "by_length", "set_one_by_one", "set_by_length_repeats_too", "set_passerelle_translate")
    medians = dict(zip(names, map(statistics.median, zip(*rounds, strict=True)), strict=True))
    ratios = {
        "times_faster_by_length": [by_length / one for one, by_length, *_ in rounds],
        "times_faster_for_each_text_once": [whole / repeats for *_, repeats, whole in rounds],
        "times_faster_whole": [whole / one for _, _, one, _, whole in rounds],
    }
    print(
        json.dumps(
            {
                "different_sentences": len(texts),
                "instruction_texts": len(repeated),
                "different_texts": len(set(repeated)),
                "texts_per_second": {name: round(value, 2) for name, value in medians.items()},
                **{name: round(statistics.median(values), 2) for name, values in ratios.items()},
                "rounds": {name: [round(value, 2) for value in values] for name, values in ratios.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
