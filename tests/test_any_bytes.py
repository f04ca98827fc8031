"""Whatever bytes a file holds: each row is read or rejected with a reason, and nothing ends in a traceback."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from passerelle.errors import PasserelleError, UserError
from passerelle.evaluation.asking.predictions import read_predictions
from passerelle.evaluation.asking.suspects import read_suspects
from passerelle.evaluation.rows import BrokenRow, read_rows
from passerelle.formats.base import BadRow, FolderFormat, Row
from passerelle.formats.conversations import read_conversations
from passerelle.formats.registry import PLAIN, formats, open_format
from passerelle.formats.values.rows import read_values
from passerelle.quality.estimate.labels import read_labels
from passerelle.quality.pairs import PairOptions, read_pairs
from passerelle.review.store.items import read_answers
from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.engines import registry as engines
from passerelle.translation.memory.files import import_memory
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.glossary import Glossary

QUICK = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
INSERTED = (
    b"", b"\xff", b"\0", b"\n", b"\r", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b";", b"\t", b"null", b"NaN",
    b"1e999", b"-", b"true", b'"id"', b"\\ud83d", "\u2028\x85\v\f".encode(), b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9",
    b"[" * 4000, b'{"a":' * 4000, b"9" * 5000, b"<video>", b"\n{}\n", b"\n[]\n", b'\n"x y"\n', b"PAR1", b"<tu>",
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, 10_000), st.one_of(st.just(0), st.integers(0, 30)), st.sampled_from(INSERTED)),
    min_size=1,
    max_size=3,
)
Edits = list[tuple[int, int, bytes]]


def damaged(content: bytes, edits: Edits) -> bytes:
    for place, removed, inserted in edits:
        start = place % (len(content) + 1)
        content = content[:start] + inserted + content[start + removed :]
    return content


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def document(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


LLAVA = [
    {
        "id": n,
        "image": "a.png",
        "conversations": [{"from": "human", "value": "<image>Où ?"}, {"from": "gpt", "value": "Là."}],
    }
    for n in range(3)
]
MESSAGES = [
    {
        "id": n,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Où ?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Là."}]},
        ],
    }
    for n in range(3)
]
POPE = [{"question_id": n, "image": "a.png", "text": "Is there a dog?", "label": "yes"} for n in range(3)]
PROBLEM = {"question": "Which one?", "choices": ["a cat", "a dog"], "answer": 0, "hint": "", "split": "test"}
QUESTIONS = [{"question": "What is it?", "question_id": n} for n in range(3)]
ANNOTATIONS = [{"multiple_choice_answer": "a dog", "question_id": n} for n in range(3)]
CAPTIONS = [{"id": n, "image_id": 1, "caption": "A dog."} for n in range(3)]
MMBENCH = "index\tquestion\thint\tA\tB\tC\tD\tanswer\timage\n" + "".join(
    f'{n}\t"What ""is"" it?"\tnan\ta cat\ta dog\t\tnan\tA\t{picture()}\n' for n in range(3)
)
FILES: dict[str, tuple[str, bytes]] = {
    "llava": ("x.json", document(LLAVA)),
    "llava-jsonl": ("x.jsonl", lines(LLAVA)),
    "llava-parquet": ("x.parquet", parquet(LLAVA)),
    "messages": ("x.jsonl", lines(MESSAGES)),
    "messages-json": ("x.json", document(MESSAGES)),
    "messages-parquet": ("x.parquet", parquet(MESSAGES)),
    "vqa-questions": ("x.json", document({"questions": QUESTIONS})),
    "vqa-annotations": ("x.json", document({"annotations": ANNOTATIONS})),
    "coco-captions": ("x.json", document({"images": [{"id": 1, "file_name": "a.png"}], "annotations": CAPTIONS})),
    "mmbench": ("x.tsv", MMBENCH.encode()),
    "pope": ("x.jsonl", lines(POPE)),
    "scienceqa": ("x.json", document({str(n): PROBLEM for n in range(3)})),
    "mme": ("x.txt", b"Is it red?\tYes\nIs it blue?\tNo\n"),
    "csv": ("x.csv", b"id;caption\n1;a house, red\n2;\"a \"\"dog\"\"\"\n"),
    "jsonl": ("x.ndjson", lines([{"caption": "A dog."}, {"caption": "A cat."}])),
    "parquet": ("x.parquet", parquet([{"caption": "A dog."}, {"caption": "A cat."}])),
}  # fmt: skip


def test_every_format_is_tried() -> None:
    assert set(FILES) >= set(formats())


def texts_of(row: Row | BadRow) -> list[list[str]]:
    """Return a row's texts in words: in a folder of text files a line break in a text becomes a blank."""
    assert isinstance(row, Row), row
    return [field.text.split() for field in row.fields]


def written(folder: Path, name: str, content: bytes) -> Path:
    """Write a file of the name's format; of MME a folder with it."""
    file = folder / FILES[name][0] if name != "mme" else folder / "x" / FILES[name][0]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return file if name != "mme" else folder / "x"


@pytest.mark.parametrize("name", FILES)
@QUICK
@given(EDITS)
def test_rows_in_are_rows_out_and_rejects(tmp_path: Path, name: str, edits: Edits) -> None:
    path = written(tmp_path, name, damaged(FILES[name][1], edits))
    fields = ("caption",) if name in PLAIN else ()
    try:
        data_format = open_format(path, name, fields)
        rows = list(data_format.rows(path))
    except UserError as error:
        assert str(error)
        return
    assert [row.number for row in rows] == sorted({row.number for row in rows})
    assert all(row.reason and row.detail for row in rows if isinstance(row, BadRow))
    if path.suffix in (".jsonl", ".ndjson"):
        assert len(rows) == sum(
            bool(line.strip()) for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
        )
    good = [row for row in rows if isinstance(row, Row)]
    target = tmp_path / "written" / path.name
    target.parent.mkdir(exist_ok=True)
    pairs = [(row, {field.place: field.text for field in row.fields}) for row in good]
    if isinstance(data_format, FolderFormat):
        data_format.write_folder(path, target, pairs)
    else:
        with target.open("wb") as out:
            data_format.write(path, out, pairs)
    again = list(data_format.rows(target)) if good else []
    assert list(map(texts_of, again)) == list(map(texts_of, good))


PREDICTIONS = lines([{"question_id": n, "text": "Yes"} for n in range(3)])
ANSWERS = lines([{"id": "1", "question": "What?", "answers": {"a": "x", "b": "y"}, "automatic": {"a": 0.5}}])
LABELS = b"source;target;accepted\na dog;un chien;1\na cat;un chat;0\n"
GLOSSARY = "term,translation\ndog,chien\nœuf,\n".encode()
PAIRS = b'source,translation\n"a dog, red",un chien\na cat,un chat\n'
TMX = b"""<?xml version="1.0" encoding="utf-8"?><tmx version="1.4"><header srclang="en"/><body><tu>
<tuv xml:lang="en"><seg>a dog</seg></tuv><tuv xml:lang="fr"><seg>un chien</seg></tuv></tu></body></tmx>"""


def memory_of(path: Path) -> None:
    with TranslationMemory(path.with_name("memory.sqlite")) as memory:
        import_memory(memory, path)


def conversations(path: Path) -> None:
    found, rejected = read_conversations(path, images=None, language="fr", origin="native")
    assert all(row.reason and row.detail for row in rejected)
    total = [number for number, _ in read_values(path, one_of=("conversations", "messages"))]
    assert len(found) + len(rejected) == len(total)
    assert all(message.text.encode() is not None for c in found for message in c.messages)


def benchmark(path: Path) -> None:
    for row in read_rows([str(path)]):
        assert isinstance(row, dict) or (isinstance(row, BrokenRow) and str(row))


def paired(path: Path) -> None:
    found = read_pairs(path, path, PairOptions())
    assert found.rows


READERS: list[tuple[str, bytes, Callable[[Path], Any]]] = [
    *(("x" + suffix, content, conversations) for suffix, content in (
        (".json", document(LLAVA)), (".jsonl", lines(MESSAGES)), (".parquet", parquet(MESSAGES)))),
    *((FILES[name][0], FILES[name][1], benchmark) for name in ("coco-captions", "mmbench", "pope", "scienceqa", "csv")),
    ("x.jsonl", PREDICTIONS, read_predictions),
    ("x.txt", b"a.png\tIs it?\tYes\tNo\n", read_predictions),
    ("x.json", document(["a", "b"]), read_suspects),
    ("x.jsonl", ANSWERS, read_answers),
    ("x.csv", LABELS, lambda path: read_labels(path, "en", "fr")),
    ("x.csv", GLOSSARY, Glossary.read),
    ("x.csv", PAIRS, memory_of),
    ("x.tmx", TMX, memory_of),
    ("x.jsonl", lines(POPE), paired),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(READERS)))
@QUICK
@given(EDITS)
def test_no_reader_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, edits: Edits
) -> None:
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    name, content, read = READERS[number]
    (tmp_path / "a.png").write_bytes(base64.b64decode(picture()))
    (tmp_path / name).write_bytes(damaged(content, edits))
    try:
        read(tmp_path / name)
    except UserError as error:
        assert str(error)


@settings(QUICK, max_examples=15)
@given(st.sampled_from(sorted(set(FILES) - set(PLAIN))), EDITS)
@example("messages", [(0, 10_000, b'{"messages": [{"role": "user", "content": {"text": "What is it?"}}]}')])
def test_a_whole_run_counts_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, edits: Edits) -> None:
    monkeypatch.setitem(engines.ENGINES, "fake", lambda place, source, target, options: FakeTranslator())
    source, out = written(tmp_path, name, damaged(FILES[name][1], edits)), tmp_path / "out" / "fr"
    for left in (out, tmp_path / "out" / "fr.rejects.jsonl"):
        if left.is_file():
            left.unlink()
    if out.is_dir():
        return
    try:
        summary = translate(Job(source, out, "fr", tmp_path / "memory.sqlite", engine="fake", format=name))
    except PasserelleError as error:
        assert isinstance(error, UserError)
        return
    rejects = [json.loads(line) for line in Path(summary.rejects).read_bytes().split(b"\n") if line]
    assert summary.tally.rows == summary.tally.written + len(rejects)
    assert all(reject["reason"] for reject in rejects)
