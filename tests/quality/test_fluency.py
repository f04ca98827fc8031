"""The character model, by hand, and the check on real French."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from passerelle.quality.base import Check, Pair
from passerelle.quality.checks.fluency import FluencyCheck, FluencyModel, open_model, train
from passerelle.quality.evidence import fluency_text
from passerelle.quality.evidence.characters import Alphabet, CharacterModel, alphabet_of, count, plain
from passerelle.quality.evidence.fluency_text import FOLDS, TrainingText, fold, read_training_text


def test_plain_by_hand() -> None:
    assert plain("  L’eau, 12 fois... porte-clé! ") == " l'eau fois porte-clé "
    assert plain("12 !") == ""


def test_counts_by_hand() -> None:
    alphabet = Alphabet(alphabet_of(["ab ab"]))
    counts = count(alphabet, ["ab ab"])  # " ab ab "
    assert sorted(counts.counts[0].tolist()) == [2, 2, 3]
    # bigrams: the start before " ", " a" twice, "ab" twice, "b " twice
    assert sorted(counts.counts[1].tolist()) == [1, 2, 2, 2]
    doubled = counts + counts
    assert doubled.counts[1].sum() == 14


def test_probabilities_by_hand() -> None:
    """Witten & Bell by hand on " a " with an alphabet of two characters: three codes, so 1/3 to begin with... of 4."""
    alphabet = Alphabet(" a")
    model = CharacterModel(alphabet, count(alphabet, ["a"]))
    (logs,) = model.log_probabilities(["a"])
    start = 1 / (alphabet.size + 1)  # " ", "a", any other, and nothing
    # Order 1: three characters seen, of two kinds: (count + 2 · start) / (3 + 2)
    space, letter = (2 + 2 * start) / 5, (1 + 2 * start) / 5
    # Orders 2 to 5: each context was seen once, before one kind: (1 + what was before) / 2
    for _ in range(4):
        space, letter = (1 + space) / 2, (1 + letter) / 2
    np.testing.assert_allclose(logs, np.log([space, letter, space]))


def test_probabilities_add_up_to_one() -> None:
    alphabet = Alphabet(" abc")
    model = CharacterModel(alphabet, count(alphabet, ["abc ab", "ba"]))
    total = sum(math.exp(model.log_probabilities([f"ab{letter}"])[0][3]) for letter in "abc")
    space = math.exp(model.log_probabilities(["ab c"])[0][3])
    unseen = math.exp(model.log_probabilities(["abz"])[0][3])
    assert total + space + unseen <= 1.0
    assert total + space + unseen == pytest.approx(1.0, abs=0.02)  # the rest is for "nothing"


def test_a_text_does_not_change_its_neighbours() -> None:
    alphabet = Alphabet(" abc")
    model = CharacterModel(alphabet, count(alphabet, ["abc ab"]))
    alone = model.log_probabilities(["ab"])[0]
    among = model.log_probabilities(["cc", "", "ab", "12"])
    np.testing.assert_array_equal(among[2], alone)
    assert len(among[1]) == len(among[3]) == 0


def test_what_is_held_out_is_not_read() -> None:
    """A fold's own texts are news to the model that scores them, and known to the others."""
    folds = [(f"un mot {letter * 6}",) for letter in "bcdfg"]
    model = train(TrainingText((), tuple(folds)))
    (unread, _, _), (read, _, _) = (model.measure(["un mot bbbbbb"], number)[0] for number in (0, 1))
    assert unread < read - 0.5


def test_test_and_development_captions_are_not_in_the_text() -> None:
    from passerelle.example import splits, tuxpaint

    text = read_training_text("fr")
    assert text is not None
    lines = {line for part in text.folds for line in part}
    sides: dict[str, set[str]] = {}
    for path in sorted(tuxpaint.FOLDER.rglob("*.txt")):
        name = f"stamps/{path.relative_to(tuxpaint.FOLDER).with_suffix('').as_posix()}"
        captions = tuxpaint.read_captions(path)
        if name in splits.stored() and "fr" in captions:
            sides.setdefault(splits.stored()[name], set()).add(captions["fr"])
    # Captions begin with a capital and end with a full stop, unlike CLDR's keywords: only the train side's are there.
    assert len(lines & sides["train"]) > 300
    held_out = (sides["test"] | sides["development"]) - sides["train"]
    assert not {line for line in lines & held_out if line.endswith(".")}


def test_the_model_is_saved_and_read(empty_cache: Path) -> None:
    text = TrainingText(("mot",), tuple((f"un chat {n}", f"le chien {n}") for n in "abcde"))
    model = train(text, "x")
    path = empty_cache / "m.npz"
    model.save(path)
    again = FluencyModel.load(path)
    assert again is not None
    assert again.measure(["un chat"], 2) == model.measure(["un chat"], 2)
    assert again.usual("un chat") == model.usual("un chat")
    path.write_bytes(path.read_bytes()[:200])
    assert FluencyModel.load(path) is None


def test_training_happens_once(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TrainingText(("mot",), tuple((f"un chat {n}",) for n in "abcde"))
    monkeypatch.setattr("passerelle.quality.checks.fluency.read_training_text", lambda language: text)
    first = open_model("xx", empty_cache)
    open_model.cache_clear()
    monkeypatch.setattr("passerelle.quality.checks.fluency.train", lambda *_: pytest.fail("trained again"))
    second = open_model("xx", empty_cache)
    open_model.cache_clear()
    assert first is not None and second is not None and first.name == second.name


@pytest.fixture(scope="module")
def french() -> FluencyCheck:
    return FluencyCheck("en", "fr")


def test_french_reads_better_than_what_is_none(french: FluencyCheck) -> None:
    texts = ["Une petite maison blanche dans la forêt.", "Xqz wkrtz ghj pfff bvtk mnxz."]
    good, bad = french.assess([Pair("A small white house in the forest.", text) for text in texts])
    assert good.score > 0.9 and not good.reason
    assert bad.score < 0.01 and bad.error == "grammar" and bad.reason


def test_the_worst_word_is_named(french: FluencyCheck) -> None:
    (finding,) = french.assess([Pair("A house in the forest.", "Une maison dans la forêt de xqzwkrtzx.")])
    assert "xqzwkrtzx" in finding.reason


def test_without_words_or_text_it_is_unknown(french: FluencyCheck, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not french.assess([Pair("12", "12")])[0].is_known
    monkeypatch.setattr(fluency_text, "FEWEST", 10**9)
    assert read_training_text("fr") is None


def test_folds_go_by_concept() -> None:
    assert fold("A red apple.") == fold("An apple with leaves.")
    assert 0 <= fold("A house.") < FOLDS


def test_it_is_a_check(french: FluencyCheck) -> None:
    assert isinstance(french, Check)
