"""The exported file run by PyTorch in float32: an independent reading of the GGUF, to check other engines against.

    python reference.py score  < texts.jsonl    one JSON string per line -> {"tokens", "bits", "bytes"} per line
    python reference.py greedy < prompts.jsonl  one JSON string per line -> {"ids", "text"} per line
Options: --model FILE, --tokens N (96), --tokenizer FILE (default .work/tokenizer.json), --threads N.
"""
import argparse
import json
import math
import os
import struct
import subprocess
import sys

import torch
import torch.nn.functional as F

from export import NAMES, from_q8_0
from model import Config, Llama, rms_norm, rope

HERE = os.path.dirname(os.path.abspath(__file__))


def read_gguf(path):
    with open(path, "rb") as f:
        data = f.read()
    at = 0

    def take(fmt):
        nonlocal at
        v = struct.unpack_from("<" + fmt, data, at)[0]
        at += struct.calcsize("<" + fmt)
        return v

    def string():
        nonlocal at
        n = take("Q")
        at += n
        return data[at - n : at].decode()

    def value(kind):
        if kind == 8:
            return string()
        if kind == 9:
            of, n = take("I"), take("Q")
            return [value(of) for _ in range(n)]
        return take({4: "I", 5: "i", 6: "f", 7: "?", 10: "Q"}[kind])

    at = 8
    n_tensors, n_meta = take("Q"), take("Q")
    meta = {}
    for _ in range(n_meta):
        key = string()
        meta[key] = value(take("I"))
    infos = []
    for _ in range(n_tensors):
        name = string()
        shape = [take("Q") for _ in range(take("I"))][::-1]
        infos.append((name, shape, take("I"), take("Q")))
    start = (at + 31) // 32 * 32
    weights = {}
    for name, shape, kind, offset in infos:
        n = math.prod(shape)
        raw = bytearray(data[start + offset : start + offset + (n * 4 if kind == 0 else n // 32 * 34)])
        weights[name] = (torch.frombuffer(raw, dtype=torch.float32) if kind == 0
                         else from_q8_0(torch.frombuffer(raw, dtype=torch.int8).reshape(-1, 34), shape))
    return meta, weights


def load(path):
    meta, w = read_gguf(path)
    g = lambda k: meta["llama." + k]
    c = Config(g("vocab_size"), g("embedding_length"), g("block_count"), g("attention.head_count"), g("attention.head_count_kv"),
               g("feed_forward_length"), g("context_length"), g("rope.freq_base"), g("attention.layer_norm_rms_epsilon"))
    model = Llama(c)
    state = {"embed.weight": w["token_embd.weight"], "norm": w["output_norm.weight"]}
    for i in range(c.layers):
        state |= {f"blocks.{i}.{ours}": w[f"blk.{i}.{theirs}"] for ours, theirs in NAMES.items()}
    model.load_state_dict(state)
    return meta, model.eval()


@torch.no_grad()
def score(model, ids, bos, batch=8):
    """Bits of all ids after BOS: windows of the whole context, each new one advancing by half of it."""
    ids, n = torch.tensor([bos] + ids), model.c.context
    stride = n // 2
    inputs, bits, counted, jobs = len(ids) - 1, 0.0, 0, []
    for s in range(0, max(1, inputs - n + stride), stride):
        end = min(s + n, inputs)
        jobs.append((s, end, counted - s))
        counted = end
    for i in range(0, len(jobs), batch):
        for group in (jobs[i : i + batch],) if jobs[min(i + batch, len(jobs)) - 1][1] - jobs[min(i + batch, len(jobs)) - 1][0] == n else ([j] for j in jobs[i : i + batch]):
            x = torch.stack([ids[s:e] for s, e, _ in group])
            y = torch.stack([ids[s + 1 : e + 1] for s, e, _ in group])
            nll = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
            bits += sum(row[skip:].double().sum().item() for row, (_, _, skip) in zip(nll, group)) / math.log(2)
    return bits


@torch.no_grad()
def greedy(model, ids, count, stop):
    """Greedy continuation with a key-value cache; ends at `stop`."""
    c, cache, out, position = model.c, [None] * model.c.layers, [], 0
    new = ids
    while len(out) < count:
        x = model.embed(torch.tensor([new]))
        t = x.shape[1]
        cos, sin = model.cos[position : position + t], model.sin[position : position + t]
        for i, b in enumerate(model.blocks):
            h = rms_norm(x, b.attn_norm, c.eps)
            split = lambda z, heads: z.view(1, t, heads, b.head).transpose(1, 2)
            q, k, v = rope(split(b.q(h), c.heads), cos, sin), rope(split(b.k(h), c.kv_heads), cos, sin), split(b.v(h), c.kv_heads)
            if cache[i]:
                k, v = torch.cat((cache[i][0], k), 2), torch.cat((cache[i][1], v), 2)
            cache[i] = (k, v)
            r = c.heads // c.kv_heads
            y = F.scaled_dot_product_attention(q, k.repeat_interleave(r, 1), v.repeat_interleave(r, 1), is_causal=t > 1)
            x = x + b.o(y.transpose(1, 2).reshape(1, t, -1))
            h = rms_norm(x, b.ffn_norm, c.eps)
            x = x + b.down(F.silu(b.gate(h)) * b.up(h))
        best = int((rms_norm(x[0, -1], model.norm, c.eps) @ model.embed.weight.T).argmax())
        if best == stop:
            break
        out.append(best)
        position += t
        new = [best]
    return out


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["score", "greedy"])
    p.add_argument("--model", default=os.path.join(HERE, "..", "glint-q8_0.gguf"))
    p.add_argument("--tokenizer", default=os.path.join(HERE, ".work", "tokenizer.json"))
    p.add_argument("--tokens", type=int, default=96)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    meta, model = load(a.model)
    bos = meta["tokenizer.ggml.bos_token_id"]

    def node(lines, *flags):
        done = subprocess.run(["node", os.path.join(HERE, "encode.mjs"), a.tokenizer, *flags], input="\n".join(map(json.dumps, lines)) + "\n", text=True, capture_output=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    texts = [json.loads(line) for line in sys.stdin]
    for t, ids in zip(texts, node(texts)):
        if a.what == "score":
            print(json.dumps({"tokens": len(ids), "bits": score(model, ids, bos), "bytes": len(t.encode())}), flush=True)
        else:
            out = greedy(model, [bos] + ids, a.tokens, bos)
            print(json.dumps({"ids": out, "text": node([out], "--decode")[0]}), flush=True)
