import pytest

from passerelle.errors import ConfigError
from passerelle.translation.engines.language_tokens import LanguageTokens, language_tokens

NLLB = (
    "<s> ▁the eng_Latn fra_Latn arb_Arab ary_Arab pes_Arab prs_Arab zho_Hans zho_Hant nob_Latn nno_Latn swh_Latn "
    "lvs_Latn als_Latn srp_Cyrl ukr_Cyrl"
).split()


@pytest.mark.parametrize(
    ("code", "token"),
    [
        ("fr", "fra_Latn"),
        ("fra", "fra_Latn"),
        ("fr-CA", "fra_Latn"),
        ("fra_Latn", "fra_Latn"),
        ("French", "fra_Latn"),
        ("ar", "arb_Arab"),
        ("fa", "pes_Arab"),
        ("zh", "zho_Hans"),
        ("zh-Hant", "zho_Hant"),
        ("no", "nob_Latn"),
        ("nn", "nno_Latn"),
        ("sw", "swh_Latn"),
        ("lv", "lvs_Latn"),
        ("sq", "als_Latn"),
        ("sr", "srp_Cyrl"),
    ],
)
def test_the_names_of_nllb(code, token):
    assert language_tokens(NLLB, "en", code) == LanguageTokens("", "eng_Latn", "eng_Latn", token)
    assert language_tokens(NLLB, code, "uk").source == token


@pytest.mark.parametrize(
    ("vocabulary", "tokens"),
    [
        ("a <2en> <2fr> <2zh_Latn>", LanguageTokens(in_front="<2fr>")),
        ("a >>fra<< >>spa<<", LanguageTokens(in_front=">>fra<<")),
        ("a >>fr<< >>pt_br<<", LanguageTokens(in_front=">>fr<<")),
        ("a __en__ __fr__ __de__", LanguageTokens("", "__en__", "en", "__fr__")),
        ("a en_XX fr_XX zh_CN", LanguageTokens("", "en_XX", "en_XX", "fr_XX")),
        ("a <pad> </s> ▁dog __ <extra_id_0>", LanguageTokens()),
    ],
)
def test_the_spellings(vocabulary, tokens):
    assert language_tokens(vocabulary.split(), "en", "fr") == tokens


def test_a_language_that_the_model_does_not_know():
    with pytest.raises(
        ConfigError, match="the model doesn't know German: unknown language 'de'. .*Allowed: .*fra_Latn"
    ):
        language_tokens(NLLB, "en", "de")
