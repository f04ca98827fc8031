from __future__ import annotations

import builtins
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading import png, read, rewritten

from passerelle.errors import InputError, MissingDependency
from passerelle.formats.layout import Layout, layouts
from passerelle.formats.parquet import Parquet

Written = Callable[[str, bytes | str], Path]

PART = pa.struct([("type", pa.string()), ("text", pa.string())])
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(PART))]))
SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("messages", MESSAGES, metadata={"kept": "yes"}),
        pa.field("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        pa.field("when", pa.timestamp("ns")),
        pa.field("score", pa.float32()),
        pa.field("tag", pa.dictionary(pa.int32(), pa.string())),
    ],
    metadata={"huggingface": "{}"},
)


def record(number: int, **other: Any) -> dict[str, Any]:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": f"What is {number}?"}]
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes" if number == 3 else f"It is {number}."}]},
    ]
    plain = {"images": [{"bytes": png(), "path": f"../{number}.png"}], "when": number, "score": 0.1, "tag": "t"}
    return {"id": 100 + number, "messages": messages, **plain, **other}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [record(number) for number in range(10)]
    rows[4]["messages"] = None
    rows[5]["images"] = [{"bytes": b"no image", "path": None}]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=4, compression="zstd")
    return path


@pytest.fixture
def messages() -> Parquet:
    return Parquet(layouts()["messages-parquet"])


def test_rows(messages: Parquet, path: Path) -> None:
    assert messages.detects(path)
    rows, bad = read(messages, path)
    assert [(row.number, row.id, row.images) for row in rows] == [
        (number, str(99 + number), ()) for number in (1, 2, 3, 4, 7, 8, 9, 10)
    ]
    assert [(f.place, f.text, f.kind) for f in rows[3].fields] == [
        ("messages.0.content.1.text", "What is 3?", "text"),
        ("messages.1.content.0.text", "Yes", "yes-no"),
    ]
    assert [(row.number, row.reason) for row in bad] == [(5, "missing-field"), (6, "bad-image")]


def test_what_is_not_translated_is_equal(messages: Parquet, path: Path, tmp_path: Path) -> None:
    before = pq.read_table(path)
    out = tmp_path / "b.parquet"
    out.write_bytes(rewritten(messages, path, lambda text: f"«{text}»"))
    after = pq.read_table(out)
    kept = before.take([0, 1, 2, 3, 6, 7, 8, 9])
    assert after.schema.equals(before.schema, check_metadata=True)
    assert after.drop(["messages"]).equals(kept.drop(["messages"]))
    expected = kept["messages"].to_pylist()
    for turns in expected:
        for turn in turns:
            for part in turn["content"]:
                part["text"] = part["text"] and f"«{part['text']}»"
    assert after["messages"].to_pylist() == expected


@pytest.mark.parametrize("compliant", [True, False])
def test_without_new_texts_the_tables_are_equal(messages: Parquet, tmp_path: Path, compliant: bool) -> None:
    source, out = tmp_path / "a.parquet", tmp_path / "b.parquet"
    table = pa.Table.from_pylist([record(number) for number in range(2500)], SCHEMA)
    compression = {"id": "none", "score": "gzip"}
    pq.write_table(table, source, row_group_size=2000, compression=compression, use_compliant_nested_type=compliant)
    out.write_bytes(rewritten(messages, source))
    assert pq.read_table(out).equals(pq.read_table(source), check_metadata=True)
    first, second = (pq.ParquetFile(path).metadata for path in (source, out))
    assert second.num_row_groups == first.num_row_groups == 2
    for group in range(2):
        assert second.row_group(group).num_rows == first.row_group(group).num_rows
        for column in range(first.num_columns):
            assert (
                second.row_group(group).column(column).compression == first.row_group(group).column(column).compression
            )


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()]
)
def test_kinds_of_string(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"caption": pa.array(["a", None, "b"]).cast(kind), "n": [1, 2, 3]})
    source, out = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(table, source)
    captions = Parquet(Layout("captions", "parquet", {"caption": "text"}))
    out.write_bytes(rewritten(captions, source, str.upper))
    after = pq.read_table(out)
    assert after.schema == pq.read_table(source).schema
    assert after.to_pydict() == {"caption": ["A", None, "B"], "n": [1, 2, 3]}


def test_an_empty_table(tmp_path: Path) -> None:
    source, out = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"caption": pa.array([], pa.string())}), source)
    captions = Parquet(Layout("captions", "parquet", {"caption": "text"}))
    assert read(captions, source) == ([], [])
    out.write_bytes(rewritten(captions, source))
    assert pq.read_table(out).equals(pq.read_table(source))


def test_a_broken_file(messages: Parquet, path: Path, tmp_path: Path, written: Written) -> None:
    whole = path.read_bytes()
    for content in (whole[:-100], whole[:2000] + b"x" * 3000 + whole[5000:], b"PAR1", b"hello"):
        with pytest.raises(InputError, match="broken Parquet|can't read"):
            list(messages.rows(written("broken.parquet", content)))
    with pytest.raises(InputError, match="can't read"):
        list(messages.rows(tmp_path / "none.parquet"))


def test_a_source_that_changed(messages: Parquet, path: Path) -> None:
    rows, _ = read(messages, path)
    with pytest.raises(InputError, match=r"no text at 'messages\.7\.content'.*changed"):
        messages.write(path, io.BytesIO(), [(rows[0], {"messages.7.content": "x"})])
    with pytest.raises(InputError, match="no column 'caption'"):
        messages.write(path, io.BytesIO(), [(rows[0], {"caption": "x"})])


def test_without_pyarrow(messages: Parquet, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency, match=r"pip install 'passerelle\[parquet\]'"):
        list(messages.rows(path))
