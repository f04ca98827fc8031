"""Exported tasks and models: by lmms-eval's published interface, and with the real package where there is one.

Set LMMS_EVAL_PYTHON to the Python of an environment with lmms-eval 0.7 to run the real one: docs/howto/lmms-eval.md.
"""

import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pyarrow.parquet
import pytest
import yaml
from click.testing import CliRunner

from benchmark_files import write_lines
from passerelle.cli import main
from passerelle.errors import ConfigError
from passerelle.evaluation.lmms_export import export
from passerelle.evaluation.lmms_tasks import item_of
from passerelle.evaluation.run import Options, evaluate

ROOT = Path(__file__).resolve().parents[2]
REAL = os.environ.get("LMMS_EVAL_PYTHON", "")


def loaded(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def exported(bench):
    names = export(
        [f"pope={bench}/pope-{{language}}.jsonl", f"mmbench={bench}/mmb-{{language}}.tsv"], "fr", bench / "lx"
    )
    assert names == ["passerelle_pope_fr", "passerelle_mmbench_fr"]
    return bench / "lx"


def docs_of(exported, name):
    return pyarrow.parquet.read_table(exported / "tasks" / f"{name}.parquet").to_pylist()


def test_tasks_hold_prompts_pictures_and_items(exported):
    docs = docs_of(exported, "passerelle_mmbench_fr")
    utils = loaded(exported / "tasks" / "utils.py", "exported_utils")
    assert len(docs) == 16  # four questions in four rotations
    assert utils.doc_to_visual(docs[0])[0].size == (64, 64)
    assert utils.doc_to_text(docs[0]).splitlines()[:2] == ["De quelle couleur est-ce ?", "A. rouge"]
    assert docs[0]["target"] == "A" and item_of(docs[0]["item"]).options[0] == "rouge"
    text = (exported / "tasks" / "passerelle_mmbench_fr.yaml").read_text(encoding="utf-8")
    task = yaml.safe_load(text.replace("!function ", ""))
    assert task["output_type"] == "generate_until"
    assert Path(task["dataset_kwargs"]["data_files"]["test"]).is_file()
    assert [metric["metric"] for metric in task["metric_list"]] == ["localised", "published"]


def said_to(docs):
    """Say oui to every second question."""
    return ["Oui." if number % 2 else "Non" for number in range(len(docs))]


def test_scores_are_those_of_evaluate(exported, bench):
    docs = docs_of(exported, "passerelle_pope_fr")
    utils = loaded(exported / "tasks" / "utils.py", "exported_utils")
    results = [utils.process_results(doc, [text]) for doc, text in zip(docs, said_to(docs), strict=True)]
    rows = [{"question_id": doc["id"], "text": text} for doc, text in zip(docs, said_to(docs), strict=True)]
    said = write_lines(bench / "said.jsonl", rows)
    given = Options((), (f"pope={bench}/pope-fr.jsonl",), "fr", predictions=(str(said),), out=bench / "out")
    figures = {f["parser"]: f["value"] for f in evaluate(given)["figures"] if f["metric"] == "accuracy"}
    assert utils.localised([r["localised"] for r in results]) == pytest.approx(figures["localised"]) == 50
    assert utils.published([r["published"] for r in results]) == pytest.approx(figures["published"]) == 25


@pytest.fixture
def interface(monkeypatch):
    """lmms-eval's published interface: a base class that tasks are put into, and requests with `args`."""
    base = type("lmms", (), {"__init__": lambda self: setattr(self, "task_dict", {})})
    for name in ("lmms_eval", "lmms_eval.api", "lmms_eval.api.model"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["lmms_eval.api.model"].lmms = base


def test_the_plugins_model_answers_requests(exported, model_folder, interface, empty_cache):
    module = loaded(exported / "plugin" / "passerelle_lmms_eval" / "models" / "passerelle.py", "exported_model")
    utils = loaded(exported / "tasks" / "utils.py", "exported_utils")
    docs = docs_of(exported, "passerelle_pope_fr")[:3]
    model = module.Passerelle(model=str(model_folder), batch_size="1")
    model.task_dict["passerelle_pope_fr"] = {"test": docs}

    def request(place, *middle):
        args = (docs[place]["prompt"], *middle, utils.doc_to_visual, place, "passerelle_pope_fr", "test")
        return types.SimpleNamespace(args=args)

    texts = model.generate_until([request(place, {"max_new_tokens": 4}) for place in range(3)])
    assert len(texts) == 3 and all(isinstance(text, str) for text in texts)
    losses = model.loglikelihood([request(0, "Oui"), request(0, "Non"), request(1, lambda doc: "Oui")])
    assert len(losses) == 3 and all(loss > 0 and greedy is False for loss, greedy in losses)
    assert losses[0] != losses[1]


def test_chat_is_refused_and_the_command_names_the_tasks(bench):
    write_lines(bench / "chat.jsonl", [{"question_id": 1, "question": "?", "category": "c", "gpt_answer": "a"}])
    with pytest.raises(ConfigError, match="llava-bench needs a judge"):
        export([f"llava-bench={bench}/chat.jsonl"], "fr", bench / "lx")
    arguments = [
        "export",
        "lmms-eval",
        "--benchmark",
        f"pope={bench}/pope-en.jsonl",
        "--out",
        str(bench / "lx"),
        "--json",
    ]
    done = CliRunner().invoke(main, arguments)
    assert json.loads(done.stdout)["tasks"] == ["passerelle_pope_en"]


@pytest.mark.skipif(not REAL, reason="LMMS_EVAL_PYTHON names no environment with lmms-eval")
@pytest.mark.parametrize(
    ("model", "arguments"), [("dummy", "response=Oui"), ("passerelle", "model={folder}")], ids=["theirs", "ours"]
)
def test_the_real_lmms_eval_scores_alike(exported, bench, model_folder, model, arguments, tmp_path):
    folder = tmp_path / "lmms"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}:{exported / 'plugin'}",
        "LMMS_EVAL_PLUGINS": "passerelle_lmms_eval",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(tmp_path / "datasets"),
        "PASSERELLE_CACHE": str(tmp_path / "cache"),
    }
    command = [REAL, "-m", "lmms_eval", "--model", model, "--model_args", arguments.format(folder=model_folder)]
    command += ["--include_path", str(exported / "tasks"), "--tasks", "passerelle_pope_fr", "--batch_size", "1"]
    command += ["--output_path", str(folder), "--log_samples"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(next(folder.rglob("*results.json")).read_text(encoding="utf-8"))["results"]["passerelle_pope_fr"]
    samples = [json.loads(line) for line in next(folder.rglob("*samples*.jsonl")).read_text("utf-8").splitlines()]
    docs = docs_of(exported, "passerelle_pope_fr")
    rows = [{"question_id": docs[s["doc_id"]]["id"], "text": s["localised"]["text"]} for s in samples]
    said = write_lines(bench / "said.jsonl", rows)
    given = Options((), (f"pope={bench}/pope-fr.jsonl",), "fr", predictions=(str(said),), out=bench / "out")
    figures = {f["parser"]: f["value"] for f in evaluate(given)["figures"] if f["metric"] == "accuracy"}
    assert len(rows) == 16
    for parser, value in figures.items():
        assert found[f"{parser},none"] == pytest.approx(value), found
