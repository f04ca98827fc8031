"""Several runs on one page: what is paired, what can't be and why, what is missing, and in which forms."""

from __future__ import annotations

import copy
import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from accessibility import findings
from benchmark_files import write_lines
from passerelle.cli import main
from passerelle.evaluation.statistics.shares import share_difference
from passerelle.evaluation.statistics.significance import mean_of, paired_difference
from passerelle.report.several.together import as_json, put_together
from passerelle.report.several.writing import WRITERS, page_text

ATTACK = '<script>alert("x")</script>'
SIGNATURE = "pope|accuracy|method:generate|parser:localised-{code}-4|lang:{code}|n:16|clusters:4|ci:korn-graubard|v:2"


def answers(system: str, code: str, wrong: set[int]) -> list[dict[str, Any]]:
    """What an arm said to sixteen questions about four pictures."""
    return [
        {
            "system": system, "seed": 1, "benchmark": "pope", "kind": "yes-no", "language": code, "id": str(number),
            "picture": f"{number % 4}.png", "prompt": f"{code} {number}?", "options": ["Oui", "Non"], "correct": 0,
            "references": [], "text": "Oui", "right": number not in wrong,
        }
        for number in range(16)
    ]  # fmt: skip


def scored(wrong: int, code: str, test: str) -> dict[str, Any]:
    """An arm's score of sixteen questions."""
    return {
        "metric": "pope", "test": test, "value": 100 * (16 - wrong) / 16, "low": 10.0, "high": 99.0, "unit": "%",
        "items": 16, "pictures": 4, "unread": 0, "direction": "higher", "signature": SIGNATURE.format(code=code),
    }  # fmt: skip


def write_run(folder: Path, wrong: dict[str, set[int]], target: str = "fr", **changes: Any) -> Path:
    """Write a run of some arms, each with the questions that it gets wrong."""
    arms = [
        {"name": name, "title": name.title(), "status": "done", "scores": [scored(len(w), target, "human")]}
        for name, w in wrong.items()
    ]
    costs = {"make": {"euros": 1.5, "processor_seconds": 60.0}, "per_1000": {"euros": 0.5, "flops": 2e12}}
    for arm in arms:
        arm["cost"] = costs
    english = {"name": "english", "title": "English", "scores": [scored(2, "en", "english")]}
    results = {
        "schema": 3, "name": "mine", "created": "2026-03-02T10:11:12+00:00", "target": target,
        "target_name": {"fr": "French", "es": "Spanish"}[target], "headline_metrics": ["pope"], "seeds": [1],
        "config": {"model": "embedded"}, "hardware": {"cpu": "Old", "cores": 2}, "arms": [english, *arms],
    }  # fmt: skip
    rows = [row for name, w in wrong.items() for row in answers(name, target, w)] + answers("zero-shot", "en", {1, 2})
    (folder / "evaluation").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results | changes), encoding="utf-8")
    write_lines(folder / "evaluation" / "answers.jsonl", rows)
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of two arms on the same questions; the second gets more right."""
    one = write_run(tmp_path / "one", {"lora": {0, 1, 2, 3, 4, 5, 6, 8}, "pipeline": {1}})
    return one, write_run(tmp_path / "two", {"lora": {0, 5}, "pipeline": {1}})


def put(*runs: Path) -> dict[str, Any]:
    return as_json(put_together([("", run) for run in runs]))


def test_arms_are_paired_by_question_and_clustered_by_picture(two: tuple[Path, Path]) -> None:
    found = put(*two)
    compared = {(each["arm"], each["language"]): each for each in found["comparisons"]}
    assert compared.keys() == {("lora", "fr"), ("pipeline", "fr"), ("english", "en")}
    lora = compared["lora", "fr"]
    first = [number not in {0, 5} for number in range(16)]
    second = [number not in {0, 1, 2, 3, 4, 5, 6, 8} for number in range(16)]
    expected = share_difference(first, second, [f"{number % 4}.png" for number in range(16)])
    assert lora["difference"] == pytest.approx(100 * expected.value) == pytest.approx(37.5)
    assert (lora["low"], lora["high"]) == (pytest.approx(100 * expected.low), pytest.approx(100 * expected.high))
    assert lora["holm_p"] == pytest.approx(min(1, 3 * lora["p"])) and (lora["run"], lora["against"]) == ("two", "one")
    assert (lora["questions"], lora["pictures"], lora["of"]) == (16, 4, [16, 16])
    assert compared["pipeline", "fr"]["difference"] == 0 and not found["not_comparable"]


def change_rows(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the French answers of a run."""
    path = run / "evaluation" / "answers.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if row["language"] == "fr":
            change(row)
    write_lines(path, rows)


def sign(run: Path, signature: str) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for arm in results["arms"][1:]:
        arm["scores"][0]["signature"] = signature
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row: row.update(prompt="Autrement ?"), "another prompt: 16 of 16 questions are asked in other words"),
        (lambda row: row.update(options=["Si", "No"]), "other test data: 16 of 16 questions have another options"),
        (lambda row: row["id"] == "3" and row.update(correct=1), "other test data: 1 of 16 questions"),
        (lambda row: row.update(picture="other.png"), "other test data: 16 of 16 questions are about another picture"),
        (lambda row: row.update(id="x" + row["id"]), "other test data: no question has the same id"),
        (lambda row: row.update(right=None), "the score isn't a mean of what single answers score"),
    ],
)  # fmt: skip
def test_what_was_asked_otherwise_is_not_compared(two: tuple[Path, Path], change: Any, reason: str) -> None:
    change_rows(two[1], change)
    found = put(*two)
    assert [each["arm"] for each in found["comparisons"]] == ["english"]
    assert [each["arm"] for each in found["not_comparable"]] == ["lora", "pipeline"]
    assert all(each["reason"].startswith(reason) for each in found["not_comparable"])
    assert reason in page_text(put_together([("", run) for run in two])).replace("&#39;", "'")


def test_what_was_read_or_chosen_otherwise_is_not_compared(two: tuple[Path, Path]) -> None:
    sign(two[1], SIGNATURE.format(code="fr").replace("fr-4", "fr-5"))
    reasons = {each["reason"] for each in put(*two)["not_comparable"]}
    assert reasons == {"another reading version: parser:localised-fr-5 here, parser:localised-fr-4 there"}
    sign(two[1], SIGNATURE.format(code="fr").replace("method:generate", "method:pmi"))
    reasons = {each["reason"] for each in put(*two)["not_comparable"]}
    assert reasons == {"measured otherwise: method:pmi here, method:generate there"}
    sign(two[1], SIGNATURE.format(code="fr").replace("n:16", "n:12").replace("v:2", "v:3"))
    assert not put(*two)["not_comparable"], "how much was asked and how intervals are made is no other reading"


def test_the_questions_that_both_were_asked_are_compared(two: tuple[Path, Path]) -> None:
    rows = [row for row in answers("lora", "fr", {0}) if int(row["id"]) < 8]
    write_lines(two[1] / "evaluation" / "answers.jsonl", rows)
    results = json.loads((two[1] / "results.json").read_text(encoding="utf-8"))
    results["arms"][1]["scores"][0]["value"] = 87.5
    (two[1] / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (lora,) = put(*two)["comparisons"]
    assert (lora["questions"], lora["of"]) == (8, [8, 16])
    assert "of 8 and 16" in page_text(put_together([("", run) for run in two]))


def test_groups_of_questions_are_paired_where_they_make_up_the_score(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, {"lora": wrong}) for name, wrong in (("one", {0, 4}), ("two", {0, 1, 2}))]
    for run, value in zip(runs, (75.0, 62.5), strict=True):
        change_rows(run, lambda row: row.update(group=str(int(row["id"]) % 8)))
        results = json.loads((run / "results.json").read_text(encoding="utf-8"))
        results["arms"][1]["scores"][0]["value"] = value
        (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    lora = next(each for each in put(*runs)["comparisons"] if each["arm"] == "lora")
    assert (lora["difference"], lora["questions"]) == (pytest.approx(-12.5), 8)


def write_captions(folder: Path, scores: dict[int, float], **kept: Any) -> Path:
    """Write a run of one arm that captioned pictures, each with what its caption scores."""
    value = sum(scores.values()) / len(scores)
    score = {
        "metric": "caption", "test": "human", "value": value, "low": 0.0, "high": 900.0, "unit": "points",
        "items": len(scores), "pictures": len(scores), "signature": "caption|cider-d|cider-d|n:4|sigma:6|refs:5|v:3",
    }  # fmt: skip
    rows = [
        {
            "system": "lora", "seed": 1, "benchmark": "caption", "kind": "caption", "language": "fr", "id": str(number),
            "picture": f"{number}.png", "prompt": "Décris.", "references": ["Un chat."], "text": "Un", "score": scored,
        } | kept
        for number, scored in scores.items()
    ]  # fmt: skip
    results = {
        "schema": 4, "name": "mine", "target": "fr", "target_name": "French", "headline_metrics": ["caption"],
        "arms": [{"name": "lora", "title": "LoRA", "scores": [score]}],
    }  # fmt: skip
    (folder / "evaluation").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_lines(folder / "evaluation" / "answers.jsonl", rows)
    return folder


def test_captions_are_paired_by_what_each_scored(tmp_path: Path) -> None:
    before = {number: 10.0 * (number % 7) for number in range(40)}
    after = {number: score + 5.0 + number % 3 for number, score in before.items()}
    runs = write_captions(tmp_path / "one", before), write_captions(tmp_path / "two", after)
    (found,) = put(*runs)["comparisons"]
    gains = np.array([after[number] - before[number] for number in before])
    assert found["difference"] == pytest.approx(gains.mean()) and found["questions"] == found["pictures"] == 40
    drawn = paired_difference(
        mean_of([*after.values()]), mean_of([*before.values()]), [str(number) for number in before],
        resamples=10_000,
    )  # fmt: skip
    assert (found["low"], found["high"]) == (pytest.approx(drawn.low, abs=0.05), pytest.approx(drawn.high, abs=0.05))
    assert found["low"] > 0 and found["p"] < 0.01
    same = put(runs[0], write_captions(tmp_path / "same", before))["comparisons"][0]
    assert same["difference"] == 0 and same["low"] == -same["high"] < 0 and same["p"] == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"numbers": 39}, "the two weren't asked all the same, and what a caption scores depends on all captions"),
        ({"score": None}, "the score isn't a mean of what single answers score, or was kept by an older version"),
        ({"score": 3.0}, "the score isn't a mean of what single answers score"),
    ],
)  # fmt: skip
def test_captions_that_cant_be_paired_say_why(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    before = {number: 10.0 * (number % 7) for number in range(40)}
    after = {number: before[number] for number in range(change.pop("numbers", 40))}
    runs = write_captions(tmp_path / "one", before), write_captions(tmp_path / "two", after, **change)
    found = put(*runs)
    assert not found["comparisons"] and found["not_comparable"][0]["reason"].startswith(reason)


def test_other_languages_share_their_english(two: tuple[Path, Path], tmp_path: Path) -> None:
    spanish = write_run(tmp_path / "spanish", {"lora": {3}}, "es", hardware={"cpu": "New", "cores": 8})
    found = put(two[0], spanish)
    assert [(each["arm"], each["language"]) for each in found["comparisons"]] == [("english", "en")]
    assert found["notes"] == [
        "These runs go to different languages (one to French; spanish to Spanish): there they were asked different "
        "questions, so only what they do in English is compared."
    ]
    assert "different machines (one: Old, 2 cores; spanish: New, 8 cores)" in found["costs_caveat"]
    text = page_text(put_together([("", two[0]), ("", spanish)]))
    assert 'id="scores-fr"' in text and 'id="scores-es"' in text and 'id="scores-en"' in text


def test_missing_failed_and_damaged_ones_are_said(two: tuple[Path, Path], tmp_path: Path) -> None:
    """Acceptance: what isn't there, failed or is broken leaves a report that says so, in every form."""
    results = json.loads((two[1] / "results.json").read_text(encoding="utf-8"))
    results["arms"][1] |= {"status": "failed", "error": "out of memory", "scores": []}
    results["arms"].append(7)
    results["config"]["arms"] = {"lora": {}, "two-stage": {}}
    (two[1] / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (two[0] / "evaluation" / "answers.jsonl").unlink()
    broken, unfinished = tmp_path / "broken", tmp_path / "unfinished"
    for folder in (broken, unfinished):
        (folder / "arms").mkdir(parents=True)
    (broken / "results.json").write_text('{"arms": [', encoding="utf-8")
    several = put_together([("", run) for run in (*two, broken, unfinished)])
    for writer in (WRITERS[ending] for ending in (".html", ".md", ".csv", ".json")):
        text = re.sub(r"\\([`_*])", r"\1", writer(several).replace("&#39;", "'"))
        for said in (
            "out of memory",
            "1 of 4 arms can't be read",
            "two-stage: in the experiment, but not in its results",
            "is broken: Expecting value",
            "the run isn't finished",
            "the answers of one aren't beside its results",
        ):
            assert said in text, (said, writer)


def test_the_command_writes_what_the_ending_says(two: tuple[Path, Path], tmp_path: Path) -> None:
    call = CliRunner().invoke
    names = [f"before={two[0]}", str(two[1] / "results.json")]
    done = call(main, ["report", *names, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [run["run"] for run in found["runs"]] == ["before", "two"]
    for ending in (".html", ".md", ".csv", ".json"):
        done = call(main, ["report", *names, "-o", str(tmp_path / f"out{ending}")])
        assert done.exit_code == 0 and done.stdout == "", done.output
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == found
    assert call(main, ["report", *names]).stdout == (tmp_path / "out.md").read_text(encoding="utf-8")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["value"]) for line in lines if line["kind"] == "score"] == [s["value"] for s in found["scores"]]
    assert [float(line["value"]) for line in lines if line["kind"] == "difference"] == [
        each["difference"] for each in found["comparisons"]
    ]
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    for row in found["scores"]:
        where = (
            f'data-run="{row["run"]}" data-arm="{row["arm"]}" data-metric="{row["metric"]}" data-test="{row["test"]}"'
        )
        assert f'{where} data-language="{row["language"]}" data-value="{row["value"]}"' in page
    for row in found["costs"]:
        where = f'data-run="{row["run"]}" data-arm="{row["arm"]}" data-sum="{row["sum"]}"'
        assert f'{where} data-metric="euros" data-value="{row["euros"]}"' in page
    # One run has a page of its own.
    call(main, ["report", str(two[0]), "-o", str(tmp_path / "own.html")])
    assert "<h1>mine</h1>" in (tmp_path / "own.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{one}", "{two}", "-o", "x.pdf"], "unknown ending of a report '.pdf'"),
        (["{one}", "{one}/results.json"], "is given twice"),
        (["a={one}", "a={two}"], "two runs are called 'a'"),
        (["{one}", "{one}x"], "Did you mean"),
        (["{one}", "{two}", "-o", "{one}/results.json"], "write to another file"),
        (["{place}"], "none of these runs can be read"),
    ],
)
def test_what_is_wrong_is_said(two: tuple[Path, Path], arguments: list[str], message: str) -> None:
    places = {"one": two[0], "two": two[1], "place": two[0].parent}
    done = CliRunner().invoke(main, ["report", *(each.format(**places) for each in arguments)])
    assert (done.exit_code, message in done.stderr) == (2, True), done.output


def test_texts_of_users_stay_texts(two: tuple[Path, Path], tmp_path: Path) -> None:
    results = json.loads((two[1] / "results.json").read_text(encoding="utf-8"))
    evil = copy.deepcopy(results)
    evil["name"] = evil["config"]["model"] = evil["arms"][1]["name"] = f"=1+1|{ATTACK} [x](javascript:1) *b*\n# c"
    evil["arms"][1] |= {"status": "failed", "error": ATTACK}
    evil["hardware"]["cpu"] = ATTACK
    (two[1] / "results.json").write_text(json.dumps(evil), encoding="utf-8")
    several = put_together([("", two[0]), ("=cmd", two[1])])
    assert ATTACK not in page_text(several)
    text = WRITERS[".md"](several)
    assert "<script" not in re.sub(r"\\<", "", text) and "\n# c" not in text and "[x](" not in text.replace("\\[", "")
    rows = csv.reader(WRITERS[".csv"](several).splitlines())
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_a_browser_opens_it(two: tuple[Path, Path], tmp_path: Path, browser: Any, width: int, scheme: str) -> None:
    shutil.rmtree(two[1] / "evaluation")
    (tmp_path / "page.html").write_text(page_text(put_together([("", run) for run in two])), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in requests if not url.startswith("data:")] == [page.url]
    assert findings(page) == []
