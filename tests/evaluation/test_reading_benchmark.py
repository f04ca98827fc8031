"""Answers that others wrote and labelled, the halves that may be looked at: read right, never worse than plainly."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from passerelle.evaluation.parsing.localised import is_read, option_of, same_answer, yes_or_no
from passerelle.languages.knowledge import known, languages_with

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "reading" / "score.py"
FEWEST_RIGHT = 0.85
"""Below this share of the half that may be looked at, something broke."""


def script() -> Any:
    spec = importlib.util.spec_from_file_location("reading_score", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCORE = script()
LANGUAGES = [f.stem for f in sorted((SCRIPT.parent / "tuning").glob("*.jsonl")) if is_read(f.stem)]


@pytest.mark.parametrize("half", SCORE.SEEN)
@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_that_others_wrote_are_read(language: str, half: str) -> None:
    found = SCORE.measure(half, language)
    share = found["ours"]["all"]
    assert share["right"] >= FEWEST_RIGHT * share["of"], SCORE.table([found])
    assert found["refusals_taken_for_answers"] <= 1


def test_what_the_published_rules_read_right_in_english_is_read_right() -> None:
    answers = [each for half in SCORE.SEEN for each in SCORE.answers_of(half, "en")]
    worse = [each for each in answers if SCORE.theirs(each) == each.meaning != each.read("en")]
    assert worse == []


@pytest.mark.parametrize("language", languages_with("reading"))
def test_a_bare_answer_is_read_in_any_decoration(language: str) -> None:
    reading = known(language).reading
    assert reading is not None
    plain = ("{}", "{}.", "**{}**", "«{}»", '"{}"', "({})", "<answer>{}</answer>", "<think>x</think>\n{}", "- {}")
    for form in (*plain, "{}!", "`{}`", "“{}”", "[{}]", "{} 👍", "**{}.**", "> {}", "\\boxed{{{}}}", "# {}"):
        assert yes_or_no(form.format(reading.yes[0].capitalize()), language) == "yes", (language, form)
        assert yes_or_no(form.format(reading.no[0].upper()), language) == "no", (language, form)
        assert option_of(form.format("B"), ["x", "y", "z"], language) == 1, (language, form)


@pytest.mark.parametrize(
    ("language", "refusal", "number", "value", "letter", "place"),
    [
        ("uk", "Вибачте, я не можу цього визначити.", "двадцять п'ять", "25", "Відповідь: Б", 1),
        ("fi", "Valitettavasti en osaa sanoa.", "kaksituhatta kolmekymmentäviisi", "2035", "B-vaihtoehto", 1),
        ("el", "Δεν μπορώ να πω με βεβαιότητα.", "χίλια πεντακόσια", "1500", "Η απάντηση είναι η Γ.", 2),
        ("tr", "Maalesef bunu söyleyemem.", "YİRMİ BEŞ", "25", "Doğru cevap B'dir.", 1),
        ("ar", "عذرًا، لا أستطيعُ تحديد ذلك.", "خمسةٌ وعشرون", "٢٥", "الإجابة هي (ب).", 1),
        ("he", "אני לא יכול לדעת.", "מאה עשרים וחמש", "125", "התשובה היא ה-B.", 1),
        ("hi", "माफ़ करें, मैं यह नहीं बता सकता।", "एक हज़ार पाँच सौ", "१५००", "सही उत्तर B है।", 1),
        ("ja", "申し訳ありませんが、判断できません。", "一万二千三百", "１２３００", "答えはイです。", 1),
        ("ko", "죄송하지만 알 수 없습니다.", "스물다섯 마리입니다", "25", "정답은 ②번", 1),
        ("zh", "抱歉，我无法判断。", "百分之二十五", "25%", "正确答案是Ｂ。", 1),
        ("vi", "Xin lỗi, tôi không thể xác định.", "một nghìn hai trăm ba mươi lăm", "1235", "Tôi chọn B.", 1),
        ("id", "Maaf, saya tidak bisa memastikannya.", "dua belas butir", "12", "Jawaban yang tepat adalah B.", 1),
        ("sw", "Samahani, siwezi kujua.", "kumi na watatu", "13", "Jibu sahihi ni B.", 1),
        ("eu", "Barkatu, ezin da jakin.", "laurogeita hamabost", "95", "Ez da A, B baizik.", 1),
        ("oc", "O sabi pas.", "vint-e-cinc", "25", "Es pas A mas B.", 1),
        ("br", "N'ouzon ket.", "pemp warn-ugent", "25", "B eo ar respont mat.", 1),
    ],
)
def test_refusals_number_words_and_letters_are_read_in_every_script(
    language: str, refusal: str, number: str, value: str, letter: str, place: int
) -> None:
    assert yes_or_no(refusal, language) is None
    assert option_of(refusal, ["x", "y", "z"], language) is None
    assert same_answer(number, value, language)
    assert not same_answer(number, "26", language)
    assert option_of(letter, ["x", "y", "z"], language) == place


@pytest.mark.parametrize(
    ("language", "question", "affirmed", "denied", "other"),
    [
        ("uk", "Чи є на столі чашка?", "На столі стоїть чашка.", "Чашки на столі немає.", "На столі є книжка."),
        ("fi", "Onko pöydällä kuppi?", "Pöydällä on kuppi.", "Pöytä on tyhjä.", "Pöydällä on kirja."),
        ("tr", "Masada bardak var mı?", "Masada bardak duruyor.", "Masada bardak yok.", "Masada kitap var."),
        ("ar", "هل يوجد كوب على الطاولة؟", "هناك كوب على الطاولة.", "لا أرى أي كوب.", "يوجد كتاب على الطاولة."),
        ("he", "האם יש כוס על השולחן?", "על השולחן יש כוס.", "השולחן ריק.", "על השולחן יש ספר."),
        ("hi", "क्या मेज़ पर कप है?", "मेज़ पर एक कप रखा है।", "मेज़ खाली है।", "मेज़ पर किताब है।"),
        (
            "ja",
            "机の上にコップはありますか？",
            "机の上にコップがあります。",
            "コップは見当たりません。",
            "机の上に本があります。",
        ),
        ("ko", "책상 위에 컵이 있나요?", "책상 위에 컵이 놓여 있습니다.", "컵은 없습니다.", "책상 위에 책이 있습니다."),
        ("zh", "桌子上有杯子吗？", "桌子上放着一个杯子。", "桌子是空的。", "桌子上有书。"),
        ("vi", "Trên bàn có cốc không?", "Trên bàn có một chiếc cốc.", "Không thấy cốc nào.", "Trên bàn có sách."),
        ("sw", "Je, kuna kikombe mezani?", "Kuna kikombe mezani.", "Sioni kikombe chochote.", "Mezani kuna kitabu."),
        (
            "eu",
            "Ba al dago katilurik mahaian?",
            "Mahaian katilu bat dago.",
            "Ez dut katilurik ikusten.",
            "Mahaian liburua dago.",
        ),
    ],
)
def test_statements_are_read_and_something_else_says_nothing(
    language: str, question: str, affirmed: str, denied: str, other: str
) -> None:
    assert [yes_or_no(said, language, question) for said in (affirmed, denied, other)] == ["yes", "no", None]


def test_nothing_is_held_out_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SCORE, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["score.py", "held_out"])
    SCORE.main()
    assert capsys.readouterr().out.startswith("| language |")
    monkeypatch.setattr("sys.argv", ["score.py", "held_out", "fr"])
    with pytest.raises(SystemExit):
        SCORE.main()
    assert "nothing yet" in capsys.readouterr().err


@pytest.mark.parametrize("language", languages_with("reading"))
def test_of_a_long_answer_the_beginning_and_the_end_are_read(language: str) -> None:
    reading = known(language).reading
    assert reading is not None
    filler = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor " * 2_000
    assert yes_or_no(f"{reading.yes[0]}. {filler}", language) == "yes"
    assert option_of(f"{filler}\n\nB", ["x", "y", "z"], language) == 1
