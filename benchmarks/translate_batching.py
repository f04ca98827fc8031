"""What sorting texts by length and asking for each once bring, against the usual script.

Run: python benchmarks/translate_batching.py [--sentences 200] [--rows 600] [--rounds 3]

The usual script generates row by row with the same weights and the same limits. The instruction set is LLaVA-like: a
few questions asked again and again, and answers that repeat as captions of stamps do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from translation_data import make_marian, sentences, write_rows

from passerelle.dataset.job import Job
from passerelle.dataset.run import translate
from passerelle.translation.inner_texts import answer_limit
from passerelle.translation.seq2seq import Seq2SeqTranslator

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


def seconds_of(work: object, texts: Sequence[str]) -> float:
    """Time an engine."""
    began = time.perf_counter()
    work.translate(texts)  # type: ignore[attr-defined]
    return time.perf_counter() - began


def ours(spec: str, source: Path, folder: Path) -> float:
    """Time `passerelle translate` with an empty memory, without loading the model."""
    folder.mkdir()
    job = Job(source, folder / "fr.jsonl", "fr", folder / "memory.sqlite", engine=spec, fields=("text",))
    return translate(job).seconds


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    texts, repeated = sentences(asked.sentences), instructions(asked.rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PASSERELLE_CACHE"] = str(folder / "cache")
        model = make_marian(folder / "marian")
        usual, batched = OneByOne(model), Seq2SeqTranslator(model, "en", "fr")
        source = write_rows(folder / "en.jsonl", repeated)
        seconds_of(usual, texts[:3])
        seconds_of(batched, texts[:3])
        rounds = [
            (
                seconds_of(usual, texts),
                seconds_of(batched, texts),
                sum(seconds_of(batched, [text]) for text in repeated),
                seconds_of(batched, repeated),
                ours(f"seq2seq:{model}", source, folder / str(number)),
            )
            for number in range(asked.rounds)
        ]
    one_by_one, by_length, each_alone, without_memory, whole = map(statistics.median, zip(*rounds, strict=True))
    print(
        json.dumps(
            {
                "different_sentences": len(texts),
                "one_by_one_segments_per_second": round(len(texts) / one_by_one, 2),
                "by_length_segments_per_second": round(len(texts) / by_length, 2),
                "times_faster_by_length": round(one_by_one / by_length, 2),
                "instruction_texts": len(repeated),
                "different_texts": len(set(repeated)),
                "each_alone_seconds": round(each_alone, 1),
                "each_once_in_batches_seconds": round(without_memory, 1),
                "passerelle_translate_seconds": round(whole, 1),
                "times_faster_whole": round(each_alone / whole, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
