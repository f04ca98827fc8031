"""Scorers say what their peers say: lmms-eval, VLMEvalKit, sacrebleu, pycocoevalcap.

`peer_rules.json` lists answers with what the peers' own code made of them; `benchmarks/peer_rules.py` wrote it.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider
from sacrebleu.metrics.chrf import CHRF

from passerelle.evaluation.benchmarks import captioning, mmbench, pope, registry, vqav2
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.metrics.captions import best_chrf_statistics, chrf_from_sums
from passerelle.evaluation.metrics.cider import cider_d, tokens_of
from passerelle.evaluation.parsing import published
from passerelle.evaluation.parsing.peers import versioned
from passerelle.records import Answer

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "peer_rules.py"


def script():
    spec = importlib.util.spec_from_file_location("peer_rules", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PEERS = script()
BENCHMARKS = ("mmbench", "scienceqa", "mmmu", "ai2d", "pope", "mme", "vqav2", "gqa")


@pytest.fixture(scope="module")
def stored():
    return PEERS.read_stored()


@pytest.fixture(scope="module")
def compared(stored):
    return {(benchmark, rules): (count, differing) for benchmark, rules, count, differing in PEERS.compare(*stored)}


def test_versions_are_those_that_were_compared():
    stored = json.loads(PEERS.STORED.read_text(encoding="utf-8"))
    assert stored["versions"] == {name: versioned(name) for name in ("lmms-eval", "vlmevalkit")}


@pytest.mark.parametrize("rules", ["lmms-eval", "vlmevalkit"])
@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_answers_are_scored_as_the_peer_scores_them(compared, benchmark, rules):
    count, differing = compared[benchmark, rules]
    assert count >= 300
    assert not differing, differing[:5]


@pytest.mark.parametrize("rules", ["lmms-eval", "vlmevalkit"])
@pytest.mark.parametrize("what", ["circular", "pope figures", "mme total"])
def test_figures_are_the_peers(compared, what, rules):
    assert compared[what, rules][1] == []


def test_peers_verdicts_tell_answers_and_each_other_apart(stored):
    answers, verdicts = stored
    for kind, benchmarks in PEERS.KINDS.items():
        for benchmark in benchmarks:
            lmms, vlm = ([row[benchmark] for row in verdicts[name][kind]] for name in PEERS.NAMES)
            assert lmms != vlm and len(set(lmms)) > 1 and len(set(vlm)) > 1, benchmark
    assert verdicts["lmms-eval"]["circular"] != verdicts["vlmevalkit"]["circular"]
    assert len(answers["circular"]) == 400


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_the_page_states_the_agreement_that_is_measured(compared, benchmark):
    page = (SCRIPT.parents[1] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    section = page.partition("### Whose rules raw scores are by")[2].partition("\n**")[0]
    row = next(line for line in section.splitlines() if line.startswith(f"| `{benchmark}` |"))
    count = compared[benchmark, "lmms-eval"][0]
    assert f"| {count} of {count}" in row


def test_every_benchmark_says_whose_rules_it_can_be_scored_by():
    for name in BENCHMARKS:
        assert {"lmms-eval", "vlmevalkit"} <= set(registry.BENCHMARKS[name].rules)
    assert registry.BENCHMARKS["pope"].rules[0] == "authors"
    assert registry.BENCHMARKS["mmbench"].rules[0] == "vlmevalkit"


def mmbench_items(*options):
    return [Item(str(n + 1), "q", "en", options=o, correct=0, group=str(n + 1)) for n, o in enumerate(options)]


def test_a_letter_taken_from_anywhere_is_scored_and_counts_as_unread():
    items = mmbench_items(("dog", "cat"), ("dog", "cat"))
    said = [Answer("1", text="A small bird sings here."), Answer("2", text="A.")]
    by = {
        rules: [m for m in mmbench.score(items, said, "generate", rules) if m.parser == "published"][0]
        for rules in ("lmms-eval", "vlmevalkit")
    }
    assert by["lmms-eval"].right == (True, True) and by["lmms-eval"].unmatched == 1
    assert by["vlmevalkit"].right == (False, True) and by["vlmevalkit"].unmatched == 1
    assert by["lmms-eval"].definition == "circular|method:generate|parser:lmms-eval-0.7.3"
    assert by["vlmevalkit"].definition == "circular|method:generate|parser:vlmevalkit-2026-08-18"


def test_yes_rate_is_of_the_predictions_by_all_rules():
    """lmms-eval's ratio counts the labels; POPE's authors count the predictions."""
    said = [Answer("0", text="yes"), Answer("1", text="yes"), Answer("2", text="yes"), Answer("3", text="no")]
    items = [Item(str(n), "q", "en", options=("Yes", "No"), correct=n % 2) for n in range(4)]
    for rules in ("authors", "lmms-eval", "vlmevalkit"):
        found = pope.score(items, said, "generate", rules)
        assert PEERS.value(found, "yes-rate") == 75.0


def test_one_reference_is_exact_match_by_all_rules():
    """Their leave-one-out has nothing left to match there, so that they score every answer 0."""
    for rules in ("lmms-eval", "vlmevalkit"):
        found = vqav2.score([Item("1", "q", "en", references=("two",))], [Answer("1", text="2.")], "generate", rules)
        assert PEERS.value(found, "accuracy") == (100.0 if rules == "lmms-eval" else 0.0)  # VLMEvalKit leaves "2." so


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Yes, there is.", "yes"),
        ("No, there isn't.", "no"),
        ("There is no dog", "no"),
        ("It is not there. Yes", "no"),
        ("A dog", "yes"),
        ("Non", "yes"),
        ("Oui", "yes"),
    ],
)
def test_pope_reads_by_its_authors_rule(answer, said):
    """RUCAIBox/POPE, evaluate.py: the first sentence, commas away, looked through for No, not and no."""
    assert published.pope_said(answer) == said


HYPOTHESES = [
    "a black cat sits on a red sofa",
    "two dogs run in the snow",
    "a man riding a bike",
    "the the the cat",
    "a plane in the sky over the sea",
]
REFERENCES = [
    ["a black cat on a sofa", "the cat is sitting on a red couch", "a cat sits on a sofa"],
    ["two dogs are running through snow", "dogs in the snow"],
    ["a man rides a bicycle down the street", "a cyclist on the road", "a man riding a bike"],
    ["a cat"],
    ["an airplane flies over the sea", "a plane in the sky"],
]


def test_cider_is_pycocoevalcaps():
    gts = {i: [" ".join(tokens_of(r)) for r in texts] for i, texts in enumerate(REFERENCES)}
    res = {i: [" ".join(tokens_of(text))] for i, text in enumerate(HYPOTHESES)}
    corpus, each = Cider().compute_score(gts, res)
    found = cider_d(HYPOTHESES, REFERENCES)
    np.testing.assert_allclose(found, each, rtol=1e-9, atol=1e-12)
    assert found.mean() == pytest.approx(corpus) == pytest.approx(3.19114249)


def test_cider_expected_numbers():
    """pycocoevalcap 1.2 on the same captions."""
    np.testing.assert_allclose(cider_d(HYPOTHESES, REFERENCES), EXPECTED_CIDER, atol=1e-4)


EXPECTED_CIDER = [3.38544177, 2.7839061, 3.67825417, 1.85533898, 4.25277143]


def test_several_references_score_as_sacrebleus_chrf():
    width = max(map(len, REFERENCES))
    streams = [[texts[i] if i < len(texts) else None for texts in REFERENCES] for i in range(width)]
    expected = CHRF().corpus_score(HYPOTHESES, streams).score
    sums = best_chrf_statistics(HYPOTHESES, REFERENCES).sum(axis=0)
    assert float(chrf_from_sums(sums)) == pytest.approx(expected, abs=1e-9)


def test_caption_measures_say_how_they_were_made():
    items = [Item(str(i), "", "fr", picture=str(i), references=tuple(r)) for i, r in enumerate(REFERENCES)]
    measures = captioning.score(items, [Answer(str(i), text=t) for i, t in enumerate(HYPOTHESES)], "generate")
    assert [m.metric for m in measures] == ["cider-d", "chrf", "yes-or-no"]
    assert measures[0].definition == "cider-d|n:4|sigma:6|tok:words-1|refs:1-3"
    assert "chrF2" in measures[1].definition and "nrefs:1-3" in measures[1].definition
