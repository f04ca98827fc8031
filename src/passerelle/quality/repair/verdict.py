"""Whether a change is taken: judged by what didn't choose it, so that choosing can't exploit its own errors.

The best of many by one measure looks better by that measure than it is (the optimiser's curse). So a phrase that is
written anew must be far ahead, must not lose by the estimate, and more than one way through the dictionaries must lead
to its words; how far was fitted out of fold on the training side of Tux Paint's captions, so that of the texts that
change fewer than one in ten is worse than before. A small change and another engine's sentence are judged by the check
``embedding``, which chose neither: the cosine of the source and the text translated back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from passerelle.quality.assessing import Assessment

JUDGE = "embedding"
"""The check that judges and never chooses."""
LEAST_GAIN = 0.3
"""How much a whole sentence by another engine must gain by the estimate."""
LEAST_VOTES = 1.0
"""What a word from the dictionaries needs more than: one way through another language leads to many a wrong one."""
MOST_DRIFT = 0.1
"""How much less alike in meaning a text may be after a small change, which has its reason in the source."""


@dataclass(frozen=True)
class Proposal:
    """A text that may take a pair's place.

    Attributes:
        text: The text.
        way: How it came to be.
        lead: How far it was ahead of the text that stands when it was chosen, beyond what the scorer asks; NaN where
            nothing was compared.
        votes: How strongly the dictionaries stand behind it; NaN where none was asked.
        is_small: Whether only what engines write wrong again and again was changed.
        is_corrected: Whether a model corrected the text, which looked at no check.
    """

    text: str
    way: str
    lead: float = math.nan
    votes: float = math.nan
    is_small: bool = False
    is_corrected: bool = False


def is_better(proposal: Proposal, before: Assessment, after: Assessment) -> bool:
    """Whether a proposal is taken.

    Args:
        proposal: The text.
        before: How the text that stands was assessed.
        after: How the proposal was.
    """
    gain = after.probability - before.probability
    if proposal.is_corrected:
        return gain >= 0
    if proposal.is_small:
        return _drift(before, after) <= MOST_DRIFT
    if not math.isnan(proposal.lead):
        return proposal.lead >= 0 and gain >= 0 and not proposal.votes <= LEAST_VOTES
    return gain >= LEAST_GAIN and _drift(before, after) <= 0


def _drift(before: Assessment, after: Assessment) -> float:
    """How much less alike in meaning the new text is, by the judge; 0 where it can't say."""
    scores = [found.findings[JUDGE].score if JUDGE in found.findings else math.nan for found in (before, after)]
    return 0.0 if any(map(math.isnan, scores)) else scores[0] - scores[1]
