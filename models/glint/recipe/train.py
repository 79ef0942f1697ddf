"""Step 3. Trains, or continues training. Ctrl-C (or SIGTERM) saves and stops; run it again to go on.

    python train.py --work .work --hours 1.5          a run with its decay inside these hours
    python train.py --work .work --hours 6            later: continues from <work>/last.pt
    python train.py --work .work --hours 6 --init ../glint-q8_0.gguf     without a checkpoint: from the published weights,
                                                      grown without changing what they compute where the shape is larger
    python train.py --work .work --device cuda --compile --batch-tokens 65536 ...

The learning rate warms up, stays, and falls linearly to zero over the last --decay of the time (or at once,
over --decay of the time passed, when the file <work>/DECAY_NOW appears). A finished run continues at the full rate.
"""
import argparse
import json
import math
import os
import signal
import time

import torch

from grow import grow
from model import Config, Llama
from muon import Muon
from reference import load

p = argparse.ArgumentParser()
p.add_argument("--work", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".work"))
p.add_argument("--device", default="cpu")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--compile", action="store_true")
p.add_argument("--hours", type=float, default=1.5)
p.add_argument("--decay", type=float, default=0.25)
p.add_argument("--batch-tokens", type=int, default=6144)
p.add_argument("--muon-lr", type=float, default=0.02)
p.add_argument("--adam-lr", type=float, default=3e-3)
p.add_argument("--warmup", type=int, default=60, help="steps")
p.add_argument("--short", type=float, default=0.6, help="share of the time spent on half-length windows")
p.add_argument("--validate", type=float, default=600, help="seconds between validations")
p.add_argument("--checkpoint", type=float, default=300, help="seconds between checkpoints")
p.add_argument("--seed", type=int, default=1)
p.add_argument("--init", help="a GGUF of the same or a smaller shape to start from where there is no checkpoint")
for name, default in Config().to_dict().items():
    p.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
args = p.parse_args()
torch.manual_seed(args.seed)
torch.set_num_threads(args.threads)
config = Config(**{k: getattr(args, k) for k in Config().to_dict()})
on_gpu = args.device.startswith("cuda")


def stream(name):
    path = os.path.join(args.work, name)
    return torch.from_file(path, shared=False, size=os.path.getsize(path) // 2, dtype=torch.int16)


train, val = stream("train.bin"), stream("val.bin")
model = Llama(config).to(args.device)
matrices = [w for b in model.blocks for w in b.parameters() if w.ndim == 2]
vectors = [w for b in model.blocks for w in b.parameters() if w.ndim == 1] + [model.norm]
optimizers = [
    Muon(matrices, lr=args.muon_lr, weight_decay=0.01),
    torch.optim.AdamW([{"params": [model.embed.weight]}, {"params": vectors}], lr=args.adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
]
state = {"step": 0, "tokens": 0, "windows": 0, "seconds": 0.0, "best": float("inf"), "log": []}
last = os.path.join(args.work, "last.pt")
if os.path.exists(last):
    saved = torch.load(last, map_location=args.device, weights_only=True)
    model.load_state_dict(saved["model"])
    for o, s in zip(optimizers, saved["optimizers"]):
        o.load_state_dict(s)
    state = saved["state"]
    print(f"continuing at step {state['step']}, {state['tokens']} tokens, {state['seconds'] / 3600:.2f} h", flush=True)
elif args.init:
    meta, published = load(args.init)
    model.load_state_dict(grow(published, config, torch.Generator().manual_seed(args.seed)))
    state["tokens"] = meta.get("glint.training_tokens", 0)

for o, rate in zip(optimizers, (args.muon_lr, args.adam_lr)):  # after loading: what was asked for now holds
    for g in o.param_groups:
        g["base"] = rate


def save(name):
    path = os.path.join(args.work, name)
    torch.save({"config": config.to_dict(), "model": model.state_dict(), "state": state,
                "optimizers": [o.state_dict() for o in optimizers]}, path + ".new")
    os.replace(path + ".new", path)


loss_of = torch.compile(model.loss, dynamic=False) if args.compile else model.loss


def loss_on(ids):
    ids = ids.to(args.device).long()
    with torch.autocast("cuda", torch.bfloat16, enabled=on_gpu):
        return loss_of(ids[:, :-1], ids[:, 1:])


def windows(data, length, starts):
    return torch.stack([data[s : s + length + 1] for s in starts])


@torch.no_grad()
def validate(rows=48):
    """Mean loss on fixed windows of full length, spread over documents no step has seen."""
    starts = torch.linspace(0, len(val) - config.context - 2, rows).long().tolist()
    n = max(1, args.batch_tokens // config.context)
    losses = [loss_on(windows(val, config.context, starts[i : i + n])).item() for i in range(0, rows - n + 1, n)]
    return sum(losses) / len(losses)


count = (len(train) - 1) // config.context  # windows in one pass over the data
per_step = args.batch_tokens // config.context
order, order_pass = None, -1


def next_batch(short):
    """The next windows in this pass's order; a half-length batch cuts each of them in two."""
    global order, order_pass
    starts = []
    for _ in range(per_step):
        n, i = divmod(state["windows"], count)
        if n != order_pass:
            order, order_pass = torch.randperm(count, generator=torch.Generator().manual_seed(args.seed + n)), n
        starts.append(int(order[i]) * config.context)
        state["windows"] += 1
    if short:
        half = config.context // 2
        starts = [s + d for s in starts for d in (0, half)]
        return windows(train, half, starts)
    return windows(train, config.context, starts)


begin, limit = time.time(), args.hours * 3600
decay_from = limit * (1 - args.decay)
checked = saved_at = begin
first, running = state["step"], None
stopped = []
for sig in (signal.SIGINT, signal.SIGTERM):
    signal.signal(sig, lambda *_: stopped.append(True))
before = state["seconds"]
while True:
    now = time.time() - begin
    if decay_from > now and os.path.exists(os.path.join(args.work, "DECAY_NOW")):
        decay_from, limit = now, now * (1 + args.decay)
    rate = min(1.0, (state["step"] - first + 1) / args.warmup, max(0.0, (limit - now) / (limit - decay_from)))
    if now >= limit:
        break
    if stopped:
        save("last.pt")
        raise SystemExit(f"stopped and saved at step {state['step']}")
    for o in optimizers:
        for g in o.param_groups:
            g["lr"] = g["base"] * rate
    loss = loss_on(next_batch(now < limit * args.short))
    loss.backward()
    for o in optimizers:
        o.step()
    model.zero_grad(set_to_none=True)
    state["step"] += 1
    state["tokens"] += per_step * config.context
    state["seconds"] = before + time.time() - begin
    running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
    if not math.isfinite(running):
        raise SystemExit("the loss is not finite: start again from best.pt with lower rates")
    if state["step"] % 20 == 0:
        speed = (state["step"] - first) * per_step * config.context / (time.time() - begin)
        print(f"step {state['step']} loss {running:.4f} rate {rate:.3f} {speed:.0f} tokens/s {now / 60:.1f} min", flush=True)
    if time.time() - checked > args.validate:
        held = validate()
        checked = time.time()
        state["log"].append([state["step"], state["tokens"], round(running, 4), round(held, 4)])
        print(f"step {state['step']} validation {held:.4f} nats/token", flush=True)
        if held < state["best"]:
            state["best"] = held
            save("best.pt")
    if time.time() - saved_at > args.checkpoint:
        save("last.pt")
        saved_at = time.time()
held = validate(384)
state["log"].append([state["step"], state["tokens"], round(running, 4), round(held, 4)])
if held < state["best"] or rate < 1:
    state["best"] = held
    save("best.pt")
save("last.pt")
with open(os.path.join(args.work, "log.json"), "w") as f:
    json.dump(state["log"], f)
print(f"done: step {state['step']}, {state['tokens']} tokens, {state['seconds'] / 3600:.2f} h, validation {held:.4f}")
