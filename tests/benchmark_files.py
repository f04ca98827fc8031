"""Files of small benchmarks that several tests write."""

import json

from PIL import Image

COLOURS = {"red": "rouge", "blue": "bleu", "green": "vert", "black": "noir"}


def write_pictures(folder):
    folder.mkdir(exist_ok=True)
    for colour in COLOURS:
        Image.new("RGB", (64, 64), colour).save(folder / f"{colour}.png")


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
