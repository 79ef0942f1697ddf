#!/usr/bin/env bash
# llama-server-tests.sh LLAMA_CPP_TREE MODEL.gguf [PYTEST ARGUMENTS...]: llama.cpp's own server tests against `waferflow serve`.
# MODEL is its stories260K. Needs Python with pytest, pytest-xdist, filelock, numpy, openai, requests, wget, aiohttp, prometheus-client.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$1 model=$(realpath "$2"); shift 2
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cp -r "$tree/tools/server/tests" "$work/tests"
cd "$work/tests"
LLAMA_SERVER_BIN_PATH=$here/llama-server.mjs LLAMA_TEST_MODEL=$model PYTHONPATH=. python3 -m pytest -q -x --maxfail=1000 --tb=line -p no:cacheprovider -m 'not slow' "$@"
