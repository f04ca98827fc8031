"""The whole loop on Tux Paint: audit, corrections through the page's own endpoints, memory, retranslation, scores."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from passerelle.commands.review_printing import applied_lines
from passerelle.translation.memory.memory import TranslationMemory
from review_server import HttpExpert, Server, passerelle

CORRECTED = 40


def captions(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["caption"] for row in map(json.loads, lines)}


def correct(expert: HttpExpert, human: dict[str, str]) -> int:
    """Correct translations by the human French, until 40 are corrected; return how many were looked at."""
    count = corrected = 0
    while corrected < CORRECTED:
        item = expert.current()
        assert item is not None
        page = html.unescape(item["page"])
        source = re.search(r'class="text" lang="en">([^<]*)<', page)
        machine = re.search(r'data-text="([^"]*)"', item["page"])
        assert source and machine
        wanted = human[source[1]]
        is_right = html.unescape(machine[1]) == wanted
        content: dict[str, Any] = {"score": 100 if is_right else 30}
        if not is_right:
            corrected += 1
            content |= {"correction": wanted, "spans": [{"start": 0, "end": 2, "severity": "major"}]}
        assert expert.save(item["key"], content, item["version"]).status_code == 200
        count += 1
    return count


@pytest.mark.timeout(280)
def test_corrections_raise_the_scores(
    stamp_data: Any, campaign: Callable[..., dict[str, str]], serving: Callable[[str], Server], tmp_path: Path
) -> None:
    folder = stamp_data.folder
    files = [str(folder / "en.jsonl"), str(folder / "fr.jsonl"), "--to", "fr", "--fields", "caption"]
    known = ["--references", str(folder / "human.jsonl")]
    audited = passerelle("audit", *files, *known, "--out", str(tmp_path / "audit"))
    # What is most doubtful comes first: that is what the audit's estimate is for.
    options = ["--order", "value", "--tasks", "translation", "--attention", "0"]
    tokens = campaign(*options, "--repeats", "0", "--experts", "Marie")
    database = str(tmp_path / "review.sqlite")
    expert = HttpExpert(serving(database).url, tokens["Marie"])
    looked_at = correct(expert, {english: human for english, _, human in stamp_data.captions.values()})
    expert.close()

    memory = tmp_path / "memory.sqlite"
    wanted = ["review", "apply", "--db", database, "--memory", str(memory), *known]
    done = passerelle(*wanted, "--out", str(tmp_path / "applied"))
    before, after = captions(folder / "fr.jsonl"), captions(tmp_path / "applied" / "fr.jsonl")
    human = {name: texts[2] for name, texts in stamp_data.captions.items()}
    changed = {name for name in before if before[name] != after[name]}
    assert len(changed) >= CORRECTED
    assert {after[name] for name in changed} <= set(human.values())
    assert done["corrections"] == CORRECTED
    distinct = len(done["corrected_texts"])
    assert done["memory_entries"]["human-translation"] == {"new": distinct, "replaced": 0, "kept": 0}
    touched = done["rows"]["touched"]
    assert done["rows"] == {"all": len(before), "touched": touched, "changed": len(changed), "refused": 0}
    assert len(changed) <= touched < len(before)

    # chrF rises, by as much as the log says, beyond doubt; and fewer captions are lost.
    from passerelle.quality.evidence.chrf import corpus_chrf, is_lost

    scores = [corpus_chrf([side[name] for name in human], list(human.values())) for side in (before, after)]
    chrf = done["chrf"]
    assert [chrf["before"], chrf["after"]] == pytest.approx(scores, abs=0.01)
    assert chrf["change"]["value"] == pytest.approx(scores[1] - scores[0], abs=0.01)
    assert chrf["change"]["low"] > 0
    assert done["expert_hours"] == pytest.approx(looked_at * 12 / 3600, abs=1e-3)
    hourly = chrf["per_expert_hour"]["value"]
    assert hourly == pytest.approx(chrf["change"]["value"] / done["expert_hours"], rel=0.01)
    all_texts = stamp_data.captions.items()
    lost = [sum(is_lost(texts[0], side[name], texts[2]) for name, texts in all_texts) for side in (before, after)]
    assert audited["truth"]["true"]["value"] == pytest.approx(lost[0] / len(human))
    assert lost[1] < lost[0]

    # The scores are labels, and the estimate was fitted on them.
    labels = (tmp_path / "applied" / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert done["calibration"]["labels"] == len(labels) - 1 == looked_at >= 50
    fitted = json.loads((tmp_path / "applied" / "calibration.json").read_text(encoding="utf-8"))
    assert fitted["provenance"]["pairs"] == looked_at

    # The corrections win over the engine in any later translation, and applying again does nothing new.
    with TranslationMemory(memory) as opened:
        found = opened.lookup([text for text, *_ in stamp_data.captions.values()], "en", "fr", None)
    assert sum(one.origin == "human-translation" for one in found.values()) == distinct
    wanted.append("--no-refit")
    second = passerelle(*wanted, "--out", str(tmp_path / "again"))
    assert second["memory_entries"]["human-translation"]["new"] == 0
    assert captions(tmp_path / "again" / "fr.jsonl") == after
    said = "\n".join(applied_lines(second, tmp_path / "applied.json"))
    print(said)
    assert f"{chrf['before']:.2f} before, {chrf['after']:.2f} after" in said
