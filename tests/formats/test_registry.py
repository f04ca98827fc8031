"""Which format a file is in, and what is said where that isn't clear."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reading import read, rewritten

from passerelle.errors import ConfigError, InputError
from passerelle.formats import layout as layout_module
from passerelle.formats.base import Format, Row
from passerelle.formats.layout import layouts
from passerelle.formats.registry import CONTAINERS, PLAIN, detect, formats, open_format

Written = Callable[[str, bytes | str], Path]

TURNS = [{"from": "human", "value": "What?"}]
MESSAGES = [{"role": "user", "content": "What?"}]
POPE = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog?", "label": "no"}
PROBLEM = {"question": "Which?", "choices": ["a", "b"], "answer": 0}
FILES: dict[str, tuple[str, str]] = {
    "llava": ("x.jsonl", json.dumps([{"id": "1", "conversations": TURNS}])),
    "llava-jsonl": ("x.json", json.dumps({"id": "1", "conversations": TURNS})),
    "messages": ("x.txt", json.dumps({"messages": MESSAGES}) + "\n" + json.dumps({"messages": MESSAGES})),
    "messages-json": ("x", json.dumps([{"messages": MESSAGES}], indent=4)),
    "vqa-questions": ("x.json", json.dumps({"questions": [{"question": "What?", "question_id": 1}]})),
    "vqa-annotations": ("x", json.dumps({"annotations": [{"multiple_choice_answer": "a", "question_id": 1}]})),
    "coco-captions": ("x", json.dumps({"annotations": [{"caption": "a", "image_id": 1}], "images": [{"id": 1}]})),
    "mmbench": ("x.csv", "index\tquestion\tA\tB\tanswer\timage\n1\tWhat?\ta\tb\tA\t\n"),
    "pope": ("x.json", json.dumps(POPE) + "\n" + json.dumps(POPE) + "\n"),
    "scienceqa": ("x.json", json.dumps({"1": PROBLEM, "2": PROBLEM})),
}


@pytest.mark.parametrize("name", FILES)
def test_the_content_tells_the_format(written: Written, name: str) -> None:
    path = written(*FILES[name])
    found = detect(path)
    assert found.name == name
    assert isinstance(found, Format)
    assert [other for other in formats() if formats()[other].detects(path)] == [name]


def test_all_formats_are_tried_here_or_in_their_own_tests() -> None:
    assert set(formats()) == {*FILES, "mme", "llava-parquet", "messages-parquet"}
    assert {layout.container for layout in layouts().values()} == set(CONTAINERS)


def test_broken_rows_at_the_beginning_do_not_hide_the_format(written: Written) -> None:
    rows = ["{broken", json.dumps(POPE), "{broken", "", json.dumps(POPE)]
    assert detect(written("x", "\n".join(rows))).name == "pope"


@pytest.mark.parametrize(
    "rows", [[{"messages": []}] * 3, [POPE, *[{"text": "a"}] * 3], [{"messages": [{"role": "user", "content": 1}]}]]
)
def test_a_few_rows_that_fit_are_not_enough(written: Written, rows: list[Any]) -> None:
    with pytest.raises(InputError, match="in no format that is known"):
        detect(written("x", "\n".join(json.dumps(row) for row in rows)))


def test_two_formats_that_fit(written: Written) -> None:
    path = written("x.json", json.dumps([{"conversations": TURNS, "messages": MESSAGES}]))
    with pytest.raises(InputError, match="as llava or messages-json. Say which: --format llava or --format messages"):
        detect(path)
    assert open_format(path, "messages-json").name == "messages-json"


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ('[{"id": 1, "caption": "a"}]', "a JSON document, an array of rows with the keys id, caption"),
        ('{"data": [{"caption": "a"}]}', "a JSON document, an object with the keys data"),
        ('{"id": 1, "caption": "a"}\n{"id": 2}\n', "JSON lines with the keys id, caption"),
        ("id,caption\n1,a\n", "a table with the columns id, caption"),
        ("hello", "a text that begins with 'hello'"),
        ("", "empty"),
        (b"\x1f\x8b\x08\0", "compressed with gzip (gunzip it first)"),
        (b"\xff\xfea\0", "encoded in UTF-16 (convert it"),
        (b"\0\1\2", "no text file"),
        ("[" * 100_000, "a JSON document, an array of rows"),
        ('{"a":' * 100_000, "a JSON document, an object"),
    ],
)
def test_an_unknown_file_is_described(written: Written, content: str | bytes, seen: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"it is {seen}")) as refusal:
        detect(written("x", content))
    assert "--fields messages.*.content,caption" in str(refusal.value)
    assert "--format llava|" in str(refusal.value)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_a_table_of_a_spreadsheet_is_known_and_described(written: Written, encoding: str) -> None:
    path = written("x.csv", "id;légende\n1;un œuf\n".encode(encoding))
    with pytest.raises(InputError, match="a table with the columns id, légende"):
        detect(path)
    (row,) = open_format(path, fields=["légende"]).rows(path)
    assert isinstance(row, Row) and row.fields[0].text == "un œuf"


def test_an_unknown_folder_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder"):
        detect(tmp_path)
    with pytest.raises(InputError, match="no file at"):
        detect(tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "fields", "name"),
    [
        ('[{"id": "x", "caption": "a"}]', ["caption"], "json"),
        ('{"info": {}, "data": {"train": [{"id": "x", "caption": "a"}]}}', ["data.train.*.caption"], "json"),
        ('{"k": {"id": "x", "caption": "a"}}', ["*.caption"], "json"),
        ('{"id": "x", "m": [{"c": "a"}]}\n{"id": "y", "m": []}\n', ["m.*.c"], "jsonl"),
        ('{"id": "x", "m": [{"c": "a"}]}', ["m.*.c"], "jsonl"),
        ("id,caption\nx,a\n", ["caption"], "csv"),
        ("id\tcaption\nx\ta\n", ["caption"], "csv"),
    ],
)
def test_any_rows_with_named_fields(written: Written, content: str, fields: list[str], name: str) -> None:
    path = written("x.jsonl" if name == "jsonl" else "x", content)
    data_format = open_format(path, fields=fields)
    assert data_format.name == name
    rows, bad = read(data_format, path)
    assert bad == []
    assert (rows[0].id, [field.text for field in rows[0].fields]) == ("x", ["a"])
    assert rewritten(data_format, path) == content.encode()
    assert (
        rewritten(data_format, path, str.upper)
        == content.replace('"a"', '"A"').replace("xa", "xA").replace("x,a", "x,A").replace("x\ta", "x\tA").encode()
    )


SHAPES: list[tuple[Any, bool]] = [
    ({"caption": None}, True),
    ({"caption": 5}, True),
    ({"m": [{"c": "b", "other": "words of another"}]}, True),
    ({"m": []}, True),
    ({"text": "an English text"}, False),
    ({"id": "y"}, False),
    ({"caption": {"en": "b"}}, False),
    ({"caption": ["b"]}, False),
    ({"m": "words"}, False),
    ({"m": [{"text": "an English text"}]}, False),
    ("words", False),
    ([["words"]], False),
    (3, False),
    (None, False),
]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "keyed"])
def test_rows_of_another_shape_than_the_fields_are_rejected(written: Written, name: str) -> None:
    shapes = [one for one in SHAPES if name != "keyed" or isinstance(one[0], dict)]  # other members aren't rows
    values = [{"caption": "a"}, *(value for value, _ in shapes)]
    lines = "\n".join(map(json.dumps, values))
    keyed = dict(enumerate(values))
    path = written(name, lines if name == "x.jsonl" else json.dumps(keyed if name == "keyed" else values))
    before = "*." if name == "keyed" else ""
    data_format = open_format(path, fields=[f"{before}caption", f"{before}m.*.c"])
    rows, bad = read(data_format, path)
    assert [row.number for row in rows] == [1, *(at for at, (_, fits) in enumerate(shapes, 2) if fits)]
    assert [(row.number, row.reason) for row in bad] == [
        (at, "unknown-shape") for at, (_, fits) in enumerate(shapes, 2) if not fits
    ]


def test_images_of_plain_rows(written: Written) -> None:
    path = written("x", '[{"caption": "a", "pictures": [{"file": "a.png"}]}]')
    (row,), _ = read(open_format(path, fields=["caption"], images=["pictures.*.file"]), path)
    assert row.images == ("a.png",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "lava"}, "unknown format 'lava'. Did you mean 'llava'?"),
        ({"name": "jsonl"}, "format 'jsonl' needs the places of the texts"),
        ({"name": "llava", "fields": ["caption"]}, "format 'llava' knows its fields"),
        ({"name": "json", "fields": ["a..b"]}, "'a..b' is no place in a row"),
    ],
)
def test_options_that_will_not_do(written: Written, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        open_format(written("x", '[{"caption": "a"}]'), **options)


def test_fields_that_are_not_there(written: Written) -> None:
    with pytest.raises(InputError, match="no text at captoin in the first 2 rows .* with the keys caption"):
        open_format(written("x", '[{"caption": "a"}, {"caption": "b"}]'), fields=["captoin"])
    with pytest.raises(InputError, match="unknown column 'captoin'. Did you mean 'caption'"):
        open_format(written("x", "id,caption\n1,a\n"), fields=["captoin"])
    with pytest.raises(ConfigError, match=r"must say where its rows are: for example data\.\*\.caption"):
        open_format(written("x", '{"data": [{"caption": "a"}]}'), "json", ["caption"])
    with pytest.raises(ConfigError, match=r"can't be in several places at once \(a\.\*, b\.\*\)"):
        open_format(written("x", '{"a": [], "b": []}'), "json", ["a.*.c", "b.*.c"])
    with pytest.raises(InputError, match="can't be read with --fields: it is empty"):
        open_format(written("x", ""), fields=["caption"])


def test_the_page_about_formats_names_them_all() -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "reference" / "formats.md").read_text("utf-8")
    sources = "\n".join(path.read_text("utf-8") for path in (root / "src/passerelle/formats").glob("*.py"))
    reasons = set(re.findall(r'(?:number, |return |= \()"([a-z0-9]+(?:-[a-z0-9]+)+)", ', sources))
    assert reasons > {"broken-json", "image-bomb", "invalid-utf-8", "too-long"}
    missing = [name for name in (*formats(), *PLAIN, *reasons) if f"`{name}`" not in page]
    assert missing == []


def test_plain_formats_hide_no_known_one() -> None:
    assert not set(PLAIN) & set(formats())


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('container = "json"\nfeilds = {}', "format 'x': unknown key 'feilds'. Did you mean 'fields'"),
        ('container = "json"\nfields = {a = "texts"}', "unknown kind of field 'texts'. Did you mean 'text'"),
    ],
)
def test_a_mistake_in_the_table_of_formats(
    written: Written, monkeypatch: pytest.MonkeyPatch, entry: str, message: str
) -> None:
    written("data/formats.toml", f"[x]\n{entry}\n")
    folder = written("data/x", "").parent.parent
    monkeypatch.setattr(layout_module.resources, "files", lambda package: folder)
    with pytest.raises(ConfigError, match=re.escape(message)):
        layouts.__wrapped__()


SAID = {"role": "assistant", "content": "A cat sleeps."}


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("messages", {"messages": [{"role": "user", "content": {"type": "text", "text": "What is it?"}}]}, "content"),
        ("messages", {"messages": [{"role": "user", "content": [["What is it?"]]}]}, "messages.0.content.0"),
        ("messages", {"messages": [{"role": "user", "content": ["What is it?"]}]}, "messages.0.content.0"),
        (
            "messages",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ["a b"]}]}]},
            "content.0.text",
        ),
        ("messages", {"messages": [{"role": "user", "said": "What is it?"}]}, "messages.0"),
        ("messages", {"messages": "user: What is it?"}, "messages"),
        ("llava-jsonl", {"conversations": [{"from": "gpt", "text": "A cat sleeps."}]}, "conversations.0"),
        ("llava-jsonl", {"conversations": [{"from": "gpt", "value": ["A cat"]}]}, "conversations.0.value"),
        ("pope", POPE | {"text": ["Is there a dog?"]}, "text"),
    ],
)
def test_texts_in_a_shape_that_is_not_known_are_no_row(written: Written, name: str, content: Any, place: str) -> None:
    path = written("x.jsonl", json.dumps(content))
    good, (bad,) = read(formats()[name], path)
    assert (good, bad.reason) == ([], "unknown-shape")
    assert place in bad.detail


@pytest.mark.parametrize(
    "content",
    [
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}, SAID]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "image": {"path": "a b.png"}, "text": None}]},
                SAID,
            ]
        },
        {"messages": [{"from": "human", "value": "What is it?"}]},
        {"messages": [{"role": "user", "content": None, "tool_calls": []}, SAID], "source": "a data set"},
    ],
)
def test_what_holds_no_text_is_no_strange_shape(written: Written, content: Any) -> None:
    (row,), bad = read(formats()["messages"], written("x.jsonl", json.dumps(content)))
    assert bad == [] and row.fields


def test_captions_in_a_list_and_problems_that_are_none(written: Written) -> None:
    captions = [{"id": 1, "image_id": 1, "caption": "A cat."}, {"id": 2, "image_id": 1, "caption": ["A cat."]}]
    path = written("c.json", json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": captions}))
    good, (bad,) = read(formats()["coco-captions"], path)
    assert (len(good), bad.reason) == (1, "unknown-shape")
    path = written("s.json", json.dumps({"1": PROBLEM, "2": "Which one is it?", "3": [PROBLEM], "4": PROBLEM}))
    science = formats()["scienceqa"]
    good, bad = read(science, path)
    assert ([row.id for row in good], [row.reason for row in bad]) == (["1", "4"], ["missing-field"] * 2)
    assert json.loads(rewritten(science, path, str.upper)).keys() == {"1", "4"}


def test_turns_of_either_kind_are_found_under_either_name(written: Written) -> None:
    said = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "What is it?"}]
    path = written("x.jsonl", json.dumps({"conversations": [{"role": "user", "content": said}, SAID]}))
    (row,), bad = read(detect(path), path)
    assert (detect(path).name, bad, row.images) == ("llava-jsonl", [], ("a.png",))
    assert [field.text for field in row.fields] == ["What is it?", "A cat sleeps."]
