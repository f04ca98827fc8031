"""What becomes of machine-translated training text before an arm learns from it: selected by the gate, or repaired.

Quality knows no training and training no quality (decision 11): here the two meet, and what passes between them is
data, the ids of kept pictures and repaired texts, which are kept in the run folder.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from passerelle.config import QualitySettings
from passerelle.costs.ledger import Phase
from passerelle.formats.base import Row
from passerelle.quality.assessing import Assess
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Pair
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.repair.candidates import Pool
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.repair.choose import LinearScorer, shipped_weights
from passerelle.quality.engines import Engines, pivot_engines
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.gate import GateSettings, decide
from passerelle.quality.estimate.labels import tux_paint
from passerelle.quality.estimate.out_of_fold import fit_out_of_fold
from passerelle.quality.pairs import PairedRow
from passerelle.quality.repair.repair import Repairer
from passerelle.quality.store import AssessmentStore
from passerelle.records import Picture
from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.languages.prompts import english
from passerelle.translation.memory.memory import TranslationMemory

VERSION = 2
"""Raised when the same captions would be sorted or repaired otherwise, so that what a run folder holds isn't used."""
AT_ONCE = 500


@dataclass
class Screening:
    """Gate and repair of one experiment's training text.

    Attributes:
        pictures: The training pictures.
        target: BCP-47 code of the target language.
        translate: The engine whose translations are judged.
        settings: Shares and thresholds.
        folder: The run folder: verdicts, repaired texts and findings are kept there.
    """

    pictures: Sequence[Picture]
    target: str
    translate: Callable[[Sequence[str]], list[str]]
    settings: QualitySettings
    folder: Path

    @cached_property
    def kept(self) -> frozenset[str]:
        """Ids of the pictures whose translated caption the gate keeps."""
        return frozenset(self._gated["kept"])

    @cached_property
    def drawn(self) -> frozenset[str]:
        """Ids of as many pictures, drawn at random: what dropping alone does."""
        order = sorted(self.pictures, key=lambda p: hashlib.sha256(f"random drop/{p.id}".encode()).hexdigest())
        return frozenset(picture.id for picture in order[: len(self.kept)])

    def repaired(self, texts: Sequence[str]) -> list[str]:
        """Translate English texts by machine and repair those that need it.

        Raises:
            RunError: An engine or a check failed.
        """
        known = self._repairs["texts"]
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        for start in range(0, len(fresh), AT_ONCE):
            asked = fresh[start : start + AT_ONCE]
            pairs = [self._pair(*pair) for pair in zip(asked, self.translate(asked), strict=True)]
            began = time.perf_counter()
            done = self._repairer.repair(pairs)
            self._repairs["seconds"] += time.perf_counter() - began
            known |= {found.pair.source: found.text for found in done}
            write_json(self._path("repairs"), self._repairs)
        return [known[text] for text in texts]

    def cost(self, text: str, seen: int) -> Phase | None:
        """Return what preparing a version of the training text costs beside translating it.

        Args:
            text: The version: ``filtered``, ``repaired`` or another, which costs nothing more.
            seen: How many different texts the arm has seen.
        """
        if text == "filtered":
            return Phase("training data, checks", self._gated["seconds"])
        if text == "repaired":
            per_text = self._repairs["seconds"] / max(1, len(self._repairs["texts"]))
            return Phase("training data, checks and repair", per_text * seen)
        return None

    def summary(self, texts: Sequence[str]) -> dict[str, Any]:
        """Say how good each version of the training captions is, against people's.

        Args:
            texts: The versions that were trained on.
        """
        from passerelle.evaluation.metrics.captions import corpus_chrf

        sources = [picture.captions["en"].text for picture in self.pictures]
        machine = dict(zip(sources, self.translate(sources), strict=True))
        versions: dict[str, tuple[Sequence[Picture], Mapping[str, str]]] = {"machine": (self.pictures, machine)}
        for name, ids in (("filtered", self.kept), ("random", self.drawn)):
            if name in texts:
                versions[name] = [p for p in self.pictures if p.id in ids], machine
        if "repaired" in texts:
            versions["repaired"] = self.pictures, dict(zip(sources, self.repaired(sources), strict=True))
        return {
            name: {
                "pictures": len(pictures),
                "stamps": sum(picture.source == "stamps" for picture in pictures),
                "chrf": round(
                    corpus_chrf(
                        [captions[p.captions["en"].text] for p in pictures],
                        [p.captions[self.target].text for p in pictures],
                    ).score,
                    2,
                ),
                "changed": sum(captions[source] != machine[source] for source in set(sources)),
            }
            for name, (pictures, captions) in versions.items()
        }

    def _pair(self, source: str, target: str) -> Pair:
        return Pair(source, target, "en", self.target, cluster=self._clusters.get(source, source))

    @cached_property
    def _clusters(self) -> dict[str, str]:
        """Concept by text, for captions and for the questions that name one."""
        found: dict[str, str] = {}
        for picture in self.pictures:
            caption = picture.captions["en"].text
            found |= {caption: picture.concept, english().ask_whether(caption): picture.concept}
        return found

    @cached_property
    def _gated(self) -> dict[str, Any]:
        path = self._path("gate")
        gated = read_json(path)
        if gated is None:
            sources = [picture.captions["en"].text for picture in self.pictures]
            pairs = [self._pair(*pair) for pair in zip(sources, self.translate(sources), strict=True)]
            rows = [
                PairedRow(Row(number, picture.id, (), ()), ("caption",), (pair,))
                for number, (picture, pair) in enumerate(zip(self.pictures, pairs, strict=True), 1)
            ]
            assess = self._assess
            began = time.perf_counter()
            decided = decide(rows, assess.estimate(pairs), GateSettings(keep_share=self.settings.keep_share))
            seconds = time.perf_counter() - began
            gated = {
                "seconds": seconds,
                "calibrated_on": assess.calibrated_on,
                "kept": [found.row.row.id for found in decided if found.verdict == "keep"],
                "decisions": [found.as_dict() for found in decided],
            }
            write_json(path, gated)
        return dict(gated)

    @cached_property
    def _repairs(self) -> dict[str, Any]:
        return read_json(self._path("repairs")) or {"seconds": 0.0, "texts": {}}

    def _path(self, name: str) -> Path:
        determines = [VERSION, name, self.target, self.settings.model_dump(), sorted(p.id for p in self.pictures)]
        determines += [dict(shipped_weights())] if name == "repairs" else []
        return self.folder / "quality" / f"{name}-{content_hash(determines)[:10]}.json"

    @cached_property
    def _assess(self) -> Assess:
        # Findings of the experiment's own pairs are kept apart, so that their seconds are those of a first run.
        own = self.folder / "quality" / "assessments.sqlite"
        if self.settings.calibration == "shipped":
            return open_assess("en", self.target, store=own)
        labelling = Engines()
        try:
            labelled = tux_paint(labelling, self.target)
            with AssessmentStore(cache_folder() / "assessments.sqlite") as store:
                findings = Assessor(build_checks("en", self.target, labelling), store).assess(labelled.pairs)
        finally:
            labelling.close()
        assessor = Assessor(build_checks("en", self.target, Engines()), AssessmentStore(own))
        provenance = {
            "data": "Tux Paint stamps, training side; extra: CLDR emoji names",
            "languages": ["en", self.target],
        }
        return fit_out_of_fold(assessor, labelled, findings, provenance)

    @cached_property
    def _repairer(self) -> Repairer:
        engines, book = pivot_engines("en", self.target), WordTable("en", self.target)
        # A memory of its own: people's translations in the user's would be what the repair is held against.
        memory = TranslationMemory(self.folder / "quality" / "repairs.sqlite")
        # The weights, not the trees that ship: those were fitted on these very captions, and could repeat them.
        return Repairer(Pool(engines, book), LinearScorer(book), self._assess, memory, "experiment", self.settings.good)
