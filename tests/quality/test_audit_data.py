"""What the audit's figures rest on: texts with human translations, faults put in, what a reader said of pairs."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.audit import agreement, collect, fit, judge, tables, texts
from benchmarks.audit.degrade import GREAT, HARMLESS, SHARES, SMALL, Degrader
from benchmarks.audit.proxies import PROXIES
from benchmarks.audit.sources import known
from benchmarks.audit.texts import Text
from passerelle.quality.engines import Engines, apertium_ways, bare
from passerelle.quality.evidence.chrf import LOST_AT, LOST_MORE, LOST_MOST, is_lost, lost_below
from passerelle.quality.evidence.freedict import WordTable

ROOT = Path(__file__).resolve().parents[2]
JUDGED = tables.read(judge.JUDGED)


@pytest.mark.parametrize(
    ("text", "below"),
    [("dog", 12.5), ("a dog", 30.0), ("a big dog", 40.24), ("one two three four five six seven eight", 65.0),
     ("word " * 40, 65.0), ("", 12.5)],
)  # fmt: skip
def test_more_is_asked_of_a_sentence_than_of_a_word(text: str, below: float) -> None:
    assert lost_below(text) == pytest.approx(below, abs=0.01)


def test_a_synonym_of_a_word_is_kept_and_another_sentence_lost() -> None:
    assert not is_lost("laptop", "portable", "portatif")
    assert not is_lost("A black dog runs.", "Un chien noir court.", "Un chien noir court.")
    # chrF is 61: of a sentence more is asked.
    english = "A man is playing with a dog in the park."
    assert is_lost(english, "Un homme joue avec un ballon dans la rue.", "Un homme joue avec un chien dans le parc.")
    assert is_lost("Mark the brake.", "Il pose le pied de roi.", "Freinez ici.")


def test_the_rule_that_ships_is_the_one_chosen_on_the_first_half() -> None:
    chosen = agreement.choose(agreement.half(JUDGED, "choose"), "chrf", by_length=True)
    assert chosen == (LOST_AT, LOST_MORE, LOST_MOST)


def test_the_docs_have_the_agreement_that_the_judged_pairs_give() -> None:
    page = (ROOT / "docs" / "reference" / "quality.md").read_text(encoding="utf-8")
    found = agreement.results(JUDGED)
    assert tables.between(page, "lost")[1] == agreement.table(found, JUDGED)
    ours = found.pop("as it ships")
    assert float(str(ours["kappa"])) == max(float(str(one["kappa"])) for one in found.values())


def test_three_hundred_pairs_were_read_and_closed_texts_are_not_among_them() -> None:
    read = [row for row in JUDGED if row["engine"] != "people"]
    assert len(read) == judge.PAIRS and all(row["accepted"] in "01" and row["why"] for row in read)
    assert {row["source"] for row in read} == {name for name, one in known().items() if one["reader"] != "evaluated"}
    closed = [row for row in read if row["source"] in judge.CLOSED]
    assert closed and not any(row["en"] or row["reference"] or row["translation"] for row in closed)
    for row in [row for row in JUDGED if row["en"]][::20]:
        for name, proxy in PROXIES.items():
            assert proxy(row["translation"], row["reference"]) == pytest.approx(float(row[name]), abs=0.051)


def test_what_was_read_of_neural_engines_is_what_the_docs_have_and_holds_no_text() -> None:
    rows = tables.read(judge.NEURAL)
    page = (ROOT / "docs" / "reference" / "quality.md").read_text(encoding="utf-8")
    assert tables.between(page, "neural")[1] == agreement.neural(rows)
    counts = Counter((row["source"], row["engine"] == "people") for row in rows)
    assert counts == {
        **{(source, False): count for source, count in judge.DRAWN_NEURAL.items()},
        **{(source, True): count for source, count in judge.DRAWN_PEOPLE.items()},
    }
    assert sum(row["again"] != "" for row in rows) == judge.SHEETS * judge.TWICE_READ
    assert {row["source"] for row in rows if row["half"] == "choose"} == {"wiki-dev"}
    assert set(rows[0]) == set(judge.NEURAL_COLUMNS), "neither texts nor translations"


def test_verdicts_are_joined_to_their_pairs_and_none_may_be_missing() -> None:
    key = [{"number": "1", "source": "games", "en": "Yes", "reference": "Oui", "translation": "Oui"},
           {"number": "2", "source": "photographs", "en": "No", "reference": "Non", "translation": "Ni"}]  # fmt: skip
    first, second = judge.kept(key, "2 no wrong sense\n1 yes right\n")
    assert (first["accepted"], first["why"], first["en"]) == (1, "right", "Yes")
    assert (second["accepted"], second["why"], second["en"]) == (0, "wrong sense", "")
    with pytest.raises(ValueError, match="pair 2 has no verdict"):
        judge.kept(key, "1 yes right")


def test_texts_of_programs_and_doublets_are_left_out() -> None:
    given = [("Open the &file", "Ouvrir le &fichier"), ("Open the file", "Ouvre le fichier"), ("%d", "%d files"),
             ("Same", "same"), ("Are you sure?", "En êtes-vous sûr ?"), ("word " * 41, "mot " * 41), ("OK", "D'accord"),
             ("See http://a.b", "Voir http://a.b"), ("Go back now.", "Reviens maintenant.")]  # fmt: skip
    found = list(texts.usable((Text(*one, "program", "message") for one in given), "games"))
    assert [(one.english, one.kind) for one in found] == [
        ("Open the file", "label"), ("Are you sure?", "question"), ("Go back now.", "message")]  # fmt: skip
    assert found[0].id.startswith("games-") and found[0].reference == "Ouvrir le fichier"


def test_po_files_are_read_without_fuzzy_and_plural_texts() -> None:
    po = """
msgid ""
msgstr "Content-Type: text/plain"

#, fuzzy
msgid "Old"
msgstr "Vieux"

msgid "A "
"long text"
msgstr "Un long "
"texte"

msgid "one"
msgid_plural "many"
msgstr[0] "un"
"""
    assert [(one.english, one.reference) for one in texts.po_file(po, "x", "message")] == [
        ("A long text", "Un long texte")
    ]


def test_packages_descriptions_are_joined_by_their_sum(tmp_path: Path) -> None:
    long = "This is a game. It has many levels.\n .\n  * a list\n .\n It ends."
    other = "C'est un jeu. Il a de nombreux niveaux.\n .\n  * une liste\n .\n Il finit."
    (tmp_path / "en").write_text(f"Package: a-b\nDescription-md5: 1\nDescription-en: a small game\n {long}\n", "utf-8")
    (tmp_path / "fr").write_text(f"Package: a-b\nDescription-md5: 1\nDescription-fr: petit jeu\n {other}\n", "utf-8")
    found = [(one.english, one.reference, one.kind, one.cluster)
             for one in texts.descriptions(tmp_path / "en", tmp_path / "fr", "fr")]  # fmt: skip
    assert found == [
        ("a small game", "petit jeu", "caption", "a"),
        ("This is a game.", "C'est un jeu.", "description", "a"),
        ("It has many levels.", "Il a de nombreux niveaux.", "description", "a"),
        ("It ends.", "Il finit.", "description", "a"),
    ]


def test_questions_and_options_of_templates_are_read() -> None:
    template = """Template: a/b
Type: select
Choices: none, all of them
Choices-fr.UTF-8: aucun, tous
Description: Which ones should be kept?
 They can be removed later.
Description-fr.UTF-8: Lesquels garder ?
 Ils pourront être enlevés plus tard.
"""
    found = [(one.kind, one.english, one.reference) for one in texts.templates(template, "a", "fr")]
    assert found == [
        ("question", "Which ones should be kept?", "Lesquels garder ?"),
        ("description", "They can be removed later.", "Ils pourront être enlevés plus tard."),
        ("option", "none", "aucun"),
        ("option", "all of them", "tous"),
    ]


def test_manual_pages_are_read_side_by_side() -> None:
    english = (
        '.TH A 1\n.SH NAME\na \\- do it\n.SH USE\n.\\" no\n.PP\nPrint \\fBit\\fR here. Then stop.\n.TP\n\\-x\nnothing\n'
    )
    french = ".TH A 1\n.SH NOM\na \\- le faire\n.SH EMPLOI\n.PP\nAfficher\nici. Puis finir.\n.TP\n\\-x\nrien\n"
    french += ".SH TRADUCTION\nX\n"
    found = [(one.english, one.reference) for one in texts.manual(english, french, "a")]
    assert found == [("a - do it", "a - le faire"), ("Print it here.", "Afficher ici."), ("Then stop.", "Puis finir."),
                     ("-x nothing", "-x rien")]  # fmt: skip


def test_a_test_set_is_read_with_what_engines_made_of_it(tmp_path: Path) -> None:
    here = tmp_path / "en-fr"
    here.mkdir()
    for name, lines in (
        ("en", ["A dog.", "A cat."]),
        ("small.fr", ["Un chien.", "Un chat."]),
        ("big.fr", ["Chien.", "Chat."]),
    ):
        (here / f"news.{name}").write_text("\n".join(lines) + "\n")
    blind = list(texts.usable(texts.evaluated(tmp_path, "news", "fr"), "news"))
    assert [(one.english, one.reference, one.id) for one in blind] == [
        ("A dog.", "", "news-0"),
        ("A cat.", "", "news-1"),
    ]
    (here / "news.fr").write_text("Un chien !\nUn chat !\n")
    known = list(texts.evaluated(tmp_path, "news", "fr"))
    assert known[1].reference == "Un chat !" and known[1].made == {"big": "Chat.", "small": "Un chat."}
    assert list(texts.evaluated(tmp_path, "news", "de")) == []
    rows = list(collect.by_others(known))
    assert [(row[3], row[6]) for row in rows] == [("neural big", "Chien."), ("people", "Un chien !"),
                                                  ("neural small", "Un chat.")]  # fmt: skip
    assert [row[3] for row in collect.by_others(blind)] == ["neural big", "neural small"]
    (here / "news.fr").write_text("Un chien !\n")
    with pytest.raises(ValueError, match="zip"):
        list(texts.evaluated(tmp_path, "news", "fr"))


def test_apertiums_texts_are_mended_as_repair_would_or_by_any_candidate() -> None:
    chosen = [
        Text("A big red balloon.", "Un grand ballon rouge.", "x", "caption", "a"),
        Text("A balloon.", "Un ballon.", "x", "caption", "b"),
        Text("Isn't the dog very old?", "Le chien n'est-il pas très vieux ?", "x", "question", "c"),
        Text("A train track.", "Une voie ferrée.", "x", "caption", "d"),
        Text("A fire engine.", "Un camion de pompiers.", "x", "caption", "e"),
    ]
    engines = Engines()
    rows = list(collect.mended(chosen, "fr", WordTable("en", "fr"), engines))
    assert {row[0] for row in rows} <= {"a", "c", "e"} and len(rows) >= 2
    ways = apertium_ways("en", "fr")
    own = {
        text.id: bare(answer)
        for text, answer in zip(chosen, ways[0].translate([t.english for t in chosen]), strict=True)
    }
    assert all(row[3] == "mended" and row[6] and row[6] != own[row[0]] for row in rows)
    assert rows == list(collect.mended(chosen, "fr", WordTable("en", "fr"), Engines()))
    assert list(collect.mended(chosen, "fr", None, engines)) == []
    assert list(collect.mended(chosen, "de", WordTable("en", "de"), engines)) == []


def test_verdicts_come_before_what_was_put_in_and_the_reference() -> None:
    def row(engine: str, text: str, reference: str = "Un chien noir court.", faults: str = "") -> dict[str, str]:
        return {"id": "1", "engine": engine, "en": "A black dog runs.", "translation": text, "reference": reference,
                "faults": faults}  # fmt: skip

    near, far = "Un chien noir court.", "Il pose le pied de roi."
    assert fit.is_accepted(row("apertium a>b", near), {}) and not fit.is_accepted(row("mended", far), {})
    assert fit.is_accepted(row("people", far), {}) is True
    assert fit.is_accepted(row("degraded", far, faults="synonym"), {}) is True
    assert fit.is_accepted(row("degraded", near, faults="synonym sense"), {}) is False
    assert fit.is_accepted(row("neural x", far, reference=""), {}) is None
    said = {("1", "neural x"): True, ("1", "neural y"): False}
    assert fit.is_accepted(row("neural x", far), said) is True
    assert fit.is_accepted(row("neural y", near, reference=""), said) is False


def test_pairs_of_neural_engines_are_dealt_out_to_readers_and_their_verdicts_joined(tmp_path: Path) -> None:
    drawn = [{"number": n, "id": f"i{n}", "source": "talks", "engine": "neural x", "words": 2, "half": "keep",
              "en": f"text {n}", "reference": "", "translation": f"texte {n}"} for n in range(1, 101)]  # fmt: skip
    dealt = judge.sheets_of(drawn)
    assert [len(one) for one in dealt] == [40] * judge.SHEETS
    assert dealt[1][25:] == dealt[0][: judge.TWICE_READ] and dealt[0][25:] == dealt[3][: judge.TWICE_READ]
    tables.write(tmp_path / "key.tsv", drawn, list(drawn[0]))
    for n, own in enumerate(dealt):
        lines = (f"{one['number']} {'yes right' if one['number'] % 3 else 'no sense'}" for one in own)
        (tmp_path / f"verdicts-{n}.txt").write_text("\n".join(lines))
    made = judge.kept_neural(tmp_path)
    assert [(one["accepted"], one["why"], one["again"]) for one in made[:3]] == [
        (1, "right", "yes"), (1, "right", "yes"), (0, "sense", "no")]  # fmt: skip
    assert sum(one["again"] != "" for one in made) == judge.SHEETS * judge.TWICE_READ
    (tmp_path / "verdicts-1.txt").write_text("")
    with pytest.raises(ValueError, match="pair 2 has no verdict on sheet 1"):
        judge.kept_neural(tmp_path)


class Words:
    """Knows two words."""

    def weighed(self, word: str) -> list[tuple[str, float]]:
        known = {
            "black": [("noir", 4.0), ("sombre", 3.5), ("sale", 0.5)],
            "garden": [("jardin", 4.0), ("potager", 0.5)],
        }
        return known.get(word, [])


def test_faults_are_put_in_as_their_names_say_and_always_alike() -> None:
    others = [Text(f"A dog number {n}.", f"Un chien numéro {n}.", "x", "caption", str(n)) for n in range(400)]
    pairs = [Text("The black cat sleeps in the garden.", "Le chat noir dort dans le jardin.", "x", "caption", f"c{n}")
             for n in range(400)]  # fmt: skip
    degrader = Degrader("fr", Words())
    made = [degrader.degrade(pair, others) for pair in pairs]
    assert made == [degrader.degrade(pair, others) for pair in pairs]
    reference, by_name = pairs[0].reference, {}
    for one in made:
        assert (one.text != reference) == bool(one.faults)
        by_name.setdefault(one.faults, set()).add(one.text)
    assert {fault for faults in by_name for fault in faults} == {*HARMLESS, *SMALL, *GREAT}
    assert by_name["synonym",] == {"Le chat sombre dort dans le jardin."}
    assert by_name["sense",] == {"Le chat sale dort dans le jardin.", "Le chat noir dort dans le potager."}
    assert "Le chat black dort dans le garden." in by_name["untranslated",]
    assert by_name["dropped",] == {"Le chat noir dort."}
    assert "La chat noir dort dans le jardin." in by_name["agreement",]
    plain = reference.removesuffix(".")
    assert all(
        text.startswith(plain) and plain.endswith(text[len(plain) :].split()[-1]) for text in by_name["repeated",]
    )
    great = sum(bool(set(one.faults) & set(GREAT)) for one in made) / len(made)
    assert great == pytest.approx(SHARES["great"] + SHARES["both"], abs=0.08)


def test_a_draw_takes_few_of_a_cluster_and_all_kinds() -> None:
    found = [Text(f"t{n}", "x", f"c{n % 3}", "caption", f"{n:03}") for n in range(300)]
    found += [Text(f"q{n}?", "x", f"q{n}", "question", f"q{n}") for n in range(10)]
    chosen = collect.drawn(found, 50, "seed")
    assert sum(one.kind == "question" for one in chosen) == 10 and len(chosen) == 50
    assert max(sum(one.cluster == f"c{n}" for one in chosen) for n in range(3)) <= collect.MOST_OF_A_CLUSTER
    random.shuffle(chosen)
    assert collect.drawn(found, 50, "seed") == sorted(chosen, key=lambda one: one.id)


def test_a_script_writes_between_its_own_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one: by x.py -->\nold\n<!-- one: end -->\n<!-- two: by y.py -->\n<!-- two: end -->\nz\n")
    tables.put(page, "one", "new\nlines")
    assert page.read_text() == (
        "a\n<!-- one: by x.py -->\nnew\nlines\n<!-- one: end -->\n<!-- two: by y.py -->\n<!-- two: end -->\nz\n"
    )
    tables.put(page, "two", "first")
    assert tables.between(page.read_text(), "two")[1] == "first"
    with pytest.raises(ValueError, match="no marks of 'three'"):
        tables.put(page, "three", "new")
