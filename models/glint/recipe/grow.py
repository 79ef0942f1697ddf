"""Widens and deepens trained weights without changing what they compute: whatever is new adds zero until it is trained."""
import torch

from model import Llama

WRITES = ("o.weight", "down.weight")  # what a block adds to the residual stream


@torch.no_grad()
def grow(small, config, generator):
    """The weights of a Llama of shape `config` that computes what `small` computes.

    The vocabulary, the width and the heads stay; blocks may be added (behind every old block in turn) and the FFN widened.
    """
    old, c = small.c, config
    kept = ("vocab", "hidden", "heads", "kv_heads", "rope_base")
    changed = [k for k in kept if getattr(old, k) != getattr(c, k)]
    if changed or c.layers < old.layers or c.ffn < old.ffn:
        raise ValueError(f"cannot grow {old} into {c}: only layers, ffn and context may be larger, and nothing may be smaller")
    have, out = small.state_dict(), Llama(c).state_dict()
    for name in ("embed.weight", "norm"):
        out[name] = have[name]
    # Evenly spread: block i of the larger model repeats block i * old // new; only the first repetition writes.
    source = [i * old.layers // c.layers for i in range(c.layers)]
    for i, s in enumerate(source):
        copy = i > 0 and source[i - 1] == s
        for name, w in small.blocks[s].state_dict().items():
            target = out[f"blocks.{i}.{name}"]
            if w.shape == target.shape:
                target.copy_(w)
            else:  # new FFN neurons: random readers, writers of zero
                target.copy_(torch.randn(target.shape, generator=generator) * target.shape[1] ** -0.5)
                if name in WRITES:
                    target.zero_()
                target[: w.shape[0], : w.shape[1]] = w
            if copy and name in WRITES:
                target.zero_()
    return out
