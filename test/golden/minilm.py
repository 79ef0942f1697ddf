#!/usr/bin/env python3
"""minilm.py FOLDER > minilm.jsonl: ids and vectors of texts by transformers 5.24 and tokenizers, for get-minilm.sh's model."""
import json
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModel

TEXTS = [
    "A man is eating food.",
    "Someone eats a meal.",
    "The stock market fell today.",
    "Ein Satz mit Umlauten: Übergrößenträger, naïve café.",
    "日本語のテキスト and emoji 🙂 mixed",
    "def add(a, b): return a + b  # code",
]

folder = sys.argv[1]
model = AutoModel.from_pretrained(folder).eval()
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
tokenizer.no_truncation()
for text in TEXTS:
    ids = tokenizer.encode(text).ids
    with torch.no_grad():
        vector = model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
    values = [round(value, 6) for value in (vector / vector.norm()).tolist()]
    print(json.dumps({"text": text, "ids": ids, "vector": values}, ensure_ascii=False))
