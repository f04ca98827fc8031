"""Wheels for a machine without a network: collected where there is one, installed there where they are missing.

Run: python -m gpu.wheels collect|install FOLDER [SITE]
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from packaging.version import Version

from passerelle.languages.identify import rivals

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 60_000_000
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
UNNEEDED = {
    # 40 MB of libraries for other GPUs and drivers.
    "bitsandbytes": re.compile(r"bitsandbytes/libbitsandbytes_(?!cpu|cuda13)\w+\.so"),
    # 80 MB of models of languages that no answer in French or English is taken for.
    "lingua_language_detector": re.compile(
        rf"lingua/language-models/(?!(?:{'|'.join(rivals('fr'))})/)\w+/\w+\.json\.br"
    ),
}


def collect(folder: Path) -> None:
    """Download the wheels for Python 3.12 on x86-64 Linux.

    Raises:
        SystemExit: They take more than 60 MB.
    """
    for stale in folder.glob("*.whl"):
        stale.unlink()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version", "3.12"]
    command += ["--implementation", "cp", "--abi", "cp312", "--abi", "abi3", "--abi", "none"]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    wanted = Path(__file__).with_name("wheels.txt")
    pinned = {name for name, versioned, _ in map(_parts_of, _lines_of(wanted)) if versioned}
    with tempfile.TemporaryDirectory() as beside:
        constraints = Path(beside) / "constraints.txt"
        kept = [line for line in _lines_of(ROOT / "constraints.txt") if _parts_of(line)[0] not in pinned]
        constraints.write_text("\n".join(kept) + "\n", encoding="utf-8")
        subprocess.run([*command, "-c", str(constraints), "-r", str(wanted), "-d", str(folder)], check=True)
    for name, unneeded in UNNEEDED.items():
        for wheel in folder.glob(f"{name}-*.whl"):
            leave_out(wheel, unneeded)
    size = sum(wheel.stat().st_size for wheel in folder.glob("*.whl"))
    print(f"{len(list(folder.glob('*.whl')))} wheels, {size / 1e6:.1f} MB, in {folder}")
    if size > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES / 1e6:.0f} MB: take something out of benchmarks/gpu/wheels.txt")


def _lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def _parts_of(line: str) -> tuple[str, str, str]:
    return line.partition("==")


def leave_out(wheel: Path, unwanted: re.Pattern[str]) -> None:
    """Write a wheel again without some of its files."""
    slim = wheel.with_suffix(".slim")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(slim, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                content = "".join(line for line in lines if not unwanted.match(line)).encode()
            if not unwanted.match(entry.filename):
                new.writestr(entry, content, zipfile.ZIP_DEFLATED)
    slim.replace(wheel)


def install(folder: Path, site: Path) -> None:
    """Install into `site` what is missing or older, and say which version of Passerelle the source is."""
    site.mkdir(parents=True, exist_ok=True)
    for wheel in sorted(folder.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        if _is_there(name, version) or (site / f"{name}-{version}.dist-info").is_dir():
            continue
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
        done = subprocess.run([*command, "--target", str(site), str(wheel)], check=False)
        if done.returncode:
            print(f"{wheel.name} can't be installed here", file=sys.stderr)
    if not _is_there("passerelle"):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        about = site / f"passerelle-{project['version']}.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: passerelle\nVersion: {project['version']}\n", encoding="utf-8"
        )


def _is_there(name: str, version: str = "0") -> bool:
    """Whether a package is installed, in this version or a newer one."""
    try:
        return Version(importlib.metadata.version(name.replace("_", "-"))) >= Version(version)
    except importlib.metadata.PackageNotFoundError:
        return False


def main() -> None:
    """Collect or install."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    if what == "collect":
        collect(folder)
    else:
        install(folder, Path(sys.argv[3]))


if __name__ == "__main__":
    main()
