#!/usr/bin/env python3
"""Writes embeddings.jsonl: small models that make vectors, as descriptions, with what transformers makes of them.

python3 -m pip install transformers==5.24.0 torch, then python3 test/golden/embeddings.py > test/golden/embeddings.jsonl.
The weights follow from a tensor's name and shape (`weight` here, `seededWeight` in test/helpers/seeded.ts), so no file
holds them. Names and keys are GGUF's; the functions called …_names say how transformers calls each tensor.
"""
import json

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    Gemma3TextConfig,
    Gemma3TextModel,
    JinaEmbeddingsV3Config,
    JinaEmbeddingsV3Model,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertModel,
    NomicBertConfig,
    NomicBertModel,
    Qwen3Config,
    Qwen3Model,
)

VOCAB, HIDDEN, FFN, HEADS, CONTEXT = 96, 32, 48, 4, 64


def uniform(name):
    """Numbers in [-1, 1) of 24 bits, by xorshift from the FNV-1a hash of the name."""
    state = 0x811C9DC5
    for byte in name.encode():
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    state = state or 1
    while True:
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        yield (state >> 8) / 0x800000 - 1


def weight(name, shape):
    count = 1
    for size in shape:
        count *= size
    numbers = uniform(name)
    values = torch.tensor([next(numbers) for _ in range(count)], dtype=torch.float64).reshape(shape)
    if name.endswith("norm.weight"):
        values = 1 + values / 4
    elif name.endswith(".bias"):
        values = values / 8
    elif not name.startswith(("token_", "position_")):
        values = values * (2.5 / shape[-1] ** 0.5)
    return values.to(torch.float32)


def bert_names(name):
    part, *rest = name.rsplit(".", 1)
    top = {
        "token_embd": "embeddings.word_embeddings",
        "token_types": "embeddings.token_type_embeddings",
        "position_embd": "embeddings.position_embeddings",
        "token_embd_norm": "embeddings.LayerNorm",
    }
    if part in top:
        return f"{top[part]}.{rest[0]}"
    _, layer, stem = part.split(".")
    inner = {
        "attn_q": "attention.self.query",
        "attn_k": "attention.self.key",
        "attn_v": "attention.self.value",
        "attn_output": "attention.output.dense",
        "attn_output_norm": "attention.output.LayerNorm",
        "ffn_up": "intermediate.dense",
        "ffn_down": "output.dense",
        "layer_output_norm": "output.LayerNorm",
    }
    return f"encoder.layer.{layer}.{inner[stem]}.{rest[0]}"


def layered(top, inner):
    """Names of models whose layers are `layers.N`."""

    def names(name):
        part, kind = name.rsplit(".", 1)
        if part in top:
            return f"{top[part]}.{kind}"
        _, layer, stem = part.split(".")
        return f"layers.{layer}.{inner[stem]}.{kind}"

    return names


EMBEDDINGS = {
    "token_embd": "embeddings.word_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
}
QKV = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj"}
SUMS = {"attn_output_norm": "post_attention_layernorm", "layer_output_norm": "post_mlp_layernorm"}
nomic_names = layered(
    EMBEDDINGS,
    {**QKV, **SUMS, "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
     "ffn_down": "mlp.down_proj"},
)
jina3_names = layered(
    EMBEDDINGS, {**QKV, **SUMS, "attn_output": "self_attn.o_proj", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2"}
)
modern_names = layered(
    {"token_embd": "embeddings.tok_embeddings", "token_embd_norm": "embeddings.norm", "output_norm": "final_norm"},
    {"attn_norm": "attn_norm", "attn_qkv": "attn.Wqkv", "attn_output": "attn.Wo", "ffn_norm": "mlp_norm",
     "ffn_up": "mlp.Wi", "ffn_down": "mlp.Wo"},
)
DECODER = {
    **QKV,
    "attn_norm": "input_layernorm",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP = {"token_embd": "embed_tokens", "output_norm": "norm"}
qwen3_names = layered(TOP, {**DECODER, "ffn_norm": "post_attention_layernorm"})
gemma_names = layered(
    TOP,
    {**DECODER, "ffn_norm": "pre_feedforward_layernorm", "post_attention_norm": "post_attention_layernorm",
     "post_ffw_norm": "post_feedforward_layernorm"},
)

SIZES = {"vocab_size": VOCAB, "hidden_size": HIDDEN, "intermediate_size": FFN, "num_attention_heads": HEADS,
         "num_hidden_layers": 2, "max_position_embeddings": CONTEXT, "pad_token_id": 0}
KEYS = {"vocab_size": VOCAB, "embedding_length": HIDDEN, "feed_forward_length": FFN, "attention.head_count": HEADS,
        "block_count": 2, "context_length": CONTEXT}
LAYER = {"attention.layer_norm_epsilon": 1e-5}
RMS = {"attention.layer_norm_rms_epsilon": 1e-6}
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}


def encoder(has_bias, *, gate=False, types=2, positions=False):
    tensors = {"token_embd.weight": [VOCAB, HIDDEN], "token_types.weight": [types, HIDDEN]}
    if positions:
        tensors["position_embd.weight"] = [CONTEXT, HIDDEN]
    norm = lambda name: {f"{name}.weight": [HIDDEN], f"{name}.bias": [HIDDEN]}
    tensors |= norm("token_embd_norm")
    for layer in range(2):
        at = f"blk.{layer}."
        for stem, shape in {"attn_q": [HIDDEN, HIDDEN], "attn_k": [HIDDEN, HIDDEN], "attn_v": [HIDDEN, HIDDEN],
                            "attn_output": [HIDDEN, HIDDEN], **({"ffn_gate": [FFN, HIDDEN]} if gate else {}),
                            "ffn_up": [FFN, HIDDEN], "ffn_down": [HIDDEN, FFN]}.items():
            tensors[f"{at}{stem}.weight"] = shape
            if has_bias:
                tensors[f"{at}{stem}.bias"] = shape[:1]
        tensors |= norm(f"{at}attn_output_norm") | norm(f"{at}layer_output_norm")
    return tensors


def modern(layers):
    tensors = {name: [HIDDEN] for name in ("token_embd_norm.weight", "output_norm.weight")}
    tensors["token_embd.weight"] = [VOCAB, HIDDEN]
    for layer in range(layers):
        at = f"blk.{layer}."
        if layer > 0:
            tensors[f"{at}attn_norm.weight"] = [HIDDEN]
        tensors |= {f"{at}attn_qkv.weight": [3 * HIDDEN, HIDDEN], f"{at}attn_output.weight": [HIDDEN, HIDDEN],
                    f"{at}ffn_norm.weight": [HIDDEN], f"{at}ffn_up.weight": [2 * FFN, HIDDEN],
                    f"{at}ffn_down.weight": [HIDDEN, FFN]}
    return tensors


def causal(layers, head, kv_heads, norms):
    tensors = {"token_embd.weight": [VOCAB, HIDDEN], "output_norm.weight": [HIDDEN]}
    for layer in range(layers):
        at = f"blk.{layer}."
        tensors |= {f"{at}{name}.weight": [HIDDEN] for name in norms}
        tensors |= {f"{at}attn_q_norm.weight": [head], f"{at}attn_k_norm.weight": [head],
                    f"{at}attn_q.weight": [HEADS * head, HIDDEN], f"{at}attn_k.weight": [kv_heads * head, HIDDEN],
                    f"{at}attn_v.weight": [kv_heads * head, HIDDEN], f"{at}attn_output.weight": [HIDDEN, HEADS * head],
                    f"{at}ffn_gate.weight": [FFN, HIDDEN], f"{at}ffn_up.weight": [FFN, HIDDEN],
                    f"{at}ffn_down.weight": [HIDDEN, FFN]}
    return tensors


INPUTS = [[1, 17, 54, 90, 2], [1] + [(i * 37) % 90 + 4 for i in range(45)] + [2]]


def load(model, described, names, plus=0.0, tensors=None):
    """Puts the weights where transformers has them, and says in `described` what a folder of the model would hold."""
    tensors = tensors or described["tensors"]
    state = {names(name): weight(name, shape) - (plus if "norm" in name else 0) for name, shape in tensors.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    left = [name for name in missing if "pooler" not in name]
    assert not left and not unexpected, (left, unexpected)
    config = model.config.to_dict()
    general = ("return_dict", "output_", "problem_type", "id2label", "label2id", "chunk_size", "is_", "torchscript",
               "transformers_version", "dtype", "_name_or_path", "layer_types")
    described["folder"] = {
        "config": {"architectures": [type(model).__name__]}
        | {key: value for key, value in config.items() if value is not None and not key.startswith(general)},
        "names": {name: names(name) for name in tensors},
        "lessOne": plus == 1,
    }
    return model.eval()


def pooled(rows, how):
    vector = rows.mean(0) if how == "mean" else rows[0] if how == "first" else rows[-1]
    return (vector / vector.norm()).tolist()


def vectors(model, pooling, tail=lambda v: v):
    results = []
    with torch.no_grad():
        for ids in INPUTS:
            rows = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            vector = torch.tensor(pooled(rows, pooling))
            vector = tail(vector)
            results.append([round(x, 7) for x in (vector / vector.norm()).tolist()])
    return results


def scores(model):
    with torch.no_grad():
        return [[round(x, 6) for x in model(input_ids=torch.tensor([ids])).logits[0].tolist()] for ids in INPUTS]


def all_models():
    gelu = {"hidden_act": "gelu"}
    model = dict(tensors=encoder(True, positions=True), keys={**KEYS, **LAYER, "pooling_type": 1})
    made = load(BertModel(BertConfig(**SIZES, **gelu, layer_norm_eps=1e-5)), model, bert_names)
    yield "bert", model, vectors(made, "mean")

    # The classifier's first product is BERT's pooler, as GGUF writers have it.
    tensors = encoder(True, positions=True)
    heads = {"cls.weight": [HIDDEN, HIDDEN], "cls.bias": [HIDDEN], "cls.output.weight": [1, HIDDEN],
             "cls.output.bias": [1]}
    names = {"cls": "bert.pooler.dense", "cls.output": "classifier"}

    def ranked(name):
        part, kind = name.rsplit(".", 1)
        return f"{names[part]}.{kind}" if part in names else f"bert.{bert_names(name)}"

    ranker = BertForSequenceClassification(BertConfig(**SIZES, **gelu, layer_norm_eps=1e-5, num_labels=1))
    model = dict(tensors={**tensors, **heads}, keys={**KEYS, **LAYER, "pooling_type": 4})
    yield "bert", model, scores(load(ranker, model, ranked))

    rope = {"rope_theta": 1000.0, "rope_type": "default"}
    model = dict(tensors=encoder(False, gate=True), keys={**KEYS, **LAYER, "pooling_type": 1, "rope.freq_base": 1000.0})
    config = NomicBertConfig(**SIZES, hidden_act="silu", layer_norm_eps=1e-5, rope_parameters=rope)
    yield "nomic-bert", model, vectors(load(NomicBertModel(config), model, nomic_names), "mean")

    model = dict(tensors=encoder(True, types=1),
                 keys={**KEYS, **LAYER, "pooling_type": 1, "rope.freq_base": 20000.0})
    rope = {"rope_theta": 20000.0, "rope_type": "default"}
    config = JinaEmbeddingsV3Config(**SIZES, **gelu, layer_norm_eps=1e-5, type_vocab_size=1, rope_parameters=rope)
    yield "jina-bert-v3", model, vectors(load(JinaEmbeddingsV3Model(config), model, jina3_names), "mean")

    sizes = {**SIZES, **ENDS, "num_hidden_layers": 4}
    ropes = {"full_attention": {"rope_theta": 160000.0, "rope_type": "default"},
             "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}}
    keys = {**KEYS, **LAYER, "block_count": 4, "rope.freq_base": 160000.0, "rope.freq_base_swa": 10000.0,
            "attention.sliding_window": 16}
    config = dict(**sizes, norm_eps=1e-5, local_attention=16, rope_parameters=ropes)
    model = dict(tensors=modern(4), keys={**keys, "pooling_type": 2})
    yield "modern-bert", model, vectors(load(ModernBertModel(ModernBertConfig(**config)), model, modern_names), "first")

    names = {"cls": "head.dense", "cls.norm": "head.norm", "cls.output": "classifier"}
    heads = {"cls.weight": [HIDDEN, HIDDEN], "cls.norm.weight": [HIDDEN], "cls.output.weight": [1, HIDDEN],
             "cls.output.bias": [1]}

    def modern_ranked(name):
        part, kind = name.rsplit(".", 1)
        return f"{names[part]}.{kind}" if part in names else f"model.{modern_names(name)}"

    ranker = ModernBertForSequenceClassification(ModernBertConfig(**config, num_labels=1, classifier_pooling="mean"))
    model = dict(tensors={**modern(4), **heads}, keys={**keys, "pooling_type": 4})
    yield "modern-bert", model, scores(load(ranker, model, modern_ranked))

    norms = ("attn_norm", "ffn_norm")
    model = dict(tensors=causal(2, 16, 2, norms),
                 keys={**KEYS, **RMS, "attention.head_count_kv": 2, "attention.key_length": 16,
                       "attention.value_length": 16, "rope.freq_base": 1000000.0, "pooling_type": 3})
    config = Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-6,
                         rope_parameters={"rope_theta": 1000000.0, "rope_type": "default"})
    yield "qwen3", model, vectors(load(Qwen3Model(config), model, qwen3_names), "last")

    norms = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    dense = {"dense_2.weight": [2 * HIDDEN, HIDDEN], "dense_3.weight": [HIDDEN, 2 * HIDDEN]}
    tensors = causal(7, 16, 1, norms)
    model = dict(tensors={**tensors, **dense},
                 keys={**KEYS, **RMS, "block_count": 7, "attention.head_count_kv": 1, "attention.key_length": 16,
                       "attention.value_length": 16, "rope.freq_base": 1000000.0, "rope.freq_base_swa": 10000.0,
                       "attention.sliding_window": 16, "pooling_type": 1})
    config = Gemma3TextConfig(
        **{**SIZES, "num_hidden_layers": 7}, num_key_value_heads=1, head_dim=16, rms_norm_eps=1e-6,
        query_pre_attn_scalar=16, sliding_window=16, use_bidirectional_attention=True,
        rope_parameters={"full_attention": {"rope_theta": 1000000.0, "rope_type": "default"},
                         "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}})
    # GGUF keeps a norm's weight, transformers the same less one.
    made = load(Gemma3TextModel(config), model, gemma_names, plus=1.0, tensors=tensors)
    products = [weight(name, shape) for name, shape in dense.items()]
    yield "gemma-embedding", model, vectors(made, "mean", lambda v: products[1] @ (products[0] @ v))


if __name__ == "__main__":
    torch.manual_seed(0)
    for architecture, model, results in all_models():
        print(json.dumps({"architecture": architecture, **model, "inputs": INPUTS, "results": results}))
