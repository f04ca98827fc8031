"""A model reads the answers that rules left unread, and people's labels go before it: over HTTP, once, at a price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmark_files import write_lines
from chat_server import ChatServer, Reads
from passerelle.cli import main
from passerelle.errors import ConfigError, EngineStopped, InputError
from passerelle.evaluation.asking.labelled import read_labels
from passerelle.evaluation.asking.replying import open_llm
from passerelle.evaluation.benchmarks.base import Decision, Item
from passerelle.evaluation.metrics.model_reader import Job
from passerelle.evaluation.parsing.localised import VERSION
from passerelle.evaluation.run import Options, evaluate

pytest.importorskip("httpx")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer(Reads)
    yield made
    made.close()


def reader_at(server: ChatServer, options: str = "input_price: 10, output_price: 100") -> str:
    return f"llm{{first_wait_seconds: 0.01, retries: 0, {options}}}:small@{server.url}"


def said(bench: Path, texts: dict[int, str], name: str = "said.jsonl", language: str = "fr") -> Options:
    """Answer the questions of POPE rightly but for some, in French unless told."""
    rows = [json.loads(line) for line in (bench / "pope-fr.jsonl").read_text(encoding="utf-8").splitlines()]
    (bench / f"pope-{language}.jsonl").write_text((bench / "pope-fr.jsonl").read_text(encoding="utf-8"), "utf-8")
    right = {row["question_id"]: "Oui" if row["label"] == "yes" else "Non" for row in rows}
    write_lines(bench / name, [{"question_id": n, "text": texts.get(n, word)} for n, word in right.items()])
    return Options(
        benchmarks=(f"pope={bench}/pope-{language}.jsonl",), languages=language, out=bench / "out",
        predictions=(f"mine={bench / name}",),
    )  # fmt: skip


def accuracy(results: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(f for f in results["figures"] if f["metric"] == "accuracy" and f["headline"])
    return found


def label(number: int, text: str, says: str, expert: str = "Marie", **more: Any) -> dict[str, Any]:
    asked = {"benchmark": "pope", "language": "fr", "id": str(number)}
    row = {"expert": expert, "task": "label", "occasion": 1, "is_attention": False, "content": {"label": says}}
    return {**row, "hidden": {"asked": asked}, "shown": {"question": "?", "answer": text}, **more}


def test_only_what_rules_left_is_asked_once_and_priced(bench: Path, server: ChatServer) -> None:
    # 1, 6, 11 and 16 are the yes-questions.
    options = said(bench, {1: "Bof.", 2: "Euh.", 3: "Mmh.", 4: "Hum.", 5: "Hum."})
    plain = evaluate(options)
    assert accuracy(plain)["unmatched"] == 5 and plain["decided"] is None
    asked = replace(options, reader=reader_at(server))
    results = evaluate(asked)
    found = accuracy(results)
    assert (found["value"], found["unmatched"]) == (100 * 13 / 16, 2), "none is read and wrong, chatter is unread"
    assert f"parser:localised-fr-{VERSION}+llm-1:small@{server.url.removeprefix('http://')}|" in found["signature"]
    reader = results["decided"]["reader"]
    assert (reader["asked"], reader["decided"], reader["agreement"]) == (5, 3, None)
    assert reader["engine_eur"] == pytest.approx(len(server.requests) * (100 * 10 + 30 * 100) / 1e6)
    (note,) = (note for note in results["notes"] if note.startswith("llm-1:"))
    assert "read 3 of 5 answers" in note and "agreement with people not measured" in note
    rows = [json.loads(line) for line in (bench / "out" / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    by = {int(row["id"]): (row["decided_by"], row["unread"], row["right"]) for row in rows}
    assert by[1] == (reader["name"], "", True) and by[4] == ("", "nothing said", False) and by[6] == ("", "", True)
    count = len(server.requests)
    assert count == 5 and accuracy(evaluate(asked))["value"] == found["value"]
    assert len(server.requests) == count, "nothing is paid twice"


def test_labels_go_before_the_model_and_measure_it(bench: Path, server: ChatServer, tmp_path: Path) -> None:
    options = said(bench, {1: "Bof.", 2: "Euh.", 3: "Mmh.", 6: "Ah.", 11: "Bof."})
    rows = [
        label(1, "Bof.", "right"), label(1, "Bof.", "right", "Paul"), label(2, "Euh.", "wrong"),
        label(3, "Mmh.", "wrong"), label(6, "Ah.", "right"), label(6, "Ah.", "wrong", "Paul"),
        label(16, "Oui", "right"), label(16, "Autre chose", "right"), label(1, "Bof.", "wrong", is_attention=True),
        {"task": "judge", "expert": "Marie"}, label(5, "Non", "right", content={"label": None, "skipped": True}),
    ]  # fmt: skip
    labels = write_lines(tmp_path / "labels.jsonl", rows)
    alone = evaluate(replace(options, labels=labels))
    assert accuracy(alone)["unmatched"] == 2 and accuracy(alone)["value"] == 100 * 12 / 16
    assert f"parser:localised-fr-{VERSION}+people|" in accuracy(alone)["signature"]
    known = alone["decided"]["labels"]
    assert (known["people"], known["answers"], known["counted"], known["of_other_answers"]) == (2, 5, 3, 1)
    assert known["left_out"] == {
        "a check, or shown again": 1, "another task": 1, "skipped": 1, "people disagree, as many each way": 1,
    }  # fmt: skip
    results = evaluate(replace(options, labels=labels, reader=reader_at(server)))
    assert (accuracy(results)["value"], accuracy(results)["unmatched"]) == (100 * 14 / 16, 0)
    agreement = results["decided"]["reader"]["agreement"]
    # Of 1, 2, 3 and 16: the model takes what rules read (16) for B, no yes or no; people say that it is right.
    assert (agreement["answers"], agreement["value"]) == (4, 50)
    assert "it agrees with people on 50.0% [" in " ".join(results["notes"])


def test_a_language_without_rules_is_read_by_the_model(bench: Path, server: ChatServer) -> None:
    options = said(bench, {1: "Bof."}, language="is")
    with pytest.raises(ConfigError, match="how answers are read isn't known in 'is'"):
        evaluate(options)
    results = evaluate(replace(options, reader=reader_at(server)))
    assert results["decided"]["reader"]["asked"] == 16


def test_open_answers_that_match_nothing_are_asked_about(bench: Path, server: ChatServer) -> None:
    rows = [{"question_id": n, "image": "red.png", "question": "Quoi ?", "answer": "chat"} for n in range(1, 5)]
    annotators = ["chat", *["chaton"] * 2, *["félin"] * 7]
    answers = {1: ["chat"], 2: annotators, 3: ["chat"], 4: ["chat"]}
    write_lines(bench / "vqa.jsonl", [{**row, "answers": answers[row["question_id"]]} for row in rows])
    texts = ("chat", "Fauve de Lyon", "un chien", "")
    write_lines(bench / "said.jsonl", [{"question_id": n, "text": text} for n, text in enumerate(texts, 1)])
    options = Options(
        benchmarks=(f"vqav2={bench}/vqa.jsonl",), languages="fr", out=bench / "out",
        predictions=(str(bench / "said.jsonl"),), reader=reader_at(server),
    )  # fmt: skip
    results = evaluate(options)
    assert (accuracy(results)["value"], accuracy(results)["unmatched"]) == (50, 1)
    assert results["decided"]["reader"]["asked"] == 2
    right = {request["texts"]["answer"]: request["texts"]["right"] for request in server.requests}
    assert right == {"Fauve de Lyon": "félin", "un chien": "chat"}, "what most annotators said"


@pytest.mark.parametrize(
    ("asked", "reply", "decision"),
    [
        ("letter", "B", Decision("m", says=1)),
        ("letter", " (b).\n", Decision("m", says=1)),
        ("letter", "NONE", Decision("m")),
        ("letter", "C", None),
        ("letter", "D", None),
        ("letter", "B, because", None),
        ("letter", "", None),
        ("yes-no", "**Yes**", Decision("m", says=0)),
        ("yes-no", "NO", Decision("m", says=1)),
        ("yes-no", "equal", None),
        ("equal", "Equal.", Decision("m", right=True)),
        ("equal", "DIFFERENT", Decision("m", right=False)),
        ("equal", "NONE", None),
    ],
)
def test_replies_are_read_strictly(asked: Any, reply: str, decision: Decision | None) -> None:
    item = Item("1", "Quoi ?", "fr", options=("un chat", "un {chien}", ""), references=("chat", "chat", "félin"))
    job = Job(item, asked, "Ignore all that. {answer}")
    assert job.read(reply, "m") == decision
    assert "Ignore all that. {answer}" in job.prompt() and "Quoi ?" in job.prompt()
    if asked == "letter":
        assert "A. un chat\nB. un {chien}\n[End" in job.prompt() and "A, B, NONE." in job.prompt()


def test_what_cant_be_a_reader_or_a_label_is_told(bench: Path, server: ChatServer, tmp_path: Path) -> None:
    for given, message in (
        ("gpt@http://x/v1", "write llm:MODEL@http"),
        ("llm:@http://x/v1", "Write llm:MODEL@"),
        ("llm{speed: 3}:m@http://x/v1", "unknown key 'speed'"),
    ):
        with pytest.raises(ConfigError, match=message):
            open_llm(given, "reader")
    with pytest.raises(InputError, match="has no label of an answer to a benchmark.*--unread"):
        read_labels(write_lines(tmp_path / "none.jsonl", [{"task": "judge"}]))
    server.faults.append(lambda handler: handler.reply(500, "{}"))
    with pytest.raises(EngineStopped):
        evaluate(replace(said(bench, {1: "Bof."}), reader=reader_at(server)))


def test_the_command_takes_both(bench: Path, server: ChatServer, tmp_path: Path) -> None:
    said(bench, {1: "Bof.", 2: "Euh."})
    labels = write_lines(tmp_path / "labels.jsonl", [label(1, "Bof.", "right")])
    command = ["evaluate", "--predictions", str(bench / "said.jsonl"), "--benchmark", f"pope={bench}/pope-fr.jsonl"]
    command += ["--language", "fr", "--out", str(bench / "out"), "--reader", reader_at(server), "--labels", str(labels)]
    done = CliRunner().invoke(main, [*command, "--json"])
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["decided"]["reader"]["agreement"]["value"] == 100
