"""Change the code in small ways by mutmut and say how many of the changes the tests notice, room by room.

    .venv/bin/pip install mutmut==3.8.1
    .venv/bin/python scripts/mutants.py [ROOM ...] [--again]

`mutants.toml` beside it has the rooms, the size of each sample and the changes that can't be noticed;
`[tool.mutmut]` in `pyproject.toml` has the tests. It prints survivors with their changes. What is known of a mutant
isn't asked again, unless its file changed; with ``--again`` survivors are, by the tests as they are now.
"""

from __future__ import annotations

import fnmatch
import json
import random
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MADE = ROOT / "mutants"
NOTICED = {1, 3, -24, 24, 36, 152, 255}
"""How a run ends that failed, or took too long; 33: no test calls the function."""


def main(arguments: list[str]) -> int:
    """Run the rooms that were asked for, or all, and print their figures."""
    table = tomllib.loads((ROOT / "scripts" / "mutants.toml").read_text(encoding="utf-8"))
    asked = [name for name in arguments if name != "--again"] or list(table["rooms"])
    if "--again" in arguments:
        (MADE / "mutmut-stats.json").unlink(missing_ok=True)
    if not MADE.is_dir():
        mutmut("passerelle.evaluation.asking.journal.*key_of*")  # makes the mutants of all files
    print("| room | mutants | tried | noticed | can't be noticed | survive | share |\n|---|---|---|---|---|---|---|")
    survivors: dict[str, str] = {}
    for name in asked:
        survivors |= run(name, table["rooms"][name], table, "--again" in arguments)
    for name, change in survivors.items():
        print(f"\n{name}\n{change}")
    return 0


def run(name: str, room: dict[str, Any], table: dict[str, Any], again: bool) -> dict[str, str]:
    """Try a room's mutants, print its line, and return those that survive and could be noticed, with their changes."""
    known = results(room["files"])
    chosen = sorted(known)
    if room["sample"]:
        chosen = sorted(random.Random(table["seed"]).sample(chosen, min(room["sample"], len(chosen))))
    left = [mutant for mutant in chosen if known[mutant] is None or (again and known[mutant] not in NOTICED)]
    if left:
        mutmut(*left)
    known = results(room["files"])
    alive = {mutant: changed(mutant) for mutant in chosen if known[mutant] not in NOTICED}
    told = {mutant: change for mutant, change in alive.items() if not is_equal(change, table["equal"])}
    noticed, same = len(chosen) - len(alive), len(alive) - len(told)
    share = 100 * noticed / max(1, len(chosen) - same)
    print("|", " | ".join(map(str, (name, len(known), len(chosen), noticed, same, len(told), f"{share:.1f}%"))), "|")
    sys.stdout.flush()
    return told


def changed(mutant: str) -> str:
    """Return the lines that a mutant takes out and puts in."""
    lines = mutmut("show", mutant).splitlines()
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def is_equal(change: str, table: list[dict[str, str]]) -> bool:
    """Say whether a change is one that can't be noticed."""
    old, new = ("\n".join(line for line in change.splitlines() if line[:1] == sign) for sign in "-+")
    return any(known["was"] in old and known["now"] in new for known in table)


def results(patterns: list[str]) -> dict[str, int | None]:
    """Return how the tests of each mutant of some files ended; ``None`` where they weren't run."""
    found: dict[str, int | None] = {}
    for path in sorted((MADE / "src" / "passerelle").rglob("*.py.meta")):
        place = path.relative_to(MADE / "src" / "passerelle").as_posix().removesuffix(".py.meta")
        if any(fnmatch.fnmatch(place, pattern) for pattern in patterns) and "migrations" not in place:
            found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def mutmut(*arguments: str) -> str:
    """Run mutmut, on mutants unless told otherwise; return what it printed."""
    command = ["run", "--max-children", "1", *arguments] if arguments[0] != "show" else list(arguments)
    program = Path(sys.executable).with_name("mutmut")
    done = subprocess.run([program, *command], cwd=ROOT, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stdout[-4000:] + done.stderr[-2000:])
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
