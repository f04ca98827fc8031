#!/usr/bin/env bash
# Sets up what Passerelle needs, step by step; each step is skipped when its result is there.
#
#   scripts/setup.sh run    to run it (default)
#   scripts/setup.sh test   the same and what the tests need
#   scripts/setup.sh quality  run, and what the checks of translations and fitting their estimate need
#   scripts/setup.sh dev    the same and linter, formatter and type checker
#   scripts/setup.sh base   run, and the pictures and words that training the base again needs
#
# PYTHON=/path/to/python3 chooses the interpreter. PASSERELLE_SKIP_DEBIAN=1 leaves the Debian packages to you.
# Exit codes: 0 all is there; 1 a step failed, run it again to go on; 2 something that only you can put right.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${1:-run}"
venv=.venv
state=$venv/.setup # stamps and logs; part of the environment, so that they go when it goes
cpu_index=https://download.pytorch.org/whl/cpu

case "$target" in
    run) project=. held_by=(run base quality test dev) name=demo ;;
    test) project='.[test]' held_by=(test dev) name=test ;;
    dev) project='.[dev]' held_by=(dev) name=test ;;
    quality) project='.[quality]' held_by=(quality test dev) name=quality ;;
    base) project=. held_by=(run base quality test dev) name=base ;;
    *) echo "setup: unknown target '$target'. Allowed: run, test, quality, dev, base." >&2 && exit 2 ;;
esac

say() { echo "setup: $*" >&2; }
fail() { say "$1" && exit "${2:-1}"; }
trap 'trap - INT TERM; say "interrupted. Run the same command to go on."; exit 130' INT TERM

# --- Debian packages ---------------------------------------------------------------------------------------------

installed() { # installed PACKAGE
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt() { # apt SUBCOMMAND...: without questions, waiting for another apt to end; 9 is our lock, not apt's
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 9>&-
}

ensure_debian() { # ensure_debian PACKAGE..., where there is apt and nobody said to skip it
    local package log as_root=() missing=()
    for package; do installed "$package" || missing+=("$package"); done
    if [ ${#missing[@]} = 0 ]; then return; fi

    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            fail "Debian packages are missing. As root: apt-get install --no-install-recommends ${missing[*]}" 2
        fi
        as_root=(sudo)
        if ! [ -t 0 ]; then as_root+=(-n); fi # nobody there to type a password
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/passerelle-apt.XXXXXX")
    say "installing Debian packages: ${missing[*]}"
    if ! apt-cache show "${missing[@]}" >/dev/null 2>&1; then
        say "reading the package lists (apt-get update)"
        apt update || true # an old list may still do; the installation below says whether it did
    fi
    if ! apt install --no-install-recommends "${missing[@]}"; then
        { apt update && apt install --no-install-recommends "${missing[@]}"; } || {
            tail -n 12 "$log" >&2
            fail "apt-get could not install ${missing[*]} (log: $log). Is there a network, and may you install? Then run it again."
        }
    fi
    rm -f "$log"
}

# --- Python ------------------------------------------------------------------------------------------------------

find_python() { # sets python, or returns 1
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        # Not the interpreter of an active environment, which may be the one to be made again: the one beneath it.
        python=$("$candidate" -c 'if 1:
            import sys, venv, ensurepip
            print(sys._base_executable if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue
        if [ -n "$python" ]; then return; fi
    done
    return 1
}

ensure_python() {
    if find_python; then return; fi
    if [ -n "${PYTHON:-}" ]; then fail "PYTHON=$PYTHON is not a Python 3.11 or later with the venv module." 2; fi
    if command -v apt-get >/dev/null && [ "${PASSERELLE_SKIP_DEBIAN:-}" != 1 ]; then
        ensure_debian python3 python3-venv
        if find_python; then return; fi
    fi
    fail "Python 3.11 or later with the venv module is needed and was not found. Install it, or set PYTHON=/path/to/python3." 2
}

lock() { # One setup at a time in this folder. The lock is on this script itself and goes with the process.
    exec 9<"scripts/setup.sh"
    "$python" - <<'PYTHON'
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("setup: another setup runs in this folder; waiting for it", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
PYTHON
}

# A stamp holds what its step was made from: these files and the folder, since environments can't be moved.
fingerprint() { { cat "$@"; pwd; } | cksum; }
fresh() { [ -f "$state/$1" ] && [ "$(cat "$state/$1")" = "$2" ]; }
stamp() { echo "$2" >"$state/$1.partial" && mv "$state/$1.partial" "$state/$1"; }

whole() { # Does the environment run, and is every package complete? pip writes INSTALLER after a package's last file.
    local folder
    "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 1
    for folder in "$venv"/lib/python3*/site-packages/*.dist-info; do
        [ ! -d "$folder" ] || [ -f "$folder/INSTALLER" ] || return 1
    done
}

ensure_venv() {
    local mark
    mark=$(fingerprint /dev/null)
    if [ -e "$venv" ] && [ ! -d "$state" ]; then
        fail "$venv is there but this script didn't make it. Move it away, then run it again." 2
    fi
    if fresh venv "$mark" && whole; then return; fi
    if [ -e "$venv" ]; then say "$venv is unfinished or was moved: making it again"; fi
    say "making a virtual environment in $venv with $("$python" -V)"
    mkdir -p "$state"
    rm -f "$state"/*
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .setup -exec rm -rf {} + # .setup stays: it says that this is ours
    "$python" -m venv "$venv" 9>&- || fail "the virtual environment could not be made; see above. Is the disk full?"
    stamp venv "$mark"
}

pip() { # pip LOG ARGUMENTS...: quiet when it works, the end of its log when it doesn't
    local log=$state/$1.log && shift
    if "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@" >"$log" 2>&1 9>&- </dev/null; then return; fi
    grep -v '^WARNING' "$log" | tail -n 12 >&2 || true
    fail "pip failed (log: $log). Is there a network, and room on the disk? Then run it again: it goes on from here."
}

torch_index() { # Prints pip's option for torch's CPU build where there is no GPU and its index answers within 3 s.
    if [ "$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null; then return; fi
    if "$python" - "$cpu_index/torch/" 2>/dev/null <<'PYTHON'; then
import os, sys, threading, urllib.request
def probe():
    urllib.request.urlopen(sys.argv[1], timeout=3).close()
    os._exit(0)
thread = threading.Thread(target=probe, daemon=True)  # a thread, since looking up a name heeds no timeout
thread.start()
thread.join(3)
os._exit(1)
PYTHON
        echo "--extra-index-url=$cpu_index"
    fi
}

ensure_packages() {
    local mark index holder
    mark=$(fingerprint pyproject.toml constraints.txt scripts/setup.sh)
    for holder in "${held_by[@]}"; do
        if fresh "packages-$holder" "$mark"; then return; fi
    done
    index=$(torch_index)
    say "installing Python packages${index:+, torch as CPU build} (a minute or two; log: $state/packages.log)"
    pip packages install ${index:+"$index"} -c constraints.txt -e "$project"
    stamp "packages-$target" "$mark"
}

# -----------------------------------------------------------------------------------------------------------------

SECONDS=0
ensure_python
lock
ensure_venv
ensure_packages
# What else it needs is known by the package itself: Debian packages, weights, the embedded base.
"$venv/bin/passerelle" setup "$name" --yes 9>&- >&2 || fail "passerelle setup $name failed; see above." $?
say "ready ($target, $SECONDS s)"
