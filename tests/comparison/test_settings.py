"""What is wrong with an experiment is said before anything runs; an arm that fails is named, others are compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comparison.conftest import compare
from comparisons import write_experiment
from families.tiny import build
from passerelle.adaptation.data import read_pool
from passerelle.cli import main
from passerelle.comparison import tests as planning
from passerelle.comparison.arms import description_of, title_of
from passerelle.comparison.entries import QualitySettings, Screen
from passerelle.comparison.screening import Screening
from passerelle.comparison.settings import load_experiment
from passerelle.comparison.texts import Texts
from passerelle.comparison.translating import Made, translate_file, translation_job
from passerelle.costs.limits import Allowance
from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.specification import Planned, Source
from passerelle.runs import find_arm
from passerelle.translation.both_ways import TranslationSettings

LORA = {"lora": {"text": "machine"}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"lora": {"rank": 3}}}, r"arm 'lora': unknown key 'rank'"),
        ({"arms": {"mine": {}}}, r"arm 'mine': unknown method 'mine'.*mine: \{method: lora\}"),
        ({"arms": {"lora-mt": {}}}, r"unknown method 'lora-mt'. Did you mean 'lora'\?"),
        ({"arms": {"lora": {"seed": 3}}}, "arm 'lora': 'seed' is set by the comparison itself"),
        ({"arms": {"lora": {"data": []}}}, "Name the file under data"),
        ({"arms": {"lora": {"text": "humann"}}}, "unknown text 'humann'. Did you mean 'human'"),
        ({"arms": LORA, "data": {"human": "fr.json"}}, "learns from machine text, but data.english is missing"),
        ({"arms": {"lora": {"text": "human", "screen": "gate"}}}, "only machine text is screened"),
        ({"arms": {"lora": {"screen": "gates"}}}, "unknown screen 'gates'. Did you mean 'gate'"),
        ({"arms": {"lora": {"screen": {"gate": ["answer"]}}}}, "only repair can be of some kinds of texts"),
        ({"arms": {"lora": {"screen": {"repair": []}}}}, r"repair takes a list of kinds of texts, as \[answer\]"),
        ({"arms": {"lora": {"screen": {"repair": "answer"}}}}, "takes a list of kinds of texts, .*, not 'answer'"),
        ({"arms": {"lora": {"screen": {"repair": ["anwser"]}}}}, "unknown kind of text 'anwser'. Did you mean"),
        ({"arms": {"zero-shot": {"text": "human"}}}, "trains nothing, so 'text' says nothing"),
        ({"arms": {"lora": {"translation": {}}}}, "only a pipeline has a translation of its own"),
        ({"arms": {"pipeline": {"translation": {"engin": "x"}}}}, "unknown key 'engin'"),
        ({"arms": {"theirs": {"method": "elsewhere"}}}, r"arm 'theirs': name the model or adapter, as \{method: else"),
        ({"arms": {"theirs": {"method": "elsewhere", "model": "x", "text": "human"}}}, "unknown key 'text'"),
        ({"arms": {"t": {"method": "elsewhere", "model": "x", "training_seconds": -1}}}, "a number from 0 on, not -1"),
        ({"arms": {"lora": {"model": "x"}}}, "arm 'lora': what is trained is the comparison's model"),
        ({"arms": {"zero-shot": {"model": "x"}}}, "'zero-shot' is the comparison's model: give another one a name"),
        ({"arms": {"prompted": {"model": ""}}}, "arm 'prompted': name the model or adapter"),
        ({"arms": {"x": {"method": "elsewhere", "model": "prompted:y"}}}, r"write \{method: prompted, model: …\}"),
        ({"arms": {"x": {"method": "prompted", "model": "pipeline{a}:y"}}}, "a pipeline's engines as translation"),
        ({"arms": ["zero-shot"], "against": "pipeline"}, "unknown arm 'pipeline'"),
        ({"arms": {"a/b": {"method": "lora"}}}, "letters, digits"),
        ({"data": {"machine": "x.json"}}, "the comparison makes it itself"),
        ({"seeds": [1, 1]}, "named twice"),
        ({"benchmark": ["x"]}, "unknown key 'benchmark'"),
        ({"tests": [{"benchmrk": "x"}]}, "unknown key 'tests.0.benchmrk'"),
        ({"language": "no such"}, "no such"),
        ({"language": "en"}, "the base is English already"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        load_experiment(write_experiment(tmp_path, **changes))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: demo\ntarget: fr\nbudget: {tokens: 24000}\n", r"target is now language; budget is now train"),
        (
            "name: m\nmodel_name_or_path: x\nlanguage: fr\nbenchmarks: [a]\ndata: []\n",
            "model_name_or_path is now model",
        ),
        ("name: study\narms: [english, lora-mt]\n", "it names its model, its data and its tests now"),
    ],
)
def test_a_file_of_an_older_version_says_what_to_change(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "old.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"of an older version: .*{message}.*docs/reference/experiments.md") as raised:
        load_experiment(tmp_path / "old.yaml")
    assert "\n" not in str(raised.value)


def test_a_run_folder_of_an_older_version_says_what_to_do(own: Path) -> None:
    write_experiment(own, arms={"zero-shot": None})
    (own / "runs" / "own").mkdir(parents=True)
    (own / "runs" / "own" / "results.json").write_text('{"schema": 1}', encoding="utf-8")
    done = CliRunner().invoke(main, ["compare", "own.yaml"])
    assert done.exit_code == 2 and "is a run of an older version: choose another --out" in done.stderr
    done = CliRunner().invoke(main, ["answer", "red.png", "Quoi ?", "--run", "runs/own", "--arm", "lora"])
    assert done.exit_code == 2 and "is a run of an older version: run `passerelle compare` again" in done.stderr


@pytest.mark.parametrize(
    ("changes", "missing", "message"),
    [
        ({"tests": ["pope=nowhere-{language}.jsonl"]}, "", "no file at 'nowhere-fr.jsonl'"),
        ({"arms": {"lora": {"text": "human"}}}, "fr.json", "arm 'lora', data.human: no data file at 'fr.json'"),
        ({"arms": LORA}, "en.json", "arm 'lora', data.english: no data file"),
        (
            {"arms": {"lora": {"text": "human"}}, "data": {"human": "fr.json"}, "train": {"mix": {"english": 0.2}}},
            "",
            r"arm 'lora' replays English \(mix.english\), but data.english is missing",
        ),
        (
            {"language": "is", "arms": {"lora": {"screen": "gate"}}, "english": False},
            "",
            "no calibration from en to is",
        ),
        ({"translation": {"engine": "ctranslate2:nowhere"}, "arms": ["pipeline"]}, "", "nowhere"),
        ({"tests": ["pope=pope-{language}.jsonl"] * 2}, "", "two tests are called 'pope'"),
        ({"model": "nowhere"}, "", "nowhere"),
        ({"arms": {"t": {"method": "elsewhere", "model": "not/there/x"}}}, "", "arm 't': no model 'not/there/x'"),
    ],
)
def test_what_can_be_known_before_training_is(own: Path, changes: dict[str, Any], missing: str, message: str) -> None:
    write_experiment(own, **changes)
    if missing:
        (own / missing).unlink()
    done = CliRunner().invoke(main, ["compare", "own.yaml"])
    assert done.exit_code == 2, done.output
    import re

    assert re.search(message, done.stderr), done.stderr
    assert not (own / "runs" / "own" / "arms").exists()
    assert not (own / "runs" / "own" / "data").exists()


def test_an_arm_that_fails_is_named_and_the_others_are_compared(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strays = {"how": "lora", "learning_rate": 0.1, "targets": r".*(qkv|q_proj)"}  # into the frozen tower too
    stray = {"method": "lora", "text": "human", "stages": [{"name": "a", "train": {"language": strays}}]}
    arms = {"zero-shot": None, "stray": stray, "lora": {"text": "human"}, "broken": {"method": "lora", "text": "human"}}
    write_experiment(own, arms=arms, seeds=[1], tests=["pope=pope-{language}.jsonl"])
    from passerelle.comparison import arms as module

    adapt = module.adapt

    def failing(settings: Any) -> dict[str, Any]:
        if "broken" in str(settings.output_dir):
            raise RuntimeError("a library's own\nerror")
        return adapt(settings)

    monkeypatch.setattr(module, "adapt", failing)
    found = {arm["name"]: arm for arm in compare()[0]["arms"]}
    assert found["stray"]["status"] == found["broken"]["status"] == "failed"
    assert "narrow its targets" in found["stray"]["error"]
    assert found["broken"]["error"] == "RuntimeError: a library's own (see broken.failed.txt)"
    assert "Traceback" in (own / "runs" / "own" / "arms" / "broken.failed.txt").read_text(encoding="utf-8")
    assert found["stray"]["scores"] == [] != found["lora"]["scores"]
    with pytest.raises(InputError, match="'stray' failed in"):
        find_arm(own / "runs" / "own", "stray")


def test_a_limit_leaves_out_what_it_has_no_room_for_and_keeps_the_rest(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = {
        "zero-shot": None,
        "first": {"method": "lora", "text": "human"},
        "second": {"method": "lora", "text": "human"},
    }
    write_experiment(
        own, arms=arms, seeds=[1], tests=["pope=pope-{language}.jsonl"], limits={"euros": 1}, english=False
    )

    def share(allowance: Allowance) -> float:
        """Return a tenth once the untrained are asked, and from the first adapter on what asking has to have left."""
        run = own / "runs" / "own"
        if any(run.glob("arms/first-*/run.json")):
            return 0.9
        return 0.1 if (run / "evaluation" / "results.json").exists() else 0.0

    monkeypatch.setattr(Allowance, "share", share)
    results, said = compare()
    found = {arm["name"]: arm for arm in results["arms"]}
    assert list(results["left_out"]) == ["second"] and "limit of 1 €" in results["left_out"]["second"]
    assert found["second"]["scores"] == [] != found["first"]["scores"] and found["zero-shot"]["scores"]
    assert any(note.startswith("second: left out") for note in results["notes"])
    monkeypatch.undo()
    monkeypatch.chdir(own)
    monkeypatch.setenv("PASSERELLE_CACHE", str(own / "cache"))
    write_experiment(own, arms=arms, seeds=[1], tests=["pope=pope-{language}.jsonl"], english=False)
    results, said = compare()
    assert "done before" in said and results["left_out"] == {}
    assert all(arm["scores"] for arm in results["arms"])


def test_a_model_that_was_adapted_elsewhere_is_an_arm(own: Path) -> None:
    build("llava", own / "theirs", seed=1)
    theirs = {"method": "elsewhere", "model": "theirs"}
    arms = {"zero-shot": None, "theirs": theirs, "timed": {**theirs, "training_seconds": 300}}
    write_experiment(own, arms=arms, tests=["pope=pope-{language}.jsonl"])
    results, _ = compare()
    found = {arm["name"]: arm for arm in results["arms"]}
    said = {name: {(score["test"], score["value"]) for score in found[name]["scores"]} for name in arms}
    assert said["theirs"] == said["timed"] != said["zero-shot"]
    assert {test for test, _ in said["theirs"]} == {"human", "english"}, "what it kept of its English is asked"
    assert found["theirs"]["trained_on"] == "elsewhere" and found["theirs"]["title"] == "Adapted elsewhere, theirs"
    unknown, timed = (found[name]["cost"] for name in ("theirs", "timed"))
    assert unknown["make"] is None and unknown["per_1000"]["processor_seconds"] > 0
    assert timed["make"]["seconds"] == 300
    assert timed["make"]["flops"] is timed["make"]["processor_seconds"] is timed["make"]["euros"] is None
    assert any("theirs and timed: adapted elsewhere" in note for note in results["notes"])
    assert find_arm(own / "runs" / "own", "theirs").models == {"": "theirs"}


def test_an_arm_whose_adapter_breaks_is_named_too(own: Path) -> None:
    write_experiment(
        own, arms={"zero-shot": None, "lora": {"text": "human"}}, seeds=[1], tests=["pope=pope-{language}.jsonl"]
    )
    compare()
    (weights,) = (own / "runs" / "own" / "arms").glob("lora-*/adapter/adapter_model.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    shutil.rmtree(own / "runs" / "own" / "evaluation")
    found = {arm["name"]: arm for arm in compare()[0]["arms"]}
    assert found["lora"]["status"] == "failed" and found["zero-shot"]["scores"]


def test_every_arm_failing_is_an_error(own: Path) -> None:
    strays = {"how": "lora", "learning_rate": 0.1, "targets": r".*(qkv|q_proj)"}
    stray = {"method": "lora", "text": "human", "stages": [{"name": "a", "train": {"language": strays}}]}
    write_experiment(own, arms={"stray": stray}, english=False, seeds=[1], tests=["pope=pope-{language}.jsonl"])
    done = CliRunner().invoke(main, ["compare", "own.yaml"])
    assert done.exit_code == 1 and "every arm failed; the first, 'stray'" in done.stderr


def test_without_english_there_is_no_reference_in_it(own: Path) -> None:
    arms = {"prompted": None, "lora": {"text": "human"}}
    write_experiment(own, english=False, tests=["pope:fr=pope-fr.jsonl"], arms=arms, seeds=[3])
    results, _ = compare("--smoke")
    assert [arm["name"] for arm in results["arms"]] == ["prompted", "lora"]
    assert {score["test"] for arm in results["arms"] for score in arm["scores"]} == {"human"}
    assert (own / "runs" / "own-smoke" / "report.html").is_file()


def test_a_test_that_nobody_wrote_in_the_language_is_a_machines(own: Path) -> None:
    (own / "pope-fr.jsonl").unlink()
    tests = [{"benchmark": "pope=pope-{language}.jsonl", "machine": "only"}]
    write_experiment(own, tests=tests, arms={"zero-shot": None, "lora": {"text": "human"}}, seeds=[1])
    results, _ = compare()
    tests_of = {arm["name"]: {score["test"] for score in arm["scores"]} for arm in results["arms"]}
    assert tests_of == {"english": {"english"}, "zero-shot": {"machine"}, "lora": {"machine", "english"}}
    assert results["main_test"] == "machine"
    page = (own / "runs" / "own" / "report.html").read_text(encoding="utf-8")
    assert "French test, machine-translated" in page
    value = next(
        s["value"] for a in results["arms"] if a["name"] == "lora" for s in a["scores"] if s["metric"] == "pope"
    )
    assert f"{value:.1f}" in page


def test_english_is_replayed_where_the_mix_says_so(own: Path) -> None:
    arms = {"lora": {"text": "machine"}, "plain": {"method": "lora", "text": "machine", "mix": {"english": 0.0}}}
    write_experiment(
        own, arms=arms, seeds=[1], train={"max_steps": 4, "mix": {"english": 0.5}}, tests=["pope=pope-{language}.jsonl"]
    )
    compare()
    mixes = {}
    for record in (own / "runs" / "own" / "arms").glob("*/run.json"):
        stage = json.loads(record.read_text(encoding="utf-8"))["stages"][0]
        mixes[record.parent.name.partition("-")[0]] = stage["mix"]["samples"].get("language en", 0)
    assert mixes["lora"] > 0 == mixes["plain"]


def test_pictures_elsewhere_are_taken_where_the_file_says_so(
    own: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for picture in own.glob("*.png"):
        picture.rename(elsewhere / picture.name)
    rows = json.loads((own / "en.json").read_text(encoding="utf-8"))
    moved = [row | {"image": str(elsewhere / row["image"])} for row in rows]
    (own / "en.json").write_text(json.dumps(moved), encoding="utf-8")
    bench = {"benchmark": "mmbench=mmb-{language}.tsv", "images_anywhere": True}
    for entry, kept in (({"images_anywhere": True}, True), ({"images": str(elsewhere)}, True), ({}, False)):
        data = {"english": {"path": str(own / "en.json"), **entry}}
        file = write_experiment(own, data=data, tests=[bench], arms={"lora": {"text": "machine"}})
        experiment = load_experiment(file)
        assert experiment.tests[0].images_anywhere
        texts = Texts(experiment, own / "runs")
        if not kept:
            with pytest.raises(InputError, match="data.english: .* lies outside of .*images-anywhere"):
                texts.check()
            continue
        texts.check()
        (given,) = texts.data("lora")
        pool = read_pool(experiment.adaptation("lora", 1, own / "arm", [given]))
        assert (len(pool.train), pool.rejected) == (len(rows), [])


def test_two_pipelines_with_two_engines_are_two_arms(own: Path) -> None:
    arms = {"pipeline": None, "pipeline-memory": {"method": "pipeline", "translation": {"engine": "memory"}}}
    write_experiment(own, arms=arms, tests=["pope=pope-{language}.jsonl"])
    results, _ = compare()
    titles = {arm["name"]: arm["title"] for arm in results["arms"]}
    assert titles["pipeline-memory"] == "Translation pipeline, memory"
    found = find_arm(own / "runs" / "own", "pipeline-memory")
    assert found.translation["engine"] == "memory"


def test_sentences_that_are_known_make_another_translation(own: Path) -> None:
    def translated(settings: TranslationSettings) -> Made:
        return translate_file(translation_job(own / "en.json", own, "machine", "fr", settings))

    shipped = translated(TranslationSettings())
    book = own / "own.toml"
    book.write_text('[phrases]\n"What colour is it?" = "Quelle est sa couleur ?"\n', encoding="utf-8")
    mine = translated(TranslationSettings(phrasebook=book))
    assert mine.path != shipped.path
    assert [made.phase.sentences for made in (shipped, mine)] == [5, 4], "the memory's are charged too"
    assert all(made.phase.characters > 4 * len("It is a red square") for made in (shipped, mine))
    said = [row["conversations"][0]["value"] for row in json.loads(mine.path.read_text(encoding="utf-8"))]
    assert set(said) == {"<image>\nQuelle est sa couleur ?"}
    screening = Screening(own / "en.json", mine.path, mine.path, "fr", QualitySettings(), own, book)
    assert "right by definition: own.toml (" in screening.assess.calibrated_on
    book.write_text('[phrases]\n"What colour is it?" = "De quelle couleur est-ce ?"\n', encoding="utf-8")
    assert translated(TranslationSettings(phrasebook=book)).path != mine.path


def test_each_choice_of_what_is_repaired_makes_a_text_of_its_own(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from passerelle.quality.repair import opening

    asked: list[tuple[tuple[str, ...], Path]] = []

    def repaired(paired: Any, assess: Any, memory: Path, out: Path, options: Any, engines: Any) -> dict[str, Any]:
        asked.append((options.only, memory))
        out.parent.mkdir(parents=True)
        shutil.copy(paired.path, out)
        return {"changed": len(asked), "pairs": len(paired.pairs)}

    monkeypatch.setattr(opening, "repair", repaired)
    monkeypatch.setattr(Screening, "assess", None)
    screening = Screening(own / "en.json", own / "fr.json", own / "fr.json", "fr", QualitySettings(), own / "data")
    screens = {"repair": None, "repair-answer": ["answer"], "repair-question-answer": ["answer", "question"]}
    arms = {name: {"method": "lora", "screen": {"repair": of} if of else "repair"} for name, of in screens.items()}
    experiment = load_experiment(write_experiment(own, arms=arms))
    made = []
    for name in screens:
        screen = experiment.screen(name)
        assert screen is not None and screen.name == name
        made += [screening.through(screen), screening.through(screen)]
    assert [only for only, _ in asked] == [(), ("answer",), ("question", "answer")], "each once, in one order of kinds"
    assert len({memory for _, memory in asked}) == len({one.path for one in made}) == 3
    assert [one.by for one in made[::2]] == [f"repair, {number} of 24 texts changed" for number in (1, 2, 3)]
    titles = [title_of(experiment, name) for name in screens]
    assert titles == ["LoRA, repaired text", "LoRA, repaired answers", "LoRA, repaired questions and answers"]
    assert "French with its answers repaired" in description_of(experiment, "repair-answer", "French")
    assert experiment.screen("repair") == Screen("repair") and experiment.screened("repair-answer") == "repair"


def test_a_test_names_whose_rules_raw_scores_are_by() -> None:
    demo = load_experiment(Path(__file__).resolve().parents[2] / "experiments" / "demo.yaml")
    entry = demo.tests[0].model_copy(update={"rules": "vlmevalkit"})
    assert planning._plan(demo, entry, []).rules == "vlmevalkit"
    assert planning._plan(demo, demo.tests[0], []).rules == ""


def test_a_test_is_asked_in_peoples_words_where_no_engine_reaches_the_language(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only a comparison that needs the engine for an arm is refused for want of one."""

    def none(*_: object) -> None:
        raise ConfigError("no engine translates en to de.")

    monkeypatch.setattr(planning, "translate_file", none)
    demo = Path(__file__).resolve().parents[2] / "experiments" / "demo.yaml"
    people, machine = (Planned((Source("pope", ("x.json",), code),), "generate") for code in ("de", "en"))
    asked = planning.PlannedTest("choice", people, machine)
    experiment = load_experiment(demo, {"language": "de"}, ["zero-shot", "lora-human"])
    found = planning._translated(experiment, experiment.tests[0], asked, tmp_path)
    assert (found.people, found.machine) == (people, None)
    needing = load_experiment(demo, {"language": "de"}, ["zero-shot", "lora-mt"])
    with pytest.raises(ConfigError, match="no engine"):
        planning._translated(needing, needing.tests[0], asked, tmp_path)
