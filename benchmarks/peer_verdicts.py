"""What the peers' own code makes of answers; run by `peer_rules.py`, in a Python that has what the peers need.

Reads JSON from standard input, writes verdicts as JSON. Nothing is asked of a model; where MMMU's rule of lmms-eval
would draw a letter, there is none. Packages are found in their folders without their `__init__`, which load far more.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

LETTERS = "ABCDEFGHI"
REASONING = [["<think>", "</think>"], ["<analysis>", "</analysis>"]]
PLAIN = {"ignore_case": True, "ignore_punctuation": True}
Case = dict[str, Any]


def bare(folder: Path, *names: str) -> None:
    """Let packages be found without running their `__init__`."""
    for name in names:
        module = types.ModuleType(name)
        module.__path__ = [str(folder.joinpath(*name.split(".")))]
        sys.modules[name] = module


def first(letters: Sequence[str], is_right: Callable[[str], Any]) -> str | None:
    """Return the letter that an answer is right by, if it is by any."""
    return next((letter for letter in letters if is_right(letter)), None)


class LmmsEval:
    """lmms-eval's tasks."""

    def __init__(self, folder: Path) -> None:
        tasks = ("mmbench", "mme", "mmmu", "pope", "scienceqa", "vqav2", "ai2d", "_task_utils")
        bare(
            folder,
            "lmms_eval",
            "lmms_eval.api",
            "lmms_eval.filters",
            "lmms_eval.tasks",
            *(f"lmms_eval.tasks.{task}" for task in tasks),
        )
        registry = types.ModuleType("lmms_eval.api.registry")  # the real one loads torch
        for decorator in ("register_metric", "register_aggregation"):
            setattr(registry, decorator, lambda *_, **__: lambda function: function)
        sys.modules[registry.__name__] = registry
        load = importlib.import_module
        self.strip = load("lmms_eval.api.reasoning").strip_reasoning_tags
        self.exact = load("lmms_eval.api.metrics").exact_match_hf_evaluate
        self.mmbench = load("lmms_eval.tasks.mmbench.mmbench_evals").MMBench_Evaluator()
        self.ai2d = load("lmms_eval.tasks.ai2d.utils").MultiChoiceRegexFilter(regex_pattern="([A-Z])\\.")
        for task in ("mme", "mmmu", "pope", "scienceqa", "vqav2"):
            setattr(self, task, load(f"lmms_eval.tasks.{task}.utils"))

    def said(self, answer: str) -> str:
        """Return an answer as tasks get it."""
        return str(self.strip(answer, REASONING)).strip()

    def choice(self, case: Case) -> Case:
        """Return the letters that an answer is right by, of each benchmark."""
        answer, options = self.said(case["answer"]), case["options"]
        listed = [text for text in options if text]
        letters = LETTERS[: len(listed)]
        return {
            "mmbench": first(LETTERS[: len(options)], lambda right: self.mmbench_is_right(answer, options, right)),
            "scienceqa": first(letters, lambda right: self.scienceqa_is_right(answer, listed, right)),
            "mmmu": first(letters, lambda right: self.mmmu_is_right(answer, listed, right)),
            "ai2d": first(letters, lambda right: self.ai2d_is_right(case["answer"], right)),
        }

    def ai2d_is_right(self, answer: str, right: str) -> bool:
        """Say whether an answer is right by AI2D's task, whose filter comes before reasoning is taken away."""
        filtered = self.said(self.ai2d.apply([[answer]], [{}])[0])
        return bool(self.exact([filtered], [right], **PLAIN)["exact_match"])

    def mmbench_is_right(self, answer: str, options: Sequence[str], right: str) -> int:
        """Say whether an answer is right by MMBench's static task; its data write nan for what isn't there."""
        import pandas

        row = {"index": 1, "prediction": answer, **{c: "nan" for c in "ABCD"}}
        row |= {c: text or "nan" for c, text in zip(LETTERS, options, strict=False)}
        return int(self.mmbench.eval_sub_data(pandas.DataFrame([row]), {1: right}, static_only=True))

    def scienceqa_is_right(self, answer: str, options: Sequence[str], right: str) -> float:
        """Say whether an answer is right by ScienceQA's task."""
        doc = {"choices": options, "answer": LETTERS.index(right)}
        return float(self.scienceqa.sqa_process_results(doc, [answer])["exact_match"])

    def mmmu_is_right(self, answer: str, options: Sequence[str], right: str) -> float:
        """Say whether an answer is right by MMMU's task."""
        return self.mmmu_accuracy(answer, "multiple-choice", options, right)

    def mmmu_accuracy(self, answer: str, kind: str, options: Sequence[str], right: Any) -> float:
        """Return MMMU's accuracy on one answer."""
        doc = {"id": "validation_Art_1", "question_type": kind, "options": str(options), "answer": right}
        with mock.patch("random.choice", return_value=None):
            result = self.mmmu.mmmu_process_results(doc, [answer])["mmmu_acc"]
        return float(self.mmmu.mmmu_aggregate_results([result]))

    def yes_no(self, case: Case) -> Case:
        """Return whether an answer is right where yes is and where no is, of each benchmark."""
        answer = self.said(case["answer"])
        return {
            "pope": first(("yes", "no"), lambda right: self.pope_result(answer, right)["pope_accuracy"]["score"]),
            "mme": first(("yes", "no"), lambda right: self.mme_score(answer, right)),
        }

    def pope_result(self, answer: str, right: str) -> Case:
        """Return what POPE's task makes of an answer."""
        result: Case = self.pope.pope_process_results({"question_id": 1, "answer": right}, [answer])
        return result

    def mme_score(self, answer: str, right: str, category: str = "color", question: str = "1") -> float:
        """Return MME's score of an answer."""
        doc = {"question_id": question, "category": category, "answer": right}
        (found,) = self.mme.mme_process_results(doc, [answer]).values()
        return float(found["score"])

    def open(self, case: Case) -> Case:
        """Return the accuracy of an answer in words, of each benchmark."""
        answer, references = self.said(case["answer"]), case["references"]
        people = [{"answer": text, "answer_id": place} for place, text in enumerate(case["people"])]
        return {
            "vqav2": float(
                self.vqav2.vqav2_process_results({"question_id": 1, "answers": people}, [answer])["exact_match"]
            ),
            "gqa": float(self.exact([answer], [references[0]], **PLAIN)["exact_match"]),
            "mmmu": self.mmmu_accuracy(answer, "open", [], references if len(references) > 1 else references[0]),
        }

    def circular(self, rows: Sequence[Case]) -> Case:
        """Return MMBench's hit rates."""
        data = [{**row, "prediction": self.said(row["prediction"])} for row in rows]
        overall, categories = self.mmbench.eval_result(data, "static")[:2]
        return {"overall": float(overall), "categories": {name: float(v) for name, v in categories.items()}}

    def pope_figures(self, rows: Sequence[Sequence[str]]) -> Case:
        """Return POPE's figures for (answer, truth)."""
        results = [self.pope_result(self.said(answer), truth)["pope_accuracy"] for answer, truth in rows]
        return {
            "accuracy": self.pope.pope_aggregate_accuracy(results),
            "precision": self.pope.pope_aggregate_precision(results),
            "recall": self.pope.pope_aggregate_recall(results),
            "f1": self.pope.pope_aggregate_f1_score(results),
        }

    def mme_total(self, rows: Sequence[Sequence[str]]) -> float:
        """Return MME's total for (category, pair, answer, truth)."""
        scored = [
            {"category": category, "question_id": pair, "score": self.mme_score(self.said(answer), truth)}
            for category, pair, answer, truth in rows
        ]
        return float(self.mme.mme_aggregate_results(scored))


class VlmEvalKit:
    """VLMEvalKit in its mode `exact_matching`."""

    def __init__(self, folder: Path) -> None:
        os.environ["PRED_FORMAT"] = "tsv"  # of its files between; .xlsx needs one package more
        bare(folder, "vlmeval", "vlmeval.dataset", "vlmeval.dataset.utils")
        load = importlib.import_module
        self.mcq = load("vlmeval.dataset.utils.multiple_choice")
        self.yorn = load("vlmeval.dataset.utils.yorn")
        self.vqa = load("vlmeval.dataset.utils.vqa_eval")

    def choice(self, case: Case) -> Case:
        """Return the letters that an answer is right by, of each benchmark."""
        answer, options = case["answer"], case["options"]
        listed = [text for text in options if text]
        found = first(LETTERS[: len(listed)], lambda right: self.is_right(answer, listed, right))
        return {
            "mmbench": first(LETTERS[: len(options)], lambda right: self.is_right(answer, options, right)),
            "scienceqa": found,
            "mmmu": found,
            "ai2d": found,
        }

    def is_right(self, answer: str, options: Sequence[str], right: str) -> int:
        """Say whether an answer is right by the rule for choices."""
        columns = {c: text or float("nan") for c, text in zip(LETTERS, options, strict=False)}
        item = {"question": "q", "prediction": answer, "GT": right, "answer": right, **columns}
        return int(self.mcq.eval_vanilla(None, item, "MMBench")["hit"])

    def yes_no(self, case: Case) -> Case:
        """Return what an answer says; data say Yes and No."""
        said = {"Yes": "yes", "No": "no"}.get(self.yorn.YOrN_Extraction(case["answer"]))
        return {"pope": said, "mme": said}

    def open(self, case: Case) -> Case:
        """Return the accuracy of an answer in words, of each benchmark."""
        import numpy

        answer, references = case["answer"], case["references"]
        people = self.vqa.process_line({"answer": str(case["people"]), "prediction": answer})
        one = self.vqa.process_line({"answer": references[0], "prediction": answer}, method="accuracy")
        return {
            "vqav2": float(numpy.mean(people["match"])),
            "gqa": float(numpy.mean(one["match"])),
            "mmmu": self.mmmu_open(answer, str(references) if len(references) > 1 else references[0]),
        }

    def mmmu_open(self, answer: str, right: str) -> float:
        """Return MMMU's accuracy on an open answer, made a choice as it does."""
        import pandas

        nothing = float("nan")
        row = {"index": 1, "question": "q", "prediction": answer, "answer": right, "A": nothing, "B": nothing}
        data = pandas.DataFrame([row]).astype({"A": object, "B": object})
        data = self.mcq.MMMU_preproc(data)
        truth = right if right in list("ABCDEFGHIJKLMNOPQRSTUVWXYZ") else "A"
        return float(self.mcq.eval_vanilla(None, {**data.iloc[0].to_dict(), "GT": truth}, "MMMU_DEV_VAL")["hit"])

    def circular(self, rows: Sequence[Case]) -> Case:
        """Return MMBench's hit rates."""
        import pandas

        data = pandas.DataFrame([{**row, "question": "q"} for row in rows]).sort_values(by="index")
        with tempfile.TemporaryDirectory() as folder:
            found = self.mcq.mcq_circular_eval(None, data, data.copy(), 1, f"{folder}/result.pkl", "MMBench_DEV_EN")
        report = self.mcq.report_acc(found).iloc[0].to_dict()
        categories = {str(name): float(v) for name, v in report.items() if name not in ("split", "Overall")}
        return {"overall": float(report["Overall"]), "categories": categories}

    def pope_figures(self, rows: Sequence[Sequence[str]]) -> Case:
        """Return POPE's figures for (answer, truth)."""
        found = self.rated(
            self.yorn.POPE_rating,
            [
                {"index": place, "category": "random", "prediction": answer, "answer": truth.title()}
                for place, (answer, truth) in enumerate(rows)
            ],
        ).iloc[0]
        names = {"accuracy": "acc", "precision": "precision", "recall": "recall", "f1": "Overall"}
        return {name: float(found[column]) / 100 for name, column in names.items()}

    def mme_total(self, rows: Sequence[Sequence[str]]) -> float:
        """Return MME's total for (category, pair, answer, truth)."""
        found = self.rated(
            self.yorn.MME_rating,
            [
                {"category": category, "image_path": pair, "prediction": answer, "answer": truth.title()}
                for category, pair, answer, truth in rows
            ],
        ).iloc[0]
        return float(found["perception"]) + float(found["reasoning"])

    def rated(self, rate: Callable[[str], Any], rows: Sequence[Case]) -> Any:
        """Score answers as `ImageYORNDataset.evaluate` does, and rate them."""
        import pandas

        data = pandas.DataFrame(rows)
        data["extracted"] = [self.yorn.YOrN_Extraction(text) for text in data["prediction"]]
        data["score"] = data["answer"] == data["extracted"]
        with tempfile.TemporaryDirectory() as folder:
            data.to_pickle(f"{folder}/data.pkl")
            return rate(f"{folder}/data.pkl")


PEERS: dict[str, Callable[[Path], Any]] = {"lmms-eval": LmmsEval, "vlmevalkit": VlmEvalKit}


def main() -> None:
    """Read cases from standard input, write each peer's verdicts."""
    given = json.load(sys.stdin)
    found = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for name, folder in given["folders"].items():
            sys.path.insert(0, folder)
            peer = PEERS[name](Path(folder))
            found[name] = {
                **{kind: [getattr(peer, kind)(case) for case in given[kind]] for kind in ("choice", "yes_no", "open")},
                **{kind: getattr(peer, kind)(given[kind]) for kind in ("circular", "pope_figures", "mme_total")},
            }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
