"""Engines that break what they are given, each in one way, for tests."""

import re

from passerelle.translation.protection.placeholders import all_forms

_PLACEHOLDER = re.compile("|".join(form.pattern.pattern.replace("(?i:", "(?:") for form in all_forms()), re.IGNORECASE)


def _each(change):
    return lambda text: _PLACEHOLDER.sub(lambda match: change(match[0]), text)


def _reordered(text):
    found = [match[0] for match in _PLACEHOLDER.finditer(text)]
    return _PLACEHOLDER.sub(lambda match: found.pop(), text)


WAYS = {
    "keeps": lambda text: text,
    "deletes": _each(lambda found: ""),
    "doubles": _each(lambda found: f"{found} {found}"),
    "reorders": _reordered,
    "upper-cases": str.upper,
    "title-cases": str.title,
    "rewrites": _each(lambda found: f"({len(found)})"),
    "renumbers": _each(lambda found: re.sub("[0-9]", lambda digit: str((int(digit[0]) + 1) % 10), found)),
    "pads": _each(lambda found: "  ".join(found)),
    "glues": lambda text: text.replace(" ", ""),
    "empties": lambda text: "",
    "shortens": lambda text: text[: len(text) // 8],
    "halves": lambda text: text[: len(text) // 2],
    "merges": lambda text: re.sub(r"[.!?…]\s*", ", ", text),
    "breaks lines": lambda text: text.replace(" ", "\n"),
    "chatters": lambda text: f"Sure! Here is the translation: 1. {text} <image> I hope that it helps. " * 3,
    "turns round": lambda text: text[::-1],
    "numbers": lambda text: re.sub("[0-9]+", "7", text),
    "tags": lambda text: f"<b>{text}</b>",
    "masks": lambda text: f"\ue000{text}\ue101",
    "says one thing": lambda text: "Un chien.",
    "drops letters": lambda text: re.sub(r"[^\W\d_]", "", text),
    "drops marks": lambda text: re.sub(r"[^\w\s]", "", text),
}


class NastyTranslator:
    """Translates by one of `WAYS`, and keeps what it was asked."""

    def __init__(self, way, source="en", target="fr"):
        self.source, self.target, self.signature = source, target, f"nasty {way}"
        self.change = WAYS[way]
        self.calls = []

    def translate(self, texts):
        self.calls.append(list(texts))
        return [self.change(text) for text in texts]
