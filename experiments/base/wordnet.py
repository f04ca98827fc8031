"""Names of things without a picture, from WordNet (Debian `wordnet-base`); used to train the embedded base only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from passerelle.errors import MissingDependency
from passerelle.example.concepts import concept
from passerelle.records import Picture, Text

FOLDER = Path("/usr/share/wordnet")
THINGS = {"05": "animal", "06": "artifact", "08": "body", "13": "food", "17": "object", "18": "person", "20": "plant"}
"""WordNet's files of nouns for what can be seen, by number (`lexnames(5WN)`)."""
SMALLEST_CATEGORY = 4
"""Words whose hypernym has fewer than this are put under the file's name."""
LONGEST = 14
"""Letters; longer names are mostly taxa."""


def read_words(folder: Path = FOLDER) -> list[Picture]:
    """Return common names of things; each is a record of a picture whose file is WordNet's own.

    A name counts as common when WordNet's authors met it in running text, or when it is one short word that
    leads its synset. Words of one category share a hypernym.

    Raises:
        MissingDependency: WordNet isn't installed.
    """
    data = folder / "data.noun"
    if not data.is_file():
        raise MissingDependency(f"no WordNet in {str(folder)!r}. Install it: sudo apt-get install wordnet-base")
    synsets = dict(_synsets(data))
    found = []
    for lemma, tagged, offset in _lemmas(folder / "index.noun"):
        file, names, hypernym = synsets[offset]
        common = tagged or lemma == names[0]
        if file in THINGS and common and lemma in names and lemma.replace("_", "").isalpha() and len(lemma) <= LONGEST:
            found.append((lemma.replace("_", " "), THINGS[file], hypernym))
    sizes = Counter(hypernym for _, _, hypernym in found)
    return [
        Picture(
            f"wordnet/{kind}/{name}",
            "wordnet",
            f"{kind}/{hypernym}" if sizes[hypernym] >= SMALLEST_CATEGORY else kind,
            concept(name),
            data,
            {"en": Text(name, "en", "native")},
        )
        for name, kind, hypernym in found
    ]


def _synsets(path: Path) -> Iterator[tuple[str, tuple[str, list[str], str]]]:
    """Yield offset, (file number, names, offset of the first hypernym) of each synset (`wndb(5WN)`)."""
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ")[0].split()
        words = int(fields[3], 16)
        pointers = fields[5 + 2 * words :]
        hypernym = next((pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] == "@"), "")
        yield fields[0], (fields[1], fields[4 : 4 + 2 * words : 2], hypernym)


def _lemmas(path: Path) -> Iterator[tuple[str, bool, str]]:
    """Yield lemma, whether it was met in running text, and the offset of its most frequent sense."""
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split()
        after = 4 + int(fields[3])
        yield fields[0], int(fields[after + 1]) > 0, fields[after + 2]
