"""A language model is one more check: what it lists is read strictly, paid once and a column of the estimate."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chat_server import ChatServer, ListsErrors
from passerelle.cli import main
from passerelle.errors import BudgetSpent, ConfigError
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Pair
from passerelle.quality.checks import registry
from passerelle.quality.checks.language_model import LanguageModelCheck, finding_of, prompt_for, read_errors
from passerelle.quality.checks.structure import StructureCheck
from passerelle.quality.estimate import calibrated, fitting
from passerelle.quality.store import AssessmentStore

pytest.importorskip("httpx")
SECRET = "sk-nobody-may-see-this"


def error(category: str, severity: str = "major", text: str = "mot") -> dict[str, str]:
    return {"category": category, "severity": severity, "text": text}


class Lists(ListsErrors):
    replies = {
        "Une grue.": {"errors": [error("wrong-sense", text="grue"), error("style", "minor")]},
        "Bof.": "I can't say.",
        "Coupé.": '{"errors": [{"category"',
    }


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    # The other checks are slow to start, and measured elsewhere.
    for module in (registry, fitting, calibrated):
        monkeypatch.setattr(module, "CHECKS", {"structure": lambda source, target, engines: StructureCheck()})
    made = ChatServer(Lists)
    yield made
    made.close()


def named(server: ChatServer, options: str = "input_price: 10, output_price: 100", model: str = "small") -> str:
    return f"llm{{first_wait_seconds: 0.01, retries: 0, {options}}}:{model}@{server.url}"


@pytest.mark.parametrize(
    ("reply", "errors"),
    [
        ('{"errors": []}', []),
        ('```json\n{"errors": []}\n```', []),
        ('Here it is:\n```json\n{"errors": []}\n```\nI hope it helps.', []),
        ({"errors": [error("accuracy/omission", "Major")]}, [("major", "dropped", "mot")]),
        ({"errors": [error("Accuracy: mistranslation", "critical")]}, [("critical", "wrong-sense", "mot")]),
        ({"errors": [error("word order", "minor")]}, [("minor", "grammar", "mot")]),
        ({"errors": [error("other", "minor", "a\x1b[31m\nb")]}, [("minor", "", "a[31m b")]),
        ({"errors": [{"category": "added", "severity": "minor", "text": None}]}, [("minor", "added", "")]),
        ({"errors": [error("style", "terrible")]}, None),
        ({"errors": ["style"]}, None),
        ({"errors": {}}, None),
        ("[]", None),
        ("No errors.", None),
        ("", None),
        ('{"errors": [' * 3000, None),
    ],
)
def test_a_reply_is_a_list_of_errors_or_unread(reply: Any, errors: list[tuple[str, str, str]] | None) -> None:
    found = read_errors(reply if isinstance(reply, str) else json.dumps(reply))
    assert (None if found is None else [(one.severity, one.kind, one.text) for one in found]) == errors


def test_the_score_weighs_severities_as_mqm_does() -> None:
    def score(*errors: dict[str, str]) -> tuple[float, str, str | None, dict[str, float]]:
        found = finding_of(read_errors(json.dumps({"errors": errors})) or [])
        return found.score, found.reason, found.error, dict(found.values)

    none = {"minor": 0.0, "major": 0.0, "critical": 0.0}
    assert score() == (1.0, "", None, none)
    minor, major = error("style", "minor"), error("untranslated", text="chipmunk")
    assert score(minor, major) == (
        pytest.approx(19 / 25), 'major: untranslated in "chipmunk"', "unknown-word", {**none, "minor": 1, "major": 1}
    )  # fmt: skip
    assert score(error("grammar", "critical"), major)[0] == 0.0
    assert score(error("nonsense", "minor", ""))[1:3] == ("minor: error", None)


def test_a_pair_is_asked_about_in_its_languages_and_texts_are_only_texts() -> None:
    prompt = prompt_for(Pair("A {text} <b>", "Ein {errors}", "en", "de"))
    assert "into German" in prompt and "A {text} <b>\n[End" in prompt and "Ein {errors}\n[End" in prompt
    assert "dropped: something of the source is missing" in prompt and '{"errors": []}' in prompt


def test_each_pair_is_asked_once_priced_and_never_twice(server: ChatServer, tmp_path: Path) -> None:
    pairs = [Pair("A crane.", "Une grue."), Pair("A dog.", "Un chien."), Pair("Well.", "Bof."), Pair(" ", "x")]
    for run in range(2):
        check = LanguageModelCheck(named(server))
        with AssessmentStore(tmp_path / "a.sqlite") as store:
            found = Assessor([check], store).assess([*pairs, *pairs])["llm"]
        assert [one.score for one in found[:2]] == [pytest.approx(19 / 25), 1.0] and found[:4] == found[4:] or run
        assert found[0].error == "wrong-sense" and found[0].reason == 'major: wrong sense in "grue"'
        assert math.isnan(found[2].score) and found[2].is_silent and found[3].reason == ""
        assert len(server.requests) == 3, "nothing is paid twice"
        assert (check.taken.requests, check.taken.tokens) == (3, 3 * (100 + 30))
        assert check.taken.engine_eur == pytest.approx(3 * (100 * 10 + 30 * 100) / 1e6)
        check.close()
    assert all(request["headers"]["Authorization"] == f"Bearer {SECRET}" for request in server.requests)
    kept = " ".join(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET not in kept + check.signature + repr(vars(check))


def test_a_budget_stops_in_time_and_what_came_is_kept(server: ChatServer) -> None:
    pairs = [Pair(f"A dog {n}.", f"Un chien {n}.") for n in range(8)]
    with pytest.raises(BudgetSpent, match="raise most_tokens and give the same command again"):
        LanguageModelCheck(named(server, "most_tokens: 1500, concurrency: 1")).assess(pairs)
    paid = len(server.requests)
    assert 0 < paid < 8
    check = LanguageModelCheck(named(server, "most_tokens: 100000, concurrency: 1"))
    assert [one.score for one in check.assess(pairs)] == [1.0] * 8 and len(server.requests) == 8


def test_what_cant_be_a_model_is_told() -> None:
    from passerelle.quality.engines import Engines

    for names, said in (
        (["llm:"], "check 'llm:'"), (["llm:m@localhost:80/v1"], "begins with http"),
        (["llm:a@http://x/v1", "llm:b@http://x/v1"], "one language model at a time"),
        (["llms"], "A language model is llm:MODEL@URL"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            registry.build_checks("en", "fr", Engines(), names)


def labels_file(path: Path) -> Path:
    """Pairs that only the model tells apart: it finds fault with every second one, which is refused."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["source", "target", "accepted"])
        rows.writerows([f"thing {n}", f"chose {n}", n % 2] for n in range(160))
    return path


def test_the_estimate_gets_a_column_and_the_audit_counts_what_it_could_not_read(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {f"chose {n}": {"errors": [error("added")]} for n in range(0, 160, 2)}
    monkeypatch.setattr(Lists, "replies", {**bad, "Bof.": "Hm."})
    files = {name: tmp_path / name for name in ("a.txt", "b.txt", "mine.json", "out")}
    files["a.txt"].write_text("thing 0\nthing 1\nthing 3\nWell.\n", encoding="utf-8")
    files["b.txt"].write_text("chose 0\nchose 1\nchose 3\nBof.\n", encoding="utf-8")

    def run(*given: Any) -> Any:
        result = CliRunner().invoke(main, [str(one) for one in given])
        assert SECRET not in result.output and (result.exception is None or isinstance(result.exception, SystemExit))
        return result

    fitted = run("quality", "fit", labels_file(tmp_path / "labels.csv"), "--out", files["mine.json"],
                 "--check", named(server))  # fmt: skip
    assert fitted.exit_code == 0, fitted.output
    assert "llm: 160 replies, " in fitted.stderr and "by the prices given" in fitted.stderr
    (row,) = (line for line in fitted.stdout.splitlines() if line.startswith("llm "))
    assert row.split()[1] == "1.000", "alone and without it stand beside each other"
    content = json.loads(files["mine.json"].read_text(encoding="utf-8"))
    assert {"llm", "llm.major"} <= set(content["features"])

    asked = ("audit", files["a.txt"], files["b.txt"], "--to", "fr", "--out", files["out"])
    mine = ("--calibration", files["mine.json"])
    found = run(*asked, *mine, "--check", named(server), "--json")
    assert found.exit_code == 0, found.output
    audited = json.loads(found.stdout)
    by = {one["source"]: one["probability"] for one in audited["typical"]}
    assert by["thing 0"] < 0.3 < 0.7 < by["thing 1"]
    assert audited["kinds"][0]["name"] == "added"
    assert audited["unsaid"] == [
        {"check": "llm", "reason": "the model's reply is no list of errors", "pairs": 1, "of": 4}
    ]
    assert audited["asked"]["llm"]["requests"] == 4 and len(server.requests) == 161
    shown = run(*asked, *mine, "--check", named(server)).stdout
    assert shown.splitlines()[1].startswith("The check llm says nothing about 1 of 4 pairs")
    page = (files["out"] / "audit.html").read_text(encoding="utf-8")
    assert page.index("says nothing about 1 of 4") < page.index("<main") and "took 4 replies of a language" in page

    gated = run("gate", files["a.txt"], files["b.txt"], "--to", "fr", *mine, "--check", named(server), "--out",
                tmp_path / "kept.txt")  # fmt: skip
    assert gated.exit_code == 0, gated.output
    assert gated.stderr.startswith("The check llm says nothing about 1 of 4 pairs") and "llm: 4 replies" in gated.stderr

    other = run(*asked, *mine, "--check", named(server, model="large"))
    assert other.exit_code == 2 and "the calibration was fitted with" in other.output and "large" in other.output
    without = run(*asked, *mine, "--json")
    assert "without llm, which can't say anything here" in json.loads(without.stdout)["calibrated_on"]
    monkeypatch.setattr(Lists, "replies", bad)
    plain = run(*asked, "--check", named(server), "--json")
    assert "llm has no column in the calibration" in plain.stderr
    assert "without a column for llm: that names errors" in json.loads(plain.stdout)["calibrated_on"]
    assert len(server.requests) == 161, "all is known"
