"""`passerelle adapt`: from settings to an adapter or a model, its record and its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from passerelle.adaptation.alarms import Alarms, Held, Look, percent, questions_of
from passerelle.adaptation.audit import audit_labels, describe_parts, print_labels, print_parts
from passerelle.adaptation.checkpoints import Checkpoints
from passerelle.adaptation.data import Pool, data_digest, pictures_of, read_pool
from passerelle.adaptation.feed import RowFeed, plan_steps
from passerelle.adaptation.kernels.liger import apply_liger
from passerelle.adaptation.loop import Rates, StageRecord, Trial, make_trainable, train
from passerelle.adaptation.memory import prepare_memory
from passerelle.adaptation.mix import ENGLISH, realised
from passerelle.adaptation.optimizer import ParameterGroup, require_optimizer
from passerelle.adaptation.plan import steps_of, tell_family
from passerelle.adaptation.processes import Launched
from passerelle.adaptation.saving import push, save_outputs
from passerelle.adaptation.settings import AdaptSettings, StageSettings
from passerelle.adaptation.stage_costs import keep_weights, without_features
from passerelle.adaptation.stages import adapted_modules, attach, detach
from passerelle.adaptation.trackers import Trackers
from passerelle.costs.book import part
from passerelle.costs.clocks import Stopwatch
from passerelle.costs.ledger import Phase, measured
from passerelle.errors import InputError, RunError, UserError
from passerelle.machine import threads
from passerelle.models.conversing import Encoded, Encoder
from passerelle.models.families import Mixture, known_families, own_digest
from passerelle.models.fitting import require_own_processor
from passerelle.models.names import content_digest
from passerelle.models.parameter_files import load_parameters
from passerelle.models.pretrained import PretrainedModel, load_pretrained, set_training
from passerelle.models.sharding import held_numbers, shard
from passerelle.models.vision_cache import VisionFeatures
from passerelle.progress import Progress, is_shown, quiet, say
from passerelle.runs import cache_folder, content_hash, held, read_json, write_json

_PACKAGES = ("passerelle", "torch", "transformers", "peft", "accelerate")
_NOT_DETERMINING = {
    "output_dir", "report_to", "save_steps", "gradient_checkpointing", "use_liger_kernel", "check_memory", "threads",
    "auto_batch", "fsdp",
    "dataloader_num_workers", "merge_weights", "push_to_hub", "hub_private_repo",
    "families",
}  # fmt: skip

_ADDED = {"optim", "attn_implementation", "max_train_samples"}
"""Settings that older adaptations didn't have: these go on while they are at their defaults."""


@dataclass
class _Job:
    """One run of one process."""

    settings: AdaptSettings
    processes: Launched
    pretrained: PretrainedModel
    pool: Pool
    trackers: Trackers
    trial: Trial | None = None
    steps_before: int = 0

    @property
    def encoder(self) -> Encoder:
        return Encoder(self.pretrained, self.settings.max_length)

    @property
    def divided(self) -> bool:
        return _is_divided(self.settings, self.processes)

    def stage_folder(self, stage: StageSettings) -> Path:
        return self.settings.output_dir / "stages" / stage.name


def adapt(settings: AdaptSettings, trial: Trial | None = None) -> dict[str, Any]:
    """Adapt a model, or go on where an earlier run with the same settings was stopped.

    Args:
        settings: What to do.
        trial: Only finds out what it takes, is told of each step, and keeps nothing of what it trains.

    Returns:
        The record, as in ``run.json`` of the output folder.

    Raises:
        UserError: Something that the user can put right; nothing is lost.
        TrainingError: The loss isn't finite, or memory doesn't hold a batch.
        StorageError: The disk is full.
    """
    quiet()
    folder = settings.output_dir
    processes = Launched()
    with held(folder, otherwise="change output_dir", name=f".lock-{processes.index}"):
        with threads(settings.threads), known_families(settings.families):
            return _adapt(settings, processes, trial)


def _adapt(settings: AdaptSettings, processes: Launched, trial: Trial | None) -> dict[str, Any]:
    folder, key = settings.output_dir, _claim(settings, processes)
    known: dict[str, Any] | None = read_json(folder / "run.json")
    if known is not None and known["key"] == key and all(Path(path).is_dir() for path in known["outputs"].values()):
        say(f"done before: {str(folder)!r}")
        if settings.push_to_hub and processes.first:
            say(f"on the Hub: {push(known['outputs'], settings)}")
        return known
    require_optimizer(settings.optim, processes.device)
    pool = read_pool(settings)
    if settings.fsdp and processes.count == 1:
        say("fsdp: there is one process only, nothing is divided; start several with torchrun --nproc_per_node N.")
    pretrained = _load(settings, processes)
    if processes.first:
        tell_family(pretrained)
    if pool.shows_pictures:
        require_own_processor(pretrained)
    if settings.attn_implementation not in (None, "sdpa"):
        say(f"attention by {settings.attn_implementation}: rows are padded; sdpa computes common beginnings once.")
    job = _Job(settings, processes, pretrained, pool, Trackers(settings, processes.first), trial)
    plan = steps_of(settings, pool, job.encoder, processes.count)
    record: dict[str, Any] = {
        "key": key,
        "settings": settings.model_dump(mode="json"),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "device": f"{processes.count} × {processes.device.type}{', divided' if job.divided else ''}",
        "family": pretrained.family.name,
        "image_processor": type(pretrained.processor.image_processor).__name__,
        "data": pool.files,
        "samples": {"used": pool.targets, "of": pool.of},
        "stages": [],
        "rejected": pool.rejected,
    }
    for number, stage in enumerate(settings.stages):
        record["stages"].append(_stage(job, stage, plan[number]))
        job.steps_before += plan[number]
        if number + 1 < len(settings.stages):
            detach(job.pretrained)
    job.trackers.close()
    if processes.first and not trial:
        record["outputs"] = save_outputs(job.pretrained, settings, record)
        write_json(folder / "run.json", record)
        if settings.push_to_hub:
            say(f"on the Hub: {push(record['outputs'], settings)}")
    processes.wait()
    return record


def adaptation_key(settings: AdaptSettings) -> str:
    """Return a hash of what determines an adaptation: settings, but where it's written, data and base, by content.

    Raises:
        InputError: A file of its data is missing, or its base can't be had.
    """
    defaults = AdaptSettings.model_fields
    as_before = {name for name in _ADDED if getattr(settings, name) == defaults[name].default}
    shown = settings.model_dump(mode="json", exclude=_NOT_DETERMINING | as_before)
    # Where a file lies says nothing: what is in it does.
    shown["data"] = [{key: value for key, value in entry.items() if key != "path"} for entry in shown["data"]]
    base = content_digest(settings.model_name_or_path)
    own = [own_digest()] if own_digest() else []
    return content_hash([shown, [data_digest(entry.path) for entry in settings.data], base, *own])


def _claim(settings: AdaptSettings, processes: Launched) -> str:
    """Make sure that the folder holds this adaptation or none; return the hash of what determines it."""
    path, key = settings.output_dir / "adaptation.json", adaptation_key(settings)
    processes.wait()
    known = read_json(path)
    if known is not None and known.get("key") != key and any(settings.output_dir.glob("stages/*/*")):
        raise UserError(
            f"{str(settings.output_dir)!r} holds an adaptation with other settings or data, or of a base that was "
            "changed since: change output_dir, or delete the folder."
        )
    if processes.first:
        write_json(path, {"key": key, "settings": settings.model_dump(mode="json", exclude=_NOT_DETERMINING)})
    return key


def _is_divided(settings: AdaptSettings, processes: Launched) -> bool:
    return settings.fsdp and processes.count > 1


def _load(settings: AdaptSettings, processes: Launched) -> PretrainedModel:
    """Load the base: on the CPU where its layers are to be divided, and only then go on the device."""
    pretrained = load_pretrained(
        settings.model_name_or_path,
        dtype=settings.dtype,
        device="cpu" if _is_divided(settings, processes) else processes.device,
        trust_remote_code=settings.trust_remote_code,
        bits=settings.bits,
        attention=settings.attn_implementation,
    )
    if settings.use_liger_kernel:
        apply_liger(pretrained, processes.device)
    return pretrained


def _stage(job: _Job, stage: StageSettings, steps: int) -> dict[str, Any]:
    settings, processes = job.settings, job.processes
    folder = job.stage_folder(stage)
    groups = attach(job.pretrained, stage, settings.seed)
    record = StageRecord(stage.name)
    make_trainable(job.pretrained.model, groups, record)
    parts, adapted = describe_parts(job.pretrained, groups), adapted_modules(job.pretrained)
    parameters = _parameters_of(groups)
    weights, written = folder / "weights.safetensors", folder / "stage.json"
    saved: dict[str, Any] | None = read_json(written)
    if saved is not None and load_parameters(weights, parameters):
        say(f"stage {stage.name!r}: done before")
        return saved
    if job.divided:
        groups = _divide(job, groups)
        parameters = _parameters_of(groups)
    phase, features = Phase(stage.name), Phase("features")
    with measured(phase):
        rows, vision = _rows(job, stage, steps, features)
        audit = audit_labels(job.pretrained, rows, settings.language)
        if processes.first and is_shown():
            by = type(job.pretrained.processor.image_processor).__name__
            title = f"stage {stage.name!r}: {steps} steps, vision features: {vision.level}, pictures by {by}"
            print_parts(parts, title, adapted, bool(Mixture.of(job.pretrained.bare).experts))
            print_labels(audit, settings.language)
        feed = _feed(job, rows, vision, steps)
        memory = prepare_memory(settings, stage, feed, groups)
        with part(f"train, {stage.name}"):
            alarms = _train(job, stage, groups, feed, record)
    if not job.trial:
        phase.add(keep_weights(parameters, weights, processes))
    result = {
        "name": stage.name,
        "seconds": phase.seconds + record.seconds_before,
        "took": without_features(phase, features, record).to_dict(),
        "features_took": features.to_dict(),
        "peak_bytes": phase.peak_bytes,
        "memory": memory,
        "features": vision.level,
        "held_parameters": held_numbers(job.pretrained.model.parameters()),
        "parts": parts,
        "adapted": adapted,
        "labels": asdict(audit),
        "mix": realised(rows),
        "record": asdict(record),
        "alarms": alarms.to_dict() if alarms else None,
    }
    if job.trial:
        return result
    if processes.first:
        write_json(written, result)
    processes.wait()
    if job.divided:
        job.pretrained = _whole(job, stage)
    return result


def _parameters_of(groups: Sequence[ParameterGroup]) -> dict[str, Any]:
    return {name: value for group in groups for name, value in group.parameters.items()}


def _divide(job: _Job, groups: Sequence[ParameterGroup]) -> list[ParameterGroup]:
    """Divide the language model's layers among the processes; return the groups of what its parameters are then."""
    shard(job.pretrained, job.processes.device, job.processes.count)
    now = dict(job.pretrained.model.named_parameters())
    return [replace(group, parameters={name: now[name] for name in group.parameters}) for group in groups]


def _whole(job: _Job, last: StageSettings) -> PretrainedModel:
    """Return the model as it is after a stage, from the files of this stage and of those before, in one piece."""
    settings = job.settings
    pretrained = _load(settings, job.processes)
    for stage in settings.stages:
        groups = attach(pretrained, stage, settings.seed)
        if not load_parameters(job.stage_folder(stage) / "weights.safetensors", _parameters_of(groups)):
            raise RunError(f"the weights of stage {stage.name!r} in {str(settings.output_dir)!r} can't be read.")
        if stage == last:
            break
        detach(pretrained)
    return pretrained


def _rows(job: _Job, stage: StageSettings, steps: int, features: Phase) -> tuple[list[Encoded], VisionFeatures]:
    settings = job.settings
    count = steps * settings.per_device_train_batch_size * settings.gradient_accumulation_steps * job.processes.count
    with _progress(job, f"{stage.name}: samples", "sample") as progress:
        rows = job.pool.rows(stage, count, settings, job.encoder, progress)
    vision = VisionFeatures(job.pretrained, cache_folder() / "vision", stage.train)
    held = [c.images for c in job.pool.usable(job.pool.held, job.encoder) if c.images]
    with _progress(job, f"{stage.name}: vision features", "picture") as progress:
        watch = Stopwatch()
        vision.prepare([*pictures_of(rows), *held], progress)
    vision.costs.charge(features, watch.took())
    return rows, vision


def _progress(job: _Job, title: str, unit: str) -> Any:
    return Progress(title, unit) if job.processes.first else _Silent()


class _Silent:
    """Shows nothing: other processes than the first."""

    def __call__(self, done: int, total: int, loss: float | None = None) -> None:
        pass

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def _feed(job: _Job, rows: list[Encoded], vision: VisionFeatures, steps: int) -> RowFeed:
    settings = job.settings
    batches = settings.gradient_accumulation_steps * job.processes.count
    pictures = [row.images or number for number, row in enumerate(rows)] if settings.group_by_picture else []
    planned = plan_steps(
        [len(row) for row in rows], settings.per_device_train_batch_size, batches, steps, settings.seed, pictures
    )
    return RowFeed(job.pretrained, vision, rows, planned, job.processes)


def _train(
    job: _Job, stage: StageSettings, groups: Sequence[ParameterGroup], feed: RowFeed, record: StageRecord
) -> Alarms | None:
    settings, folder = job.settings, job.stage_folder(stage)
    alarms = _alarms(job, feed.vision, groups)
    rates = Rates(settings.warmup_ratio, 0.0, settings.max_grad_norm, settings.lr_scheduler_type)
    set_training(job.pretrained.model, True)
    with _progress(job, f"{stage.name}: training", "step") as progress:

        def watch(step: int, of: int, loss: float) -> None:
            progress(step, of, loss)
            job.trackers.log({f"{stage.name}/loss": loss}, job.steps_before + step)
            if job.trial:
                job.trial(record)

        train(
            feed,
            groups,
            record,
            rates,
            checkpoints=Checkpoints(folder / "checkpoint", settings.save_steps),
            watch=watch,
            monitor=alarms,
            processes=job.processes,
            divide=settings.auto_batch,
            seed=settings.seed,
            optim=settings.optim,
            modules=job.pretrained.modules_by_part(),
        )
    set_training(job.pretrained.model, False)
    return alarms


def _alarms(job: _Job, vision: VisionFeatures, groups: Sequence[ParameterGroup]) -> Alarms | None:
    settings = job.settings.alarms
    if not settings.every:
        return None
    pool, encoder = job.pool, job.encoder
    usable = pool.usable(pool.held, encoder)
    target = [c for c in usable if c.language != ENGLISH]
    english = [c for c in usable if c.language == ENGLISH]
    if not target:
        raise InputError(
            "alarms need held samples: there are fewer than ten in the target language. Set alarms.every to 0."
        )
    held = Held(
        pool.encode(target, encoder),
        pool.encode(english, encoder),
        questions_of(target),
    )

    def tell(look: Look) -> None:
        values = {name: value for name, value in asdict(look).items() if isinstance(value, float)}
        job.trackers.log({f"held/{name}": value for name, value in values.items()}, job.steps_before + look.step)
        if job.processes.first:
            answer = f"; {look.answer!r}" if look.answer else ""
            kept = f", English {look.english_loss:.3f} ({look.english_drop:+.1f}%)" if english else ""
            say(f"step {look.step}: held loss {look.target_loss:.3f}{kept}, fidelity {percent(look.fidelity)}{answer}")

    return Alarms(settings, encoder, vision, held, job.settings.language, groups, tell)
