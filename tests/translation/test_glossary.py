import pytest

from passerelle.errors import InputError
from passerelle.translation.protection.glossary import Glossary


def found(text, **terms):
    glossary = Glossary({term.replace("_", " "): translation for term, translation in terms.items()})
    return [(text[start:end], becomes) for start, end, becomes in glossary.find(text)]


def test_the_longest_term_wins_and_only_whole_words_count():
    assert found("A red panda, a panda, pandas", panda="panda", red_panda="panda roux") == [
        ("red panda", "panda roux"),
        ("panda", "panda"),
    ]


def test_the_rule_of_case():
    assert found("Dog dog DOG", dog="chien") == [("Dog", "Chien"), ("dog", "chien"), ("DOG", "CHIEN")]
    assert found("Apple apple APPLE", Apple="") == [("Apple", "Apple")]
    assert found("A DOG", dog="") == [("DOG", "DOG")]


def test_it_is_read_from_csv(tmp_path):
    path = tmp_path / "glossary.csv"
    path.write_bytes('\ufeffterm,translation\nred panda,panda roux\n"Tux, the penguin",\n\nTux\n'.encode())
    glossary = Glossary.read(path)
    assert len(glossary) == 3
    assert glossary.digest == Glossary({"Tux": "", "Tux, the penguin": "", "red panda": "panda roux"}).digest
    assert glossary.digest != Glossary({"Tux": "Tux"}).digest
    assert [becomes for *_, becomes in glossary.find("Tux, the penguin")] == ["Tux, the penguin"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"dog,chien\n", "must be 'term,translation'"),
        (b"term,translation\na,b,c\n", "line 2: 3 columns"),
        (b"term,translation\ndog,chien\ndog,toutou\n", "line 3: the term 'dog' is given twice"),
        (b"term,translation\n*dog,chien\n", "doesn't begin with a letter"),
        (b"term,translation\n\xff\n", "can't read the glossary"),
        (b'term,translation\n"dog,chien\n', "line 2: unexpected end of data"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, message):
    path = tmp_path / "glossary.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message.replace("*", r"\*")):
        Glossary.read(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="can't read the glossary"):
        Glossary.read(tmp_path / "none.csv")
