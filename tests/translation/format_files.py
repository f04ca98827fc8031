"""Small files of each format, in each format's own layout."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

CAPTIONS = ["A red dog.", "The small house", "Two cats on the table.", "A tree near the bridge"]
QUESTION = "<image>\nWhat is in the picture?"


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def llava(path: Path) -> None:
    rows = [
        {
            "id": f"{number:04}",
            "image": f"{number}.png",
            "conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": caption}],
        }
        for number, caption in enumerate(CAPTIONS)
    ]
    path.write_text(json.dumps(rows, indent=1))


def chat(number: int, caption: str) -> dict[str, Any]:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": "What is in the picture?"}]
    answer = [{"type": "text", "text": caption}]
    return {"id": number, "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]}


def messages(path: Path) -> None:
    rows = [{**chat(number, caption), "images": [f"{number}.png"]} for number, caption in enumerate(CAPTIONS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def parquet(path: Path) -> None:
    rows = [{**chat(n, caption), "images": [{"bytes": picture(), "path": None}]} for n, caption in enumerate(CAPTIONS)]
    pd.DataFrame(rows).to_parquet(path)


def vqa_questions(path: Path) -> None:
    rows = [{"image_id": n, "question": f"Is it {c.lower()}", "question_id": n} for n, c in enumerate(CAPTIONS)]
    path.write_text(json.dumps({"info": {}, "questions": rows, "data_subtype": "val2014"}))


def vqa_annotations(path: Path) -> None:
    rows = [
        {
            "question_id": number,
            "multiple_choice_answer": answer,
            "answer_type": "other",
            "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": one} for one in range(3)],
        }
        for number, answer in enumerate(["dog", "yes", "2", "the table"])
    ]
    path.write_text(json.dumps({"annotations": rows}))


def coco(path: Path) -> None:
    images = [{"id": 7 * number, "file_name": f"{number}.png"} for number in range(len(CAPTIONS))]
    captions = [{"image_id": 7 * number, "id": number, "caption": c} for number, c in enumerate(CAPTIONS)]
    path.write_text(json.dumps({"images": images, "annotations": captions}))


def mmbench(path: Path) -> None:
    table = {"index": range(4), "question": "What is this?", "hint": None, "A": CAPTIONS, "B": "A chair"}
    image = base64.b64encode(picture()).decode()
    pd.DataFrame({**table, "C": None, "answer": "A", "image": image}).to_csv(path, sep="\t", index=False)


def mme(path: Path) -> None:
    for number, caption in enumerate(CAPTIONS):
        folder = path / "existence"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(picture())
        name = caption[2:].rstrip(".")
        (folder / f"{number}.txt").write_text(f"Is there {name}?\tYes\nIs there a chair?\tNo\n")


def pope(path: Path) -> None:
    rows = [
        {"question_id": n, "image": f"{n}.png", "text": f"Is there {c.lower()[:-1]}?", "label": "yes"}
        for n, c in enumerate(CAPTIONS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))


def scienceqa(path: Path) -> None:
    rows = {
        str(number): {
            "question": "What is this?", "choices": [caption, "A chair"], "answer": 0, "hint": "", "lecture": "",
            "split": "train", "image": "image.png",
        }
        for number, caption in enumerate(CAPTIONS)
    }  # fmt: skip
    path.write_text(json.dumps(rows))


def table(path: Path) -> None:
    with path.open("w", newline="") as file:
        rows = [(number, f"{number}.png", caption, 1.50) for number, caption in enumerate(CAPTIONS)]
        csv.writer(file).writerows([("id", "image", "caption", "score"), *rows])
