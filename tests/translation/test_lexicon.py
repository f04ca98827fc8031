import pytest

from passerelle.languages.lexicon import look_up, read_lexicon


def test_the_words_are_those_of_the_prompts():
    assert read_lexicon("en", "fr") == {"yes": "oui", "no": "non"}
    assert read_lexicon("fr", "en") == {"oui": "yes", "non": "no"}
    assert read_lexicon("en", "xx") == {}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("Yes", "Oui"), ("no", "non"), ("NO!", "NON!"), ("Yes.", "Oui."), (" no.\n", " non.\n"),
     ("Yes, it is.", None), ("No. 5", None), ("Nobody", None), ("", None), ("yes?", None)],
)  # fmt: skip
def test_bare_replies_alone_are_looked_up(reply, expected):
    assert look_up(reply, {"yes": "oui", "no": "non"}) == expected
