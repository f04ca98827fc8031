"""A comparison on files of one's own: translated, screened, trained, asked, charged, shown; its arms used by name."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comparison.conftest import Ran, compare
from comparisons import ARMS, scores
from passerelle.cli import main
from passerelle.comparison.answered import read_run
from passerelle.evaluation.writing import read_answers
from passerelle.runs import read_arms

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.timeout(900),
]
TRAINED = ("lora", "lora-gated", "lora-random", "lora-repaired", "lora-human", "two-stage")


def arms_of(ran: Ran) -> dict[str, Any]:
    return {arm["name"]: arm for arm in ran.results["arms"]}


def phases_of(arm: dict[str, Any]) -> dict[str, Any]:
    return {phase["phase"]: phase for phase in arm["cost"]["phases"]}


def test_every_arm_is_done_on_every_test(ran: Ran) -> None:
    arms = arms_of(ran)
    assert list(arms) == ["english", *ARMS]
    assert all((arm["status"], arm["error"]) == ("done", None) for arm in arms.values())
    tests = {name: {(score["metric"], score["test"]) for score in arm["scores"]} for name, arm in arms.items()}
    assert {test for _, test in tests["english"]} == {"english"}
    for name in ("zero-shot", "prompted", "pipeline"):
        assert {test for _, test in tests[name]} == {"human", "machine"}
    for name in TRAINED:
        assert {test for _, test in tests[name]} == {"human", "machine", "english"}
        assert {("mmbench", "machine"), ("mmbench", "human"), ("pope", "human"), ("pope auc", "human")} <= tests[name]
        assert ("pope", "machine") not in tests[name], "nobody asked for it"
        assert {score["seed"] for score in arms[name]["seed_scores"]} == {1, 2}
    assert {name: arm["trained_on"] for name, arm in arms.items() if arm["trained_on"]} == {
        **dict.fromkeys(TRAINED, "machine"),
        "lora-repaired": "repaired",
        "lora-human": "human-translation",
    }
    assert ran.results["headline_metrics"] == ["mmbench", "pope"]
    assert ran.results["main_test"] == "human"


def test_what_arms_share_is_charged_to_each_and_paid_once(ran: Ran) -> None:
    arms = arms_of(ran)
    phases = {name: phases_of(arms[name]) for name in TRAINED}
    translation = {name: found.get("data, translation of en.json") for name, found in phases.items()}
    assert translation.pop("lora-human") is None
    for phase in translation.values():
        assert phase["seconds"] == translation["lora"]["seconds"] > 0
        assert (phase["shared_by"], phase["sentences"]) == (5, translation["lora"]["sentences"])
    assert phases["lora-gated"]["data, gate"]["seconds"] > 0
    assert phases["lora-repaired"]["data, repair"]["seconds"] > 0
    people = phases["lora-human"]["data, people's work on human"]
    assert people["expert_minutes"] > 0 == people["sentences"]
    for name in TRAINED:
        cost = arms[name]["cost"]
        made = [phase for phase in cost["phases"] if phase["kind"] == "make"]
        assert not any(phase["phase"].startswith("answers") for phase in made)
        for clock in ("seconds", "processor_seconds"):
            assert cost["make"][clock] == pytest.approx(sum(phase[clock] for phase in made))
            paid = sum(max(0, phase[clock] - phase[f"spared_{clock}"]) / phase["shared_by"] for phase in made)
            assert cost["make"]["paid"][clock] == pytest.approx(paid)
        assert cost["make"]["paid"]["euros"] < cost["make"]["euros"] or name == "lora-human"
        training = [phase for key, phase in phases[name].items() if key.startswith("training")]
        assert len(training) == (2 if name == "two-stage" else 1)
        assert all(phase["seconds"] > 0 and phase["flops"] > 0 and phase["tokens"] > 0 for phase in training)
        assert phases[name]["answers, pope (fr)"]["flops"] > 0
    assert arms["pipeline"]["cost"]["sentences_translated"] > 0 == arms["zero-shot"]["cost"]["sentences_translated"]
    (test,) = ran.results["shared_costs"]
    assert test["phase"] == "tests, translation of mmbench" and test["sentences"] > 0


def test_asking_is_told_for_the_language_at_work_and_measuring_apart(ran: Ran) -> None:
    """English is asked of trained arms too, to see what they kept: it is no price of what they answer."""
    for arm in arms_of(ran).values():
        cost = arm["cost"]
        asked = {code: [p for p in cost["phases"] if p["language"] == code] for code in ("fr", "en")}
        at_work = "en" if arm["name"] == "english" else "fr"
        answers = {"fr": 24, "en": 20}[at_work]
        for amount in ("seconds", "processor_seconds", "flops"):
            one = sum(phase[amount] for phase in asked[at_work])
            assert cost["per_1000"][amount] == pytest.approx(one / answers * 1000)
            every = [phase[amount] for phases in asked.values() for phase in phases]
            assert cost["measuring"][amount] == pytest.approx(sum(every))
        assert cost["per_1000"]["processor_seconds"] > 0 and cost["per_1000"]["euros"] > 0
        assert (cost["make"]["euros"] > 0) == (arm["name"] in TRAINED)
    pipeline = arms_of(ran)["pipeline"]["cost"]
    assert pipeline["per_1000"]["sentences"] > 0


def test_the_parts_of_the_ledger_add_up_to_the_whole(ran: Ran) -> None:
    ledger = ran.results["ledger"]
    names = {row["part"] for row in ledger["parts"]}
    assert {
        "check", "translate, tests", "translate, data", "translate, answering", "data, gate", "data, repair",
        "features", "train, training", "train, language", "ask, fr", "ask, en", "score", "load and save", "results",
    } <= names  # fmt: skip
    for clock in ("seconds", "processor_seconds"):
        parts = sum(row[clock] for row in ledger["parts"])
        assert parts + ledger["everything_else"][clock] == pytest.approx(ledger["whole"][clock])
        assert parts == pytest.approx(ledger["whole"][clock], rel=0.02), "everything else is little"
    written = [row["written_bytes"] for row in (*ledger["parts"], ledger["everything_else"])]
    assert sum(written) == pytest.approx(ledger["whole"]["written_bytes"])
    assert ledger["whole"]["seconds"] == pytest.approx(ran.results["wall_seconds"], rel=0.02, abs=0.2)
    asked = sum(row["seconds"] for row in ledger["parts"] if row["arm"] == "zero-shot")
    cost = arms_of(ran)["zero-shot"]["cost"]["measuring"]
    assert 0 < cost["paid"]["seconds"] <= asked


def test_features_are_charged_to_each_and_paid_once(ran: Ran) -> None:
    arms = arms_of(ran)
    asked = arms["prompted"]["cost"]["per_1000"]
    assert asked["paid"]["processor_seconds"] < asked["processor_seconds"]
    assert asked["flops_by_part"].keys() == {"tower forward", "projector forward", "language forward", "head forward"}
    assert sum(asked["flops_by_part"].values()) == pytest.approx(asked["flops"])
    features = phases_of(arms["two-stage"])
    found = [phase for name, phase in features.items() if name.startswith("features")]
    assert found and sum(phase["processor_seconds"] for phase in found) > 0
    assert sum(phase["flops"] for phase in found) > 0
    stages = [phase["flops_by_part"] for name, phase in features.items() if name.startswith("training")]
    assert all({"language forward", "language backward", "head backward"} <= parts.keys() for parts in stages)
    assert any("projector backward" in parts for parts in stages) and not any("tower backward" in p for p in stages)


def test_what_went_to_disks_is_told_phase_by_phase(ran: Ran) -> None:
    for arm in arms_of(ran).values():
        phases, cost = arm["cost"]["phases"], arm["cost"]
        written = {kind: sum(p["written_bytes"] for p in phases if p["kind"] == kind) for kind in ("make", "answers")}
        assert cost["make"]["written_bytes"] == pytest.approx(written["make"])
        assert cost["measuring"]["written_bytes"] == pytest.approx(written["answers"])
    if ran.results["ledger"]["whole"]["written_bytes"]:  # temporary files aren't in memory
        stages = [p for p in arms_of(ran)["lora"]["cost"]["phases"] if p["phase"] == "training"]
        (adapter, *_) = read_arms(ran.run)["lora"].models.values()
        weights = (ran.place / adapter / "adapter_model.safetensors").stat().st_size
        assert sum(stage["written_bytes"] for stage in stages) >= weights > 0, "the stage's own, which are as many"


def test_the_text_that_was_learnt_is_described(ran: Ran) -> None:
    text = ran.results["data"]["training_text"]
    assert {name: row["rows"] for name, row in text.items()} == {"machine": 12, "gate": 7, "random": 7, "repair": 12}
    assert all(0 < row["chrf"] <= 100 and row["against"] == "human" for row in text.values())
    assert "apertium" in text["machine"]["by"] and text["gate"]["by"].startswith("gate, the best 60%")
    files = {Path(file["path"]).parent.name.partition("-")[0] for file in ran.results["data"]["training"]}
    assert files >= {"gate", "random"}, "the repaired text is the machine's: nothing was better"


def test_a_machines_test_is_called_so_and_the_engine_that_it_favours_is_named(ran: Ran) -> None:
    assert ran.results["own_engine"] == [{"test": "mmbench", "engine": "apertium", "arms": ["pipeline"]}]
    assert not [note for note in ran.results["notes"] if "machine test" in note], "it is said once, as a warning"
    page = (ran.run / "report.html").read_text(encoding="utf-8")
    assert "machine-translated ones" in page
    assert re.search(r"The machine test of mmbench was translated by apertium, which [\w ]+ uses too: it favours", page)


def test_arms_are_compared_in_pairs(ran: Ran) -> None:
    pairs = {(c["arm"], c["against"], c["test"]) for c in ran.results["comparisons"]}
    assert {("lora", "pipeline", "human"), ("lora", "zero-shot", "human"), ("lora", "zero-shot", "english")} <= pairs
    assert {("lora-human", "lora", "human"), ("lora-gated", "lora-random", "human")} <= pairs
    assert ("prompted", "zero-shot", "english") not in pairs
    values = {key: value for key, (value, *_) in scores(ran.results).items()}
    for found in ran.results["comparisons"]:
        expected = values[found["arm"], found["metric"], found["test"]]
        other = "english" if (found["against"], found["test"]) == ("zero-shot", "english") else found["against"]
        expected -= values[other, found["metric"], found["test"]]
        assert found["difference"] == pytest.approx(expected, abs=1e-6)


def test_examples_have_their_answers(ran: Ran) -> None:
    example = ran.results["examples"][0]
    assert (ran.run / example["image"]).is_file()
    assert example["choice"]["picked"].keys() == {"english", *ARMS}
    answers = [question["correct"] for example in ran.results["examples"] for question in example["yes_no"]]
    assert set(answers) == {"Oui", "Non"}


def test_a_second_run_does_nothing_twice(ran: Ran) -> None:
    again, said = compare()
    assert scores(again) == scores(ran.results)
    assert [arm["cost"] for arm in again["arms"]] == [arm["cost"] for arm in ran.results["arms"]]
    assert all(": 0 asked now" in line for line in said.splitlines() if "asked now" in line)
    assert said.count("done before:") == 12 and "translating" not in said


def test_arms_are_evaluated_by_their_names(ran: Ran) -> None:
    command = [
        "evaluate",
        "runs/own:lora-human",
        "runs/own:pipeline",
        "two=runs/own:lora:2",
        "--method",
        "sum",
        "--json",
    ]
    command += ["--benchmark", "pope=pope-{language}.jsonl", "--language", "fr", "--out", "out"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.stderr
    found = {
        (f["system"], f["metric"]): f for f in json.loads(done.stdout)["figures"] if f["metric"] in ("auc", "accuracy")
    }
    values = scores(ran.results)
    for name in ("lora-human", "pipeline"):
        assert found[f"own:{name}", "auc"]["value"] == pytest.approx(values[name, "pope auc", "human"][0])
    assert len(found["own:lora-human", "auc"]["by_seed"]) == 2
    own = {
        s["seed"]: s["value"]
        for s in arms_of(ran)["lora"]["seed_scores"]
        if s["metric"] == "pope auc" and s["test"] == "human"
    }
    assert found["two", "auc"]["value"] == pytest.approx(own[2])


@pytest.mark.parametrize("arm", ["zero-shot", "pipeline", "lora-human", "two-stage"])
def test_an_arm_answers_about_a_picture_of_ones_own(ran: Ran, arm: str) -> None:
    command = ["answer", "red.png", "De quelle couleur est-ce ?", "--run", "runs/own", "--arm", arm, "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["model"] == f"runs/own:{arm}" and "\n" not in said["answer"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--run", "runs/own", "--arm", "lora-humann"], "unknown arm 'lora-humann'. Did you mean 'lora-human'?"),
        (["--run", "runs/own"], "which arm of 'runs/own'? Write --arm with one of zero-shot"),
        (["--arm", "lora"], "which run is 'lora' an arm of?"),
        (["--run", "nowhere", "--arm", "lora"], "no folder 'nowhere': give the folder of a run"),
        (["--model", "model", "--run", "runs/own", "--arm", "lora"], "not both"),
        (["--model", "model", "--seed", "1"], "--seed is of an arm"),
        (["--run", "runs/own", "--arm", "lora", "--seed", "7"], "'lora' has 1, 2 in 'runs/own'"),
        (["--model", "runs/own"], "is a run: name one of its arms, runs/own:zero-shot"),
        (["--model", "pipeline"], "pipeline of which model?"),
        (["--model", "prompted:runs/own:pipeline"], "'pipeline' is pipeline itself"),
    ],
)
def test_what_is_named_and_not_there_is_an_error(ran: Ran, options: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["answer", "red.png", "Quoi ?", *options])
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_folder_can_be_moved(ran: Ran, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(ran.run, moved)
    found = read_arms(moved)
    assert all(Path(model).is_relative_to(moved) for model in found["lora-human"].models.values())
    assert found["zero-shot"].models == {"": "model"}


def test_experts_judge_what_arms_said(ran: Ran, tmp_path: Path) -> None:
    rows = read_run(ran.run, ["pipeline", "lora-human"])
    assert {row.stratum for row in rows} == {"mmbench"}, "yes and no are too little to judge"
    answers = read_answers(ran.run / "evaluation" / "answers.jsonl")
    first = rows[0]
    said = next(
        row
        for row in answers
        if f"{row['benchmark']} {row['id']}" == first.id and row["system"] == "lora-human" and row["seed"] == 1
    )
    assert first.answers["lora-human"] == said["options"][json.loads(said["read"])]
    assert set(first.automatic.values()) <= {0.0, 100.0} and first.reference
    assert first.picture is not None and first.picture.is_file()
    options = ["--run", str(ran.run), "--arms", "pipeline,lora-human", "--tasks", "label", "--json"]
    made = CliRunner().invoke(main, ["review", "create", "c", "--db", str(tmp_path / "r.sqlite"), *options])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["items"]["label"] >= 4
