"""Any rows, any engine: what is written satisfies every invariant, all else is rejected with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasty import WAYS
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.protection.options import find_collision
from passerelle.translation.protection.verify import verify

PARTS = ["<image>", "https://a.example/x", "[0.1, 0.2]", "$x^2$", "{name}", "cat.jpg", "3.5 km", "<|im_end|>", "`a b`"]
WORDS = ["dog", "the red house", "sleeps", "Yes", "No.", "A big bird.", "Is it good?", "(A) one", "B."]
TEXTS = st.lists(
    st.tuples(st.sampled_from(PARTS + WORDS), st.sampled_from([" ", " ", "\n", "\t"])), min_size=1, max_size=8
).map(lambda pairs: "".join(word + blank for word, blank in pairs))
CHOICES = st.lists(st.sampled_from(["Dog", "dog.", "Cat", "The bird", "3 km", "Yes", "See x.png"]), max_size=4)
ROWS = st.lists(st.tuples(TEXTS, CHOICES), min_size=1, max_size=5)


def problems(rows: list[tuple[str, list[str]]]) -> dict[str, Any]:
    """Rows as ScienceQA has them."""
    return {
        str(number): {
            "question": question, "choices": choices, "answer": 0, "hint": "", "lecture": question[:20],
            "split": "train", "image": None, "kept": [1.0, {"a": number}],
        }
        for number, (question, choices) in enumerate(rows)
    }  # fmt: skip


def texts_of(problem: dict[str, Any]) -> list[str]:
    return [problem["question"], problem["lecture"], *problem["choices"]]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, way=st.sampled_from(sorted(WAYS)), other=st.sampled_from(["", *sorted(WAYS)]))
@pytest.mark.usefixtures("nasty")
def test_each_row_is_whole_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[str]]], way: str, other: str
) -> None:
    folder: Path = tmp_path_factory.mktemp("data")
    given_rows = problems(rows)
    (folder / "en.json").write_text(json.dumps(given_rows))
    fallback = f"nasty:{other}" if other else ""
    work = Job(
        folder / "en.json", folder / "fr.json", "fr", folder / "m.sqlite",
        engine=f"nasty:{way}", fallback=fallback, format="scienceqa",
    )  # fmt: skip
    summary = translate(work)
    written = json.loads(work.out.read_text("utf-8"))
    rejects = [json.loads(line) for line in work.rejects.read_text("utf-8").splitlines()]
    assert sorted([*written, *(entry["id"] for entry in rejects)], key=int) == list(given_rows)
    assert list(written) == sorted(written, key=int)
    for entry in rejects:
        assert json.loads(entry["source"]) == given_rows[entry["id"]]
        assert entry["reason"] in summary.tally.rejected
    for key, problem in written.items():
        before = given_rows[key]
        assert {**problem, **{name: before[name] for name in ("question", "choices", "lecture")}} == before
        for text, translation in zip(texts_of(before), texts_of(problem), strict=True):
            assert verify(text, translation) == []
        assert find_collision(dict(zip(before["choices"], problem["choices"], strict=True))) is None
