import gzip
import sqlite3
from types import SimpleNamespace

import pytest

from passerelle.errors import MissingDependency
from passerelle.quality.base import Pair
from passerelle.quality.checks.dictionary import DictionaryCheck
from passerelle.quality.evidence import freedict
from passerelle.quality.evidence.dictd import FOLDER, Entry, entries, installed, translations
from passerelle.quality.evidence.freedict import Grammar, Joined, WordTable, join, packages
from passerelle.quality.evidence.lemmas import Analyser, tokens

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def number(value):
    return (number(value // 64) if value >= 64 else "") + LETTERS[value % 64]


def write(folder, pair, words):
    """Write a dictionary as dictd has it: an index of offsets in base 64, and a gzip file."""
    body, index = b"", []
    for head, text in words.items():
        entry = f"{head} /x/ <n>\n{text}\n".encode()
        index.append(f"{head}\t{number(len(body))}\t{number(len(entry))}")
        body += entry
    (folder / f"freedict-{pair}.index").write_text("\n".join(["00database\tA\tA", *index]) + "\n", encoding="utf-8")
    (folder / f"freedict-{pair}.dict.dz").write_bytes(gzip.compress(body))


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("grave /ɡ/\n1. crítico, grave\n2. tumba\n", ["crítico", "grave", "tumba"]),
        ("Grab /ɡ/ <n>\n1. tombe, sépulture\nBestattungsort; letzte Ruhestätte\n2. tombe\nO\n", ["tombe", "sépulture"]),
        ("balloon /b/\nBallon <masc>\n      \"the climb\"  - der Aufstieg\n see: {balloons}\n", ["ballon"]),
        ("dog-collar /d/ <N>\n 1.  obroża\n", ["obroża"]),
        ("cheval /ʃ/\n1.  [(Figuré) La mort] mezar\n", ["mezar"]),
        ("bat /b/\nchauve‐souris\n", ["chauve-souris"]),
        ("odd /o/\n(only a gloss)\n", []),
    ],
)  # fmt: skip
def test_translations_of_entries_as_the_dictionaries_write_them(entry, found):
    assert translations(entry) == found


def test_offsets_beyond_one_digit_are_read(tmp_path):
    write(tmp_path, "eng-fra", {f"word{n}": f"mot{'é' * n}" for n in range(40)})
    read = {entry.head: entry.translations for entry in entries(tmp_path / "freedict-eng-fra.index")}
    assert read == {f"word{n}": [f"mot{'é' * n}"] for n in range(38)}  # what is longer is no word


def test_heads_keep_the_hyphens_that_the_index_lacks(tmp_path):
    entry = "chauve-souris /x/ <n, fem>\nbat\n"
    index = f"00database\tA\tA\nchauvesouris\tA\t{number(len(entry))}\n"
    (tmp_path / "freedict-fra-eng.index").write_text(index, encoding="utf-8")
    (tmp_path / "freedict-fra-eng.dict.dz").write_bytes(gzip.compress(entry.encode()))
    found = [Entry("chauve-souris", "n, fem", ["bat"])]
    assert list(entries(tmp_path / "freedict-fra-eng.index")) == found
    assert list(entries(tmp_path / "freedict-fra-eng.index", {"chauve-souris"})) == found
    assert list(entries(tmp_path / "freedict-fra-eng.index", {"souris"})) == []
    assert dict(join("eng", "fra", tmp_path).votes["bat"]) == {"chauve-souris": 2.0}


def test_most_dictionaries_say_the_gender():
    joined = Joined()
    for grammar in ("n, masc", "n, fem", "adj", "n, fem"):
        joined.note(Entry("tombe", grammar, ["x"]))
    assert dict(joined.grammar()) == {"tombe": Grammar("n", True)}


def test_ways_through_other_languages_share_their_vote(tmp_path):
    write(tmp_path, "eng-fra", {"frog": "grenouille"})
    write(tmp_path, "eng-deu", {"frog": "1. Frosch\n2. Kröte"})
    write(tmp_path, "deu-fra", {"Frosch": "grenouille", "Kröte": "crapaud"})
    assert {word: dict(votes) for word, votes in join("eng", "fra", tmp_path).votes.items()} == {
        "frog": {"grenouille": 2.5, "crapaud": 0.5}
    }


def test_the_table_is_joined_once_for_a_state_of_the_dictionaries(tmp_path):
    write(tmp_path, "eng-fra", {"frog": "grenouille"})
    first = WordTable("en", "fr", tmp_path, tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE words SET translation = 'kept'")
    assert first.signature == WordTable("en", "fr", tmp_path, tmp_path / "cache").signature
    assert list(WordTable("en", "fr", tmp_path, tmp_path / "cache").translations("Frog")) == ["kept"]
    write(tmp_path, "eng-fra", {"frog": "grenouille", "toad": "crapaud"})
    assert list(WordTable("en", "fr", tmp_path, tmp_path / "cache").translations("frog")) == ["grenouille"]


def test_without_dictionaries_the_message_says_what_to_install(tmp_path):
    with pytest.raises(MissingDependency, match="apt-get install .*dict-freedict-eng-fra"):
        WordTable("en", "fr", tmp_path, tmp_path)

    def missing(source, target):
        return WordTable(source, target, tmp_path, tmp_path)

    check = DictionaryCheck(open_tools=missing)
    (found,) = check.assess([Pair("A frog.", "Une grenouille.")])
    assert not found.is_known and "apt-get install" in found.reason and check.signature.endswith("none")
    with pytest.raises(MissingDependency, match="apt-get install"):
        check.units(Pair("A frog.", "Une grenouille."))


def test_versions_are_asked_for_all_dictionaries_at_once(tmp_path, monkeypatch):
    """A process for each of fifty took a second whenever a command looked into its dictionaries."""
    for pair in ("eng-fra", "fra-eng"):
        write(tmp_path, pair, {"frog": "grenouille"})
    asked = []

    def says(command, **_):
        asked.append(command[4:])
        return SimpleNamespace(stdout="dict-freedict-eng-fra 2026.1-1\ndict-freedict-fra-eng \n")

    monkeypatch.setattr(freedict, "FOLDER", tmp_path)
    monkeypatch.setattr(freedict.subprocess, "run", says)
    monkeypatch.setattr(freedict.shutil, "which", lambda name: name)
    sizes = "-".join(str((tmp_path / f"freedict-fra-eng.{end}").stat().st_size) for end in ("index", "dict.dz"))
    signature = WordTable("en", "fr", tmp_path, tmp_path / "cache").signature
    assert signature == f"freedict {freedict.VERSION} eng-fra:2026.1-1 fra-eng:{sizes}"
    assert asked == [["dict-freedict-eng-fra", "dict-freedict-fra-eng"]]


def test_the_packages_named_are_installed_here():
    assert {f"dict-freedict-{a}-{b}" for a, b in installed(FOLDER)} >= set(packages("en", "fr"))


@pytest.mark.parametrize("target", ["fr", "es", "it", "pt", "de", "nl", "sv", "ca", "ka"])
def test_only_packages_that_there_are_are_named(target, tmp_path):
    named = packages("en", target)
    assert not {"dict-freedict-spa-ita", "dict-freedict-ita-fra", "dict-freedict-por-nld"} & set(named)
    assert bool(named) == (target not in ("ca", "ka"))
    with pytest.raises(MissingDependency, match="setup quality --to" if named else "and Debian has none"):
        WordTable("en", target, folder=tmp_path)


def test_base_forms_and_kinds_of_words():
    french = Analyser("fr").look_up(tokens("Les chevaux d’eau bleus xyzq"))
    assert "cheval" in french["chevaux"].forms and "bleu" in french["bleus"].forms
    assert [word for word, known in french.items() if known.has_content] == ["chevaux", "eau", "bleus", "xyzq"]


@pytest.fixture(scope="module")
def check():
    return DictionaryCheck()


def test_a_good_translation_scores_one(check):
    for source, target in (
        ("A frog.", "Une grenouille."),
        ("A red hot air balloon.", "Une montgolfière rouge."),
        ("Two white horses.", "Deux chevaux blancs."),
    ):
        (found,) = check.assess([Pair(source, target)])
        assert (found.score, found.values["found"], found.values["missing"]) == (1, 1, 0), source


def test_a_word_without_a_counterpart_is_named(check):
    (found,) = check.assess([Pair("A frog.", "Un cheval.")])
    assert (found.score, found.error) == (0, "wrong-sense")
    assert found.reason == 'nothing in the translation for "frog"'
    (dropped,) = check.assess([Pair("A red frog.", "Une grenouille.")])
    assert (dropped.reason, dropped.error) == ('nothing in the translation for "red"', "dropped")
    (added,) = check.assess([Pair("A frog.", "Une grenouille rouge.")])
    assert (added.reason, added.error) == ('nothing in the source for "rouge"', "added")


def test_units_show_what_is_known_of_each_word(check):
    frog, balloon = check.units(Pair("A frog in a hot air balloon.", "Une grenouille dans une montgolfière."))
    assert (frog.text, frog.found, frog.strength) == ("frog", "grenouille", 1)
    assert (balloon.text, balloon.found) == ("hot air balloon", "montgolfière")


def test_a_rare_sense_is_weaker_than_the_usual_one(check):
    usual, rare = check.assess([Pair("A grave.", "Une tombe."), Pair("A grave.", "Un sérieux.")])
    assert usual.values["usual"] == 1 and rare.values["usual"] < 0.12
    assert rare.error == "wrong-sense" and '"tombe" is usual' in rare.reason
