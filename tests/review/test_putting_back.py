"""Corrections as the memory keeps them, rows that are touched, disputes, native texts; judgments out and in again."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.errors import InputError
from passerelle.quality.estimate.labels import read_labels
from passerelle.review.findings.judged import Judged
from passerelle.review.putting_back.corrections import corrections_of, memory_pairs
from passerelle.review.putting_back.exchange import label_rows, labels_csv
from passerelle.review.putting_back.pearmut import read_pearmut
from passerelle.translation.memory.memory import TranslationMemory
from review_server import HttpExpert, Server, passerelle

TWO = "A red car. It is fast."


def judged(expert: str, item: str, correction: str, hour: int = 1, **more: Any) -> Judged:
    content = {"score": 40, "correction": correction}
    values: dict[str, Any] = {
        "expert": expert, "task": "translation", "item": item, "occasion": 1, "is_attention": False,
        "is_flipped": False, "stratum": "", "cluster": item, "shown": {"source": "A car", "translation": "Un char"},
        "hidden": {"row": item, "place": "caption"}, "content": content, "seconds": 1.0,
        "finished": datetime(2026, 1, 1, hour, tzinfo=UTC), "picture": None,
    }  # fmt: skip
    return Judged(**{**values, **more})


def test_the_correction_of_most_wins_then_the_latest() -> None:
    found = corrections_of(
        [judged("a", "1", "Une auto"), judged("b", "1", "Une voiture", 2), judged("c", "1", "Une auto")]
    )
    assert [(one.text, one.agreeing, one.experts) for one in found] == [("Une auto", 2, 3)]
    found = corrections_of([judged("a", "1", "Une auto", 3), judged("b", "1", "Une voiture", 2)])
    assert [(one.text, one.agreeing, one.experts) for one in found] == [("Une auto", 1, 2)]
    # Checks, blanks, and what stayed as it was are no corrections; who corrects twice has one voice.
    assert (
        corrections_of([judged("a", "1", "x", is_attention=True), judged("a", "2", " "), judged("a", "3", "Un char")])
        == []
    )
    twice = corrections_of([judged("a", "1", "Une auto", 1), judged("a", "1", "Une voiture", 2, occasion=2)])
    assert [(one.text, one.experts) for one in twice] == [("Une voiture", 1)]


def test_the_memory_gets_sentences_where_they_correspond() -> None:
    pairs = memory_pairs(TWO, "Une voiture rouge. Elle est rapide.", "en", "fr")
    assert pairs == [("A red car.", "Une voiture rouge."), ("It is fast.", "Elle est rapide.")]
    assert memory_pairs("A car", "Une voiture", "en", "fr") == [("A car", "Une voiture")]
    assert memory_pairs(TWO, "Une voiture rouge et rapide.", "en", "fr") == [(TWO, "Une voiture rouge et rapide.")]
    protected = "See https://example.org now"
    assert memory_pairs(protected, "Voyez https://example.org", "en", "fr") == [
        (protected, "Voyez https://example.org")
    ]


ROWS = [
    {"id": "one", "text": TWO, "n": 1},
    {"id": "two", "text": "It is fast. Too fast.", "n": 2},
    {"id": "three", "text": "Two cats", "n": 3},
    {"id": "four", "text": "See https://example.org now", "n": 4},
]


@pytest.fixture
def reviewed(tmp_path: Path, serving: Callable[[str], Server]) -> Callable[[dict[str, str]], Path]:
    """Translate `ROWS`, let an expert correct by source text; return the database."""

    def make(corrections: dict[str, str]) -> Path:
        (tmp_path / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
        files = [str(tmp_path / "en.jsonl"), "--to", "fr", "--fields", "text"]
        passerelle("translate", *files, "--out", str(tmp_path / "fr.jsonl"), "--memory", str(tmp_path / "tm.sqlite"))
        where = str(tmp_path / "review.sqlite")
        options = [
            "--data",
            *files,
            "--translated",
            str(tmp_path / "fr.jsonl"),
            "--experts",
            "Ann,Bob",
            "--interface",
            "en",
        ]
        made = passerelle(
            "review", "create", "c", "--db", where, *options, "--attention", "0", "--repeats", "0", "--overlap", "1"
        )
        expert = HttpExpert(serving(where).url, made["links"]["Ann"].rpartition("/")[2])
        while (item := expert.current()) is not None:
            (shown,) = lxml.html.fromstring(item["page"]).xpath('//*[@class="text"][@lang="en"]')
            source = shown.text_content()
            content: dict[str, Any] = {"score": 50}
            if source in corrections:
                content["correction"] = corrections[source]
            assert expert.save(item["key"], content, item["version"]).status_code == 200
        return Path(where)

    return make


def apply(database: Path, *options: str) -> dict[str, Any]:
    folder = database.parent
    done: dict[str, Any] = passerelle(
        "review",
        "apply",
        "--db",
        str(database),
        "--memory",
        str(folder / "tm.sqlite"),
        "--out",
        str(folder / "out"),
        *options,
    )
    return done


def test_only_rows_that_a_correction_touches_change(reviewed: Callable[[dict[str, str]], Path], tmp_path: Path) -> None:
    database = reviewed({TWO: "Une auto rouge. Elle fonce.", ROWS[3]["text"]: "Allez sur https://example.org"})  # type: ignore[dict-item]
    before = (tmp_path / "fr.jsonl").read_bytes().splitlines(keepends=True)
    done = apply(database)
    after = (tmp_path / "out" / "fr.jsonl").read_bytes().splitlines(keepends=True)
    texts = [json.loads(line)["text"] for line in after]
    assert texts[0] == "Une auto rouge. Elle fonce."
    assert texts[1].startswith("Elle fonce. "), "the sentence was corrected in another row"
    assert after[2] == before[2], "bytes of a row that nothing touches"
    assert texts[3] == "Allez sur https://example.org"
    assert done["rows"] == {"all": 4, "touched": 3, "changed": 3, "refused": 0}
    assert done["calibration"]["calibration"] is None and "at least 50" in done["calibration"]["reason"]
    with TranslationMemory(tmp_path / "tm.sqlite") as memory:
        known = memory.lookup(["It is fast."], "en", "fr", "whatever engine")
    assert known["It is fast."].translation == "Elle fonce." and known["It is fast."].origin == "human-translation"
    assert set(done["corrected_texts"]) == {TWO, ROWS[3]["text"]}


def test_an_expert_can_be_left_out(reviewed: Callable[[dict[str, str]], Path]) -> None:
    database = reviewed({TWO: "Une auto rouge. Elle fonce."})
    done = apply(database, "--without", "Ann")
    assert done["corrections"] == 0 and done["expert_hours"] == 0 and "rows" not in done
    result = CliRunner().invoke(main, ["review", "apply", "--db", str(database), "--out", "x", "--without", "Eve"])
    assert result.exit_code == 2 and "no expert 'Eve'" in result.output


def test_judgments_go_out_and_come_in_once(
    reviewed: Callable[[dict[str, str]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = reviewed({TWO: "Une auto rouge. Elle fonce."})
    # The same campaign in another place: a copy from before anybody worked.
    out = tmp_path / "judgments.jsonl"
    result = CliRunner().invoke(main, ["review", "export", "--db", str(database), "--out", str(out)])
    assert result.exit_code == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 4 and {row["expert"] for row in rows} == {"Ann"}
    assert [row["content"]["correction"] for row in rows if "correction" in row["content"]] == [
        "Une auto rouge. Elle fonce."
    ]
    from sqlalchemy import create_engine, text

    other = tmp_path / "other.sqlite"
    shutil.copy(database, other)
    engine = create_engine(f"sqlite:///{other}")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM saves"))
        connection.execute(text("UPDATE assignments SET is_done = 0, version = 0, content = '{}', seconds = 0"))
    engine.dispose()
    assert passerelle("review", "import", str(out), "--db", str(other)) == {"new": 4, "known": 0, "kept": 0}
    assert passerelle("review", "import", str(out), "--db", str(other)) == {"new": 0, "known": 4, "kept": 0}
    assert passerelle("review", "import", str(out), "--db", str(database)) == {"new": 0, "known": 0, "kept": 4}
    again = CliRunner().invoke(main, ["review", "export", "--db", str(other)]).stdout
    assert [json.loads(line) for line in again.splitlines()] == rows
    for wrong, said in (("{", "line 1: no exported judgment"), ('{"expert": "Eve"}', "line 1: no such item")):
        (tmp_path / "wrong.jsonl").write_text(wrong, encoding="utf-8")
        result = CliRunner().invoke(main, ["review", "import", str(tmp_path / "wrong.jsonl"), "--db", str(other)])
        assert result.exit_code == 2 and said in result.output
    labels = CliRunner().invoke(main, ["review", "export", "--db", str(database), "--format", "labels"]).stdout
    read = list(csv.DictReader(io.StringIO(labels)))
    assert len(read) == 4 and {row["score"] for row in read} == {"50.0"} and read[0]["source"]


def test_labels_hold_no_formulas_and_are_read_as_they_were(tmp_path: Path) -> None:
    texts = ["=1+1", "+33 1", "-2", "@SUM(A1)", "\t=x", "'=x", "'a", "a cat", " =x"]
    rows = [{"source": text, "target": text, "score": 50.0, "cluster": text} for text in texts]
    written = labels_csv(rows)
    cells = [row["target"] for row in csv.DictReader(io.StringIO(written))]
    assert cells == ["'=1+1", "'+33 1", "'-2", "'@SUM(A1)", "'\t=x", "''=x", "'a", "a cat", "' =x"]
    (tmp_path / "labels.csv").write_text(written, encoding="utf-8")
    assert [pair.target for pair in read_labels(tmp_path / "labels.csv", "en", "fr").pairs] == texts


def test_labels_hold_the_chance_with_which_they_were_drawn(tmp_path: Path) -> None:
    drawn = [judged("a", str(n), "", hidden={"row": str(n), "place": "caption", "chance": n / 4}) for n in (1, 2)]
    rows = label_rows([replace(one, content={"score": 40.0}) for one in drawn])
    (tmp_path / "labels.csv").write_text(labels_csv(rows), encoding="utf-8")
    found = read_labels(tmp_path / "labels.csv", "en", "fr").chances
    assert found is not None and found.tolist() == [0.25, 0.5]
    without = [{name: value for name, value in row.items() if name != "chance"} for row in rows]
    (tmp_path / "labels.csv").write_text(labels_csv(without), encoding="utf-8")
    assert read_labels(tmp_path / "labels.csv", "en", "fr").chances is None


def test_pearmuts_campaigns_go_out_and_come_in(reviewed: Callable[[dict[str, str]], Path], tmp_path: Path) -> None:
    database = reviewed({})
    out = tmp_path / "pearmut.json"
    CliRunner().invoke(main, ["review", "export", "--db", str(database), "--format", "pearmut", "--out", str(out)])
    campaign = json.loads(out.read_text(encoding="utf-8"))
    assert campaign["info"] == {"assignment": "task-based", "protocol": "ESA", "textfield": "visible"}
    assert [len(queue) for queue in campaign["data"]] == [4, 4]
    item = campaign["data"][0][0][0]
    assert set(item) >= {"src", "tgt", "item_id"} and isinstance(item["tgt"], dict)
    made = passerelle("review", "create", "back", "--db", str(tmp_path / "back.sqlite"), "--pearmut", str(out))
    assert made["items"]["translation"] >= 4
    # As in Pearmut's own documentation: documents of several items, several models, checks with a validation.
    theirs = {
        "info": {"assignment": "single-stream", "protocol": "ESA", "users": 3},
        "campaign_id": "wmt",
        "data": [
            [{"src": "A cat.", "tgt": {"m1": "Un chat.", "m2": "Un chien."}, "item_id": "1"},
             {"src": "A dog.", "tgt": {"m1": "Un chien."}}],
            [{"src": "A check.", "tgt": {"m1": "Rien."}, "validation": {"m1": {"score": [0, 10]}}}],
        ],
    }  # fmt: skip
    (tmp_path / "theirs.json").write_text(json.dumps(theirs), encoding="utf-8")
    pairs = read_pearmut(tmp_path / "theirs.json", "en", "fr").pairs
    assert [(pair.source, pair.target) for pair in pairs] == [
        ("A cat.", "Un chat."), ("A cat.", "Un chien."), ("A dog.", "Un chien."),
    ]  # fmt: skip
    (tmp_path / "wrong.json").write_text("{}", encoding="utf-8")
    result = CliRunner().invoke(main, ["review", "create", "x", "--pearmut", str(tmp_path / "wrong.json")])
    assert result.exit_code == 2 and "is no campaign of Pearmut" in result.output


ITEM = {"src": "A cat", "tgt": {"m": "Un chat"}, "item_id": "1"}
ESA = {"assignment": "task-based", "protocol": "ESA"}
DEEP = "[" * 3000


@pytest.mark.parametrize(
    "content",
    [
        *(json.dumps({"info": ESA, "data": [[[{**ITEM, **change}]]]})
          for change in ({"tgt": ["x"]}, {"tgt": "x"}, {"tgt": None}, {"tgt": {"m": 3}}, {"tgt": {"m": None}},
                         {"src": 3}, {"src": None}, {"src": "\ud800"}, {"tgt": {"m": "\ud800"}})),
        *(json.dumps({"info": ESA, "data": data}) for data in (3, "abc", None, [[[3]]], [[["tgt"]]], [[[["tgt"]]]])),
        *(json.dumps(content) for content in ([], "x", 3, None, {"info": [], "data": []}, {"info": None, "data": []})),
        *(pytest.param(deep, id=f"deep {number}") for number, deep in enumerate((
            DEEP, f'{{"info": {{"assignment": "x"}}, "data": {DEEP}', '{"a": ' * 3000))), "\0",
    ],
)  # fmt: skip
def test_files_that_are_no_campaign_of_pearmuts_are_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "campaign.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="campaign.json"):
        read_pearmut(path, "en", "fr")


def test_native_texts_come_with_picture_licence_and_consent(
    campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    tokens = campaign("--items", "3", "--experts", "Ann", "--tasks", "write", "--licence", "CC-BY-4.0")
    expert = HttpExpert(serving(str(tmp_path / "review.sqlite")).url, tokens["Ann"])
    both = {"caption": "Une légende à moi.", "question": "Quoi ?", "answer": "Ça."}
    written: list[dict[str, Any]] = [both, {"caption": "Deux."}, {"skipped": True}]
    for content in written:
        item = expert.current()
        assert item is not None
        assert expert.save(item["key"], content).status_code == 200
    while (item := expert.current()) is not None:
        assert expert.save(item["key"], {"skipped": True}).status_code == 200
    command = ["review", "apply", "--db", str(tmp_path / "review.sqlite"), "--memory", str(tmp_path / "tm.sqlite")]
    done = passerelle(*command, "--out", str(tmp_path / "out"))
    rows = [json.loads(line) for line in Path(done["native"]["file"]).read_text(encoding="utf-8").splitlines()]
    assert [row["caption"] for row in rows] == ["Une légende à moi.", "Deux."]
    assert rows[0]["question"] == "Quoi ?" and "question" not in rows[1]
    for row in rows:
        assert (row["origin"], row["licence"], row["writer"]) == ("native", "CC-BY-4.0", "expert-1")
        assert row["consent"] and (tmp_path / "out" / "native-images" / row["image"]).read_bytes()[:2] == b"\xff\xd8"
    # Where the English caption is that picture's alone, the memory has the native one for it, above any translation.
    with TranslationMemory(tmp_path / "tm.sqlite") as memory:
        entries = list(memory.entries())
    assert {entry.origin for entry in entries} == {"native"}
    assert done["memory_entries"]["native"]["new"] == len(entries) > 0
