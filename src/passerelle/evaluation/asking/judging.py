"""Have chat answers judged over an OpenAI-compatible endpoint; what is judged isn't judged again."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from passerelle.endpoints.requests import Endpoint, model_and_url
from passerelle.errors import ConfigError
from passerelle.evaluation.benchmarks.scoring import cluster
from passerelle.evaluation.metrics.judge import VERSION, Case, Judge, Verdict, judge_case, summarise
from passerelle.evaluation.results import Everything, Said
from passerelle.progress import Progress
from passerelle.runs import content_hash, storage

DEFAULT_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
LONGEST_REPLY = 512


class EndpointJudge:
    """A judge behind an OpenAI-compatible endpoint.

    Attributes:
        name: Model and place.
    """

    def __init__(self, model: str, url: str) -> None:
        if not model:
            raise ConfigError("no judge: write --judge MODEL@https://HOST/v1.")
        self._endpoint = Endpoint(
            url, KEY_VARIABLE, timeout_seconds=120.0, retries=3, first_wait_seconds=1.0, as_json=False
        )
        self._model = model
        self.name = f"{model}@{self._endpoint.place}"

    def reply(self, prompt: str) -> str:
        """Return what the judge says, at temperature 0."""
        content = {
            "model": self._model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": LONGEST_REPLY,
        }
        return self._endpoint.complete(content, threading.Event()).text


def open_judge(specification: str, folder: Path) -> Callable[[Everything], list[dict[str, Any]]]:
    """Open a judge.

    Args:
        specification: ``MODEL@URL``; without a URL, OpenAI's.
        folder: Where its verdicts are kept.

    Raises:
        ConfigError: The specification can't be used.
    """
    model, url = model_and_url(specification)
    judge = EndpointJudge(model, url or DEFAULT_URL)
    return lambda said: judge_all(judge, said, folder / "judged.jsonl")


def judge_all(judge: Judge, said: Everything, path: Path) -> list[dict[str, Any]]:
    """Judge all chat answers that have a reference answer.

    Args:
        judge: Who judges.
        said: What was said.
        path: Where verdicts are kept.

    Returns:
        For each system and language: the rate with its interval, the judge, how far its orders and natives agree
        with it.
    """
    known, found = _read(path), []
    for system, benchmarks in said.items():
        for name, languages in benchmarks.items():
            for code, each in languages.items():
                cases = _cases(each)
                if each.test.benchmark.kind != "chat" or not cases:
                    continue
                with Progress(f"{judge.name} judges {system}: {name} ({code})", "answer") as progress:
                    verdicts = []
                    for number, case in enumerate(cases):
                        verdicts.append(_judged(judge, case, known, path))
                        progress(number + 1, len(cases))
                summary = summarise(cases, verdicts)
                found.append(
                    {
                        "system": system,
                        "benchmark": name,
                        "language": code,
                        "judge": judge.name,
                        **dataclasses.asdict(summary.interval),
                        "units": len(cases),
                        "order_agreement": summary.order_agreement,
                        "unread": summary.unread,
                        "native_labels": summary.native_labels,
                        "native_agreement": summary.native_agreement,
                        "signature": f"{name}|win-rate|judge:{judge.name}|orders:both|lang:{code}|n:{len(cases)}"
                        f"|v:{VERSION}",
                    }
                )
    return found


def _cases(said: Said) -> list[Case]:
    """Return what is to be judged: of several seeds, the first."""
    kept = said.seeds[0].kept
    return [
        Case(
            id=item.id,
            question=item.question,
            context=str(item.extra.get("context", "")),
            answer=kept[item.id].answer.text,
            reference=item.references[0],
            language=item.language,
            cluster=cluster(item),
            preferred=str(item.extra.get("preferred", "")),
        )
        for item in said.test.items
        if item.id in kept and item.references
    ]


def _judged(judge: Judge, case: Case, known: dict[str, Verdict], path: Path) -> Verdict:
    key = content_hash([judge.name, VERSION, dataclasses.asdict(dataclasses.replace(case, preferred=""))])[:24]
    if key not in known:
        known[key] = judge_case(judge, case)
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                row = {"key": key, "judge": judge.name, **dataclasses.asdict(known[key])}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return known[key]


def _read(path: Path) -> dict[str, Verdict]:
    found = {}
    for line in path.read_text(encoding="utf-8").split("\n") if path.is_file() else []:
        try:
            row = json.loads(line)
            first, second = (None if pair is None else (pair[0], pair[1]) for pair in row["scores"])
            found[row["key"]] = Verdict(row["id"], row["outcome"], row["agreed"], (first, second))
        except (ValueError, KeyError, TypeError):
            continue
    return found
