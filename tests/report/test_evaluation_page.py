"""The page of an evaluation: its numbers, what it escapes, damaged results, and a browser that opens it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from accessibility import findings
from benchmark_files import write_bench, write_lines
from passerelle.cli import main
from passerelle.report.evaluated.page import evaluation_text

ATTACK = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def said(folder: Path, name: str, wrong: tuple[int, ...], odd: dict[int, str]) -> str:
    """Write what a model says to POPE in both languages, some of it wrong or odd."""
    rows = []
    for code, words in (("en", ("Yes", "No")), ("fr", ("Oui", "Non"))):
        for line in (folder / f"pope-{code}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            is_yes = (row["label"] == "yes") != (row["question_id"] in wrong)
            text = odd.get(row["question_id"], words[not is_yes])
            rows.append({"question_id": row["question_id"], "language": code, "text": text})
    return str(write_lines(folder / f"{name}.jsonl", rows))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an evaluation of two models' predictions."""
    folder = write_bench(tmp_path_factory.mktemp("evaluated"))
    # Predictions take no pictures: those of the answers are put in, as those that models were asked have.
    one = said(folder, "one", (), {3: ATTACK})
    two = said(folder, "two", (1, 2, 3, 5), {})
    command = ["evaluate", "--predictions", f"one={one}", "--predictions", f"two={two}", "--language", "fr,en"]
    command += ["--benchmark", f"pope={folder}/pope-{{language}}.jsonl", "--out", str(folder / "out")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "report.html" in done.stderr
    rows = [json.loads(line) for line in (folder / "out" / "answers.jsonl").read_text("utf-8").splitlines()]
    write_lines(folder / "out" / "answers.jsonl", [{**row, "picture": str(folder / row["picture"])} for row in rows])
    return folder / "out"


def results_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return found


def test_every_number_of_the_page_is_the_results(evaluated: Path) -> None:
    results = results_of(evaluated)
    text = evaluation_text(results, evaluated)
    for figure in results["figures"]:
        known_by = "pope" if figure["metric"] == "accuracy" else f"pope {figure['metric']}"
        metric = f"{known_by}: {figure['subtask']}" if figure["subtask"] else known_by
        where = f'data-arm="{figure["system"]}" data-metric="{metric}" data-language="{figure["language"]}"'
        if figure["used"]:
            assert f'{where} data-value="{figure["value"]}"' in text
        elif metric == "pope":
            where = f'data-arm="{figure["system"]}" data-metric="other-reading" data-language="{figure["language"]}"'
            assert f'{where} data-value="{figure["value"]}"' in text
    for row in results["comparisons"]:
        where = f'data-arm="{row["first"]}" data-against="{row["second"]}" data-metric="pope"'
        assert f'{where} data-language="{row["language"]}" data-value="{row["difference"]}"' in text
    assert 'data-reason="nothing said" data-value="1"' in text
    assert "one scores highest, 93.8\u00a0% [" in text and "two scores 75.0\u00a0% [" in text
    assert [test["questions"] for test in results["tests"]] == [16, 16]
    assert f"sha256 {results['tests'][0]['sha256'][:16]}" in text and "passerelle 0.1.0" in text


def test_examples_show_what_was_said_and_escape_it(evaluated: Path) -> None:
    text = evaluation_text(results_of(evaluated), evaluated)
    assert ATTACK not in text and "&lt;script&gt;alert" in text
    headings = [text.index(f">{heading}</h3>") for heading in ("Couldn&#39;t be read", "Models disagree", "Right")]
    assert headings == sorted(headings)
    assert "couldn't be read: nothing said" in text
    assert text.count('<article class="card"') == 24


def test_pictures_are_kept_when_they_are_shown_first(evaluated: Path, tmp_path: Path) -> None:
    """Later, no picture outside of the folder is read, whatever the answers name."""
    folder = tmp_path / "out"
    shutil.copytree(evaluated, folder)
    assert "data:image/jpeg" not in evaluation_text(results_of(folder), folder)
    evaluation_text(results_of(folder), folder, keep=True)
    assert len(list((folder / "pictures").iterdir())) == 4
    assert evaluation_text(results_of(folder), folder).count("data:image/jpeg") == 24


@pytest.mark.parametrize("key", ["figures", "comparisons", "gaps", "speed", "unread", "tests", "notes", "versions"])
@pytest.mark.parametrize("value", [None, 3, [3], [{}], [{"parts": 3, "reasons": 3, "value": "x"}], {"a": 1}])
def test_damaged_results_still_open(evaluated: Path, key: str, value: Any) -> None:
    text = evaluation_text({**results_of(evaluated), key: value}, evaluated)
    assert "</html>" in text
    if key == "figures":
        assert "No model has a score" in text
        assert ("1 of 1 figures can&#39;t be read" in text) == isinstance(value, list)


def test_without_answers_it_says_so(evaluated: Path, tmp_path: Path) -> None:
    assert "No examples: no answers at" in evaluation_text(results_of(evaluated), tmp_path)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_a_browser_opens_it(evaluated: Path, browser: Any, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda _: complaints.append("an alert ran"))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((evaluated / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "10px"
    assert (complaints, [url for url in requests if not url.startswith("data:")]) == ([], [page.url])
    assert findings(page) == []
