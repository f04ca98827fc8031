"""Names of things, read from WordNet's own files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from experiments.base.wordnet import FOLDER, LONGEST, SMALLEST_CATEGORY, read_words
from passerelle.errors import MissingDependency

# Lines in WordNet 3.0's own format, wndb(5WN): header lines begin with two spaces.
DATA = """  1 This software and database is being provided
02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 001 @ 02083346 n 0000 | a member of the genus Canis
02121620 05 n 02 cat 0 true_cat 0 001 @ 02120997 n 0000 | feline mammal
02118333 05 n 01 fox 0 001 @ 02083346 n 0000 | alert carnivorous mammal
02114100 05 n 01 wolf 0 001 @ 02083346 n 0000 | any of various predatory mammals
02115335 05 n 01 jackal 0 001 @ 02083346 n 0000 | Old World nocturnal canine
05808619 09 n 01 idea 0 001 @ 05809192 n 0000 | the content of cognition
03481172 06 n 01 hammer 0 001 @ 03489162 n 0000 | a hand tool
"""
INDEX = """  1 This software and database is being provided
canis_familiaris n 1 1 @ 1 0 02084071
cat n 1 1 @ 1 1 02121620
dog n 1 1 @ 1 1 02084071
domestic_dog n 1 1 @ 1 0 02084071
fox n 1 1 @ 1 1 02118333
hammer n 1 1 @ 1 1 03481172
idea n 1 1 @ 1 1 05808619
jackal n 1 1 @ 1 0 02115335
true_cat n 1 1 @ 1 0 02121620
wolf n 1 1 @ 1 1 02114100
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    return tmp_path


def test_common_names_of_things_are_read(folder: Path) -> None:
    words = {p.captions["en"].text: p for p in read_words(folder)}
    # No abstractions, no names that are neither first in their synset nor met in text, no taxa.
    assert sorted(words) == ["cat", "dog", "fox", "hammer", "jackal", "wolf"]
    assert words["dog"].id == "wordnet/animal/dog"
    assert words["dog"].concept == "dog"


def test_a_category_is_a_hypernym_with_enough_words(folder: Path) -> None:
    categories = {p.captions["en"].text: p.category for p in read_words(folder)}
    assert len({categories[name] for name in ("dog", "fox", "wolf", "jackal")}) == 1 and SMALLEST_CATEGORY == 4
    assert categories["cat"] == "animal" != categories["dog"]
    assert categories["hammer"] == "artifact"


def test_without_wordnet(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="apt-get install wordnet-base"):
        read_words(tmp_path)


@pytest.mark.skipif(not (FOLDER / "data.noun").exists(), reason="WordNet isn't installed")
def test_the_real_wordnet() -> None:
    words = read_words()
    assert 15_000 < len(words) < 30_000
    kinds = Counter(p.category.split("/")[0] for p in words)
    assert min(kinds[kind] for kind in ("animal", "artifact", "food", "plant", "body", "object")) > 400
    names = {p.captions["en"].text for p in words}
    assert {"dog", "fork", "apple", "walrus", "cowboy hat"} <= names
    assert not {"truth", "Paris", "Canis familiaris"} & names
    assert max(map(len, names)) <= LONGEST
    assert len({p.id for p in words}) == len(words)
