"""Conversations as training data: both layouts, and what can't be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from passerelle.errors import InputError
from passerelle.formats.conversations import Conversation, Message, Rejected, read_conversations


def read(path: Path) -> tuple[list[Conversation], list[Rejected]]:
    return read_conversations(path, images=None, language="fr", origin="native")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"")
    return tmp_path


LLAVA = {
    "id": 7,
    "image": "a.png",
    "conversations": [
        {"from": "human", "value": "<image>\nQu'est-ce que c'est ?"},
        {"from": "gpt", "value": "Un chat."},
    ],
}
MESSAGES = {
    "id": 7,
    "images": ["a.png"],
    "messages": [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Qu'est-ce que c'est ?"}]},
        {"role": "assistant", "content": "Un chat."},
    ],
}
READ = (Message("user", (None, "Qu'est-ce que c'est ?")), Message("assistant", ("Un chat.",)))


@pytest.mark.parametrize("row", [LLAVA, MESSAGES])
@pytest.mark.parametrize("container", ["json", "jsonl", "parquet"])
def test_both_layouts_in_all_containers(folder: Path, row: dict[str, Any], container: str) -> None:
    path = folder / f"data.{container}"
    if container == "parquet":
        if row is MESSAGES:
            row = {**row, "messages": [{**m, "content": _text_of(m["content"])} for m in row["messages"]]}
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    else:
        path.write_text(json.dumps([row] if container == "json" else row), encoding="utf-8")
    (found,), rejected = read(path)
    assert found == Conversation("7", READ, ((folder / "a.png").resolve(),), "fr", "native")
    assert found.replies == ("Un chat.",)
    assert rejected == []


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else "<image>" + content[1]["text"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "b.png"}, "missing-image"),
        ({"image": "../a.png"}, "outside-folder"),
        ({"image": None}, "image-count"),
        ({"image": {"bytes": "x"}}, "bad-image"),
        ({"conversations": [{"from": "human", "value": "<image>"}]}, "no-reply"),
        ({"conversations": [{"from": "nobody", "value": "x"}]}, "bad-message"),
        ({"conversations": [{"from": "gpt"}]}, "bad-message"),
        ({"conversations": None}, "no-conversation"),
    ],
)
def test_a_row_that_cannot_be_used_is_kept_apart(folder: Path, change: dict[str, Any], reason: str) -> None:
    path = folder / "data.json"
    path.write_text(json.dumps([LLAVA | change, LLAVA, "text"]), encoding="utf-8")
    found, rejected = read(path)
    assert len(found) == 1
    assert [(row.row, row.reason) for row in rejected] == [(1, reason), (3, "no-conversation")]


def test_a_broken_line_is_one_row(folder: Path) -> None:
    path = folder / "data.jsonl"
    path.write_text(json.dumps(LLAVA) + "\n{broken\n\n" + json.dumps(LLAVA) + "\n", encoding="utf-8")
    found, rejected = read(path)
    assert len(found) == 2
    assert rejected[0].reason == "broken-json" and "line 2" in rejected[0].detail


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[", "broken JSON"), (b"\xff\xfe", "isn't UTF-8"), (b"[{}]", "no conversation that can be trained on")],
)
def test_a_file_that_cannot_be_used(folder: Path, content: bytes, said: str) -> None:
    path = folder / "data.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(path)


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(InputError, match="no data file"):
        read(folder / "data.json")
