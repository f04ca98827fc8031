"""What an audit says in words: on its page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.endpoints.budget import said_cost
from passerelle.quality.audit import Audit, Example, WithLabels
from passerelle.quality.frequent import Frequent
from passerelle.quality.kinds import UNNAMED, kinds
from passerelle.quality.markup import bare
from passerelle.quality.shares import Share

_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_LONGEST_SHOWN = 80
_LEAST_SHOWN = 0.0005
"""Shares below it are 0.0% when rounded."""


def percent(share: Share) -> str:
    """Write a share with its interval."""
    return f"{100 * share.value:.1f}% [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def asked_lines(audit: Audit) -> list[str]:
    """Say what asking language models took."""
    return [
        f"The check {name} took {counted(int(taken['requests']), 'reply', 'replies')} of a language model: "
        f"{taken['tokens']:,.0f} tokens, {said_cost(taken['engine_eur'])}."
        for name, taken in audit.asked.items()
    ]


def titled(name: str) -> str:
    """Write the name of a kind, a field or a category for people."""
    return name.replace("-", " ")


def kind_note(name: str) -> str:
    """Say what a kind is; empty where nobody says."""
    if name == UNNAMED:
        return "the estimate doubts it, and no check says why"
    return kinds()[name].says if name in kinds() else ""


def shown_kinds(audit: Audit) -> list[Share]:
    """Return the kinds by which something is lost."""
    return [share for share in audit.kinds if share.value >= _LEAST_SHOWN]


def absent_kinds(audit: Audit) -> str:
    """Say by which kinds nothing is lost; empty if there are none."""
    absent = [titled(share.name) for share in audit.kinds if share.value < _LEAST_SHOWN and share.name != UNNAMED]
    return f"No loss is put down to {_listed(absent, 'or')}." if absent else ""


def counted(count: int, noun: str, several: str = "") -> str:
    """Write how many there are of something; several are called so [with an s]."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {several or f'{noun}s'}"


def truth_line(audit: Audit) -> str:
    """Say what references say beside the estimate; empty without any."""
    if audit.truth is None:
        return ""
    true, missing = audit.truth.true, audit.truth.missing
    beside = f", {missing:,} without" if missing else ""
    return (
        f"With a reference: {counted(true.pairs, 'pair')}{beside}. True {percent(true)}; "
        f"estimated {percent(audit.truth.estimated)}."
    )


def left_out(audit: Audit) -> str:
    """Say how many rows aren't among the pairs; empty if all are."""
    if not audit.left_out:
        return ""
    if audit.left_out == 1:
        return "1 row has no translation and isn't among the pairs."
    return f"{audit.left_out:,} rows have no translation and aren't among the pairs."


def labelled_lines(audit: Audit) -> list[str]:
    """Say by what the share is known, where there are labels."""
    said = audit.labelled
    if said is None:
        return []
    lines = [
        f"By {said.labels:,} labels and the estimate {percent(said.both)}; by labels alone {percent(said.alone)}; "
        f"by the estimate alone {percent(audit.lost)}.",
        labels_to_come(said),
    ]
    if said.unused:
        lines.append("Labels that don't count: " + ", ".join(f"{n:,} {reason}" for reason, n in said.unused.items()))
    if not said.chances_known:
        lines.append("The labels name no chances: all pairs are taken to have been as likely to be drawn.")
    return [*lines, said.says] if said.says else lines


def labels_to_come(said: WithLabels) -> str:
    """Say how many labels would halve the interval."""
    if said.halve is None:
        return "No number of labels would halve the interval: audit a larger sample."
    return f"{said.halve:,} labels in all would halve the interval."


def lost_of(frequent: Frequent) -> str:
    """Say what share of a field's pairs is lost."""
    lost = frequent.lost
    if lost.pairs == 1:
        return f"There is one {frequent.field}; it loses meaning with a probability of {100 * lost.value:.0f}%."
    return f"About {percent(lost)} of {lost.pairs:,} {plural(frequent)} lose meaning."


def how_often(frequent: Frequent) -> str:
    """Say how often a field's texts stand in the data; empty for a single one."""
    pairs, different = frequent.lost.pairs, frequent.different
    if pairs == 1:
        return ""
    if different == pairs:
        return "Each stands once; those that lose most come first."
    if different == 1:
        return "All are the same text with the same translation."
    often = frequent.texts[0].count
    return f"They are {different:,} different texts with their translations; one of them stands in {often:,} places."


def gain_of(frequent: Frequent, audit: Audit, *, short: bool = False) -> str:
    """Say what it would give to put a field's most frequent texts right; empty for a single one.

    Args:
        frequent: The field.
        audit: What it is of.
        short: Whether the texts aren't shown.
    """
    count, gain = len(frequent.texts), frequent.gain
    if frequent.lost.pairs == 1:
        return ""
    these = f"these {_NUMBERS[count]}"
    if short:
        are_alone = frequent.different == frequent.lost.pairs
        these = f"the {_NUMBERS[count]} {'that lose most' if are_alone else 'most frequent'}"
    which, whom = (these, "them") if count > 1 else ("it", "it")
    if gain.value < _LEAST_SHOWN:
        return f"Putting {which} right would change next to nothing: the estimate doesn't doubt {whom}."
    said = f"Putting {which} right would mend {_points(gain)} of the {plural(frequent)}"
    return said + (f", {_points(frequent.of_all)} of all pairs." if len(audit.frequent) > 1 else ".")


def worst_line(audit: Audit) -> str:
    """Say what it would give to put the worst right; empty where they are all that there is."""
    count = len(audit.worst)
    if count == 1 or count == sum(one.different for one in audit.frequent):
        return ""
    return f"Putting the {count} worst right would mend {_points(audit.worst_gain)} of all pairs."


def example_line(example: Example) -> str:
    """Say where an example stands and how likely it is to be accepted."""
    places = f"in {example.count:,} places, " if example.count > 1 else ""
    return f"{places}{100 * example.probability:.0f}% likely to be accepted"


def most_frequent_lines(audit: Audit) -> list[str]:
    """Say of each field, briefly, which text stands most often and what the most frequent would give."""
    return [_brief(one, audit) for one in audit.frequent if one.lost.pairs > 1]


def _brief(frequent: Frequent, audit: Audit) -> str:
    first = frequent.texts[0]
    texts = " is ".join(f"“{_on_a_line(text)}”" for text in (first.source, first.target))
    if frequent.different == frequent.lost.pairs:
        said = f"each of the {frequent.different:,} texts stands once."
    elif frequent.different == 1:
        said = f"in all {first.count:,} places {texts}."
    else:
        said = f"{frequent.different:,} different texts; in {first.count:,} places {texts}."
    return f"{plural(frequent).capitalize()}: {said} {gain_of(frequent, audit, short=True)}"


def _on_a_line(text: str) -> str:
    """Return a text without markup as a terminal may show it: short, and nothing that isn't a character."""
    shown = "".join(filter(str.isprintable, " ".join(bare(text).split())))
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN].rstrip()}…"


def plural(frequent: Frequent) -> str:
    """Name several texts of a field."""
    return f"{frequent.field}s"


def _points(share: Share) -> str:
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}] points"


def _listed(names: Sequence[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
