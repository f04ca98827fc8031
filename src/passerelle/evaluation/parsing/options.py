"""The option that an answer names: by its letter, by its place, or by its text.

Letters that are denied ("not A"), supposed ("if it were A") or thought of first ("at first I took A") name nothing. Of
several that are left, what concludes counts ("…, so C"); without a conclusion nothing is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from passerelle.evaluation.parsing.markup import without_markup
from passerelle.evaluation.parsing.open_answers import answer_words, same_answer
from passerelle.evaluation.parsing.open_words import words_in
from passerelle.evaluation.parsing.option_texts import with_letters
from passerelle.evaluation.parsing.polarity import yes_or_no
from passerelle.evaluation.parsing.published import LETTERS
from passerelle.evaluation.parsing.spoken import answered_in, cut_at
from passerelle.evaluation.parsing.text import QUOTES, composed, folded, plain
from passerelle.evaluation.parsing.words import Words, is_read, words_of_language

_OPEN, _CLOSE = r"[(\[\"'*«“„‘]*\s?", r"\s?[)\]\"'*»”“’]*"
_LABELLED = re.compile(r"[AR]\s*:\s*([(\[]?[A-Z][)\].]*)")
_BARE = re.compile(r"[(\[{]?([A-Za-z])[)\]}.:,!]*")
_LABEL = re.compile(r"[(\[]?([A-Za-z])(?:[)\]][.:,]?|[.:,])[*_]*(?=\s|$)|([A-Z])\s+[-–—:]\s")
_MARKED = re.compile(r"(?<![^\W\d_])([A-Z])\s*[).:]?\s*(✅|✓|✔|☑|❌|✗|✘|❎)")
_LISTED = re.compile(r"(?:(?<=\s)|^)[(\[]?([A-Z])[)\].:](?=\s+\S)")
_LATIN = r"A-Za-z\u00c0-\u024f\d'’-"
_LETTER = re.compile(rf"(?<![{_LATIN}])(?P<letter>[A-Z])(?![{_LATIN}])")
_ONE_BY_ONE = re.compile(rf"(?<![{_LATIN}])([A-Z])\s?[:)]\s+([^\n.;]+)")
_NEAR_ONLY = 3  # words before an option's text among which "only" chooses it
_CHECKS = "✅✓✔☑"
_SENTENCE = re.compile(r"[!?;\n。！；]|(?<!\b[A-Z])\.(?!\d)|(?<=\b[A-Z])\.(?=\s|$)")


@dataclass(frozen=True)
class _Mention:
    """A letter that an answer names.

    Attributes:
        option: Its place among the options.
        chosen: Whether what stands around it says that it is the answer.
        concludes: Whether it follows what brings a conclusion.
        joined: Whether it stands beside another with "or" or "and" between.
        supposed: Whether it is named as what might be, or was thought at first.
    """

    option: int
    chosen: bool
    concludes: bool
    joined: bool
    supposed: bool = False


def option_of(answer: str, options: Sequence[str], language: str) -> int | None:
    """Find the option that an answer names, by its letter, its place or its text.

    Args:
        answer: What was said.
        options: The options, in the order of their letters.
        language: The language asked for, ISO 639-1; an answer in English is read, too. Where how answers are read isn't
            known, letters and texts are read as in English.

    Returns:
        Its place; ``None`` where none or several are named.
    """
    text = composed(without_markup(answer)).strip(QUOTES + "$")
    if is_read(language):
        text = words_of_language(language).with_letters(text)
    letters = LETTERS[: len(options)]
    if (labelled := _LABELLED.fullmatch(text)) is not None:
        text = labelled[1]
    if (bare := _BARE.fullmatch(text)) is not None:
        return _place(bare[1], letters)
    own = answered_in(text, language)
    if (judged := _judged(text, letters, own)) is not None:
        return judged.pop() if len(judged) == 1 else None
    if _recites(text, options, letters):
        return None
    if (alone := _on_a_line(text, letters)) is not None:
        return alone
    if (first := _LABEL.match(text)) and not _is_word(first, text) and not _is_listed(text, first, letters):
        return _place(first[1] or first[2], letters)
    if (marked := _by_marks(text, letters)) is not None:
        return marked
    exact = [place for place, option in enumerate(options) if option and same_answer(text, option, language)]
    if len(exact) == 1:
        return exact[0]
    return _read(text, options, letters, language, own)


def _read(text: str, options: Sequence[str], letters: str, language: str, own: Sequence[Words]) -> int | None:
    by_text = _by_text(text, options, language, own)
    if by_text is not None and any(_LETTER.search(option) for option in options):
        return by_text
    none = any(words.none_of.search(plain(text)) for words in own)
    mentions = _mentions(text, letters, own)
    if mentions:
        return _decided(mentions)
    if not none and by_text is None and (named := _named_by_text(text, options, letters, own)) is not None:
        return named
    if none:
        return by_text if by_text is not None and any(w.none_of.search(plain(options[by_text])) for w in own) else None
    if by_text is not None:
        return by_text
    if any(words.refusal.search(plain(text)) for words in own):
        return None
    if (ordinal := _by_ordinal(text, len(options), own)) is not None:
        return ordinal
    return _by_polarity(text, options, own[0].language)


def _place(letter: str, letters: str) -> int | None:
    place = letters.find(letter.upper())
    return place if place >= 0 else None


def _on_a_line(text: str, letters: str) -> int | None:
    """Return the option whose letter is all that the first line says, or the last one."""
    lines = [line.strip(QUOTES + "$#>-") for line in text.splitlines() if line.strip()]
    bare = [_place(found[1], letters) if (found := _BARE.fullmatch(line)) else None for line in lines]
    ends = {place for place in (bare[0], bare[-1]) if place is not None} if len(bare) > 1 else set()
    return ends.pop() if len(ends) == 1 else None


def _is_listed(text: str, first: re.Match[str], letters: str) -> bool:
    """Whether the letter that begins a text begins a list of remarks on several options: "A: flies. B: …"."""
    others = {m[1] for m in _LISTED.finditer(text, first.end()) if m[1] in letters} - {first[1] or first[2]}
    return len(others) > 1 or len(others) == len(letters) - 1 > 0


def _is_word(match: re.Match[str], text: str) -> bool:
    """Whether a letter that begins a text is a word of the language: "A, B and C"."""
    rest = text[match.end() :]
    return bool(match[1]) and match[0].rstrip("*_")[-1] == "," and _LETTER.match(rest.lstrip()) is not None


def _recites(text: str, options: Sequence[str], letters: str) -> bool:
    """Whether a text lists several options with their letters, and so names none."""
    if not (listed := [m[1] for m in _LISTED.finditer(text) if m[1] in letters]) or len(set(listed)) < 2:
        return False
    said = folded(text.lower())
    held = sum(folded(option.lower()) in said for option in options if option)
    last = text.rstrip().splitlines()[-1]
    return (
        held >= 2
        and len(set(listed)) == len(listed) >= min(len(options), 3)
        and _LISTED.match(last) is not None
        or (held == len(options) == len(set(listed)))
    )


def _judged(text: str, letters: str, own: Sequence[Words]) -> set[int] | None:
    """Return the options that are affirmed where letter after letter (``A: no. B: yes``) is affirmed or denied."""
    said: dict[int, bool] = {}
    for match in _ONE_BY_ONE.finditer(text):
        option = _place(match[1], letters)
        means = next(
            (value for words in own for p, value in words.said if p.match(match[2].lower().strip(QUOTES))), None
        )
        if option is not None and means is not None:
            said[option] = means == "yes"
    return {option for option, is_right in said.items() if is_right} if len(said) > 1 else None


def _by_marks(text: str, letters: str) -> int | None:
    found = {place for m in _MARKED.finditer(text) if m[2] in _CHECKS and (place := _place(m[1], letters)) is not None}
    return found.pop() if len(found) == 1 else None


# --- letters --------------------------------------------------------------------------------------------------------


def _named_by_text(text: str, options: Sequence[str], letters: str, own: Sequence[Words]) -> int | None:
    """Find the option that is chosen among those whose texts an answer says: "neither red nor blue, but green"."""
    if any(words.refusal.search(plain(text)) for words in own):
        return None
    said = " ".join(with_letters(sentence, options, own[0]) for _, sentence in _sentences(text))
    mentions = _mentions(said, letters, own, True)
    return _decided(mentions) if mentions else None


def _mentions(text: str, letters: str, own: Sequence[Words], by_text: bool = False) -> list[_Mention]:
    """Return the letters that a text names as options, those left out that are denied, supposed or words.

    Args:
        text: An answer.
        letters: The letters of the options.
        own: The words of the languages that it may be in.
        by_text: Whether each letter stands for an option's text, so that none is a word.
    """
    found: list[_Mention] = []
    for _, sentence in _sentences(text):
        denied = -1  # where the last denied letter ends: what is joined to it is denied, too
        for match in _small(sentence, own) or _LETTER.finditer(sentence):
            option = _place(match["letter"], letters)
            if option is None:
                continue
            before, after = sentence[: match.start()], sentence[match.end() :]
            between = sentence[max(denied, 0) : match.start()]
            is_right = between.strip() == "," and any(words.right_after.match(after.lower()) for words in own)
            is_joined = denied >= 0 and not is_right and _joins(between, own)
            if is_joined or any(words.is_denied(_bare(before), after.lower()) for words in own):
                denied = match.end()
                found = found[: len(found) - _joined_before(sentence, match.start(), own)]
            elif (mention := _mention(option, match["letter"].upper(), before, after, own, by_text)) is not None:
                found.append(mention)
    return found


def _sentences(text: str) -> list[tuple[int, str]]:
    cuts = [0, *(match.end() for match in _SENTENCE.finditer(text)), len(text)]
    return [(a, text[a:b]) for a, b in zip(cuts, cuts[1:], strict=False) if text[a:b].strip()]


def _small(sentence: str, own: Sequence[Words]) -> list[re.Match[str]]:
    """Find a small letter behind a word for an option, or at the end behind what concludes: "option b"."""
    if _LETTER.search(sentence):
        return []
    for words in own:
        if found := list(_small_behind(words.named_before).finditer(sentence)):
            return found
    return []


@cache
def _small_behind(named_before: str) -> re.Pattern[str]:
    """Compile a small letter behind what stands before an option's letter."""
    letter = rf"(?<![{_LATIN}])(?P<letter>[a-z])(?![{_LATIN}])"
    return re.compile(rf"(?i:{named_before})\s*:?\s*{_OPEN}{letter}(?={_CLOSE}\s*(?:[.!,;]|$))")


def _mention(option: int, letter: str, before: str, after: str, own: Sequence[Words], by_text: bool) -> _Mention | None:
    low_before, low_after = _bare(before), after.lower().lstrip("\"'*»”“’)]")
    clauses = re.split(r"[,;:(–—]|\s-\s", low_before)
    whole = " ".join(clauses[-2:]) if len(clauses[-1].split()) == 1 else clauses[-1]  # "at first I thought, that A"
    clause = cut_at(whole + " x", own)[-1]
    if any(words.conditional.search(clause) or words.resembles.search(clause) for words in own):
        return _Mention(option, False, False, False, True)
    led = any(words.is_led(low_before, not by_text) for words in own)
    right = any(words.right_after.match(low_after) for words in own)
    bracketed = before[-1:] in '([«"*“„' and before[-1:] != "" and after[:1] in ')]»"*”“'
    is_end = re.match(r"\s*(?:$|[.,;:!?)])", after) is not None
    joined = _paired(before, after, own)
    if by_text:
        right = right or any(words.only.search(" ".join(clause.split()[-_NEAR_ONLY:])) for words in own)
    elif not (led or right or bracketed or joined):
        is_word = after[:1] in ("", " ", ",") and any(letter in words.reading.letters for words in own)
        if (is_word and not (is_end and before.strip())) or (not is_end and re.match(r"\s+[^\W\d_]{2,}", after)):
            return None
    concludes = any(words.concludes(low_before) for words in own)
    led = led or (not by_text and _BARE.fullmatch(f"{before}{letter}{after}".strip(QUOTES)) is not None)
    return _Mention(option, led or right, concludes, joined)


def _joined_before(sentence: str, end: int, own: Sequence[Words]) -> int:
    """Count the letters right before a place that are joined to what stands there."""
    count = 0
    for match in reversed(list(_LETTER.finditer(sentence, 0, end))):
        if not _joins(sentence[match.end() : end], own):
            break
        count, end = count + 1, match.start()
    return count


def _bare(before: str) -> str:
    return before.lower().rstrip("\"'*«“„‘([")


def _joins(between: str, own: Sequence[Words]) -> bool:
    """Whether nothing but a comma, "and" and an article stands between two letters."""
    return any(re.fullmatch(rf"\W*(?:{words.joint}\W*)?(?:{words.article}\W+)?", between.lower()) for words in own)


def _paired(before: str, after: str, own: Sequence[Words]) -> bool:
    """Whether a letter stands beside another with "or" or "and" between."""
    for words in own:
        joint = rf"(?:,\s*{words.joint}|,|/|{words.joint})"
        if re.match(rf"\s*{joint}\s*(?:\w{{1,4}}\s)?[A-Z](?![{_LATIN}])", after):
            return True
        if re.search(rf"(?<![{_LATIN}])[A-Z]\s*{joint}\s*(?:\w{{1,4}}\s)?$", before):
            return True
    return False


def _decided(named: Sequence[_Mention]) -> int | None:
    """Return the option that is chosen among those named; what was only supposed takes the certainty of the others."""
    mentions = [each for each in named if not each.supposed]
    if not mentions:
        return None
    if len({each.option for each in mentions}) == 1:
        certain = len(mentions) == len(named) or any(each.chosen or each.concludes for each in mentions)
        return mentions[0].option if certain else None
    last = mentions[-1]
    if last.concludes and not last.joined:
        return last.option
    chosen = {each.option for each in mentions if each.chosen}
    is_open = any(each.joined and each.chosen for each in mentions) or last.joined
    if len(chosen) == 1 and not is_open and (mentions[0].chosen or last.chosen):
        return chosen.pop()
    return None


# --- places and texts -----------------------------------------------------------------------------------------------


def _by_ordinal(text: str, count: int, own: Sequence[Words]) -> int | None:
    """Find an option by its place: "the second one"."""
    for words in own:
        forms = [*(form.split() for form in words.reading.ordinals), words.reading.last]
        named = {form for each in forms for form in each}
        silent = words.silent.union(word for phrase in words.reading.right for word in words_in(phrase)) - named
        said = [word for word in words.tokens(words.stripped(plain(text))) if word not in silent]
        if len(said) != 1:
            continue
        forms_said = {said[0], words.bare(said[0])}
        if not forms_said.isdisjoint(words.reading.last):
            return count - 1
        for place, each in enumerate(forms[:-1][:count]):
            if not forms_said.isdisjoint(each):
                return place
    return None


def _by_polarity(text: str, options: Sequence[str], language: str) -> int | None:
    """Find an option that is yes or no by what the answer says."""
    means = [yes_or_no(option, language) if len(option.split()) <= 2 else None for option in options]
    if set(means) != {"yes", "no"} or len(means) != 2:
        return None
    said = yes_or_no(text, language)
    return means.index(said) if said is not None else None


def _by_text(text: str, options: Sequence[str], language: str, own: Sequence[Words]) -> int | None:
    """Find the one option whose words stand in the answer undenied; of two, the longer one if it holds the other."""
    read = [answer_words(option, language) for option in options]
    found: set[int] = set()
    for _, sentence in _sentences(text):
        for part in re.split(r",(?!\d)|\s[–—-]\s|:", sentence):
            if not part.strip() or any(w.conditional.search(plain(part)) for w in own):
                continue
            said = f" {answer_words(part, language)} "
            held = [place for place, option in enumerate(read) if option and f" {option} " in said]
            longest = max((read[place] for place in held), key=len, default="")
            apart = [p for p in held if f" {read[p]} " not in f" {longest} " or read[p] == longest]
            if any(words.denies(plain(part)) for words in own):
                apart = [p for p in apart if any(w.denies(plain(options[p])) for w in own)]
            found.update(apart)
    return found.pop() if len(found) == 1 else None
