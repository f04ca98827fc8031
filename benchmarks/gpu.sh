#!/usr/bin/env bash
# Tests and measures Passerelle on one GPU, in at most eight minutes, on a machine without a network.
#
#   benchmarks/gpu.sh --wheels   where there is a network: collect what the machine may lack, in build/gpu-wheels
#   benchmarks/gpu.sh            on the machine: all parts; the table is build/gpu/table.md, all figures results.json
#   benchmarks/gpu.sh asking     one part, or several; GPU_SECONDS=200 before it: in so many seconds
#   benchmarks/gpu.sh --smoke    all parts on a CPU with tiny models, to see that they run
#
# It can be cut off at any time: what was measured is written by then. A part that fails or takes too long is named in
# the table, and the next one goes on. The machine has Python 3.12 with torch, transformers, accelerate, peft,
# safetensors, sacrebleu, scipy and pytest. PYTHON chooses the interpreter, WHEELS the folder of wheels, OUT that of
# the results.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
wheels=${WHEELS:-build/gpu-wheels}
site=$PWD/build/gpu-site
export PYTHONPATH="$PWD/src:$PWD/tests:$PWD/benchmarks:$site${PYTHONPATH:+:$PYTHONPATH}"

if [ "${1:-}" = --wheels ]; then
    exec "$python" -m gpu.wheels collect "$wheels"
fi
"$python" -m gpu.wheels install "$wheels" "$site"
# No look-ups on the Hub, one GPU, and features computed anew.
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES-0}"
PASSERELLE_CACHE="$(mktemp -d)"
export PASSERELLE_CACHE
trap 'rm -rf "$PASSERELLE_CACHE"' EXIT
"$python" -m gpu.run --out "${OUT:-build/gpu}" "$@"
