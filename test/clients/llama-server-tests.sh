#!/usr/bin/env bash
# llama-server-tests.sh LLAMA_CPP_TREE MODEL.gguf [PYTEST ARGUMENTS...]: llama.cpp's own server tests against `waferflow serve`.
# MODEL is its stories260K. Needs Python with pytest, pytest-xdist, filelock, numpy, openai, requests, wget, aiohttp, prometheus-client.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(realpath "$1") model=$(realpath "$2"); shift 2
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
# They read templates and pictures by paths from where they lie.
mkdir -p "$work/tools/server"
ln -s "$tree/models" "$work/models"; ln -s "$tree/tools/mtmd" "$work/tools/mtmd"
cp -r "$tree/tools/server/tests" "$work/tools/server/tests"
cd "$work/tools/server/tests"
# What they would download, the same model for every name.
mkdir -p tmp; ln -s "$model" tmp/stories15M-q4_0.gguf
LLAMA_SERVER_BIN_PATH=$here/llama-server.mjs LLAMA_TEST_MODEL=$model PYTHONPATH=. python3 -m pytest -q --tb=line -p no:cacheprovider -m 'not slow' "$@"
