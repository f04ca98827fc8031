"""Which candidate is proposed: phrases are chosen anew, sentences keep what their engine wrote but for its errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from passerelle.quality.base import Pair
from passerelle.quality.repair.candidates import Candidate, Pool
from passerelle.quality.repair.choose import Scorer
from passerelle.quality.repair.variety import ASKED
from passerelle.quality.repair.verdict import Proposal
from passerelle.translation.protection.sentences import split_sentences

Pieces = Sequence[tuple[str, str]]
"""A text's sentences, each with the blanks behind it."""
MayStand = Callable[[Pair, str], bool]
"""Whether a text may stand for a pair's source."""
_WHOLE = frozenset({"engine", "mended", "fixed", "glossary"})
"""Ways that give whole sentences."""


@dataclass(frozen=True)
class Choice:
    """What may be proposed for one sentence.

    Attributes:
        own: Its text that stands; empty where that isn't known, or may not stay.
        candidates: The texts, the one that stands among them if it is known; none: it stays.
        kind: ``phrase``: written anew; ``small``: what engines write wrong again and again is put right; ``whole``:
            another engine's sentence.
    """

    own: str
    candidates: Sequence[Candidate] = ()
    kind: Literal["phrase", "small", "whole"] = "small"


def chosen_for(
    cut: Mapping[Pair, Pieces],
    pools: Mapping[str, Sequence[Candidate]],
    pool: Pool,
    scorer: Scorer,
    may_stand: MayStand,
    broken: Collection[Pair],
    glossed: Mapping[str, str],
) -> dict[Pair, Proposal]:
    """Return what is proposed for each pair; a pair whose text stays isn't among them.

    Args:
        cut: The pairs with the sentences of their sources.
        pools: Candidates by sentence.
        pool: What made them.
        scorer: Says how good candidates of one pool are.
        may_stand: Whether a text may stand for a pair's source.
        broken: Pairs whose own text breaks the glossary and can't stay.
        glossed: What was translated with the glossary, by sentence.

    Raises:
        RunError: A check or an analyser failed.
    """
    pieces = [(pair, *piece) for pair, cores in cut.items() for piece in _with_own(pair, cores, pair in broken)]
    with_own = [(core, own) for _, core, own in pieces if own]
    repaired = iter(pool.mend([core for core, _ in with_own], [own for _, own in with_own]))
    choices = []
    for pair, core, own in pieces:
        made = [*pools[core], *([Candidate(glossed[core], "glossary", "engine")] if core in glossed else [])]
        now = replace(pair, source=core, target=own or pair.target)
        sound = [one for one in made if may_stand(now, one.text)]
        right = next(repaired) if own else ""
        choices.append(_choice(pool, now, sound, own, right if right and may_stand(now, right) else ""))
    open_ones = [(core, one.candidates) for (_, core, _), one in zip(pieces, choices, strict=True) if one.candidates]
    scored = iter(scorer.scores([core for core, _ in open_ones], [made for _, made in open_ones]))
    best = [_best(one, next(scored) if one.candidates else (), scorer.least_lead) for one in choices]
    found, start = {}, 0
    for pair, cores in cut.items():
        ours = best[start : start + len(cores)]
        start += len(cores)
        if (proposal := _joined(cores, ours)) is not None and proposal.text != pair.target:
            found[pair] = proposal
    return found


def sentences(text: str, language: str) -> list[tuple[str, str]]:
    """Cut a text into sentences, each with the blanks and line breaks behind it; one if it has no letters.

    Args:
        text: Any text.
        language: BCP-47 code.
    """
    pieces = [piece for line in text.splitlines(keepends=True) for piece in split_sentences(line, language)]
    cut: list[tuple[str, str]] = []
    for piece in pieces:
        core = piece.rstrip()
        if core:
            cut.append((core, piece[len(core) :]))
        elif cut:
            cut[-1] = cut[-1][0], cut[-1][1] + piece
    return cut if len(cut) > 1 and text[:1].strip() else [(text, "")]


def _with_own(pair: Pair, cores: Pieces, is_broken: bool) -> list[tuple[str, str]]:
    """Return each sentence with its own translation; none where they can't be told apart, or may not stay."""
    if is_broken:
        return [(core, "") for core, _ in cores]
    if len(cores) == 1:
        return [(cores[0][0], pair.target)]
    theirs = sentences(pair.target, pair.target_language)
    owns = [core for core, _ in theirs] if len(theirs) == len(cores) else [""] * len(cores)
    return [(core, own) for (core, _), own in zip(cores, owns, strict=True)]


def _choice(pool: Pool, pair: Pair, sound: list[Candidate], own: str, mended: str) -> Choice:
    """Return what may be proposed for one sentence.

    A short noun phrase that isn't an instruction may be written anew. Of anything else what its own engine wrote stays,
    but for what engines write wrong again and again; another engine's text is for the verdict to judge.
    """
    makers = {one.maker for one in sound if one.text == own and one.way == "engine"}
    small = [one for one in sound if one.way == "mended" and one.maker in makers]
    if mended and mended != own and all(one.text != mended for one in sound):
        small.append(Candidate(mended, "mended", "the file"))
    if pair.field not in ASKED and pool.is_phrase(pair.source):
        return Choice(own, _among(own, [*sound, *(one for one in small if one not in sound)]), "phrase")
    if own and (small or makers):
        return Choice(own, _among(own, small[:1]), "small")
    return Choice(own, _among(own, [one for one in sound if one.way in _WHOLE]), "whole")


def _among(own: str, made: list[Candidate]) -> list[Candidate]:
    """Return candidates with the text that stands, where there is one."""
    if made and own and all(one.text != own for one in made):
        made = [*made, Candidate(own, "now", "the file")]
    return made


def _best(choice: Choice, scores: Sequence[float], least_lead: float) -> Proposal | None:
    """Return what is proposed: the mended text, or the candidate that is best by the scores."""
    if not choice.candidates:
        return Proposal(choice.own, "kept", is_small=True) if choice.own else None
    if choice.kind == "small":
        return Proposal(choice.candidates[0].text, choice.candidates[0].way, is_small=True)
    place = max(range(len(scores)), key=scores.__getitem__)
    best = choice.candidates[place]
    stands = [score for one, score in zip(choice.candidates, scores, strict=True) if one.text == choice.own]
    lead = scores[place] - stands[0] - least_lead if stands and choice.kind == "phrase" else math.nan
    votes = best.votes if best.way in ("fixed", "composed") else math.nan
    return Proposal(best.text, best.way, lead, votes)


def _joined(cores: Pieces, best: Sequence[Proposal | None]) -> Proposal | None:
    """Put the sentences together again; none where one has no candidate."""
    made = [one for one in best if one is not None]
    if len(made) < len(cores):
        return None
    if len(made) == 1:
        return made[0]
    text = "".join(one.text + blanks for one, (_, blanks) in zip(made, cores, strict=True))
    return Proposal(text, "sentences", is_small=all(one.is_small for one in made))
