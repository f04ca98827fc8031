"""JSON documents and JSON lines: everything that isn't translated comes back byte for byte."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read, rewritten

from passerelle.errors import InputError
from passerelle.formats import json_tokens, window
from passerelle.formats.base import Row
from passerelle.formats.json_document import JsonDocument
from passerelle.formats.json_lines import JsonLines
from passerelle.formats.layout import Layout, layouts
from passerelle.formats.values.missing import is_missing

Written = Callable[[str, bytes | str], Path]

FIELDS = {"caption": "text", "m.*.c": "text", "m.*.c.*.t": "text", "o.*": "option"}
PLAIN = Layout("plain", "json", FIELDS, keyed=None, id="id")
KEYS = st.sampled_from(["caption", "m", "c", "t", "o", "id", "é", "a.b", "x", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["Yes", "a/b", "\\", '"', "\u2028", "é\n", "\U0001f600", "\x7f"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": SCALARS,
            "caption": SCALARS,
            "m": st.lists(
                st.fixed_dictionaries({"c": SCALARS | st.lists(st.dictionaries(st.just("t"), SCALARS), max_size=2)}),
                max_size=3,
            )
            | VALUES,
            "o": VALUES,
            "x": VALUES,
            "é": VALUES,
        },
    ),
    max_size=5,
)
SPACE = st.text(alphabet=" \t\r\n", max_size=3)
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def rendered(draw: st.DrawFn, value: Any) -> str:
    """Write a value as JSON with any white space, escapes and spellings of numbers."""
    ascii_only = draw(st.booleans())
    slashes = draw(st.booleans())

    def text(value: Any) -> str:
        around = draw(SPACE)
        if isinstance(value, dict):
            members = (f"{text(key)}:{text(inner)}" for key, inner in value.items())
            return around + "{" + (",".join(members) or draw(SPACE)) + "}" + draw(SPACE)
        if isinstance(value, list):
            return around + "[" + (",".join(text(inner) for inner in value) or draw(SPACE)) + "]" + draw(SPACE)
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and draw(st.booleans()):
            return around + f"{int(value)}.000E0" + draw(SPACE)
        plain = json.dumps(value, ensure_ascii=ascii_only)
        return around + (plain.replace("/", r"\/") if slashes else plain) + draw(SPACE)

    return text(value)


def replaced(value: Any, parts: list[str], new: Callable[[str], str]) -> Any:
    """Replace the texts at a place, in the plain way."""
    if not parts:
        return new(value) if isinstance(value, str) and not is_missing(value) else value
    if isinstance(value, dict):
        return {k: replaced(v, parts[1:], new) if parts[0] in ("*", k) else v for k, v in value.items()}
    if isinstance(value, list) and parts[0] == "*":
        return [replaced(v, parts[1:], new) for v in value]
    return value


def all_replaced(value: Any, new: Callable[[str], str]) -> Any:
    for place in FIELDS:
        value = replaced(value, place.split("."), new)
    return value


def french(text: str) -> str:
    return f'«{text}» "d\'été"/\n\\ \U0001f600'


@contextmanager
def as_file(text: str, chunk: int = window.CHUNK_BYTES) -> Iterator[Path]:
    """Give a file with this text that is read in small steps."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(window.Window.__init__, "__defaults__", (chunk,))
        path = Path(folder) / "data"
        path.write_bytes(text.encode())
        yield path


@QUICK
@given(st.data(), ROWS, st.booleans(), st.integers(1, 40))
def test_a_document_comes_back(data: st.DataObject, rows: list[Any], keyed: bool, chunk: int) -> None:
    value: Any = {str(index): row for index, row in enumerate(rows)} if keyed else rows
    source = "\ufeff" * data.draw(st.booleans()) + data.draw(rendered(value))
    with as_file(source, chunk) as path:
        document = JsonDocument(PLAIN)
        assert rewritten(document, path) == source.encode()
        translated = json.loads(rewritten(document, path, french).decode("utf-8-sig"))
        kept = rewritten(document, path, keep=lambda row: row.number % 2 == 0).decode("utf-8-sig")
    changed = [all_replaced(row, french) for row in rows]
    assert translated == (dict(zip(value, changed, strict=True)) if keyed else changed)
    some = [row for number, row in enumerate(rows, 1) if number % 2 == 0]
    assert json.loads(kept) == ({str(i): row for i, row in enumerate(rows) if i % 2} if keyed else some)


@QUICK
@given(st.data(), ROWS, st.dictionaries(st.sampled_from(["info", "z"]), VALUES), st.integers(1, 40))
def test_rows_inside_a_document(data: st.DataObject, rows: list[Any], others: dict[str, Any], chunk: int) -> None:
    value = {**others, "data": {"rows": rows}, "after": [1.0, {}]}
    source = data.draw(rendered(value))
    with as_file(source, chunk) as path:
        document = JsonDocument(Layout("plain", "json", FIELDS, rows="data.rows.*", keyed=None))
        assert rewritten(document, path) == source.encode()
        changed = [all_replaced(row, french) for row in rows]
        assert json.loads(rewritten(document, path, french)) == {**value, "data": {"rows": changed}}


@QUICK
@given(st.data(), ROWS, st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_lines_come_back(data: st.DataObject, rows: list[Any], ending: str, last: bool) -> None:
    lines = [data.draw(rendered(row)).replace("\n", " ").replace("\r", " ") for row in rows]
    source = "\ufeff" * data.draw(st.booleans()) + ending.join(lines) + ending * last
    with as_file(source) as path:
        jsonl = JsonLines(PLAIN)
        assert rewritten(jsonl, path) == source.encode()
        translated = rewritten(jsonl, path, french).decode("utf-8-sig")
        kept = rewritten(jsonl, path, keep=lambda row: row.number % 2 == 0).decode("utf-8-sig")
    assert [json.loads(line) for line in translated.split("\n") if line.strip()] == [
        all_replaced(row, french) for row in rows
    ]
    numbers = [number for number, line in enumerate(source.removeprefix("\ufeff").split("\n"), 1) if line.strip()]
    assert [json.loads(line) for line in kept.split("\n") if line.strip()] == [
        row for number, row in zip(numbers, rows, strict=True) if number % 2 == 0
    ]


def test_fields_ids_and_images_of_llava(written: Written) -> None:
    path = written(
        "a.json",
        '[{"id": 7, "image": "a/b.jpg", "conversations": [{"from": "human", "value": "<image>\\nIs it red?"},'
        '{"from": "gpt", "value": "Yes."}, {"from": "gpt", "value": "  "}, {"from": "gpt"}]},'
        '{"image": ["1.png", "2.png"], "conversations": []}]',
    )
    (first, second), bad = read(JsonDocument(layouts()["llava"]), path)
    assert bad == []
    assert (first.number, first.id, first.images) == (1, "7", ("a/b.jpg",))
    assert [(f.place, f.text, f.kind) for f in first.fields] == [
        ("conversations.0.value", "<image>\nIs it red?", "text"),
        ("conversations.1.value", "Yes.", "yes-no"),
    ]
    assert (second.number, second.id, second.images, second.fields) == (2, "2", ("1.png", "2.png"), ())


@pytest.mark.parametrize(
    ("raw", "new", "expected"),
    [
        (rb'{"caption": "caf\u00e9"}', "été", rb'{"caption": "\u00e9t\u00e9"}'),
        ('{"caption": "café"}'.encode(), "été", '{"caption": "été"}'.encode()),
        (b'{"caption": "cafe"}', "été", '{"caption": "été"}'.encode()),
        (rb'{"caption": "a\u000ab"}', "été", '{"caption": "été"}'.encode()),
        (rb'{"caption": "the \\usepackage \\uface command"}', "été", '{"caption": "été"}'.encode()),
        (rb'{"caption": "and\/or"}', "et/ou", rb'{"caption": "et\/ou"}'),
        (rb'{"caption": "and/or"}', "et/ou", rb'{"caption": "et/ou"}'),
        (rb'{"caption": "x", "n": 1.0, "e": 1e5, "n": 2}', "y", rb'{"caption": "y", "n": 1.0, "e": 1e5, "n": 2}'),
        (b'{"caption": "x", "n": ' + b"9" * 5000 + b"}", "y", b'{"caption": "y", "n": ' + b"9" * 5000 + b"}"),
        (rb'{"x": "a dog", "caption": "\u0061 dog"}', "chien", b'{"x": "a dog", "caption": "chien"}'),
        (rb'{"x": "a/b", "caption": "a\/b"}', "c", rb'{"x": "a/b", "caption": "c"}'),
        (rb'{"x": "a dog", "caption": "a dog"}', "chien", b'{"x": "a dog", "caption": "chien"}'),
        (rb'{"a dog": 1, "caption": "a dog"}', "chien", b'{"a dog": 1, "caption": "chien"}'),
        (rb'["x",",","caption"]', "y", rb'["x",",","caption"]'),
        (rb'{"x": ["x",",","y"], "caption": ","}', "z", rb'{"x": ["x",",","y"], "caption": "z"}'),
        (rb'{"x":["x",","],"caption":","}', "z", rb'{"x":["x",","],"caption":"z"}'),
        (rb' {"caption": "a", "x": "a"} ', "b", rb' {"caption": "b", "x": "a"} '),
        (rb'{"caption": "x"}', "half \ud83d", rb'{"caption": "half \ud83d"}'),
    ],
)
def test_strings_are_written_as_the_file_writes_them(written: Written, raw: bytes, new: str, expected: bytes) -> None:
    assert rewritten(JsonLines(PLAIN), written("a", raw), lambda text: new) == expected


@pytest.mark.parametrize("ascii_only", [True, False])
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS, new=st.text(max_size=9))
def test_what_is_found_by_its_letters_is_where_it_is_found_by_reading(
    rows: list[dict[str, Any]], new: str, ascii_only: bool
) -> None:
    for row in rows:
        text = json.dumps(row, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass").decode("latin-1")
        try:
            fields = json_tokens.find(PLAIN.tree, text, json_tokens.read_value(text, 0)[0]).fields
        except UnicodeDecodeError:
            continue
        texts = {field.place: field.text + new for field in fields}
        assert json_tokens.rewrite(PLAIN.tree, text, texts, fields) == json_tokens.rewrite(PLAIN.tree, text, texts)


def test_of_a_key_that_comes_twice_the_last_counts(written: Written) -> None:
    first_row = b'{"m": [{"c": "1"}, {"c": "2"}], "caption": "3", "m": [{"c": "4"}], "caption": "5"}'
    raw = b"[" + first_row + b', {"caption": "6", "caption": 7}]'
    document, path = JsonDocument(PLAIN), written("a", raw)
    (first, second), _ = read(document, path)
    assert {f.place: f.text for f in first.fields} == {"m.0.c": "4", "caption": "5"}
    assert second.fields == ()
    assert rewritten(document, path, lambda text: text * 2) == raw.replace(b'"4"', b'"44"').replace(b'"5"', b'"55"')


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"caption": "b", "x": }', "broken-json"),
        (b'{"caption": "b" "x": 1}', "broken-json"),
        (b'{"caption": "b}', "broken-json"),
        (b'{"caption": b", "m": [{"c": "x"}, {"c": "y"}]', "broken-json"),
        (b'{"caption": "tab\there"}', "broken-json"),
        (b'{"caption": ' + b"[" * 100_000 + b"}", "broken-json"),
        (b'{"caption": "caf\xe9"}', "invalid-utf-8"),
        (b'{"caption": "b", "caf\xe9": 1}', "invalid-utf-8"),
        (rb'{"caption": "half \ud83d"}', "invalid-unicode"),
        (b'{"caption": "' + b"x" * 1_000_001 + b'"}', "too-long"),
        (b'{"id": 5}', "missing-field"),
        (b"17", "missing-field"),
    ],
)
@pytest.mark.parametrize("separator", [b",", b",\n  "])
@pytest.mark.parametrize("first", [True, False])
def test_the_rows_after_a_bad_one_are_read(
    written: Written, broken: bytes, reason: str, separator: bytes, first: bool
) -> None:
    good = [b'{"caption": "a"}', b'{"caption": "c", "m": [{"c": "d"}]}']
    elements = [broken, *good] if first else [good[0], broken, good[1]]
    layout = Layout("captions", "json", FIELDS, require=("caption",))
    path = written("a.json", b"[" + separator.join(elements) + b"]\n")
    document = JsonDocument(layout)
    rows, (bad,) = read(document, path)
    assert [row.fields[0].text for row in rows] == ["a", "c"]
    assert (bad.number, bad.reason) == (1 if first else 2, reason)
    assert bad.raw == broken
    assert bad.detail
    assert rewritten(document, path) == b"[" + separator.join(good) + b"]\n"

    lines = written("a.jsonl", b"\n".join(elements) + b"\n")
    rows, (bad,) = read(JsonLines(layout), lines)
    assert [row.fields[0].text for row in rows] == ["a", "c"]
    assert (bad.number, bad.reason, bad.raw) == (1 if first else 2, reason, broken)
    assert rewritten(JsonLines(layout), lines) == b"\n".join(good) + b"\n"


@pytest.mark.parametrize("chunk", range(1, 60, 3))
def test_the_next_row_is_found_wherever_the_view_ends(chunk: int) -> None:
    good = '{"caption": "a", "m": [{"c": "b"}, {"c": "e"}]}'
    broken = '{"caption": oops, "m": [{"c": "d"}, {"c": "d"}]}'
    layout = Layout("captions", "json", FIELDS, require=("caption",))
    with as_file(f"[{good},\n {broken},\n {good},\n {broken},\n {good}]", chunk) as path:
        rows, bad = read(JsonDocument(layout), path)
        again = rewritten(JsonDocument(layout), path)
    assert [row.number for row in rows] == [1, 3, 5]
    assert [row.raw for row in bad] == [broken.encode()] * 2
    assert again == f"[{good},\n {good},\n {good}]".encode()


def test_a_nested_object_is_not_taken_for_the_next_row(written: Written) -> None:
    turn = '{"from": "gpt", "value": "a"}'
    row = f'{{"id": "1", "conversations": [{turn}, {turn}]}}'
    path = written("a.json", f'[{row}, {{"id": "2", "conversations": [{turn}, oops, {turn}, {turn}]}}, {row}, {row}]')
    rows, (bad,) = read(JsonDocument(layouts()["llava"]), path)
    assert [row.number for row in rows] == [1, 3, 4]
    assert bad.number == 2


def test_a_broken_row_of_an_object(written: Written) -> None:
    path = written("a.json", '{"1": {"caption": "a"}, "2": {"caption": }, "3": {"caption": "c"}, "v": 2, "w": [{}]}')
    document = JsonDocument(PLAIN)
    rows, (bad,) = read(document, path)
    assert [row.number for row in rows] == [1, 3]
    assert bad.number == 2
    assert json.loads(rewritten(document, path)) == {"1": {"caption": "a"}, "3": {"caption": "c"}, "v": 2, "w": [{}]}


@pytest.mark.parametrize(
    ("content", "byte"),
    [
        (b'[{"caption": "a"}, {"caption": "b', 19),
        (b'[{"caption": "a"} {"caption": "b"}]', 18),
        (b'[{"caption": "a"}', 17),
        (b'[{"caption": "a"}]]', 18),
        (b'[{"caption": "a"}}', 17),
        (b"", 0),
        (b"hello", 0),
        (b"\xff\xfe[\0]\0", 0),
    ],
)
def test_where_a_document_breaks_off(written: Written, content: bytes, byte: int) -> None:
    path = written("a.json", content)
    with pytest.raises(InputError, match=rf"can't be read on from byte {byte}.*tail -c \+{byte + 1}"):
        list(JsonDocument(PLAIN).rows(path))


def test_a_document_without_the_rows(written: Written) -> None:
    layout = layouts()["vqa-questions"]
    with pytest.raises(InputError, match=r"has no rows at 'questions\.\*'"):
        list(JsonDocument(layout).rows(written("a.json", '{"a": []}')))
    with pytest.raises(InputError, match="expecting an object with the key 'questions'"):
        list(JsonDocument(layout).rows(written("a.json", "[1, 2")))
    with pytest.raises(InputError, match="expecting an array of rows"):
        list(JsonDocument(layouts()["llava"]).rows(written("a.json", "{}")))


def test_a_missing_file(tmp_path: Path) -> None:
    for data_format in (JsonDocument(PLAIN), JsonLines(PLAIN)):
        with pytest.raises(InputError, match="can't read .*none.*No such file"):
            list(data_format.rows(tmp_path / "none"))


def test_a_source_that_changed(written: Written) -> None:
    document, path = JsonDocument(PLAIN), written("a.json", '[{"caption": "a"}, {"caption": "b"}]')
    rows, _ = read(document, path)
    written("a.json", '[{"caption": "a"}]')
    with pytest.raises(InputError, match="row 2 .*isn't where it was"):
        document.write(path, io.BytesIO(), [(row, {}) for row in rows])
    written("a.json", '[{"caption": 1}, {"caption": "b"}]')
    with pytest.raises(InputError, match="no text at 'caption'.*changed"):
        document.write(path, io.BytesIO(), [(row, {"caption": "x"}) for row in rows])


def test_a_line_without_end_is_passed_over(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lines", "json_lines", "window"):
        monkeypatch.setattr(f"passerelle.formats.{module}.MAX_ROW_BYTES", 1000)
    path = written("a.jsonl", b'{"caption": "a"}\n{"caption": "' + b"x" * 5000 + b'"}\n{"caption": "c"}\n')
    jsonl = JsonLines(PLAIN)
    rows, (bad,) = read(jsonl, path)
    assert ([row.number for row in rows], bad.number, bad.reason) == ([1, 3], 2, "too-long")
    assert rewritten(jsonl, path) == b'{"caption": "a"}\n{"caption": "c"}\n'


def test_a_mark_is_a_byte_order_mark_at_the_beginning_only(written: Written) -> None:
    path = written("a.jsonl", '\ufeff{"caption": "a"}\n\ufeff{"caption": "b"}\n')
    (row,), (bad,) = read(JsonLines(PLAIN), path)
    assert (row.number, bad.number, bad.reason) == (1, 2, "broken-json")
    assert rewritten(JsonLines(PLAIN), path, keep=lambda row: False) == "\ufeff".encode()


def test_the_names_of_coco_images(written: Written) -> None:
    captions = (
        '"annotations": [{"id": 5, "image_id": 2, "caption": "A cat."}, {"id": 6, "image_id": 3, "caption": "x"}]'
    )
    images = '"images": [{"id": 1, "file_name": "a.jpg"}, {"file_name": "b.jpg", "id": 2}]'
    coco = JsonDocument(layouts()["coco-captions"])
    for content in (f"{{{images}, {captions}}}", f"{{{captions}, {images}}}"):
        (row,), (bad,) = read(coco, written("a.json", content))
        assert (row.id, row.images, row.fields[0].text) == ("5", ("b.jpg",), "A cat.")
        assert (bad.number, bad.reason) == (2, "missing-image")
    rows, bad_rows = read(coco, written("a.json", f"{{{captions}}}"))
    assert ([row.images for row in rows], bad_rows) == ([(), ()], [])


def test_a_science_question(written: Written) -> None:
    problem = {"question": "Which?", "choices": ["a cat", "a dog"], "answer": 1, "hint": "", "image": "image.png"}
    content = {"1": {**problem, "split": "train"}, "2": {**problem, "image": None, "split": "train"}}
    (first, second), _ = read(JsonDocument(layouts()["scienceqa"]), written("a.json", json.dumps(content)))
    assert (first.id, first.images) == ("1", ("train/1/image.png",))
    assert [(f.place, f.kind) for f in first.fields] == [
        ("question", "text"),
        ("choices.0", "option"),
        ("choices.1", "option"),
    ]
    assert (second.id, second.images) == ("2", ())
    assert all(isinstance(row, Row) for row in (first, second))


def test_vqa_answers(written: Written) -> None:
    answers = [{"answer": "net", "answer_id": 1}, {"answer": "yes", "answer_id": 2}]
    row = {"question_type": "what is", "multiple_choice_answer": "net", "answers": answers, "question_id": 9}
    path = written("a.json", json.dumps({"info": {}, "annotations": [row]}))
    (found,), _ = read(JsonDocument(layouts()["vqa-annotations"]), path)
    assert found.id == "9"
    assert [(f.place, f.text, f.kind) for f in found.fields] == [
        ("multiple_choice_answer", "net", "answer"),
        ("answers.0.answer", "net", "answer"),
        ("answers.1.answer", "yes", "yes-no"),
    ]
