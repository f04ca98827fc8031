"""Answers that somebody else made: whose layout they are in, and which question each is about."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from PIL import Image

from passerelle.errors import InputError
from passerelle.evaluation import reading
from passerelle.evaluation.asking.predictions import answers_to, read_predictions
from passerelle.evaluation.benchmarks import mme, pope
from passerelle.evaluation.benchmarks.base import Benchmark
from passerelle.evaluation.parsing.localised import answer_words, option_of, yes_or_no
from passerelle.evaluation.specification import Planned, Source

POPE = [{"question_id": 10 + i, "image": "a.png", "text": f"Is there a dog? ({i})", "label": "yes"} for i in range(3)]
MME = [
    {"category": "ocr", "question_id": "b", "question": f"Is it {word}?", "answer": word, "_line": line}
    for line, word in enumerate(("yes", "no"), 1)
]


def asked(benchmark: Benchmark, rows: list[dict[str, Any]]) -> reading.Test:
    items = [item for row in rows for item in benchmark.read(row, "en")]
    return reading.Test(benchmark, "en", benchmark.name, "generate", items=items)


def read(path: Path, test: reading.Test) -> tuple[dict[str, str], list[str]]:
    predictions = read_predictions(path)
    answered = answers_to(predictions, test, ["en"], True)
    return {key: kept.answer.text for key, kept in answered.kept.items()}, predictions.notes


def workbook(path: Path, rows: list[list[str]]) -> None:
    """Write a workbook as Excel does, texts in a table beside the sheet."""
    texts = list(dict.fromkeys(cell for row in rows for cell in row if not cell.isdigit()))

    def cell(text: str, place: str) -> str:
        kind, value = ("", text) if text.isdigit() else (' t="s"', str(texts.index(text)))
        return f'<c r="{place}"{kind}><v>{value}</v></c>' if text else ""

    spreadsheet = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = "".join(
        f'<row r="{n}">{"".join(cell(text, f"{chr(65 + c)}{n}") for c, text in enumerate(row))}</row>'
        for n, row in enumerate(rows, 1)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {spreadsheet}><sheetData>{sheet}</sheetData></worksheet>"
        )
        archive.writestr(
            "xl/sharedStrings.xml",
            f"<sst {spreadsheet}>" + "".join(f"<si><t>{escape(t)}</t></si>" for t in texts) + "</sst>",
        )


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


SAID = ["Yes", "No", "Yes"]
LMMS = [{"doc_id": i, "target": "yes", "filtered_resps": [said], "resps": [[said]]} for i, said in enumerate(SAID)]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([{"question_id": row["question_id"], "text": said} for row, said in zip(POPE, SAID, strict=True)], ""),
        ([{**row, "response": said} for row, said in zip(POPE, SAID, strict=True)], ""),
        ([{**row, "doc": doc} for row, doc in zip(LMMS, POPE, strict=True)], ""),
        ([{**row, "doc": {"id": d["question_id"], "question": "?"}} for row, d in zip(LMMS, POPE, strict=True)], ""),
        (LMMS, "by their order"),
        (LMMS[::-1], "by their order"),
        ([{"question": row["text"], "answer": said} for row, said in zip(POPE, SAID, strict=True)], "by their order"),
    ],
)
def test_layouts_of_pope(tmp_path: Path, rows: list[dict[str, Any]], note: str) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text(lines(rows))
    found, notes = read(path, asked(pope.BENCHMARK, POPE))
    assert found == {"10": "Yes", "11": "No", "12": "Yes"}
    assert [note in each for each in notes] == ([True] if note else [])


def test_an_excel_file_as_vlmevalkit_writes_it(tmp_path: Path) -> None:
    rows = [["index", "question", "answer", "prediction"]]
    rows += [[str(row["question_id"]), "Is there a <dog>?", "Yes", said] for row, said in zip(POPE, SAID, strict=True)]
    workbook(tmp_path / "said.xlsx", rows)
    found, notes = read(tmp_path / "said.xlsx", asked(pope.BENCHMARK, POPE))
    assert (found, notes) == ({"10": "Yes", "11": "No", "12": "Yes"}, [])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text"])
def test_what_is_no_workbook(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "said.xlsx").write_bytes(content)
    with pytest.raises(InputError, match="can't be read as an Excel workbook"):
        read_predictions(tmp_path / "said.xlsx")


def results_folder(folder: Path) -> Path:
    (folder / "results").mkdir()
    said = "".join(f"b.jpg\t{row['question']}\t{row['answer']}\tYes\n" for row in MME)
    (folder / "results" / "ocr.txt").write_text(said + "broken\n")
    return folder / "results"


def results_log(folder: Path) -> Path:
    docs = [{**row, "question_id": "ocr/b.png"} for row in MME]
    (folder / "said.json").write_text(
        json.dumps({"logs": [{"doc_id": i, "doc": doc, "resps": [["Yes"]]} for i, doc in enumerate(docs)]})
    )
    return folder / "said.json"


@pytest.mark.parametrize(("make", "broken"), [(results_folder, 1), (results_log, 0)])
def test_layouts_of_mme(tmp_path: Path, make: Callable[[Path], Path], broken: int) -> None:
    found, notes = read(make(tmp_path), asked(mme.BENCHMARK, MME))
    assert found == {"ocr/b#1": "Yes", "ocr/b#2": "Yes"}
    assert len(notes) == broken + 1 and "by question and picture" in notes[-1]


def test_a_record_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text(
        lines([{"question_id": 10, "text": "Yes."}, {"question_id": 11, "text": {"a": 1}}]), encoding="utf-8"
    )
    said, notes = read(tmp_path / "said.jsonl", asked(pope.BENCHMARK, POPE))
    assert said == {"10": "Yes."} and notes == ["row 2: no id or no text"]


def test_an_order_that_is_another_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text(lines([{"question": row["text"], "answer": "Yes"} for row in POPE[::-1]]))
    with pytest.raises(InputError, match="answers no question"):
        read(path, asked(pope.BENCHMARK, POPE))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("<answer>No</answer>", "no"),
        ("<ANSWER> yes. </ANSWER>", "yes"),
        ("<think>Is there a dog? Yes maybe.</think>\nNo", "no"),
        ("Is there one? Yes.</think>No", "no"),
        ("<think>Yes, there is", None),
        ("A: Yes", "yes"),
        ("🐶 Yes", "yes"),
        ("- **No**", "no"),
        ("\\boxed{\\text{No}}", "no"),
        ("No<|im_end|>", "no"),
        ("It appears that there is a dog.", "yes"),
        ("It seems there isn't any.", "no"),
        ("I am not sure.", None),
    ],
)
def test_what_stands_around_a_yes_or_no(said: str, meant: str | None) -> None:
    assert yes_or_no(said, "en") == yes_or_no(said, "fr") == meant


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("<answer>B</answer>", 1),
        ("<think>A or C? A.</think>B", 1),
        ("A: B", 1),
        ("A: a cat", 0),
        ("A. a cat is wrong. <answer>B</answer>", 1),
        ("<answer>A</answer> no, <answer>B</answer>", 1),
        ("$\\boxed{\\text{B}}$", 1),
        ("<|begin_of_box|>B<|end_of_box|>", 1),
        ("<think>A", None),
    ],
)
def test_what_stands_around_a_letter(said: str, place: int | None) -> None:
    assert option_of(said, ("a cat", "a dog", "a bird"), "en") == place


def test_what_stands_around_an_open_answer() -> None:
    assert answer_words("<think>hm, quatre</think><answer>Deux chiens 🐶</answer>", "fr") == "2 chiens"


@pytest.mark.parametrize(("inside", "anywhere", "found"), [(True, False, 1), (False, False, 0), (False, True, 1)])
def test_pictures_at_absolute_paths(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, inside: bool, anywhere: bool, found: int
) -> None:
    place = (tmp_path if inside else tmp_path_factory.mktemp("elsewhere")) / "a.png"
    Image.new("RGB", (4, 4)).save(place)
    file = tmp_path / "pope.jsonl"
    file.write_text(lines([POPE[0] | {"image": str(place)}]))
    source = Source("pope", (str(file),), "en")
    plan = Planned((source,), "generate", images_anywhere=anywhere)
    try:
        test = reading.read_test(plan, source, tmp_path / "kept", with_pictures=True)
    except InputError as error:
        assert found == 0 and "images-anywhere" in str(error)
        return
    assert (len(test.items), len(test.pictures)) == (found, found)
