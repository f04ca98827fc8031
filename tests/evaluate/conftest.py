"""Small benchmarks in English and French, with pictures, and a real model small enough to ask in a test."""

import base64
import csv

import pytest

from benchmark_files import COLOURS, write_lines, write_pictures


@pytest.fixture
def bench(tmp_path):
    """A folder with pope-en.jsonl, pope-fr.jsonl, mmb-en.tsv, mmb-fr.tsv and pictures."""
    write_pictures(tmp_path)
    for language in ("en", "fr"):
        rows, number = [], 0
        for colour in COLOURS:
            for asked in COLOURS:
                number += 1
                name = asked if language == "en" else COLOURS[asked]
                text = f"Is it {name}?" if language == "en" else f"Est-ce {name} ?"
                rows.append({"question_id": number, "image": f"{colour}.png", "text": text})
                rows[-1]["label"] = "yes" if asked == colour else "no"
        write_lines(tmp_path / f"pope-{language}.jsonl", rows)
        with (tmp_path / f"mmb-{language}.tsv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t")
            writer.writerow(["index", "question", "hint", "A", "B", "C", "D", "answer", "category", "image"])
            options = list(COLOURS) if language == "en" else list(COLOURS.values())
            question = "What colour is it?" if language == "en" else "De quelle couleur est-ce ?"
            for place, colour in enumerate(COLOURS):
                picture = base64.b64encode((tmp_path / f"{colour}.png").read_bytes()).decode()
                writer.writerow([place + 1, question, "", *options, "ABCD"[place], "colour", picture])
    return tmp_path


@pytest.fixture
def model_folder(tmp_path, tiny):
    """The tiny model as a folder that `save_pretrained` wrote."""
    folder = tmp_path / "model"
    tiny.model.save_pretrained(folder)
    tiny.processor.save_pretrained(folder)
    return folder
