"""Calibrations of other languages: what ships was measured, tells right from wrong, and says what it never saw."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.audit import languages, texts
from benchmarks.audit.tables import between
from passerelle.quality.audit import audit
from passerelle.quality.base import Pair
from passerelle.quality.engines import apertium_ways, bare
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.estimate.estimate import Estimate
from passerelle.quality.evidence.chrf import is_lost

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "quality-languages.md"
MEASURED = languages.measured()
SHIPPED = [language for language in Estimate.shipped_targets("en") if language != "fr"]
CAPTIONS = 40


def captions(target: str) -> list[texts.Text]:
    """Return captions that no calibration was fitted on, with what people wrote."""
    return list(islice(texts.usable(texts.stamps("test", target), "stamps-test"), CAPTIONS))


def test_what_ships_is_what_was_good_enough_and_the_docs_have_the_figures() -> None:
    assert languages.shipping() == SHIPPED
    page = PAGE.read_text(encoding="utf-8")
    for name, text in languages.written(MEASURED).items():
        assert between(page, name)[1] == text


@pytest.mark.parametrize("target", SHIPPED)
def test_peoples_captions_are_told_from_those_of_other_pictures(target: str, tmp_path: Path) -> None:
    known = captions(target)
    right = [Pair(one.english, one.reference, "en", target) for one in known]
    wrong = [Pair(one.english, known[n - 7].reference, "en", target) for n, one in enumerate(known)]
    found = audit([*right, *wrong], open_assess("en", target, store=tmp_path / "a.sqlite"))
    assert 0 < found.lost.low < found.lost.value < found.lost.high < 1
    assert found.fitness is not None and found.fitness.says.startswith("These data are ")
    never_saw = "No translation by a rule-based engine into this language was in the fit" in found.fitness.says
    assert never_saw == (target not in MEASURED)
    again = open_assess("en", target, store=tmp_path / "a.sqlite")
    assert audit(wrong, again).lost.value - audit(right, again).lost.value > 0.3


def test_a_real_engines_share_to_spanish_is_in_its_interval(tmp_path: Path) -> None:
    known = captions("es")
    (engine,) = apertium_ways("en", "es")[:1]
    marked = engine.translate([one.english for one in known])
    made = [Pair(one.english, bare(text), "en", "es") for one, text in zip(known, marked, strict=True)]
    found = audit(made, open_assess("en", "es", store=tmp_path / "a.sqlite"))
    lost = np.mean([is_lost(one.english, pair.target, one.reference) for one, pair in zip(known, made, strict=True)])
    assert found.lost.low < lost < found.lost.high
    assert found.fitness is not None and "by Apertium" in found.fitness.nearest
