import subprocess
import sys

import pytest

from passerelle.errors import ConfigError
from passerelle.languages import codes
from passerelle.languages.codes import Language, language, same_language

FRENCH = Language("fr", "fra", "French")


@pytest.mark.parametrize(
    "code", ["fr", "fra", "fre", "FR", "fr-CA", "fr_FR", "fra_Latn", "French", "french", "français", " fr "]
)
def test_all_spellings_of_french_are_one_language(code):
    assert language(code) == FRENCH


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("eng_Latn", Language("en", "eng", "English")),
        ("spa", Language("es", "spa", "Spanish")),
        ("pt-BR", Language("pt", "por", "Portuguese")),
        ("zho_Hant", Language("zh-Hant", "zho", "Chinese (Traditional)")),
        ("zho_Hans", Language("zh-Hans", "zho", "Chinese (Simplified)")),
        ("nob", Language("nb", "nob", "Norwegian Bokmål")),
        ("bre", Language("br", "bre", "Breton")),
    ],
)
def test_other_languages(code, expected):
    assert language(code) == expected


@pytest.mark.parametrize("code", ["", "xx", "zz-ZZ", "und", "mul", "qaa", "no such language", "../fr"])
def test_what_names_no_language_is_refused(code):
    with pytest.raises(ConfigError, match="unknown language") as caught:
        language(code)
    assert repr(code) in str(caught.value)


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"Did you mean 'French' \(fr\)"):
        language("Frnech")


def test_same_language():
    assert same_language("fra_Latn", "fr-CA")
    assert not same_language("fr", "en")


@pytest.mark.parametrize("code", sorted(codes._usual()))
def test_the_table_of_usual_codes_says_what_langcodes_says(code):
    found = codes._by_code(code)
    assert found is not None and codes._record(found) == codes._usual()[code] == codes.language(code)


def test_usual_codes_need_no_langcodes():
    code = "import sys; from passerelle.languages.codes import language; language('fra').name; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "passerelle.languages.codes" in loaded and "langcodes" not in loaded and "language_data" not in loaded
