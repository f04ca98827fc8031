"""Ask lmms-eval's own functions again about the answers listed in tests/evaluation/peer_cases.json.

It says which kinds of case differ.

Run in an environment that has lmms-eval 0.7 (see docs/howto/lmms-eval.md): python benchmarks/peer_cases.py
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from lmms_eval.api.metrics import exact_match_hf_evaluate
from lmms_eval.tasks._task_utils.mmmu_mcq_utils import get_multi_choice_info, parse_mmmu_multi_choice_response
from lmms_eval.tasks._task_utils.vqa_eval_metric import EvalAIAnswerProcessor
from lmms_eval.tasks.ai2d.utils import MultiChoiceRegexFilter
from lmms_eval.tasks.mmbench.mmbench_evals import MMBench_Evaluator
from lmms_eval.tasks.mme import utils as mme
from lmms_eval.tasks.mmmu import utils as mmmu
from lmms_eval.tasks.pope import utils as pope
from lmms_eval.tasks.scienceqa import utils as scienceqa
from lmms_eval.tasks.vqav2 import utils as vqav2

CASES = Path(__file__).resolve().parents[1] / "tests" / "evaluation" / "peer_cases.json"
OPTIONS = ["a cat", "a dog", "a car", "a tree"]
GQA = ["left", "tshirt", "t-shirt", "yes", "red", "its", "the left"]
PLAIN = {"ignore_case": True, "ignore_punctuation": True}


def mmbench_option(answer: str) -> str | None:
    """Return the letter that MMBench's heuristic finds."""
    return MMBench_Evaluator().can_infer(answer, dict(zip("ABCD", OPTIONS, strict=True))) or None


def scienceqa_option(answer: str) -> str | None:
    """Return the letter that ScienceQA's scorer takes for right."""
    right = [
        scienceqa.sqa_process_results({"choices": OPTIONS, "answer": i}, [answer])["exact_match"] for i in range(4)
    ]
    return "ABCD"[right.index(1.0)] if 1.0 in right else None


def mmmu_option(answer: str) -> str | None:
    """Return the letter that MMMU's parser finds; none where it would guess."""
    letters = get_multi_choice_info(OPTIONS)
    with mock.patch("random.choice", return_value=None):
        return parse_mmmu_multi_choice_response(answer, letters[1], letters[0])


def ai2d_option(answer: str) -> str | None:
    """Return the letter that AI2D's filter and metric take for right."""
    said = MultiChoiceRegexFilter(group_select=0, regex_pattern="([A-Z])\\.").apply([[answer]], [{}])[0]
    return next((c for c in "ABCD" if exact_match_hf_evaluate([said], [c], **PLAIN)["exact_match"] == 1), None)


def vqa_words(answer: str) -> str:
    """Return an answer as VQA's normalisation leaves it."""
    process = EvalAIAnswerProcessor()
    return process.process_digit_article(process.process_punctuation(" ".join(answer.strip().splitlines())))


def vqa_accuracy(answer: str, references: list[str]) -> float:
    """Return VQA's accuracy."""
    annotations = [{"answer": text, "answer_id": place} for place, text in enumerate(references)]
    return float(vqav2.vqav2_process_results({"question_id": 1, "answers": annotations}, [answer])["exact_match"])


def mmbench_circular(rows: list[list[Any]]) -> dict[str, Any]:
    """Return MMBench's hit rates for (index, answer, prediction, category)."""
    data = []
    for index, answer, prediction, category in rows:
        options = {letter: f"opt{(place + index // 1_000_000) % 4}" for place, letter in enumerate("ABCD")}
        data.append({"index": index, "answer": answer, "prediction": prediction, "category": category, **options})
    overall, categories = MMBench_Evaluator().eval_result(data, "static")[:2]
    return {"rows": rows, "overall": float(overall), "categories": {k: float(v) for k, v in categories.items()}}


def pope_figures(said: list[list[str]]) -> dict[str, Any]:
    """Return POPE's figures for (prediction, truth)."""
    results = [
        pope.pope_process_results({"question_id": i, "answer": truth}, [text])["pope_accuracy"]
        for i, (text, truth) in enumerate(said)
    ]
    return {
        "said": said,
        "accuracy": pope.pope_aggregate_accuracy(results),
        "precision": pope.pope_aggregate_precision(results),
        "recall": pope.pope_aggregate_recall(results),
        "f1": pope.pope_aggregate_f1_score(results),
    }


def ask_again(cases: dict[str, Any]) -> dict[str, Any]:
    """Return the cases with what lmms-eval makes of them now."""
    rows, _ = cases["mme_total"]
    scored = [{"category": c, "question_id": q, "score": s} for c, q, s in rows]
    return {
        "made_by": cases["made_by"],
        "mmbench": [[a, mmbench_option(a)] for a, _ in cases["mmbench"]],
        "scienceqa": [[a, scienceqa_option(a)] for a, _ in cases["scienceqa"]],
        "mmmu": [[a, mmmu_option(a)] for a, _ in cases["mmmu"]],
        "ai2d": [[a, ai2d_option(a)] for a, _ in cases["ai2d"]],
        "vqa_words": [[a, vqa_words(a)] for a, _ in cases["vqa_words"]],
        "vqa_accuracy": [[a, r, vqa_accuracy(a, r)] for a, r, _ in cases["vqa_accuracy"]],
        "mme": [[a, mme.parse_pred_ans(a)] for a, _ in cases["mme"]],
        "mme_total": [rows, mme.mme_aggregate_results(scored)],
        "pope": pope_figures(cases["pope"]["said"]),
        "gqa": [
            [a, [r for r in GQA if exact_match_hf_evaluate([a], [r], **PLAIN)["exact_match"] == 1]]
            for a, _ in cases["gqa"]
        ],
        "mmmu_open": [[a, r, bool(mmmu.eval_open(r, mmmu.parse_open_response(a)))] for a, r, _ in cases["mmmu_open"]],
        "mmbench_circular": mmbench_circular(cases["mmbench_circular"]["rows"]),
    }


def main() -> None:
    """Compare and print which kinds of case differ; exit code 1 if any does."""
    cases = json.loads(CASES.read_text(encoding="utf-8"))
    with contextlib.redirect_stdout(io.StringIO()):
        again = ask_again(cases)
    differing = [name for name in cases if cases[name] != again.get(name)]
    print(f"{len(cases) - 1} kinds of case; differing: {', '.join(differing) or 'none'}")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
