#!/usr/bin/env python3
"""Writes families.jsonl: folders of small models as descriptions, with what transformers says to some ids.

python3 -m pip install transformers==5.24.0 torch, then python3 test/golden/families.py > test/golden/families.jsonl.
The weights follow from a tensor's name and shape (`weight` of embeddings.py, `seededWeight` in test/helpers/seeded.ts).
"""
import json
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file

from embeddings import weight

usual = dict(
    vocab_size=260, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    tie_word_embeddings=False,
)
yarn = dict(
    rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16, beta_fast=32.0,
    beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1,
)
families = [
    ("ArceeConfig", {}),
    ("GlmConfig", dict(head_dim=8, attention_bias=True, partial_rotary_factor=0.5)),
    ("OlmoConfig", dict(clip_qkv=0.7)),
    ("Ministral3Config", dict(head_dim=8, rope_parameters=yarn)),
    ("Glm4MoeConfig", dict(
        head_dim=8, use_qk_norm=True, n_routed_experts=6, num_experts_per_tok=2, n_shared_experts=1,
        moe_intermediate_size=24, first_k_dense_replace=1, n_group=1, topk_group=1, norm_topk_prob=True,
        routed_scaling_factor=1.5,
    )),
    ("Ernie4_5_MoeConfig", dict(
        moe_num_experts=6, moe_k=2, moe_intermediate_size=24, moe_num_shared_experts=1, moe_layer_start_index=1,
        moe_layer_interval=1, moe_layer_end_index=-1,
    )),
    ("HunYuanMoEV1Config", dict(head_dim=8, num_experts=6, moe_topk=2)),
    ("MiniMaxM2Config", dict(head_dim=8, num_local_experts=6, num_experts_per_tok=2, rotary_dim=4)),
    ("Llama4TextConfig", dict(
        head_dim=8, intermediate_size_mlp=56, num_local_experts=4, num_experts_per_tok=1, interleave_moe_layer_step=2,
    )),
]
ids = [3 + (i * i * 7 + i * 5) % 250 for i in range(48)]

for kind, own in families:
    config = getattr(transformers, kind)(**{**usual, **own})
    with tempfile.TemporaryDirectory() as folder:
        transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
        stored = load_file(f"{folder}/model.safetensors")
        save_file(
            {name: weight(name, tuple(tensor.shape)) for name, tensor in stored.items()},
            f"{folder}/model.safetensors", metadata={"format": "pt"},
        )
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager",
        ).eval()
        with torch.no_grad():
            chances = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        golden = {
            "config": json.load(open(f"{folder}/config.json")),
            "tensors": {name: list(tensor.shape) for name, tensor in stored.items()},
            "ids": ids,
            "nll": [round(float(-chances[i, ids[i + 1]]), 6) for i in range(len(ids) - 1)],
        }
        print(json.dumps(golden, separators=(",", ":")))
    print(kind, file=sys.stderr)
