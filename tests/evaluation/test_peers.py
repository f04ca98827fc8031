"""Scorers say what their peers say: lmms-eval 0.7.3's own functions, VQA's rules, sacrebleu, pycocoevalcap.

`peer_cases.json` lists English answers with what lmms-eval's functions made of them; `benchmarks/peer_cases.py`
wrote it.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider
from sacrebleu.metrics.chrf import CHRF

from passerelle.evaluation.benchmarks import captioning, mmbench, mme, pope
from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.metrics.captions import best_chrf_statistics, chrf_from_sums
from passerelle.evaluation.metrics.cider import cider_d, tokens_of
from passerelle.evaluation.parsing import published
from passerelle.records import Answer

CASES = json.loads((Path(__file__).parent / "peer_cases.json").read_text(encoding="utf-8"))
OPTIONS = ["a cat", "a dog", "a car", "a tree"]


def figure(measures, metric, parser="published", subtask=""):
    found = next(m for m in measures if (m.metric, m.parser, m.subtask) == (metric, parser, subtask))
    return float(found.statistic(np.ones((1, len(found.units))))[0])


def pairs(*names):
    return [pytest.param(name, *case, id=f"{name} {case[0]!r}") for name in names for case in CASES[name]]


@pytest.mark.parametrize(("name", "answer", "letter"), pairs("mmbench", "scienceqa", "ai2d", "mmmu"))
def test_option_is_the_peers(name, answer, letter):
    rule = getattr(published, f"{name}_option")
    place = rule(answer, OPTIONS)
    # A letter beyond the options is no option; the peers return it and find it wrong.
    assert (None if place is None else "ABCD"[place]) == (letter if letter in set("ABCD") else None)


@pytest.mark.parametrize(("answer", "words"), CASES["vqa_words"])
def test_vqa_normalisation_is_the_peers(answer, words):
    assert published.vqa_words(answer) == words


@pytest.mark.parametrize(("answer", "references", "accuracy"), CASES["vqa_accuracy"])
def test_vqa_accuracy_is_the_peers(answer, references, accuracy):
    found = published.vqa_accuracy(published.vqa_words(answer), [published.vqa_words(r) for r in references])
    assert found == pytest.approx(accuracy, abs=1e-12)


@pytest.mark.parametrize(("answer", "said"), CASES["mme"])
def test_mme_reads_as_the_peer(answer, said):
    assert (published.mme_said(answer) or "other") == said


@pytest.mark.parametrize(("answer", "references"), CASES["gqa"])
def test_gqa_matches_as_the_peer(answer, references):
    tried = ["left", "tshirt", "t-shirt", "yes", "red", "its", "the left"]
    plain = published.without_punctuation
    assert [r for r in tried if plain(answer) == plain(r)] == references


@pytest.mark.parametrize(("answer", "reference", "right"), CASES["mmmu_open"])
def test_mmmu_open_is_the_peers(answer, reference, right):
    assert published.mmmu_open(answer, [reference]) is right


def test_mmbench_circular_is_the_peers():
    items, answers = [], []
    for index, answer, prediction, category in CASES["mmbench_circular"]["rows"]:
        turn, base = divmod(index, mmbench.TURN)
        options = tuple(f"opt{(place + turn) % 4}" for place in range(4))
        items.append(
            Item(
                str(index), "q", "en", options=options, correct="ABCD".index(answer), subtask=category, group=str(base)
            )
        )
        answers.append(Answer(str(index), text=prediction))
    measures = mmbench.score(items, answers, "generate")
    expected = CASES["mmbench_circular"]
    assert figure(measures, "circular") == pytest.approx(100 * expected["overall"])
    assert 20 < figure(measures, "circular") < figure(measures, "vanilla") < 100
    for category, share in expected["categories"].items():
        assert figure(measures, "circular", subtask=category) == pytest.approx(100 * share)


def test_mme_total_is_the_peers():
    rows, total = CASES["mme_total"]
    items, answers = [], []
    for number, (category, pair, score) in enumerate(rows):
        item = Item(f"{pair}#{number % 2}", "q", "en", options=("Yes", "No"), correct=number % 2, subtask=category)
        items.append(Item(**{**vars(item), "group": f"{category}/{pair}"}))
        answers.append(Answer(item.id, text=("Yes", "No")[item.correct if score else 1 - item.correct]))
    assert figure(mme.score(items, answers, "generate"), "total") == pytest.approx(total)


def test_pope_figures_are_the_peers():
    said = CASES["pope"]["said"]
    items = [
        Item(str(i), "q", "en", picture=str(i), options=("Yes", "No"), correct=0 if truth == "yes" else 1)
        for i, (_, truth) in enumerate(said)
    ]
    measures = pope.score(items, [Answer(str(i), text=text) for i, (text, _) in enumerate(said)], "generate")
    for metric in ("accuracy", "precision", "recall", "f1"):
        assert figure(measures, metric) == pytest.approx(100 * CASES["pope"][metric]), metric
    # lmms-eval's ratio counts the labels; POPE's authors count the predictions.
    assert figure(measures, "yes-rate") == pytest.approx(100 * np.mean([text == "yes" for text, _ in said]))


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
    assert [m.metric for m in measures] == ["cider-d", "chrf"]
    assert measures[0].definition == "cider-d|n:4|sigma:6|tok:words-1|refs:1-3"
    assert "chrF2" in measures[1].definition and "nrefs:1-3" in measures[1].definition
