"""Step 4. Writes a checkpoint as GGUF v3: matrices as Q8_0 or F16, norms as F32, the tokenizer, and how to draw from it.

    python export.py --work .work [--checkpoint best.pt] [--type q8_0] [--out ../glint-q8_0.gguf]
"""
import argparse
import json
import os
import struct

import torch

from model import Config

F32, ALIGNMENT = 0, 32
U32, I32, FLOAT, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
# What is drawn where nobody says otherwise, by llama.cpp's keys: greedy, with a penalty that ends most loops.
SAMPLING = {"temp": (FLOAT, 0.0), "penalty_freq": (FLOAT, 1.0), "penalty_last_n": (I32, 64)}


def text(s):
    b = s.encode("utf-8")
    return struct.pack("<Q", len(b)) + b


def value(kind, v):
    if kind == STRING:
        return text(v)
    return struct.pack({U32: "<I", I32: "<i", FLOAT: "<f", BOOL: "<?", U64: "<Q"}[kind], v)


def entry(key, kind, v, of=None):
    if kind == ARRAY:
        return text(key) + struct.pack("<IIQ", ARRAY, of, len(v)) + b"".join(value(of, x) for x in v)
    return text(key) + struct.pack("<I", kind) + value(kind, v)


def to_q8_0(w):
    """ggml's quantisation: blocks of 32, scale = largest magnitude / 127 as f16, round half away from zero."""
    blocks = w.float().reshape(-1, 32)
    d = blocks.abs().amax(1, keepdim=True) / 127
    inverse = torch.where(d > 0, 1 / d, torch.zeros_like(d))
    x = blocks * inverse
    q = (torch.sign(x) * torch.floor(x.abs() + 0.5)).to(torch.int8)
    return torch.cat([d.half().view(torch.int8).reshape(-1, 2), q], 1).contiguous()


def from_q8_0(packed, shape):
    d = packed[:, :2].contiguous().view(torch.float16).float()
    return (packed[:, 2:].float() * d).reshape(shape)


NAMES = {"attn_norm": "attn_norm.weight", "q.weight": "attn_q.weight", "k.weight": "attn_k.weight", "v.weight": "attn_v.weight",
         "o.weight": "attn_output.weight", "ffn_norm": "ffn_norm.weight", "gate.weight": "ffn_gate.weight",
         "up.weight": "ffn_up.weight", "down.weight": "ffn_down.weight"}


def gguf_name(name):
    if name == "embed.weight":
        return "token_embd.weight"
    if name == "norm":
        return "output_norm.weight"
    _, i, rest = name.split(".", 2)
    return f"blk.{i}.{NAMES[rest]}"


def as_bytes(t):
    t = t.contiguous().view(torch.uint8).flatten()
    return bytes(t.untyped_storage())[: t.numel()] if t.storage_offset() == 0 else bytes(t.tolist())


def as_q8_0(w):
    return as_bytes(to_q8_0(w))


def as_f16(w):
    return as_bytes(w.half())


# ggml's number of a type, llama.cpp's number of a file of it, and the bytes of a matrix
TYPES = {"q8_0": (8, 7, as_q8_0), "f16": (1, 1, as_f16)}


def write(path, saved, tokenizer, kind_name):
    matrix_kind, file_type, matrix_bytes = TYPES[kind_name]
    c, size = Config(**saved["config"]), sum(w.numel() for w in saved["model"].values())
    end = c.vocab - 4
    meta = [
        entry("general.architecture", STRING, "llama"),
        entry("general.type", STRING, "model"),
        entry("general.name", STRING, "glint"),
        entry("general.author", STRING, "waferflow contributors"),
        entry("general.description", STRING, "A small TypeScript completion model with fill-in-the-middle, trained for waferflow"),
        entry("general.license", STRING, "mit"),
        entry("general.size_label", STRING, f"{size / 1e6:.1f}M"),
        entry("general.tags", ARRAY, ["code", "typescript", "text-generation"], STRING),
        entry("general.file_type", U32, file_type),
        entry("general.quantization_version", U32, 2),
        *(entry(f"general.sampling.{key}", *kind_value) for key, kind_value in SAMPLING.items()),
        entry("glint.training_tokens", U64, saved["state"]["tokens"]),
        entry("llama.vocab_size", U32, c.vocab),
        entry("llama.context_length", U32, c.context),
        entry("llama.embedding_length", U32, c.hidden),
        entry("llama.block_count", U32, c.layers),
        entry("llama.feed_forward_length", U32, c.ffn),
        entry("llama.attention.head_count", U32, c.heads),
        entry("llama.attention.head_count_kv", U32, c.kv_heads),
        entry("llama.attention.layer_norm_rms_epsilon", FLOAT, c.eps),
        entry("llama.rope.dimension_count", U32, c.hidden // c.heads),
        entry("llama.rope.freq_base", FLOAT, c.rope_base),
        entry("tokenizer.ggml.model", STRING, "gpt2"),
        entry("tokenizer.ggml.pre", STRING, "qwen2"),
        entry("tokenizer.ggml.tokens", ARRAY, tokenizer["tokens"], STRING),
        entry("tokenizer.ggml.token_type", ARRAY, [1] * end + [3] * 4, I32),
        entry("tokenizer.ggml.merges", ARRAY, tokenizer["merges"], STRING),
        entry("tokenizer.ggml.bos_token_id", U32, end),
        entry("tokenizer.ggml.eos_token_id", U32, end),
        entry("tokenizer.ggml.padding_token_id", U32, end),
        entry("tokenizer.ggml.add_bos_token", BOOL, True),
        entry("tokenizer.ggml.add_eos_token", BOOL, False),
        entry("tokenizer.ggml.fim_pre_token_id", U32, end + 1),
        entry("tokenizer.ggml.fim_suf_token_id", U32, end + 2),
        entry("tokenizer.ggml.fim_mid_token_id", U32, end + 3),
    ]
    infos, data, offset = [], [], 0
    for name, w in saved["model"].items():
        kind, raw = (matrix_kind, matrix_bytes(w)) if w.ndim == 2 else (F32, as_bytes(w.float()))
        dims = list(reversed(w.shape))
        infos.append(text(gguf_name(name)) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset))
        raw += b"\0" * (-len(raw) % ALIGNMENT)
        data.append(raw)
        offset += len(raw)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(meta)) + b"".join(meta) + b"".join(infos)
    head += b"\0" * (-len(head) % ALIGNMENT)
    with open(path + ".new", "wb") as f:
        f.write(head)
        f.writelines(data)
    os.replace(path + ".new", path)
    print(f"{path}: {size} weights, {len(head) + offset} bytes, {saved['state']['tokens']} tokens seen")


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("--work", default=os.path.join(here, ".work"))
    p.add_argument("--checkpoint", default="best.pt")
    p.add_argument("--type", choices=TYPES, default="q8_0")
    p.add_argument("--out", default=os.path.join(here, "..", "glint-q8_0.gguf"))
    a = p.parse_args()
    with open(os.path.join(a.work, "tokenizer.json")) as f:
        tok = json.load(f)
    write(a.out, torch.load(os.path.join(a.work, a.checkpoint), map_location="cpu", weights_only=True), tok, a.type)
