"""Files of small benchmarks that several tests write."""

import base64
import csv
import json

import numpy as np
from PIL import Image

COLOURS = {"red": "rouge", "blue": "bleu", "green": "vert", "black": "noir"}


def write_pictures(folder):
    folder.mkdir(exist_ok=True)
    for colour in COLOURS:
        Image.new("RGB", (64, 64), colour).save(folder / f"{colour}.png")


def write_spots(path, seed):
    """Write a picture of random soft spots; return its path."""
    spots = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(spots).resize((60, 48)).save(path)
    return path


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_bench(folder):
    """Write pope-en.jsonl, pope-fr.jsonl, mmb-en.tsv, mmb-fr.tsv and their pictures into a folder; return it."""
    write_pictures(folder)
    for language in ("en", "fr"):
        rows, number = [], 0
        for colour in COLOURS:
            for asked in COLOURS:
                number += 1
                name = asked if language == "en" else COLOURS[asked]
                text = f"Is it {name}?" if language == "en" else f"Est-ce {name} ?"
                rows.append({"question_id": number, "image": f"{colour}.png", "text": text})
                rows[-1]["label"] = "yes" if asked == colour else "no"
        write_lines(folder / f"pope-{language}.jsonl", rows)
        with (folder / f"mmb-{language}.tsv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t")
            writer.writerow(["index", "question", "hint", "A", "B", "C", "D", "answer", "category", "image"])
            options = list(COLOURS) if language == "en" else list(COLOURS.values())
            question = "What colour is it?" if language == "en" else "De quelle couleur est-ce ?"
            for place, colour in enumerate(COLOURS):
                picture = base64.b64encode((folder / f"{colour}.png").read_bytes()).decode()
                writer.writerow([place + 1, question, "", *options, "ABCD"[place], "colour", picture])
    return folder
