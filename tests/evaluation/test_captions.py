"""chrF: per-item counts against sacrebleu's own corpus score, and one score by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from passerelle.errors import InputError
from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics, corpus_chrf

TEXTS = st.lists(st.tuples(st.text("ab é!", max_size=12), st.text("ab é!", max_size=12)), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_summed_counts_give_sacrebleus_corpus_score(pairs):
    hypotheses, references = (list(column) for column in zip(*pairs, strict=True))
    sums = chrf_statistics(hypotheses, references).sum(axis=0)
    expected = CHRF().corpus_score(hypotheses, [references]).score
    assert float(chrf_from_sums(sums)) == pytest.approx(expected, abs=1e-9)
    assert corpus_chrf(hypotheses, references).score == expected


def test_resampled_sums_give_the_score_of_the_resampled_corpus():
    said, wanted = ["un chat noir", "une vache", "merle"], ["un chat blanc", "une vache", "un merle noir"]
    draws = np.array([[2, 0, 1], [1, 1, 1], [0, 3, 0]])
    found = chrf_from_sums(draws @ chrf_statistics(said, wanted))
    for row, score in zip(draws, found, strict=True):
        corpus = [(s, w) for s, w, times in zip(said, wanted, row, strict=True) for _ in range(times)]
        assert score == pytest.approx(CHRF().corpus_score([s for s, _ in corpus], [[w for _, w in corpus]]).score)


def test_by_hand():
    """ "ab" for "abc": precision 1 and 1, recall 2/3 and 1/2 over the two orders: F2 of 1 and 7/12."""
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert corpus_chrf(["ab"], ["abc"]).score == pytest.approx(expected)
    assert float(chrf_from_sums(chrf_statistics(["ab"], ["abc"])[0])) == pytest.approx(expected)


def test_signature_is_sacrebleus():
    assert corpus_chrf(["a"], ["a"]).signature.startswith(
        "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:"
    )


def test_extremes():
    assert corpus_chrf(["merle"], ["merle"]).score == 100
    assert corpus_chrf([""], ["merle"]).score == 0


@pytest.mark.parametrize(("said", "wanted"), [([], []), (["a"], ["a", "b"])])
def test_unmatched_captions_are_refused(said, wanted):
    with pytest.raises(InputError, match="one reference for each caption"):
        corpus_chrf(said, wanted)
    with pytest.raises(InputError, match="one reference for each caption"):
        chrf_statistics(said, wanted)
