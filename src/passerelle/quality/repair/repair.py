"""Repair translations in the order of cost: what people wrote, more candidates and a choice, a model's correction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from passerelle.languages.phrasebook import Phrasebook
from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.base import Pair
from passerelle.quality.known import known_translation
from passerelle.quality.repair.candidates import Candidate, Pool
from passerelle.quality.repair.choose import Scorer, choose
from passerelle.translation.engines.post_editing import Draft, PostEditor
from passerelle.translation.memory.protocol import Memory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.safe import SafeTranslator
from passerelle.translation.protection.sentences import split_sentences
from passerelle.translation.protection.verify import verify

CHARACTERS_PER_MINUTE = 300.0
"""How fast a person reads a pair and corrects it."""
MINUTES_PER_PAIR = 0.1
"""What each pair takes beside, however short."""
BY_PEOPLE = ("human-translation", "native")


@dataclass(frozen=True)
class Repaired:
    """What became of a pair.

    Attributes:
        pair: As it was.
        text: Its translation now.
        way: ``kept``; ``memory``; ``repaired-before``; ``phrasebook``; how the chosen candidate came to be;
            ``sentences`` if it was chosen sentence by sentence; ``post-edited``.
        before: Its assessment before.
        after: Its assessment now.
    """

    pair: Pair
    text: str
    way: str
    before: Assessment
    after: Assessment

    @property
    def is_changed(self) -> bool:
        """Whether the translation is another one."""
        return self.text != self.pair.target

    @property
    def minutes(self) -> float:
        """How long a person would take."""
        return MINUTES_PER_PAIR + (len(self.pair.source) + len(self.text)) / CHARACTERS_PER_MINUTE

    @property
    def gain_per_minute(self) -> float:
        """How much of an accepted pair a person's minute is expected to bring."""
        return (1 - self.after.probability) / self.minutes


class Repairer:
    """Repairs pairs.

    Attributes:
        signature: What repairs are stored under, in the memory.
        stopped: Why post-editing stopped before the end; empty if it didn't.
    """

    def __init__(
        self,
        pool: Pool,
        scorer: Scorer,
        assess: Assess,
        memory: Memory,
        signature: str,
        good: float = 0.7,
        *,
        safe: SafeTranslator | None = None,
        glossary: Glossary | None = None,
        editor: PostEditor | None = None,
        phrasebook: Phrasebook | None = None,
    ) -> None:
        """Take what repairs.

        Args:
            pool: Makes candidates.
            scorer: Chooses among them.
            assess: Estimates pairs.
            memory: Where people's translations and former repairs are found and repairs are kept.
            signature: Signature of the engine whose translations are corrected.
            good: Pairs whose probability is at least this are left as they are, 0..1.
            safe: Translates with the glossary; needed where there is one.
            glossary: Terms that a translation must keep, or translate in one way.
            editor: Corrects what stays below `good`.
            phrasebook: Sentences that are known [those that ship].
        """
        self._pool, self._scorer, self._assess, self._memory = pool, scorer, assess, memory
        self._good, self.signature = good, signature
        self._safe, self._glossary, self._editor, self._phrasebook = safe, glossary, editor, phrasebook
        self.stopped = ""

    def repair(self, pairs: Sequence[Pair]) -> list[Repaired]:
        """Repair each pair that isn't good; but for people's words and the glossary's, only where the estimate grows.

        Raises:
            RunError: An engine or a check failed.
            StorageError: The memory can't be read.
        """
        before = self._assess.estimate(pairs)
        broken = {pair for pair in pairs if not self._is_sound(pair, pair.target)} if self._glossary else set()
        known = self._remembered(pairs)
        weak = [
            pair
            for pair, found in zip(pairs, before, strict=True)
            if pair not in known and (pair in broken or found.probability < self._good)
        ]
        phrases = self._phrases(weak)
        left = [pair for pair in dict.fromkeys(weak) if pair not in phrases]
        proposed = {**self._chosen(left, broken), **phrases, **known}
        first = [Repaired(pair, pair.target, "kept", was, was) for pair, was in zip(pairs, before, strict=True)]
        done = self._settled(first, proposed, broken)
        return self._edited(done) if self._editor is not None else done

    def _settled(
        self, done: Sequence[Repaired], proposed: Mapping[Pair, tuple[str, str]], broken: Collection[Pair]
    ) -> list[Repaired]:
        """Take what is proposed, text and way by pair, where it may be taken."""
        new = [_with(found.pair, proposed.get(found.pair, (found.text, ""))[0]) for found in done]
        after = self._assess.estimate(new)
        settled = []
        for found, pair, now in zip(done, new, after, strict=True):
            way = proposed.get(found.pair, ("", ""))[1]
            must = way in ("memory", "phrasebook") or (found.pair in broken and way != "")
            taken = pair.target != found.text and (must or now.probability >= found.after.probability)
            settled.append(replace(found, text=pair.target, way=way, after=now) if taken else found)
        return settled

    def _remembered(self, pairs: Sequence[Pair]) -> dict[Pair, tuple[str, str]]:
        """Return what the memory has by people, and what was repaired before of what the same engine made."""
        found: dict[Pair, tuple[str, str]] = {}
        for source, target in dict.fromkeys((pair.source_language, pair.target_language) for pair in pairs):
            ours = [pair for pair in pairs if (pair.source_language, pair.target_language) == (source, target)]
            texts = [pair.source for pair in ours]
            by_anyone = self._memory.lookup(texts, source, target, None)
            before = self._memory.lookup(texts, source, target, self.signature, self.glossary_digest)
            for pair in ours:
                person, repaired = by_anyone.get(pair.source), before.get(pair.source)
                if person is not None and person.origin in BY_PEOPLE:
                    found[pair] = person.translation, "memory"
                elif repaired is not None and repaired.origin == "repaired":
                    found[pair] = repaired.translation, "repaired-before"
        return found

    def _phrases(self, pairs: Sequence[Pair]) -> dict[Pair, tuple[str, str]]:
        """Return what lexicon and phrasebook have, whole texts alone: it is right by definition."""
        texts = ((pair, known_translation(pair, self._phrasebook)) for pair in pairs)
        return {pair: (text, "phrasebook") for pair, text in texts if text is not None and self._is_sound(pair, text)}

    @property
    def glossary_digest(self) -> str:
        """Digest of the glossary, for the memory; empty without one."""
        return self._glossary.digest if self._glossary else ""

    def _chosen(self, pairs: Sequence[Pair], broken: Collection[Pair]) -> dict[Pair, tuple[str, str]]:
        """Choose for each pair among the candidates that keep its protected parts, its own text among them.

        A text of several sentences gets its candidates sentence by sentence.
        """
        cut = {pair: sentences(pair.source, pair.source_language) for pair in pairs}
        asked = list(dict.fromkeys(core for pieces in cut.values() for core, _ in pieces))
        pools = dict(zip(asked, self._pool.candidates(asked), strict=True))
        for core, text in (self._glossed(asked) if self._glossary else {}).items():
            pools[core] = [*pools[core], Candidate(text, "glossary", "engine")]
        wanted = [
            (pair, core, self._sound(pair, core, pools[core], pair not in broken and len(pieces) == 1))
            for pair, pieces in cut.items()
            for core, _ in pieces
        ]
        usable = [(pair, core, sound) for pair, core, sound in wanted if sound]
        picked = choose([core for _, core, _ in usable], [sound for *_, sound in usable], self._scorer)
        best = {(pair, core): one for (pair, core, _), one in zip(usable, picked, strict=True)}
        chosen = {}
        for pair, pieces in cut.items():
            if all((pair, core) in best for core, _ in pieces):
                text = "".join(best[pair, core].text + blanks for core, blanks in pieces)
                if self._is_sound(pair, text):
                    chosen[pair] = text, best[pair, pieces[0][0]].way if len(pieces) == 1 else "sentences"
        return chosen

    def _sound(self, pair: Pair, core: str, pool: Sequence[Candidate], with_own: bool) -> list[Candidate]:
        """Return the candidates for a sentence of a pair that lose nothing, with its own text where it stands alone."""
        sound = [one for one in pool if self._is_sound(replace(pair, source=core), one.text)]
        if sound and with_own and all(one.text != pair.target for one in sound):
            sound.append(Candidate(pair.target, "now", "the file"))
        return sound

    def _glossed(self, texts: Sequence[str]) -> dict[str, str]:
        assert self._safe is not None, "a glossary needs what translates with it"
        outcomes = zip(texts, self._safe.translate(texts), strict=True)
        return {text: outcome.text for text, outcome in outcomes if outcome.text}

    def _is_sound(self, pair: Pair, text: str) -> bool:
        return not verify(pair.source, text, self._glossary, pair.source_language)

    def _edited(self, done: Sequence[Repaired]) -> list[Repaired]:
        """Have a model correct what is still weak; an answer that loses a protected part isn't taken."""
        assert self._editor is not None
        drafts = {
            found.pair: Draft(found.pair.source, found.text, found.after.reason)
            for found in done
            if found.after.probability < self._good and found.way != "memory"
        }
        answers, self.stopped = self._editor.edit_until_stopped(list(dict.fromkeys(drafts.values())))
        proposed = {
            pair: (answers[draft], "post-edited")
            for pair, draft in drafts.items()
            if draft in answers and self._is_sound(pair, answers[draft])
        }
        return self._settled(done, proposed, ())


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


def _with(pair: Pair, target: str) -> Pair:
    return pair if target == pair.target else replace(pair, target=target, marked=None)
