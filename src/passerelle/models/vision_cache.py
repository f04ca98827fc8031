"""Vision features of any model, computed once per picture and kept on disk, shared by all runs on the same tower.

While the projector is frozen, what is kept is its output: all that the language model takes from a picture. While it
is trained, its input is kept, where the way from there on is the projector alone. Where that isn't so,
or the tower is trained, the picture goes through the tower at each step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from passerelle.costs.flops import AlikeMeter
from passerelle.errors import ConfigError, InputError
from passerelle.models.families import OWN_FILE, Family
from passerelle.models.feature_costs import FeatureCosts
from passerelle.models.parameter_files import tensors_digest
from passerelle.models.pixels import AHEAD, PixelReader, Shown
from passerelle.models.pretrained import PretrainedModel
from passerelle.progress import say
from passerelle.runs import file_hash, write_atomically

Level = Literal["projected", "tower", "pixels"]
SHARD = 64
"""Pictures from one write to the next: what a kill costs at most."""


class VisionFeatures:
    """What a model makes of pictures, at the deepest level that stays valid while it is trained.

    Args:
        pretrained: The model.
        folder: Where features are kept; ``None``: in memory only.
        trained: The parts whose weights change.

    Attributes:
        computed: Pictures whose features were computed.
        damaged: Pictures whose features were kept, but not whole: they are computed anew.
        costs: What features took, and what those that were found would have taken.
    """

    def __init__(self, pretrained: PretrainedModel, folder: Path | None, trained: Iterable[str] = ()) -> None:
        self.pretrained = pretrained
        self.level = level_for(pretrained, set(trained))
        self.computed = self.damaged = 0
        self._folder = folder / _signature(pretrained, self.level) if folder and self.level != "pixels" else None
        self.costs = FeatureCosts(self._folder, AlikeMeter(pretrained.modules_by_part()))
        self._asked: set[str] = set()
        self._known: dict[str, dict[str, Tensor] | _Shard] = {}
        self._whole: set[str] = set()
        self._pixels = PixelReader(pretrained, SHARD if self.level == "pixels" else 0)
        self._digests: dict[Path, str] = {}
        self._read()

    def prepare(self, rows: Iterable[Sequence[Path]], watch: Callable[[int, int], None] | None = None) -> None:
        """Compute the features of pictures that aren't known yet.

        Args:
            rows: The picture files of each row.
            watch: Told (done, of how many).

        Raises:
            InputError: A picture can't be read.
        """
        if self.level == "pixels":
            return
        wanted = {shown.key: shown for row in rows for shown in self._shown(row)}
        self._drop_damaged(wanted)
        todo = [shown for key, shown in wanted.items() if key not in self._known]
        if found := sum(key in self._known and key not in self._asked for key in wanted):
            self.costs.found(found)
        self._asked |= wanted.keys()
        for start in range(0, len(todo), SHARD):
            part = todo[start : start + SHARD]
            self._keep(self.costs.computed(len(part), partial(self._compute_all, part)))
            self.computed += len(part)
            if watch:
                watch(min(start + SHARD, len(todo)), len(todo))

    def ahead(self, rows: Iterable[Sequence[Path]]) -> None:
        """Begin to read the pictures of rows that come next, where their pixels are wanted."""
        if self.level == "pixels":
            self._pixels.ahead(one for row in rows for one in self._shown(row))

    def outputs(self, rows: Iterable[Sequence[Path]]) -> dict[str, Any]:
        """Return what forward and generate take as ``mm_encoder_outputs``, with gradients as needed.

        Args:
            rows: The picture files of each row.
        """
        shown = [one for row in rows for one in self._shown(row)]
        if self.level == "pixels":
            return {"image": self._run_tower(shown, map(self._pixels.get, shown))}
        stored = [self._load(one.key) for one in shown]
        device, dtype = self.pretrained.device, self.pretrained.bare.dtype
        moved = [{name: value.to(device, dtype) for name, value in entry.items()} for entry in stored]
        images = [entry["main"] for entry in moved]
        if self.level == "tower":
            return {"image": self._assemble(images if self._family.projects else self._project(images), [], {})}
        beside = {name: moved[0][name] for name in self._family.beside}
        deep = sorted({name for entry in moved for name in entry} - {"main", *beside})
        layers = [[entry[name] for entry in moved] for name in deep]
        return {"image": self._assemble(images, layers, beside)}

    @property
    def _family(self) -> Family:
        return self.pretrained.family

    def _shown(self, row: Sequence[Path]) -> list[Shown]:
        several = self._family.grouped and len(row) > 1
        return [Shown(path, self._digest(path) + ("+" if several else ""), several) for path in row]

    def _project(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        projector = self._family.module(self.pretrained.bare, "projector")
        if len({value.shape[1:] for value in inputs}) > 1:
            return [_flat(projector(value)) for value in inputs]
        projected = _flat(projector(torch.cat(list(inputs))))
        rows = [value.shape[:-1].numel() for value in inputs]
        return list(torch.split(projected, [len(projected) * count // sum(rows) for count in rows]))

    def _assemble(self, images: list[Tensor], deep: list[list[Tensor]], beside: Mapping[str, Tensor]) -> Any:
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        pooled: Any = torch.cat(images)[None] if self._family.features == "stack" else images
        outputs: Any = BaseModelOutputWithPooling(**{self._family.output: pooled})
        if deep:
            outputs.deepstack_features = deep
        for name, value in beside.items():
            setattr(outputs, name, value)
        return outputs

    def _compute_all(self, part: Sequence[Shown]) -> dict[str, dict[str, Tensor]]:
        return {shown.key: self._compute(shown, part[at + 1 :]) for at, shown in enumerate(part)}

    @torch.no_grad()
    def _compute(self, shown: Shown, following: Sequence[Shown]) -> dict[str, Tensor]:
        self._pixels.ahead(following[:AHEAD])
        made = self._pixels.get(shown)
        alike, run = _alike(made), partial(self._run_tower, [shown], [made])
        if self.level == "tower" and not self._family.projects:
            return {"main": self.costs.meter.run(alike, partial(_projector_input, self.pretrained, run)).cpu()}
        outputs = self.costs.meter.run(alike, run)
        deep = getattr(outputs, "deepstack_features", None) or []
        found = {"main": _joined(getattr(outputs, self._family.output))}
        found |= {f"deep{number:02d}": _joined(layer) for number, layer in enumerate(deep)}
        found |= {name: getattr(outputs, name) for name in self._family.beside}
        return {name: value.cpu().contiguous() for name, value in found.items()}

    def _run_tower(self, shown: Sequence[Shown], pixels: Iterable[Mapping[str, Tensor]]) -> Any:
        """Run the tower, picture by picture: the result doesn't depend on what else is in the batch."""
        parts = []
        for one, made in zip(shown, pixels, strict=True):
            outputs = image_features(self.pretrained, made)
            if one.several:  # the first of two copies
                setattr(outputs, self._family.output, getattr(outputs, self._family.output)[:1])
            parts.append(outputs)
        deep = [getattr(part, "deepstack_features", None) or [] for part in parts]
        layers = [[_joined(part[number]) for part in deep] for number in range(len(deep[0]))]
        beside = {name: getattr(parts[0], name) for name in self._family.beside}
        return self._assemble([_joined(getattr(part, self._family.output)) for part in parts], layers, beside)

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            try:
                self._digests[path] = file_hash(path)
            except (FileNotFoundError, IsADirectoryError):
                raise InputError(f"no picture at {str(path)!r}.") from None
        return self._digests[path]

    def _read(self) -> None:
        from safetensors import SafetensorError

        for path in sorted(self._folder.glob("*.safetensors")) if self._folder else []:
            try:
                shard = _Shard.opened(path)
            except (OSError, SafetensorError, ValueError):
                say(f"kept vision features, {path.name}: broken, or of an older version; they are computed anew")
                path.unlink(missing_ok=True)
                continue
            self._known |= dict.fromkeys(shard.sums, shard)

    def _drop_damaged(self, keys: Iterable[str]) -> None:
        """Forget the files in which features that are wanted aren't what was written; each is looked at once."""
        before = self.damaged
        for key in keys:
            shard = self._known.get(key)
            if not isinstance(shard, _Shard) or key in self._whole:
                continue
            if shard.is_whole(key):
                self._whole.add(key)
                continue
            shard.path.unlink(missing_ok=True)
            lost = [name for name, known in self._known.items() if known is shard]
            self.damaged += len(lost)
            for name in lost:
                del self._known[name]
        if self.damaged > before:
            say(f"kept vision features of {self.damaged - before} pictures were damaged: they are computed anew")

    def _load(self, key: str) -> dict[str, Tensor]:
        known = self._known[key]
        return known.read(key) if isinstance(known, _Shard) else known

    def _keep(self, fresh: dict[str, dict[str, Tensor]]) -> None:
        from safetensors.torch import save

        if self._folder is None:
            self._known |= fresh
            return
        name = hashlib.sha256("".join(sorted(fresh)).encode()).hexdigest()[:24]
        path = self._folder / f"{name}.safetensors"
        flat = {f"{key}/{part}": value for key, entry in fresh.items() for part, value in entry.items()}
        write_atomically(path, save(flat, {key: tensors_digest(entry) for key, entry in fresh.items()}))
        self._known |= dict.fromkeys(fresh, _Shard.opened(path))
        self._whole |= fresh.keys()


@dataclass(frozen=True)
class _Shard:
    """A file of features.

    Attributes:
        path: The file.
        file: The same, open.
        sums: The checksum of each picture's features, by key.
    """

    path: Path
    file: Any
    sums: Mapping[str, str]

    @classmethod
    def opened(cls, path: Path) -> _Shard:
        from safetensors import safe_open

        file: Any = safe_open(path, "pt")
        sums: dict[str, str] = file.metadata() or {}
        if {name.partition("/")[0] for name in file.keys()} != sums.keys():  # noqa: SIM118 - no mapping
            raise ValueError("features without checksums, of an older version")
        return cls(path, file, sums)

    def read(self, key: str) -> dict[str, Tensor]:
        """Return a picture's features."""
        names = [name for name in self.file.keys() if name.startswith(f"{key}/")]  # noqa: SIM118 - no mapping
        return {name.partition("/")[2]: self.file.get_tensor(name) for name in names}

    def is_whole(self, key: str) -> bool:
        """Whether a picture's features are what was written."""
        return tensors_digest(self.read(key)) == self.sums[key]


def image_features(pretrained: PretrainedModel, made: Mapping[str, Tensor]) -> Any:
    """Return what `get_image_features` makes of what a processor made for it.

    Raises:
        ConfigError: It doesn't give what the family's row says that forward takes.
    """
    model, family = pretrained.bare, pretrained.family
    first = family.module(model, "tower" if family.tower else "projector")
    inputs = {name: value.to(pretrained.device) for name, value in made.items()}
    inputs["pixel_values"] = inputs["pixel_values"].to(next(first.parameters()).dtype)
    outputs = model.get_image_features(**inputs)
    if getattr(outputs, family.output, None) is None:
        raise ConfigError(
            f"get_image_features of {family.name!r} gives no {family.output}: in a {OWN_FILE} of your own write "
            f"projects = {str(not family.projects).lower()}, if forward takes the other; see docs/reference/methods.md."
        )
    return outputs


def _alike(made: Mapping[str, Tensor]) -> Hashable:
    """Return what says how many operations a picture takes: all shapes, and what isn't a colour, such as its tiles."""
    described = {name: value.contiguous() for name, value in made.items() if not value.is_floating_point()}
    return tuple(sorted((name, value.shape) for name, value in made.items())), tensors_digest(described)


def level_for(pretrained: PretrainedModel, trained: set[str]) -> Level:
    """Return the deepest level of features that stays valid while these parts are trained."""
    if "tower" in trained:
        return "pixels"
    if "projector" in trained:
        return "tower" if pretrained.family.replay else "pixels"
    return "projected"


def _projector_input(pretrained: PretrainedModel, run: Callable[[], Any]) -> Tensor:
    """Run the tower and return what the projector was given."""
    seen: list[Tensor] = []
    projector = pretrained.family.module(pretrained.bare, "projector")

    def see(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append(next(iter([*given, *named.values()])))

    hook = projector.register_forward_pre_hook(see, with_kwargs=True)
    try:
        run()
    finally:
        hook.remove()
    return seen[0].detach().contiguous()


def _joined(features: Any) -> Tensor:
    """Return a picture's features as one tensor [tokens, hidden]."""
    return torch.cat([_flat(value) for value in features]) if not isinstance(features, Tensor) else _flat(features)


def _flat(value: Tensor) -> Tensor:
    return value.reshape(-1, value.shape[-1])


def _signature(pretrained: PretrainedModel, level: Level) -> str:
    """Return what determines features beside the picture: weights, image processor, number type."""
    family, model = pretrained.family, pretrained.bare
    digest = hashlib.sha256(f"{level} {model.dtype} {family.name}".encode())
    digest.update(pretrained.processor.image_processor.to_json_string().encode())
    parts = ("tower", "projector", "extra") if level == "projected" else ("tower",)
    for name, weight in sorted(model.state_dict().items()):
        if family.part_of(name) in parts:
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:24]
