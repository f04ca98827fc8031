"""`passerelle compare --smoke` as a user types it: results, page, a second run, kills and Ctrl-C."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.config import load_experiment

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "experiments" / "demo.yaml"
# Generous, since the first test to ask for a fixture waits for it, and continuous integration may be slow.
pytestmark = pytest.mark.timeout(900)


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "passerelle", "compare", str(DEMO), "--smoke", "--out", str(folder), *more]


def compare(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *more), capture_output=True, text=True, timeout=800)


@dataclass(frozen=True)
class Run:
    """A finished comparison."""

    folder: Path
    results: dict[str, Any]
    stderr: str


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All arms on a handful of pictures, once for all tests here."""
    folder = tmp_path_factory.mktemp("smoke") / "run"
    done = compare(folder, "--json")
    assert done.returncode == 0, done.stderr
    return Run(folder, json.loads(done.stdout), done.stderr)


def scores(results: dict[str, Any], *names: str) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Return every score with its interval by arm, metric, test and source."""
    return {
        (arm["name"], s["metric"], s["test"], s["source"]): (s["value"], s["low"], s["high"], s["items"])
        for arm in results["arms"]
        for s in arm["scores"]
        if not names or arm["name"] in names
    }


def test_results_say_all(smoke: Run) -> None:
    results = smoke.results
    assert json.loads((smoke.folder / "results.json").read_text(encoding="utf-8")) == results
    assert results["schema"] == 1
    assert (results["name"], results["target"], results["target_name"]) == ("demo", "fr", "French")
    assert results["config"]["test"]["stamps"] == 6
    assert {"python", "torch", "transformers", "peft", "sacrebleu"} <= results["versions"].keys()
    assert results["hardware"]["cores"] == os.cpu_count()
    assert results["data"]["pictures"]["test"] == 10
    assert {"splits", "test english", "test human", "test machine"} <= results["data"]["hashes"].keys()
    assert results["data"]["machine_translation"]["chrf"] > 20
    assert results["wall_seconds"] > 0


def test_every_arm_is_done(smoke: Run) -> None:
    arms = {arm["name"]: arm for arm in smoke.results["arms"]}
    assert list(arms) == list(load_experiment(DEMO).arms)
    for name, arm in arms.items():
        assert (arm["status"], arm["error"]) == ("done", None)
        tests = {score["test"] for score in arm["scores"]}
        trained = name.startswith(("lora", "two-stage"))
        assert tests == {"english"} if name == "english" else {"human", "machine"} <= tests
        assert ("english" in tests) == (trained or name == "english")
        assert (arm["trained_on"] is not None) == trained
        for score in arm["scores"]:
            assert score["low"] <= score["value"] <= score["high"], score
            assert score["signature"]
        metrics = {score["metric"] for score in arm["scores"]}
        assert {
            "choice",
            "choice-random",
            "choice-category",
            "yes-no",
            "yes-no-auc",
            "caption-chrf",
            "fidelity",
        } <= metrics


def test_costs_are_counted(smoke: Run) -> None:
    arms = {arm["name"]: arm for arm in smoke.results["arms"]}
    for arm in arms.values():
        cost = arm["cost"]
        assert cost["total_seconds"] == pytest.approx(sum(phase["seconds"] for phase in cost["phases"]))
        assert cost["total_flops"] > 1e9
        assert cost["peak_bytes"] > 1e8
        assert cost["seconds_per_answer"] > 0
    assert arms["pipeline"]["cost"]["sentences_translated"] > 0
    assert arms["zero-shot"]["cost"]["sentences_translated"] == 0
    assert arms["lora-mt"]["cost"]["sentences_translated"] > 0
    assert arms["lora-human"]["cost"]["sentences_translated"] == 0
    assert arms["lora-human"]["cost"]["total_flops"] > 1.5 * arms["zero-shot"]["cost"]["total_flops"]
    trained = {name: arm["training"]["stages"] for name, arm in arms.items() if arm["training"]}
    assert trained.keys() == {name for name in arms if name.startswith(("lora", "two-stage"))}
    budget = smoke.results["config"]["budget"]
    row = budget["nodes_per_tree"] * budget["trees_per_step"]
    spent = {name: sum(stage["steps"] for stage in stages) * row for name, stages in trained.items()}
    assert all(budget["tokens"] <= tokens <= budget["tokens"] + 2 * row for tokens in spent.values()), spent
    assert all(stage["loss"] and stage["learning_rate"] > 0 for stages in trained.values() for stage in stages)


def test_differences_are_paired_with_the_pipeline(smoke: Run) -> None:
    found = {(c["arm"], c["against"], c["metric"], c["test"], c["source"]): c for c in smoke.results["comparisons"]}
    values = {key: value for key, (value, *_) in scores(smoke.results).items()}
    for arm in ("zero-shot", "prompted", "lora-mt", "lora-human", "two-stage-mt"):
        difference = found[arm, "pipeline", "choice", "human", "all"]
        expected = values[arm, "choice", "human", "all"] - values["pipeline", "choice", "human", "all"]
        assert difference["difference"] == pytest.approx(expected, abs=1e-6)
        assert 0 <= difference["p"] <= difference["holm_p"] <= 1
    assert ("lora-human", "lora-mt", "choice", "human", "all") in found
    assert ("lora-human", "zero-shot", "choice", "human", "all") in found


def test_examples_have_their_answers(smoke: Run) -> None:
    examples = smoke.results["examples"]
    assert len(examples) == 4
    for example in examples:
        assert (smoke.folder / example["image"]).is_file()
        assert example["captions"].keys() == {arm["name"] for arm in smoke.results["arms"]}
        assert example["caption"]["human"] and example["caption"]["english"]
        assert 0 <= example["choice"]["correct"] < 4
        assert set(example["choice"]["picked"].values()) <= {0, 1, 2, 3}
        assert [question["correct"] for question in example["yes_no"]] == ["Oui", "Non"]


def test_progress_is_on_stderr(smoke: Run) -> None:
    assert "6 stamps and 4 emoji in the test" in smoke.stderr
    assert "lora-human (seed 1): training" in smoke.stderr
    assert f"report: {smoke.folder / 'report.html'}" in smoke.stderr
    assert "Traceback" not in smoke.stderr


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted((folder / "arms").rglob("*.*"))}


def test_a_second_run_does_nothing_twice(smoke: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(smoke.folder, folder)
    shutil.rmtree(folder / "pictures")
    before = {name: time for name, time in files(folder).items() if name.endswith((".jsonl", ".safetensors"))}
    done = compare(folder)
    assert done.returncode == 0, done.stderr
    after = files(folder)
    assert len(before) > 10
    assert {name: after[name] for name in before} == before, "neither answered nor trained again"
    assert "training" not in [line.rpartition(": ")[2] for line in done.stderr.splitlines()]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert scores(results) == scores(smoke.results)
    for arm, other in zip(results["arms"], smoke.results["arms"], strict=True):
        assert [p["phase"] for p in arm["cost"]["phases"]] == [p["phase"] for p in other["cost"]["phases"]]
        assert arm["cost"]["total_flops"] == pytest.approx(other["cost"]["total_flops"])
        assert arm["cost"]["total_seconds"] == pytest.approx(other["cost"]["total_seconds"])
    assert "Translation pipeline" in done.stdout or "pipeline" in done.stdout, "a table in the terminal"
    assert "choice" in done.stdout.lower()


def start_and_wait_for(folder: Path, line: str, *more: str) -> subprocess.Popen[str]:
    """Start a comparison and return when it has said a line that begins like this."""
    process = subprocess.Popen(
        command(folder, *more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    for said in process.stderr:
        if said.startswith(line):
            return process
    raise AssertionError(f"it ended ({process.wait()}) without saying {line!r}")


def test_kill_9_and_the_same_command_again(smoke: Run, tmp_path: Path) -> None:
    folder, arms = tmp_path / "run", ("--arms", "zero-shot,lora-human")
    drawn = random.Random(20)
    for line in ("zero-shot: human test", "lora-human (seed 1): training"):
        process = start_and_wait_for(folder, line, *arms)
        time.sleep(drawn.uniform(0, 1.5))
        process.kill()
        process.communicate()
        assert not (folder / "results.json").exists()
    done = compare(folder, *arms, "--json")
    assert done.returncode == 0, done.stderr
    assert scores(json.loads(done.stdout)) == scores(smoke.results, "zero-shot", "lora-human")


def test_ctrl_c(tmp_path: Path) -> None:
    process = start_and_wait_for(tmp_path / "run", "zero-shot: human test", "--arms", "zero-shot")
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group, Apertium's processes too
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 130
    assert stderr.strip().splitlines()[-1] == (
        "passerelle: stopped. What is finished is kept: the same command goes on from there."
    )
    assert "Traceback" not in stderr
    assert not (tmp_path / "run" / "results.json").exists()


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real browser without a screen."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium isn't installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def test_the_report_shows_the_numbers(smoke: Run, browser: Any) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((smoke.folder / "report.html").as_uri())
    for arm in ("pipeline", "lora-human"):
        cell = page.locator(
            f'#key td[data-arm="{arm}"][data-metric="choice-random"][data-test="human"][data-source="all"]'
        )
        value = scores(smoke.results)[arm, "choice-random", "human", "all"][0]
        assert float(cell.get_attribute("data-value")) == value
        assert cell.inner_text().split()[0] == f"{value:.1f}"
    assert page.locator(".card").count() == len(smoke.results["examples"])
    assert page.locator(".card img").count() == len(smoke.results["examples"])
    assert complaints == []


@pytest.mark.parametrize(
    ("arm", "question"),
    [("english", "What is this?"), ("lora-human", "Qu'est-ce que c'est ?"), ("pipeline", "Qu'est-ce que c'est ?")],
)
def test_an_arm_answers_about_a_picture_of_ones_own(smoke: Run, stamps: list[Any], arm: str, question: str) -> None:
    picture = {p.id: p for p in stamps}["stamps/animals/birds/blackbird"].path
    arguments = ["answer", str(picture), question, "--arm", arm, "--run", str(smoke.folder), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["arm"] == arm
    assert said["answer"].strip()
    assert "\n" not in said["answer"]


def test_an_arm_whose_weights_broke(smoke: Run, stamps: list[Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(smoke.folder / "arms", folder / "arms")
    (weights,) = folder.glob("arms/lora-human-*/training.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    picture = str(stamps[0].path)
    result = CliRunner().invoke(main, ["answer", picture, "Quoi ?", "--arm", "lora-human", "--run", str(folder)])
    assert result.exit_code == 2
    assert "Run the comparison again" in result.stderr
