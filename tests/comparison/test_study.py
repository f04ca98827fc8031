"""A comparison on a model of one's own: every arm trained, evaluated in both languages, charged, and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from benchmark_files import COLOURS, write_bench
from families.tiny import build
from passerelle.cli import main
from passerelle.comparison.settings import is_study, load_study
from passerelle.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def conversation(language: str, number: int, colour: str) -> dict[str, Any]:
    asked = {"fr": "De quelle couleur est-ce ?", "en": "What colour is it?"}[language]
    said = colour if language == "en" else COLOURS[colour]
    turns = [{"from": "human", "value": f"<image>\n{asked}"}, {"from": "gpt", "value": said}]
    return {"id": f"{language}-{number}", "image": f"{colour}.png", "conversations": turns}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny model, conversations and benchmarks; the working directory."""
    torch.set_num_threads(1)
    write_bench(tmp_path)
    for language in ("fr", "en"):
        rows = [conversation(language, n, colour) for n, colour in enumerate([*COLOURS] * 3)]
        (tmp_path / f"{language}.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    build("qwen2_vl", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write_study(folder: Path, **changes: Any) -> Path:
    content: dict[str, Any] = {
        "name": "own",
        "model_name_or_path": "model",
        "language": "fr",
        "answers": "sum",
        "benchmarks": ["mmbench=mmb-{language}.tsv", "pope=pope-{language}.jsonl"],
        "data": [{"path": "fr.json", "language": "fr"}, {"path": "en.json", "language": "en"}],
        "train": {"max_steps": 4, "per_device_train_batch_size": 2, "dtype": "float32"},
        "arms": {
            "zero-shot": None,
            "prompted": None,
            "pipeline": None,
            "lora": None,
            "two-stage": None,
            "lora-people": {
                "method": "lora",
                "data": [{"path": "fr.json", "language": "fr", "origin": "human-translation"}],
            },
        },
        "seeds": [1, 2],
    }
    path = folder / "own.yaml"
    path.write_text(json.dumps(content | changes), encoding="utf-8")  # JSON is YAML
    return path


def compare(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["compare", "own.yaml", "--json", *arguments])
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_arm_is_trained_evaluated_charged_and_shown(own: Path) -> None:
    write_study(own)
    results = compare()
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert list(arms) == ["english", "zero-shot", "prompted", "pipeline", "lora", "two-stage", "lora-people"]
    tests = {name: {score["test"] for score in arm["scores"]} for name, arm in arms.items()}
    assert tests["english"] == {"english"}
    assert tests["zero-shot"] == tests["prompted"] == tests["pipeline"] == {"human"}
    assert tests["lora"] == tests["two-stage"] == {"human", "english"}
    assert results["headline_metrics"] == ["mmbench", "pope"]
    assert {tuple(sorted(a["seeds"])) for a in arms.values()} == {(), (1, 2)}
    assert len({s["seed"] for s in arms["lora"]["seed_scores"]}) == 2
    for name in ("lora", "two-stage"):
        phases = {phase["phase"]: phase for phase in arms[name]["cost"]["phases"]}
        trained = [phase for key, phase in phases.items() if key.startswith("training")]
        assert len(trained) == (2 if name == "two-stage" else 1)
        assert all(phase["seconds"] > 0 and phase["flops"] > 0 and phase["tokens"] > 0 for phase in trained)
        assert phases["answers, pope (fr)"]["flops"] > 0
        assert phases["answers, pope (fr)"]["tokens"] is phases["answers, pope (fr)"]["peak_bytes"] is None
    assert arms["lora"]["trained_on"] == "machine"
    assert arms["lora-people"]["trained_on"] == "human-translation"
    assert arms["lora-people"]["cost"]["total_expert_minutes"] > 0 == arms["lora"]["cost"]["total_expert_minutes"]
    pairs = {(c["arm"], c["against"], c["test"]) for c in results["comparisons"]}
    assert {("lora", "pipeline", "human"), ("lora", "zero-shot", "human"), ("lora", "zero-shot", "english")} <= pairs
    assert ("prompted", "zero-shot", "english") not in pairs
    page = (own / "runs" / "own" / "report.html").read_text(encoding="utf-8")
    assert "French test" in page and "human test" not in page
    assert results["examples"][0]["choice"]["picked"].keys() >= {"lora", "pipeline"}

    again = compare()
    assert [arm["scores"] for arm in again["arms"]] == [arm["scores"] for arm in results["arms"]]
    assert again["arms"][4]["cost"] == results["arms"][4]["cost"], "nothing was done again"


def test_without_english_there_is_no_reference_in_it(own: Path) -> None:
    write_study(own, english=False, benchmarks=["pope:fr=pope-fr.jsonl"], arms=["prompted", "lora"], seeds=[3])
    results = compare("--smoke")
    assert [arm["name"] for arm in results["arms"]] == ["prompted", "lora"]
    assert {score["test"] for arm in results["arms"] for score in arm["scores"]} == {"human"}
    assert (own / "runs" / "own-smoke" / "report.html").is_file()


def test_the_language_may_be_named_in_words(own: Path) -> None:
    write_study(own, language="French", arms=["prompted"], benchmarks=["pope=pope-{language}.jsonl"])
    (arm,) = (arm for arm in compare("--smoke")["arms"] if arm["name"] == "prompted")
    assert {score["test"] for score in arm["scores"]} == {"human"}


def test_an_arm_that_fails_is_named_and_the_others_are_compared(own: Path) -> None:
    strays = {"how": "lora", "learning_rate": 0.1, "targets": r".*(qkv|q_proj)"}  # into the frozen tower too
    stray = {"method": "lora", "stages": [{"name": "a", "train": {"language": strays}}]}
    benchmarks = ["pope=pope-{language}.jsonl"]
    write_study(own, arms={"zero-shot": {}, "stray": stray, "lora": {}}, seeds=[1], benchmarks=benchmarks)
    arms = {arm["name"]: arm for arm in compare()["arms"]}
    assert arms["stray"]["status"] == "failed"
    assert "narrow its targets" in arms["stray"]["error"]
    assert arms["stray"]["scores"] == []
    assert arms["lora"]["status"] == "done"
    assert arms["lora"]["scores"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"lora": {"rank": 3}}}, r"arm 'lora': unknown key 'rank'"),
        ({"arms": {"mine": {}}}, "arm 'mine': unknown method 'mine'"),
        ({"arms": {"lora": {"seed": 3}}}, "lora.seed: the comparison sets it itself"),
        ({"arms": ["lora"], "data": []}, "arm 'lora': data"),
        ({"arms": ["zero-shot"], "against": "pipeline"}, "unknown arm 'pipeline'"),
        ({"arms": {"a/b": {"method": "lora"}}}, "letters, digits"),
        ({"seeds": [1, 1]}, "named twice"),
        ({"benchmark": ["x"]}, "unknown key 'benchmark'"),
        ({"language": "no such"}, "no such"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_study(write_study(tmp_path, **changes))


def test_a_missing_benchmark_is_found_before_training(own: Path) -> None:
    write_study(own, benchmarks=["pope=nowhere-{language}.jsonl"])
    done = CliRunner().invoke(main, ["compare", "own.yaml"])
    assert done.exit_code == 2
    assert "nowhere-fr.jsonl" in done.stderr
    assert not (own / "runs" / "own" / "arms").exists()


def test_options_of_the_embedded_experiments_are_refused(own: Path) -> None:
    write_study(own)
    done = CliRunner().invoke(main, ["compare", "own.yaml", "--target", "es"])
    assert done.exit_code == 2
    assert "--target is for experiments on the embedded base" in done.stderr


def test_experiments_are_told_apart(tmp_path: Path) -> None:
    assert is_study(write_study(tmp_path))
    (tmp_path / "demo.yaml").write_text("name: demo\n", encoding="utf-8")
    assert not is_study(tmp_path / "demo.yaml")
    assert not is_study(tmp_path / "missing.yaml")
