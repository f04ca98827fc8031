"""Candidates come from engines and dictionaries, people's words come first, and what is left is queued by gain."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from passerelle.errors import MissingDependency
from passerelle.languages.phrasebook import read_phrasebook
from passerelle.quality.assessing import Assessment, FakeAssess
from passerelle.quality.base import Finding, Pair
from passerelle.quality.evidence.analysis import open_analysis
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.pairs import PairOptions, read_pairs
from passerelle.quality.repair.candidates import Candidate, Pool, fitted
from passerelle.quality.repair.choose import LinearScorer, features
from passerelle.quality.repair.composing import compose, feminine, forms
from passerelle.quality.repair.files import repair_file, settle_row
from passerelle.quality.repair.repair import Repaired, Repairer
from passerelle.quality.repair.saying import Sayable
from passerelle.quality.repair.variety import keep_variety
from passerelle.quality.repair.verdict import Proposal, is_better
from passerelle.quality.repair.wording import wording
from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory.memory import TranslationMemory
from pools import choose

FRENCH = wording("en", "fr")
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def number(value: int) -> str:
    return (number(value // 64) if value >= 64 else "") + DIGITS[value % 64]


def dictd(folder: Path, pair: str, entries: dict[str, str]) -> None:
    """Write a dictionary as dictd has it: an index of places in a gzip file."""
    data, lines = b"", []
    for head, text in entries.items():
        content = text.encode()
        lines.append(f"{head}\t{number(len(data))}\t{number(len(content))}\n")
        data += content
    (folder / f"freedict-{pair}.index").write_text("".join(lines), encoding="utf-8")
    (folder / f"freedict-{pair}.dict.dz").write_bytes(gzip.compress(data))


@pytest.fixture
def dictionaries(tmp_path: Path) -> Path:
    folder = tmp_path / "dictd"
    folder.mkdir()
    direct = {"frog": "grenouille", "green": "vert", "hat": "chapeau", "ferret": "furet"}
    dictd(folder, "eng-fra", {word: f"{word} /x/\n{text}\n" for word, text in direct.items()})
    dictd(
        folder, "eng-deu", {"ferret": "ferret /x/\nFrettchen <neut>, Frett <neut> [zool.]\n", "frog": "frog\nFrosch\n"}
    )
    dictd(folder, "deu-fra", {"Frosch": "Frosch\n1. grenouille, rainette (x)\nSorte\n2. cœur\n"})
    dictd(
        folder,
        "fra-deu",
        {
            "furet": "furet /y/ <n, masc>\n1. Frettchen\nAnimal\n",
            "grenouille": "grenouille <n, fem>\nFrosch\n",
            "vert": "vert <adj>\ngrün\n",
            "chapeau": "chapeau <n, masc>\nHut\n",
        },
    )
    return folder


@pytest.fixture
def book(dictionaries: Path) -> WordTable:
    return WordTable("en", "fr", dictionaries, dictionaries / "cache")


def test_direct_entries_and_ways_through_german_are_added_up(book: WordTable) -> None:
    assert book.weighed("frog")[0] == ("grenouille", 2.5)  # 2 directly, half of the way through Frosch
    assert book.weighed("ferret") == [("furet", 3.0)]
    assert ("rainette", 0.25) in book.weighed("frog")
    assert book.grammar("grenouille").is_feminine is True
    assert book.grammar("vert").kind == "adj"
    assert book.is_word("furet") and not book.is_word("ferret")


def test_a_missing_dictionary_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="dict-freedict-eng-fra"):
        WordTable("en", "fr", tmp_path, tmp_path)


def test_phrases_are_composed_with_gender_and_number(book: WordTable) -> None:
    assert compose("A green frog.", book, FRENCH)[0].text == "une grenouille verte"
    assert compose("Green hats.", book, FRENCH)[0].text == "chapeaux verts"
    assert compose("The frog with a ferret.", book, FRENCH)[0].text == "la grenouille avec un furet"
    assert compose("A wibble frog.", book, FRENCH) == []
    assert compose("A frog, green.", book, FRENCH) == []


@pytest.mark.parametrize(
    ("word", "other"), [("vert", "verte"), ("heureux", "heureuse"), ("blanc", "blanche"), ("rouge", "rouge")]
)
def test_feminines(word: str, other: str) -> None:
    assert feminine(word) == other


def test_singulars() -> None:
    assert forms("berries")[1] == "berry" and "box" in forms("boxes") and forms("glass") == ["glass"]


def test_a_translation_begins_and_ends_as_its_source() -> None:
    assert fitted("A frog!", "une grenouille.") == "Une grenouille !"
    assert fitted("frog", "Une grenouille.") == "Une grenouille"
    assert fitted("A frog.", " . ") == ""


def engines() -> dict[str, FakeTranslator]:
    return {"one": FakeTranslator(table={"A ferret.": "Un *ferret.", "A green frog.": "Une *frog verte."})}


def test_unknown_words_are_put_right(book: WordTable) -> None:
    pool = Pool(engines(), book).candidates(["A ferret."])[0]
    assert pool[0] == Candidate("Un ferret.", "engine", "one", unknown=1)
    fixed = next(one for one in pool if one.text == "Un furet.")
    assert fixed.unknown == 0 and fixed.votes == 3.0 and fixed.makers >= 2
    assert len({one.text for one in pool}) == len(pool)


def test_the_article_follows_the_gender(book: WordTable) -> None:
    wrong = {"one": FakeTranslator(table={"A green frog.": "Un *frog verte."})}
    texts = [one.text for one in Pool(wrong, book).candidates(["A green frog."])[0]]
    assert "Une grenouille verte." in texts and "Un grenouille verte." not in texts


def test_features_are_differences_and_the_licensed_one_wins(book: WordTable) -> None:
    pool = [Candidate("Un ferret.", "engine", "one", 1), Candidate("Un furet.", "fixed", "one", 0, 1.0, 1.0)]
    columns = zip(*features("A ferret.", pool, book), strict=True)
    assert all(abs(sum(column)) < 1e-9 for column in columns)
    assert choose(["A ferret."], [pool], LinearScorer(book))[0].text == "Un furet."
    assert choose(["A ferret."], [pool], LinearScorer(book, {"unknown": 1.0}))[0].text == "Un ferret."


ESTIMATE = FakeAssess({"Un ferret.": 0.2, "Un furet.": 0.8, "Mot.": 0.1, "Texte bien plus long que le premier.": 0.1})


def repairer(book: WordTable, memory: TranslationMemory) -> Repairer:
    return Repairer(Pool(engines(), book), LinearScorer(book), ESTIMATE, memory, "engine 1")


def test_people_come_first(book: WordTable, tmp_path: Path) -> None:
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        memory.store([("A ferret.", "Un putois.")], "en", "fr", "", "human-translation")
        done = repairer(book, memory).repair([Pair("A ferret.", "Un ferret.")])[0]
    assert (done.text, done.way) == ("Un putois.", "memory")


def test_standing_instructions_come_from_the_phrasebook_unless_a_person_has_them(
    book: WordTable, tmp_path: Path
) -> None:
    pairs = [Pair("Describe this image in detail.", "Il décrit cette image en détail."), Pair("No", "Nº")]
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        bad = FakeAssess({pair.target: 0.2 for pair in pairs})
        ours = Repairer(Pool(engines(), book), LinearScorer(book), bad, memory, "engine 1")
        done = ours.repair(pairs)
        memory.store([("No", "Que non")], "en", "fr", "", "human-translation")
        by_people = ours.repair(pairs)[1]
    assert [(one.text, one.way) for one in done] == [
        ("Décrivez cette image en détail.", "phrasebook"),
        ("Non", "phrasebook"),
    ]
    assert (by_people.text, by_people.way) == ("Que non", "memory")


def test_ones_own_phrasebook_repairs(book: WordTable, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[phrases]\n"A ferret." = "Un furet apprivoisé."', encoding="utf-8")
    own = read_phrasebook("en", "fr", tmp_path / "own.toml")
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        bad = FakeAssess({"Un ferret.": 0.2})
        ours = Repairer(Pool(engines(), book), LinearScorer(book), bad, memory, "e", phrasebook=own)
        (done,) = ours.repair([Pair("A ferret.", "Un ferret.")])
    assert (done.text, done.way) == ("Un furet apprivoisé.", "phrasebook")


def test_a_machine_in_the_memory_is_no_person(book: WordTable, tmp_path: Path) -> None:
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        memory.store([("A ferret.", "Un putois.")], "en", "fr", "e", "machine")
        done = repairer(book, memory).repair([Pair("A ferret.", "Un ferret.")])[0]
    assert done.text == "Un furet."


def test_good_pairs_and_worse_choices_stay(book: WordTable, tmp_path: Path) -> None:
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        good = repairer(book, memory).repair([Pair("A ferret.", "Une bête.")])[0]
        assert (good.text, good.way) == ("Une bête.", "kept")
        doubtful = Repairer(
            Pool(engines(), book), LinearScorer(book), FakeAssess({"Un ferret.": 0.6, "Un furet.": 0.1}), memory, "e"
        )
        assert doubtful.repair([Pair("A ferret.", "Un ferret.")])[0].text == "Un ferret."


def lines(path: Path, *texts: str) -> Path:
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def test_a_file_is_repaired_and_remembered(book: WordTable, tmp_path: Path) -> None:
    ours = lines(tmp_path / "a.txt", "A long text, much longer than the other one.", "", "A ferret.", "Word.")
    theirs = lines(tmp_path / "b.txt", "Texte bien plus long que le premier.", "", "Un ferret.", "Mot.")
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        result = repair_file(
            read_pairs(ours, theirs, PairOptions()), repairer(book, memory), memory, tmp_path / "c.txt"
        )
        kept = memory.lookup(["A ferret."], "en", "fr", "engine 1")["A ferret."]
    written = (tmp_path / "c.txt").read_text(encoding="utf-8").splitlines()
    assert len(written) == 4 and written[1:3] == ["", "Un furet."]
    assert (kept.translation, kept.origin) == ("Un furet.", "repaired")
    assert result["pairs"] == 3 and result["changed"] >= 1
    queue = [json.loads(line) for line in (tmp_path / "review.jsonl").read_text(encoding="utf-8").splitlines()]
    assert "3" not in {row["id"] for row in queue}
    assert [row["gain_per_minute"] for row in queue] == sorted((row["gain_per_minute"] for row in queue), reverse=True)


def test_the_gain_is_by_the_minute() -> None:
    found = Repaired(Pair("a" * 60, "b"), "b" * 60, "fixed", Assessment(0.1), Assessment(0.5))
    assert found.minutes == pytest.approx(0.5)  # 0.1 + 120 / 300
    assert found.gain_per_minute == pytest.approx(1.0)


def test_options_never_become_alike(tmp_path: Path) -> None:
    content = "index\timage\tquestion\tA\tB\tanswer\n0\t\tWhich?\t{}\t{}\tA\n"
    (tmp_path / "a.tsv").write_text(content.format("frog", "toad"), encoding="utf-8")
    (tmp_path / "b.tsv").write_text(content.format("g", "c"), encoding="utf-8")
    row = read_pairs(tmp_path / "a.tsv", tmp_path / "b.tsv", PairOptions(format="mmbench")).rows[0]
    new = {"Which?": "Lequel ?", "frog": "crapaud", "toad": "crapaud"}
    one = Assessment(0.5)
    assert settle_row(row, [Repaired(p, new[p.source], "fixed", one, one) for p in row.pairs]) == {
        "question": "Lequel ?"
    }
    new["frog"] = "grenouille"
    assert settle_row(row, [Repaired(p, new[p.source], "fixed", one, one) for p in row.pairs])["A"] == "grenouille"


@pytest.mark.parametrize(
    "text",
    [
        "A man walks.",
        "A frog is green.",
        "The frog and her hat.",
        "Green frog just past the hat.",
        "A green frog with a green hat on a green hat.",
        "A frog?",
        "The.",
    ],
)
def test_only_short_noun_phrases_are_put_together(book: WordTable, text: str) -> None:
    assert compose(text, book, FRENCH) == []


def test_glosses_are_no_words(tmp_path: Path) -> None:
    dictd(
        tmp_path,
        "eng-fra",
        {"frog": "frog\narticle défini, préposition, grenouille, ne ... pas\n", "walk": "walk\nx\n"},
    )
    dictd(tmp_path, "fra-eng", {"grenouille": "grenouille <n, fem>\nfrog\n"})
    table = WordTable("en", "fr", tmp_path, tmp_path / "cache")
    assert any(word == "article défini" for word, _ in table.weighed("frog"))
    assert {one.text for one in compose("The frog", table, FRENCH)} <= {"la grenouille", "le préposition"}
    assert not FRENCH.is_gloss("pronom") and FRENCH.is_gloss("pronom personnel")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("à le chat de le roi", "au chat du roi"),
        ("de les chats à les enfants", "des chats aux enfants"),
        ("la eau de le arbre de le hibou", "l'eau de l'arbre du hibou"),
        ("il essaie de le faire", "il essaie de le faire"),
    ],
)
def test_prepositions_and_articles_are_contracted(text: str, right: str) -> None:
    assert FRENCH.contracted(text) == right


@pytest.mark.skipif(open_analysis("fr") is None, reason="needs Apertium's French analyser")
@pytest.mark.parametrize(
    ("source", "text", "reason"),
    [
        ("A man has a dog.", "Un homme a un chien.", ""),
        ("A man has a dog.", "Un homme de chien.", "no verb"),
        ("A dog.", "Un chien. Un chat.", "sentences"),
        ("A dog.", "Un très grand et très vieux chien de berger des Pyrénées au poil long.", "length"),
        ("A dog in the grass.", "Un chien un chien dans l'herbe.", "repeats"),
        ("What is this?", "Qu'est-ce que c'est ?", ""),
        ("What is this?", "Est-ce un chien ?", "question"),
        ("Is this a dog?", "Qu'est-ce que c'est ?", "question"),
        ("Is this a dog?", "Est-ce un chien ?", ""),
        ("Is there a dog?", "Est-ce qu'il y a un chien ?", ""),
    ],
)
def test_a_candidate_is_something_that_one_would_say(source: str, text: str, reason: str) -> None:
    assert Sayable("en", "fr").why_not(Pair(source, "x"), text) == reason


def asked(source: str, target: str, text: str, way: str = "fixed", field: str = "question") -> Repaired:
    return Repaired(Pair(source, target, field=field), text, way if text != target else "kept", *[Assessment(0.5)] * 2)


def test_two_instructions_stay_two() -> None:
    same = asked("Describe it.", "Décris-le.", "Décrivez."), asked("Say what it is.", "Dis-le.", "Décrivez.")
    assert [one.text for one in keep_variety(same)] == ["Décrivez.", "Dis-le."]
    stays = asked("Describe it.", "Décris.", "Nouveau."), asked("Tell it.", "Nouveau.", "Nouveau.")
    assert [one.text for one in keep_variety(stays)] == ["Décris.", "Nouveau."]
    alike_before = asked("Describe it.", "Dis.", "Décrivez."), asked("Say it.", "Dis.", "Décrivez.")
    assert [one.text for one in keep_variety(alike_before)] == ["Décrivez."] * 2
    swapped = [
        asked("Describe it.", "Décris.", "Nouveau."),
        asked("Tell it.", "Raconte.", "Décris."),
        asked("Say it.", "Nouveau.", "Nouveau."),
    ]
    assert [one.text for one in keep_variety(swapped)] == ["Décris.", "Raconte.", "Nouveau."], "what is given back"
    captions = asked("A cock.", "X.", "Un coq.", field="caption"), asked("A rooster.", "Y.", "Un coq.", field="caption")
    assert [one.text for one in keep_variety(captions)] == ["Un coq."] * 2
    by_people = (
        asked("What is it?", "X ?", "Qu'est-ce ?", "phrasebook"),
        asked("What is this?", "Y ?", "Qu'est-ce ?", "memory"),
    )
    assert [one.text for one in keep_variety(by_people)] == ["Qu'est-ce ?"] * 2


def assessed(probability: float, likeness: float) -> Assessment:
    return Assessment(probability, {"embedding": Finding(likeness)})


@pytest.mark.parametrize(
    ("proposal", "before", "after", "taken"),
    [
        (Proposal("t", "composed", lead=1.0, votes=2.0), (0.2, 0.9), (0.4, 0.2), True),
        (Proposal("t", "composed", lead=-1.0, votes=2.0), (0.2, 0.9), (0.4, 0.9), False),
        (Proposal("t", "composed", lead=1.0, votes=0.5), (0.2, 0.9), (0.9, 0.9), False),
        (Proposal("t", "engine", lead=1.0), (0.5, 0.9), (0.4, 0.9), False),
        (Proposal("t", "mended", is_small=True), (0.5, 0.9), (0.3, 0.85), True),
        (Proposal("t", "mended", is_small=True), (0.5, 0.9), (0.6, 0.6), False),
        (Proposal("t", "engine"), (0.2, 0.5), (0.6, 0.5), True),
        (Proposal("t", "engine"), (0.2, 0.5), (0.6, 0.4), False),
        (Proposal("t", "engine"), (0.2, 0.5), (0.4, 0.9), False),
    ],
)
def test_a_change_is_judged_by_what_did_not_choose_it(
    proposal: Proposal, before: tuple[float, float], after: tuple[float, float], taken: bool
) -> None:
    assert is_better(proposal, assessed(*before), assessed(*after)) is taken


def test_a_sentence_keeps_what_its_engine_wrote(book: WordTable, tmp_path: Path) -> None:
    one = FakeTranslator(table={"A frog has a green hat.": "Une grenouille a un chapeau vert."})
    other = FakeTranslator(table={"A frog has a green hat.": "La rainette possède un couvre-chef."})
    bad = FakeAssess({"Une grenouille a un chapeau vert.": 0.1})
    with TranslationMemory(tmp_path / "m.sqlite") as memory:
        pool = Pool({"one": one, "other": other}, book)
        (done,) = Repairer(pool, LinearScorer(book), bad, memory, "e").repair(
            [Pair("A frog has a green hat.", "Une grenouille a un chapeau vert.")]
        )
    assert (done.text, done.way) == ("Une grenouille a un chapeau vert.", "kept")
