"""A comparison of a served model: plain, told, by pipelines, and one that was adapted and is served beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmark_files import write_lines
from chat_server import AboutPictures, ChatServer, Reads
from comparison.conftest import compare
from comparisons import write_experiment
from passerelle.cli import main
from passerelle.comparison.settings import load_experiment
from passerelle.errors import ConfigError
from passerelle.evaluation.writing import read_answers

pytest.importorskip("httpx")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    made = ChatServer(AboutPictures)
    yield made
    made.close()


def test_a_served_model_is_the_base_of_a_comparison(own: Path, server: ChatServer) -> None:
    options = "{first_wait_seconds: 0.01, input_price: 10, output_price: 10}"
    adapted = {"method": "elsewhere", "model": f"openai{options}:adapter@{server.url}"}
    arms = {"zero-shot": None, "prompted": None, "pipeline": None, "adapted": adapted}
    model = f"openai{options}:base@{server.url}"
    write_experiment(own, model=model, arms=arms, tests=["pope=pope-{language}.jsonl"], answers="generate")
    results, _ = compare()
    found = {arm["name"]: arm for arm in results["arms"]}
    assert set(found) == {*arms, "english"} and all(found[name]["scores"] for name in arms)
    assert all(found[name]["cost"]["engine_eur"] > 0 for name in arms)
    assert "zero-shot, prompted, pipeline, adapted: answered by a server" in " ".join(results["notes"])
    assert "How options are chosen, by all arms, the served ones too: pope by what is written." in results["notes"]
    assert all(found[name]["cost"]["per_1000"]["flops"] is None for name in found), "unknown, not nothing"
    phases = [phase for arm in found.values() for phase in arm["cost"]["phases"]]
    assert all(phase["flops"] is None for phase in phases if phase["phase"].startswith("answers"))
    said: dict[str, list[str]] = {}
    for row in read_answers(own / "runs" / "own" / "evaluation" / "answers.jsonl"):
        said.setdefault(row["system"], []).append(row["text"])
    assert all("x" in text.partition(":")[0] for text in said["zero-shot"]), "the picture's size"
    assert {request["body"]["model"] for request in server.requests} == {"base", "adapter"}
    asked = len(server.requests)
    compare()
    assert len(server.requests) == asked, "nothing is paid twice"


def test_unread_answers_are_said_and_a_model_reads_them_at_a_price(own: Path, server: ChatServer) -> None:
    model = f"openai{{first_wait_seconds: 0.01}}:base@{server.url}"
    tests = ["pope=pope-{language}.jsonl", "mmbench=mmb-{language}.tsv"]
    given = {"model": model, "arms": {"zero-shot": None}, "answers": "generate", "english": False, "tests": tests}
    write_experiment(own, **given)
    results, _ = compare()
    assert "mmbench (fr): more than 5% of the answers couldn't be read: zero-shot 100.0% [" in " ".join(
        results["warnings"]
    )
    page = (own / "runs" / "own" / "report.html").read_text(encoding="utf-8")
    assert page.index('<p class="warning">') < page.index("<nav")
    reader = ChatServer(Reads)
    try:
        at = f"llm{{first_wait_seconds: 0.01, input_price: 10}}:small@{reader.url}"
        said = read_answers(own / "runs" / "own" / "evaluation" / "answers.jsonl")
        asked = next(row for row in said if row["benchmark"] == "mmbench")
        label = {"expert": "Marie", "task": "label", "content": {"label": "right"}, "shown": {"answer": asked["text"]}}
        label["hidden"] = {"asked": {key: asked[key] for key in ("benchmark", "language", "id")}}
        labels = write_lines(own / "labels.jsonl", [label])
        write_experiment(own, **given, reader=at, labels=str(labels))
        results, _ = compare()
    finally:
        reader.close()
    (phase,) = results["shared_costs"]
    assert phase["phase"].startswith("tests, answers read by llm-1:small@") and phase["engine_eur"] > 0
    assert results["decided"]["reader"]["decided"] > 0 and results["decided"]["labels"]["counted"] == 1
    assert "of 1 labelled answers" in " ".join(results["notes"])
    (arm,) = results["arms"]
    score = next(score for score in arm["scores"] if score["metric"] == "mmbench")
    assert score["unread"] == 0 == score["unread_share"]["value"] and "+llm-1:small@" in score["signature"]
    assert "+people|" in score["signature"]


def test_arms_that_translate_nothing_need_no_engine_for_the_language(own: Path, server: ChatServer) -> None:
    for name in ("pope-{}.jsonl", "mmb-{}.tsv"):
        shutil.copy(own / name.format("fr"), own / name.format("de"))
    tests = [{"benchmark": "mmbench=mmb-{language}.tsv", "machine": True}, "pope=pope-{language}.jsonl"]
    model = f"openai{{first_wait_seconds: 0.01}}:base@{server.url}"
    arms = {"zero-shot": None, "prompted": None, "pipeline": None}
    write_experiment(own, model=model, arms=arms, tests=tests, answers="generate", limit=1)
    results, said = compare("--target", "de", "--arms", "zero-shot,prompted")
    assert all(arm["scores"] for arm in results["arms"])
    assert "test 'mmbench' is asked in people's words only" in said
    done = CliRunner().invoke(main, ["compare", "own.yaml", "--target", "de"])
    assert done.exit_code == 2 and "translates de to en" in done.stderr


def test_a_served_model_cannot_be_trained_here(own: Path, server: ChatServer) -> None:
    path = write_experiment(own, model=f"openai:base@{server.url}", arms={"lora": {"text": "human"}})
    with pytest.raises(ConfigError, match="a served model can't be trained here"):
        load_experiment(path)
    path = write_experiment(own, model=f"openai{{speed: 3}}:base@{server.url}", arms={"zero-shot": None})
    done = CliRunner().invoke(main, ["compare", path.name])
    assert done.exit_code == 2 and "unknown key 'speed'" in done.stderr
