"""Conversations as training data: both layouts, and what can't be used."""

from __future__ import annotations

import base64
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
    [
        (b"[", "can't be read on from byte 1"),
        (b"\xff\xfe", "isn't UTF-8"),
        (b"[{}]", "no conversation that can be trained on"),
    ],
)
def test_a_file_that_cannot_be_used(folder: Path, content: bytes, said: str) -> None:
    path = folder / "data.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(path)


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(InputError, match="no data file"):
        read(folder / "data.json")


CHAT = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Quoi ?"}]}]
CHAT += [{"role": "assistant", "content": [{"type": "text", "text": "Un chat."}]}]


def part(**picture: Any) -> dict[str, Any]:
    asked = [{"type": "image", **picture}, {"type": "text", "text": "Quoi ?", "image": None, "path": None}]
    return {"messages": [{"role": "user", "content": asked}, CHAT[1]]}


@pytest.mark.parametrize(
    "row",
    [
        part(path="a.png"),
        part(image="a.png", text=None),
        part(url="a.png", image=None),
        part(type="image_url", image_url={"url": "a.png"}),
        part(type="image_url", image_url="a.png"),
        part(image={"path": "a.png", "bytes": None}),
        part(image={"bytes": b"content", "path": "elsewhere.png"}),
        part(image={"bytes": base64.b64encode(b"content").decode()}),
        part(url="data:image/png;base64," + base64.b64encode(b"content").decode()),
        part(path="a.png") | {"images": ["a.png"]},
        {"images": None, "image": "a.png", "messages": CHAT},
        {"images": [], "image": "a.png", "messages": CHAT},
        {"images": [{"bytes": b"content", "path": "gone.png"}], "messages": CHAT},
        {"image": "a.png", "conversations": CHAT},
        {"image": ["a.png", None], "conversations": LLAVA["conversations"], "messages": None},
    ],
)
def test_a_picture_wherever_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]) -> None:
    monkeypatch.setenv("PASSERELLE_CACHE", str(folder / "cache"))
    content = b"content" if "b'content'" in str(row) or "Y29udGVudA" in str(row) else b""
    if "b'content'" in str(row):  # which JSON can't hold
        import pyarrow
        import pyarrow.parquet

        path = folder / "data.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    else:
        path = folder / "data.jsonl"
        path.write_text(json.dumps(row), encoding="utf-8")
    (found,), rejected = read(path)
    assert rejected == []
    assert found.messages[0].parts[0] is None and found.replies == ("Un chat.",)
    assert [image.read_bytes() for image in found.images] == [content]


@pytest.mark.parametrize("image", [None, "", [], [None], "NaN", float("nan"), {}])
@pytest.mark.parametrize("name", ["image", "images"])
def test_what_names_no_picture(folder: Path, name: str, image: Any) -> None:
    path = folder / "data.json"
    turns = [{"from": "human", "value": "Texte seul."}, {"from": "gpt", "value": "Oui."}]
    path.write_text(json.dumps([{name: image, "conversations": turns}]), encoding="utf-8")
    (found,), rejected = read(path)
    assert rejected == [] and found.images == () and found.id == "1"


@pytest.mark.parametrize("mark", ["<video>", "<audio>", "<bbox>", "<ref-object>"])
def test_marks_that_no_model_here_knows_are_not_learnt_as_words(folder: Path, mark: str) -> None:
    path = folder / "data.json"
    rows = [part(path="a.png"), part(path="a.png"), part(path="a.png") | {"videos": ["a.mp4"]}]
    rows[0]["messages"][0]["content"][1]["text"] = f"Que voit-on ? {mark}"
    path.write_text(json.dumps([LLAVA, *rows]), encoding="utf-8")
    found, rejected = read(path)
    assert len(found) == 2
    assert [(row.row, row.reason) for row in rejected] == [(2, "unsupported-mark"), (4, "unsupported-mark")]
    assert mark in rejected[0].detail


@pytest.mark.parametrize("broken", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_only_a_line_feed_ends_a_line(folder: Path, broken: str, bom: bytes) -> None:
    path = folder / "data.jsonl"
    said = {**LLAVA, "conversations": [LLAVA["conversations"][0], {"from": "gpt", "value": f"Un{broken}chat."}]}
    lines = [json.dumps(row, ensure_ascii=False) for row in (LLAVA, said, LLAVA)]
    path.write_bytes(bom + "\r\n".join(lines).encode())
    found, rejected = read(path)
    assert rejected == []
    assert [conversation.replies[0] for conversation in found] == ["Un chat.", f"Un{broken}chat.", "Un chat."]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_broken_row_of_an_array_does_not_hide_the_others(folder: Path, bom: bytes) -> None:
    path = folder / "data.json"
    good = json.dumps(LLAVA)
    path.write_bytes(bom + f"[{good},\n{good[:-1]} oops}},\n{good}]".encode())
    found, rejected = read(path)
    assert len(found) == 2
    assert [(row.row, row.reason) for row in rejected] == [(2, "broken-json")]


def test_pictures_at_absolute_paths(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("elsewhere") / "b.png"
    outside.write_bytes(b"")
    path = folder / "data.json"
    rows = [LLAVA | {"image": str(place)} for place in (folder / "a.png", outside, folder / "none.png")]
    path.write_text(json.dumps(rows), encoding="utf-8")
    found, rejected = read(path)
    assert [conversation.images for conversation in found] == [((folder / "a.png").resolve(),)]
    assert [row.reason for row in rejected] == ["outside-folder", "missing-image"]
    found, rejected = read_conversations(path, images=None, language="fr", origin="native", anywhere=True)
    assert [conversation.images[0].name for conversation in found] == ["a.png", "b.png"]
    assert [row.reason for row in rejected] == ["missing-image"]
