"""Each task, alone and mixed with others, through all of it: made, judged, counted, exported, put back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmark_files import write_bench, write_lines
from passerelle.cli import main
from passerelle.evaluation.run import Options, evaluate
from passerelle.review.store.database import Database
from passerelle.translation.memory.memory import TranslationMemory
from review_server import ARMS, SAID, HttpExpert, passerelle

TASKS = ("judge", "translation", "write", "label")
MIXES = [((task,), "") for task in TASKS] + [(TASKS, ""), (("judge", "label"), ARMS[0])]
ANIMALS = {"A cat": "Un chat", "A dog": "Un chien", "A cow": "Une vache", "A hen": "Une poule"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options of `review create` for four pictures with captions, translations and answers."""
    folder = tmp_path_factory.mktemp("sources")
    rows: dict[str, list[dict[str, Any]]] = {"en": [], "fr": [], "answers": []}
    for number, (english, french) in enumerate(ANIMALS.items()):
        Image.new("RGB", (8, 8), (60 * number, 0, 0)).save(folder / f"{number}.png")
        for name, caption in (("en", english), ("fr", french)):
            rows[name].append({"id": f"r{number}", "image": f"{number}.png", "caption": caption})
        scores: dict[str, float] = dict(zip(ARMS, (40.0, 60.0), strict=True)) if number % 2 else {ARMS[0]: 50.0}
        answers = dict(zip(ARMS, (french, english), strict=True))
        row = {"id": f"q{number}", "question": "Quoi ?", "picture": f"{number}.png", "reference": french}
        rows["answers"].append({**row, "answers": answers, "automatic": scores})
    for name, lines in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    data = ["--data", str(folder / "en.jsonl"), "--translated", str(folder / "fr.jsonl"), "--images", str(folder)]
    fields = ["--fields", "caption", "--image-fields", "image"]
    return ["--answers", str(folder / "answers.jsonl"), *data, *fields]


@pytest.mark.parametrize(("tasks", "arms"), MIXES, ids=["+".join(mix) + bool(arm) * "-one-arm" for mix, arm in MIXES])
def test_every_task_goes_the_whole_way(sources: list[str], tasks: tuple[str, ...], arms: str, tmp_path: Path) -> None:
    where = str(tmp_path / "review.sqlite")
    options = ["--tasks", ",".join(tasks), "--arms", arms, "--experts", "Ann,Bob", "--overlap", "1"]
    made = passerelle("review", "create", "c", "--db", where, *sources, *options)
    assert set(made["items"]) == set(tasks)
    said = SAID | ({"judge": {"verdict": "good"}} if arms else {})
    with Database(where) as database:
        for name in ("Ann", "Bob"):
            expert = HttpExpert(database, made["links"][name].rpartition("/")[2])
            while (item := expert.current()) is not None:
                assert expert.save(item["key"], said[item["task"]], item["version"]).status_code == 200
        admin = HttpExpert(database, made["links"]["admin"].rpartition("/")[2], agree=False)
        page = admin.client.get("/status")
        assert page.status_code == 200 and "Ann" in page.text

    status = passerelle("review", "status", "--db", where)
    assert status["items"].keys() == set(tasks) and all(one["done"] == one["total"] for one in status["experts"])
    assert bool(status["ranking"]) == ("judge" in tasks and not arms)
    assert {one["task"] for one in status["agreement"]} == set(tasks) - {"write"}
    assert CliRunner().invoke(main, ["review", "status", "--db", where]).exit_code == 0
    exported = CliRunner().invoke(main, ["review", "export", "--db", where])
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert {line["task"] for line in lines} == set(tasks)
    assert len(lines) == sum(one["done"] for one in status["experts"])
    (tmp_path / "judgments.jsonl").write_text(exported.stdout, encoding="utf-8")
    again = passerelle("review", "import", str(tmp_path / "judgments.jsonl"), "--db", where)
    assert again == {"new": 0, "known": 0, "kept": len(lines)}

    TranslationMemory(tmp_path / "tm.sqlite").close()
    out = ["--out", str(tmp_path / "out"), "--memory", str(tmp_path / "tm.sqlite"), "--engine", "memory"]
    done = passerelle("review", "apply", "--db", where, *out)
    assert done["native"]["texts"] == (sum(line["task"] == "write" for line in lines))
    assert done["calibration"]["labels"] == (4 if "translation" in tasks else 0)


def test_labels_of_unread_answers_count_in_the_scores(tmp_path: Path) -> None:
    bench, where, out = write_bench(tmp_path), str(tmp_path / "review.sqlite"), tmp_path / "out"
    said = {1: "Bof.", 2: "Bof.", 3: "Euh.", 4: " "}
    rows = [{"question_id": n, "text": said.get(n, "Oui" if n in (1, 6, 11, 16) else "Non")} for n in range(1, 17)]
    write_lines(bench / "first.jsonl", rows)
    write_lines(bench / "second.jsonl", [{**row, "text": "Ah."} if row["question_id"] == 2 else row for row in rows])
    predictions = tuple(f"{name}={bench / name}.jsonl" for name in ("first", "second"))
    options = Options(benchmarks=(f"pope={bench}/pope-fr.jsonl",), languages="fr", out=out, predictions=predictions)
    evaluate(options)
    create = ("review", "create", "c", "--db", where, "--run", str(out), "--unread", "--experts", "Ann,Bob")
    create += ("--images", str(bench))
    made = passerelle(*create, "--overlap", "1", "--attention", "0", "--repeats", "0")
    assert made["items"] == {"label": 4}, "what both said to one question is labelled once"
    assert made["left_out"] == {"blank, label": 2}
    with Database(where) as database:
        for name in ("Ann", "Bob"):
            expert = HttpExpert(database, made["links"][name].rpartition("/")[2])
            while (item := expert.current()) is not None:
                says = "wrong" if "Euh." in item["page"] else "right"
                assert expert.save(item["key"], {"label": says}, item["version"]).status_code == 200
    labels = tmp_path / "labels.jsonl"
    assert CliRunner().invoke(main, ["review", "export", "--db", where, "--out", str(labels)]).exit_code == 0
    results = evaluate(dataclasses.replace(options, labels=labels))
    found = [f for f in results["figures"] if f["headline"]]
    assert [(f["value"], f["unmatched"]) for f in found] == [(100 * 14 / 16, 1)] * 2
    assert results["decided"]["labels"]["counted"] == 4
    assert "couldn't be read: first 6.2%" in results["warnings"][0], "the blank one"
    done = CliRunner().invoke(main, [*create[:2], "d", *create[3:]])
    assert done.exit_code == 2 and "no answer in 'fr' is unread" in done.stderr, "all are labelled"
    assert "(2 are blank)" in done.stderr
    nothing = CliRunner().invoke(main, [*create[:2], "d", *create[3:], "--to", "de"])
    assert nothing.exit_code == 2 and "no answer in 'de' is unread" in nothing.stderr
    refused = CliRunner().invoke(main, [*create[:2], "d", *create[3:], "--tasks", "judge"])
    assert refused.exit_code == 2 and "with --unread give --tasks label" in refused.stderr
