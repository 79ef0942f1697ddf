"""A Llama-architecture transformer (RMSNorm, RoPE on interleaved pairs, GQA, SwiGLU, tied embeddings)."""
from dataclasses import dataclass, asdict

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 4096
    hidden: int = 256
    layers: int = 4
    heads: int = 8
    kv_heads: int = 4
    ffn: int = 512
    context: int = 512
    rope_base: float = 10000.0
    eps: float = 1e-5

    def to_dict(self):
        return asdict(self)


def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rope_tables(config, device=None):
    half = config.hidden // config.heads // 2
    freq = config.rope_base ** (-torch.arange(half, device=device).float() / half)
    angle = torch.arange(config.context, device=device).float()[:, None] * freq
    return angle.cos(), angle.sin()


def rope(x, cos, sin):
    """Rotates the pairs (2i, 2i+1) of the last axis: the order the GGUF architecture 'llama' stores."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c.hidden // c.heads
        self.c, self.head = c, d
        self.attn_norm = nn.Parameter(torch.ones(c.hidden))
        self.q = nn.Linear(c.hidden, c.heads * d, bias=False)
        self.k = nn.Linear(c.hidden, c.kv_heads * d, bias=False)
        self.v = nn.Linear(c.hidden, c.kv_heads * d, bias=False)
        self.o = nn.Linear(c.heads * d, c.hidden, bias=False)
        self.ffn_norm = nn.Parameter(torch.ones(c.hidden))
        self.gate = nn.Linear(c.hidden, c.ffn, bias=False)
        self.up = nn.Linear(c.hidden, c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.hidden, bias=False)

    def forward(self, x, cos, sin):
        c, (b, t, _) = self.c, x.shape
        h = rms_norm(x, self.attn_norm, c.eps)
        q = rope(self.q(h).view(b, t, c.heads, self.head).transpose(1, 2), cos, sin)
        k = rope(self.k(h).view(b, t, c.kv_heads, self.head).transpose(1, 2), cos, sin)
        v = self.v(h).view(b, t, c.kv_heads, self.head).transpose(1, 2)
        k, v = (z.repeat_interleave(c.heads // c.kv_heads, 1) for z in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, -1))
        h = rms_norm(x, self.ffn_norm, c.eps)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.vocab, c.hidden)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.Parameter(torch.ones(c.hidden))
        cos, sin = rope_tables(c)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        nn.init.normal_(self.embed.weight, std=0.02)
        for block in self.blocks:
            for name, p in block.named_parameters():
                if p.ndim == 2:
                    nn.init.normal_(p, std=p.shape[1] ** -0.5)
                if name in ("o.weight", "down.weight"):
                    nn.init.zeros_(p)

    def forward(self, ids):
        t = ids.shape[1]
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, self.cos[:t], self.sin[:t])
        return F.linear(rms_norm(x, self.norm, self.c.eps), self.embed.weight)

    def loss(self, ids, targets):
        logits = self(ids)
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
