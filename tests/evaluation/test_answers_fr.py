"""French answers are read as a native reader reads them, which the English rules of the benchmarks don't."""

from pathlib import Path

import pytest

from passerelle.errors import ConfigError
from passerelle.evaluation.parsing import published
from passerelle.evaluation.parsing.localised import answer_words, option_of, same_answer, yes_or_no

ROWS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "answers_fr.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
SEEN, UNSEEN = ROWS[::2], ROWS[1::2]


def localised(kind, given, answer):
    if kind == "yes-no":
        return yes_or_no(answer, "fr") or "-"
    if kind == "letter":
        place = option_of(answer, given.split("|"), "fr")
        return "-" if place is None else "ABCD"[place]
    return "right" if any(same_answer(answer, reference, "fr") for reference in given.split("|")) else "wrong"


def english(kind, given, answer):
    """What the published rules make of it: MME's parser, MMBench's heuristic, VQA's normalisation."""
    if kind == "yes-no":
        return published.mme_said(answer) or "-"
    if kind == "letter":
        place = published.mmbench_option(answer, given.split("|"))
        return "-" if place is None else "ABCD"[place]
    said = published.vqa_words(answer)
    return "right" if said in [published.vqa_words(reference) for reference in given.split("|")] else "wrong"


def agreement(rows, rule):
    return sum(rule(kind, given, answer) == label for kind, given, answer, label, _ in rows) / len(rows)


def test_table_is_large_and_its_labels_are_of_their_kind():
    assert len(ROWS) >= 150
    assert {kind: sum(row[0] == kind for row in ROWS) for kind in ("yes-no", "letter", "open")} == {
        "yes-no": 64,
        "letter": 62,
        "open": 96,
    }
    allowed = {"yes-no": {"yes", "no", "-"}, "letter": set("ABCD-"), "open": {"right", "wrong"}}
    assert all(label in allowed[kind] for kind, _, _, label, _ in ROWS)


@pytest.mark.parametrize(("name", "rows"), [("all", ROWS), ("looked at", SEEN), ("only counted", UNSEEN)])
def test_localised_scorers_agree_with_native_readers(name, rows):
    wrong = [
        (answer, label, localised(k, g, answer)) for k, g, answer, label, _ in rows if localised(k, g, answer) != label
    ]
    assert agreement(rows, localised) >= 0.98, wrong


@pytest.mark.parametrize("kind", ["yes-no", "letter", "open"])
def test_every_kind_by_itself(kind):
    assert agreement([row for row in ROWS if row[0] == kind], localised) >= 0.98


def test_the_peers_share_is_what_the_reference_says():
    """docs/reference/metrics.md: 108 of 222 answers, 49%."""
    shares = {kind: agreement([r for r in ROWS if r[0] == kind], english) for kind in ("yes-no", "letter", "open")}
    assert round(100 * agreement(ROWS, english)) == 49
    assert {kind: round(100 * share) for kind, share in shares.items()} == {"yes-no": 38, "letter": 81, "open": 35}


@pytest.mark.parametrize(
    ("answer", "language", "said"),
    [
        ("Sí, hay un perro.", "es", "yes"),
        ("No.", "es", "no"),
        ("Ja", "de", "yes"),
        ("Nein, das ist keine Katze", "de", "no"),
        ("Sì", "it", "yes"),
        ("Não", "pt", "no"),
        ("Sim.", "pt", "yes"),
        ("Yes, it is", "en", "yes"),
        ("It isn't.", "en", "no"),
        ("Oui", "en", None),
        ("Not sure", "en", None),
    ],
)
def test_yes_and_no_in_other_languages(answer, language, said):
    assert yes_or_no(answer, language) == said


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("The two dogs", "en", "2 dogs"),
        ("1,000", "en", "1000"),
        ("los dos perros", "es", "2 perros"),
        ("l'acqua", "it", "acqua"),
        ("dreiundzwanzig", "de", "23"),
        ("milleduecento", "it", "1200"),
        ("zweitausenddreihundertvierzehn", "de", "2314"),
        ("quatre-vingt-dix-sept", "fr", "97"),
        ("deux mille", "fr", "2000"),
        ("cent vingt", "fr", "120"),
        ("11h", "fr", "11 h"),
        ("-5", "fr", "-5"),
        ("1,5", "de", "1.5"),
        ("a casa", "pt", "casa"),
        ("trois cents", "fr", "300"),
        ("", "fr", ""),
        ("?", "fr", ""),
    ],
)
def test_open_answers_in_other_languages(text, language, words):
    assert answer_words(text, language) == words


def test_nothing_is_no_answer():
    assert not same_answer("", "", "fr")
    assert option_of("", ["a", "b"], "fr") is None
    assert yes_or_no("", "fr") is None


def test_a_language_without_words_is_named():
    with pytest.raises(ConfigError, match=r"isn't known in 'eo'.*languages/eo.toml.*--method pmi"):
        yes_or_no("jes", "eo")


def test_letters_are_read_in_every_language():
    assert option_of("(B)", ["a", "b"], "eo") == 1
    assert option_of("B. hundo", ["kato", "hundo"], "eo") == 1
    assert option_of("Hundo", ["kato", "hundo"], "eo") == 1


@pytest.mark.parametrize(
    ("answer", "language", "question", "said"),
    [
        ("L'image contient une chaise.", "fr", "Y a-t-il une chaise ?", "yes"),
        ("L'image contient une chaise.", "fr", "Y a-t-il un chien ?", None),
        ("Auf dem Bild ist ein Hund.", "de", "Ist auf dem Bild ein Hund?", "yes"),
        ("A dog is in the picture.", "en", "Is there a dog in the picture?", "yes"),
        ("Il semble que oui.", "fr", "", "yes"),
        ("Probablement pas.", "fr", "", "no"),
        ("Creo que sí.", "es", "", "yes"),
        ("Credo di no.", "it", "", "no"),
        ("Ich glaube ja.", "de", "", "yes"),
        ("No lo sé.", "es", "", None),
        ("Não sei.", "pt", "", None),
        ("Das kann ich nicht sagen.", "de", "", None),
        ("Not the dog, but there is a cat.", "en", "Is there a cat?", "yes"),
        ("There is a cat.", "en", "Is there a dog?", None),
        ("Il y a trois chaises.", "fr", "Y a-t-il deux chaises ?", "no"),
        ("La voiture est rouge.", "fr", "La voiture est-elle verte ?", "no"),
    ],
)
def test_statements_are_read_by_what_they_say_of_what_was_asked(answer, language, question, said):
    assert yes_or_no(answer, language, question) == said


@pytest.mark.parametrize(
    ("answer", "language", "place"),
    [
        ("B est la bonne réponse.", "fr", 1),
        ("La réponse B est correcte.", "fr", 1),
        ("Ce n'est pas A, c'est B.", "fr", 1),
        ("Option B is correct.", "en", 1),
        ("The answer is B since it is not small", "en", 1),
        ("It could be A or C", "en", None),
        ("At first I thought A, but the answer is C.", "en", 2),
    ],
)
def test_letters_in_sentences(answer, language, place):
    assert option_of(answer, ["x", "y", "z"], language) == place


@pytest.mark.parametrize(
    ("answer", "reference", "is_same"),
    [
        ("sale", "salé", True),
        ("salé", "sale", False),
        ("-5", "5", False),
        ("−5", "-5", True),
        ("12 kilomètres", "12 km", True),
    ],
)
def test_accents_signs_and_units(answer, reference, is_same):
    assert same_answer(answer, reference, "fr") is is_same
