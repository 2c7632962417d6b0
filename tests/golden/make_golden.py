#!/usr/bin/env python3
"""Golden numbers for the C++ tests: a tiny llama and four ways to extend it, written in PyTorch from the formulas alone.

Everything is float64. Writes golden.safetensors (all tensors, F64) and golden.json (sizes, options, losses) into the folder of --out.
With --check the backbone is first compared with transformers' LlamaForCausalLM.
"""
import argparse
import json
import math
import os
import struct
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

# The first from 20250 on for which all requirements below hold: gates open and closed, clipping on and off, one step without original text.
SEED = 20293
MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "intermediate_size": 24,
    "vocab_size": 31,
    "max_position_embeddings": 12,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
}
DATA = {"steps": 10, "batch": 4, "sequence": 12, "original": 0, "target": 1}
TRAIN = {"betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1, "warmup": 3, "floor": 0.1, "clip": 0.5}
METHODS = {
    "neutral": {"rate": 1e-2, "width": 5, "alpha": 0.1},
    "adapter": {"rate": 1e-2, "width": 6},
    "lora": {"rate": 1e-2, "rank": 2, "scale": 1.0},
    "finetune": {"rate": 1e-3},
}

D, LAYERS, VOCAB = MODEL["hidden_size"], MODEL["num_hidden_layers"], MODEL["vocab_size"]
HEADS, KV_HEADS, HEAD_DIM, FFN = (MODEL[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size"))

# Site of a projection -> (name in the checkpoint, rows, columns).
SITES = {
    "q": ("self_attn.q_proj", HEADS * HEAD_DIM, D),
    "k": ("self_attn.k_proj", KV_HEADS * HEAD_DIM, D),
    "v": ("self_attn.v_proj", KV_HEADS * HEAD_DIM, D),
    "o": ("self_attn.o_proj", D, HEADS * HEAD_DIM),
    "gate": ("mlp.gate_proj", FFN, D),
    "up": ("mlp.up_proj", FFN, D),
    "down": ("mlp.down_proj", D, FFN),
}


class Draw:
    """Seeded numbers, one stream an instance, so that a change to one part leaves the others as they are."""

    def __init__(self, stream):
        self.generator = torch.Generator().manual_seed(SEED + stream)

    def normal(self, *shape, mean=0.0, std=0.3):
        return mean + std * torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def tokens(self, *shape):
        return torch.randint(VOCAB, shape, generator=self.generator)

    def uniform(self, *shape):
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64)


def draw_backbone():
    draw, weights = Draw(0), {}
    weights["model.embed_tokens.weight"] = draw.normal(VOCAB, D)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name, rows, columns in SITES.values():
            weights[f"{prefix}.{name}.weight"] = draw.normal(rows, columns)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}.{norm}.weight"] = draw.normal(D, mean=1.0, std=0.1)
    weights["model.norm.weight"] = draw.normal(D, mean=1.0, std=0.1)
    weights["lm_head.weight"] = draw.normal(VOCAB, D)
    return weights


def draw_data():
    """inputs, targets: (steps,B,T); domains: (steps,B), a third original, and one step with none of them."""
    draw = Draw(1)
    steps, batch, length = DATA["steps"], DATA["batch"], DATA["sequence"]
    inputs, targets = draw.tokens(steps, batch, length), draw.tokens(steps, batch, length)
    domains = (draw.uniform(steps, batch) > 1 / 3).long()
    domains[4] = DATA["target"]
    require(0 < domains[0].sum() < batch, "step 0 must hold both domains")
    require((domains == DATA["target"]).all(1).sum() == 1, "exactly one step must lack original-domain sequences")
    share = (domains == DATA["original"]).double().mean().item()
    require(0.25 < share < 0.45, f"share {share} of the sequences is original, not about a third")
    return inputs, targets, domains


def rms_norm(x, weight):
    return weight * (x / torch.sqrt((x * x).mean(-1, keepdim=True) + MODEL["rms_norm_eps"]))


def rotate(x):
    """RoPE, half-split: elements p and p + hd/2 of a head turn together by t * theta^(-2p/hd).   x: (B,heads,T,hd)"""
    half = x.shape[-1] // 2
    frequency = MODEL["rope_theta"] ** (-2.0 * torch.arange(half, dtype=torch.float64) / x.shape[-1])
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * frequency  # (T,hd/2)
    u, v = x[..., :half], x[..., half:]
    return torch.cat([u * angle.cos() - v * angle.sin(), v * angle.cos() + u * angle.sin()], -1)


def attention(q, k, v):
    """Causal, query head j reads key/value head floor(j / (H/K)).   q: (B,T,H*hd)   k, v: (B,T,K*hd)"""
    batch, length, _ = q.shape
    q, k, v = (x.view(batch, length, -1, HEAD_DIM).transpose(1, 2) for x in (q, k, v))
    q, k = rotate(q), rotate(k)
    shared = torch.arange(HEADS) // (HEADS // KV_HEADS)
    scores = q @ k[:, shared].transpose(-1, -2) / math.sqrt(HEAD_DIM)  # (B,H,T,T)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -math.inf).softmax(-1)
    return (weights @ v[:, shared]).transpose(1, 2).reshape(batch, length, HEADS * HEAD_DIM)


def forward(weights, tokens, method=None):
    """Logits (B,T,V) of the backbone with what the method adds to its projections and its FFN blocks."""
    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"

        def project(site, value):
            y = value @ weights[f"{prefix}.{SITES[site][0]}.weight"].T
            return y + method.projection(layer, site, value) if method else y

        n = rms_norm(x, weights[f"{prefix}.input_layernorm.weight"])
        x = x + project("o", attention(project("q", n), project("k", n), project("v", n)))
        n = rms_norm(x, weights[f"{prefix}.post_attention_layernorm.weight"])
        y = project("down", F.silu(project("gate", n)) * project("up", n))
        x = x + (y + method.residue(layer, n) if method else y)
    return rms_norm(x, weights["model.norm.weight"]) @ weights["lm_head.weight"].T


class Finetune:
    """All weights of the backbone train, nothing is added; also the base of the other methods."""

    def __init__(self, backbone):
        self.weights = {name: value.clone() for name, value in backbone.items()}
        self.trainable = self.weights

    def projection(self, layer, site, x):
        return 0.0

    def residue(self, layer, x):
        return 0.0

    def local(self, domains):
        return torch.zeros((), dtype=torch.float64)


class Adapter(Finetune):
    """A(x) = W_o (silu(W_g x) * (W_i x)) beside the FFN."""

    def __init__(self, backbone, stream=3, width=METHODS["adapter"]["width"]):
        super().__init__(backbone)
        draw, self.trainable = Draw(stream), {}
        for layer in range(LAYERS):
            self.trainable[f"adapter.{layer}.gate_proj"] = draw.normal(width, D)
            self.trainable[f"adapter.{layer}.up_proj"] = draw.normal(width, D)
            self.trainable[f"adapter.{layer}.down_proj"] = draw.normal(D, width)
        self.draw = draw

    def residue(self, layer, x):
        gate, up, down = (self.trainable[f"adapter.{layer}.{name}_proj"] for name in ("gate", "up", "down"))
        return (F.silu(x @ gate.T) * (x @ up.T)) @ down.T


class Neutral(Adapter):
    """r(x) = relu(w_b . x) * A(x), with the local loss on original-domain sequences."""

    def __init__(self, backbone):
        super().__init__(backbone, stream=2, width=METHODS["neutral"]["width"])
        for layer in range(LAYERS):
            self.trainable[f"adapter.{layer}.gate"] = self.draw.normal(1, D)
        self.logits, self.residues = {}, {}

    def residue(self, layer, x):
        self.logits[layer] = x @ self.trainable[f"adapter.{layer}.gate"].T  # (B,T,1)
        self.residues[layer] = torch.relu(self.logits[layer]) * super().residue(layer, x)  # (B,T,d)
        return self.residues[layer]

    def local(self, domains):
        """Mean over layers and original-domain tokens of sum_c |r_c| / d; zero where the step has none."""
        original = domains == DATA["original"]
        counted = LAYERS * int(original.sum()) * DATA["sequence"]
        if counted == 0:
            return super().local(domains)
        return sum(r[original].abs().sum() / D for r in self.residues.values()) / counted


class Lora(Finetune):
    """y = W x + scale B (A x) on every projection."""

    def __init__(self, backbone):
        super().__init__(backbone)
        draw, rank, self.trainable = Draw(4), METHODS["lora"]["rank"], {}
        for layer in range(LAYERS):
            for site, (_, rows, columns) in SITES.items():
                self.trainable[f"adapter.{layer}.{site}.lora_a"] = draw.normal(rank, columns)
                self.trainable[f"adapter.{layer}.{site}.lora_b"] = draw.normal(rows, rank)

    def projection(self, layer, site, x):
        a, b = (self.trainable[f"adapter.{layer}.{site}.lora_{part}"] for part in "ab")
        return METHODS["lora"]["scale"] * ((x @ a.T) @ b.T)


def rate_at(step, base):
    warmup, floor = TRAIN["warmup"], TRAIN["floor"]
    if step < warmup:
        return base * (step + 1) / warmup
    progress = (step - warmup) / (DATA["steps"] - warmup)
    return base * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(trainable):
    """PyTorch's AdamW; matrices decay, norm vectors do not."""
    matrices = [value for value in trainable.values() if value.dim() == 2]
    vectors = [value for value in trainable.values() if value.dim() != 2]
    groups = [{"params": matrices, "weight_decay": TRAIN["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], betas=tuple(TRAIN["betas"]), eps=TRAIN["eps"])


def clip(trainable):
    """Scales all gradients by min(1, clip / norm) and returns the norm before; torch's own adds 1e-6 to the norm."""
    norm = torch.sqrt(sum((value.grad ** 2).sum() for value in trainable.values()))
    for value in trainable.values():
        value.grad *= min(1.0, TRAIN["clip"] / norm.item())
    return norm.item()


def check_neutral(method, domains, step):
    """The numbers must not hang on a kink that rounding could cross, and step 0 must have open and closed gates in both domains."""
    for layer in range(LAYERS):
        logits, residue = method.logits[layer].detach(), method.residues[layer].detach()
        require(logits.abs().min() > 1e-6, "a gate logit lies on the kink of relu")
        opened = residue[logits.squeeze(-1) > 0]
        require(opened.abs().min() > 1e-8, "an open residue lies on the kink of |r|")
        for domain in (DATA["original"], DATA["target"]) if step == 0 else ():
            share = (logits[domains == domain] > 0).double().mean().item()
            require(0.1 < share < 0.9, f"layer {layer}: share {share} of the gates open in domain {domain}")


def train(name, method, data):
    """Ten steps. Returns the numbers for the JSON file and the tensors, named <method>.start, .grad and (neutral) .end."""
    options, trainable = METHODS[name], method.trainable
    tensors = {f"{name}.start.{key}": value.clone() for key, value in trainable.items()}
    for value in trainable.values():
        value.requires_grad_(True)
    optimizer, log = make_optimizer(trainable), {"loss": [], "lm": [], "local": [], "gradient_norm": [], "rates": []}
    for step, (inputs, targets, domains) in enumerate(zip(*data)):
        logits = forward(method.weights, inputs, method)
        lm = F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1))
        local = method.local(domains)
        loss = lm + options.get("alpha", 0.0) * local
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            tensors |= {f"{name}.grad.{key}": value.grad.clone() for key, value in trainable.items()}
        if name == "neutral":
            check_neutral(method, domains, step)
        norm, rate = clip(trainable), rate_at(step, options["rate"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        for key, number in zip(log, (loss.item(), lm.item(), local.item(), norm, rate)):
            log[key].append(number)
    for key in trainable:
        require(tensors[f"{name}.grad.{key}"].abs().max() > 1e-6, f"{name}: {key} has no gradient")
    if name in ("neutral", "adapter"):
        require(min(log["gradient_norm"]) < TRAIN["clip"] < max(log["gradient_norm"]), "clipping must bite in some steps and not in others")
    if name == "neutral":
        tensors |= {f"{name}.end.{key}": value.detach() for key, value in trainable.items()}
    return {**options, **log}, tensors


GATES = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": lambda s: torch.where(s > 0, s, torch.expm1(s)),
    "softplus": lambda s: torch.log1p(torch.exp(s)),
    "hard_sigmoid": lambda s: torch.clamp(s / 6 + 0.5, 0, 1),
    "jump_relu": lambda s: torch.where(s > 0.1, s, torch.zeros_like(s)),
}
PENALTIES = {
    "l1": lambda r, y: r.abs().sum(-1) / r.shape[-1],
    "l2": lambda r, y: (r * r).sum(-1) / r.shape[-1],
    "group_lasso": lambda r, y: torch.sqrt((r * r).sum(-1) / r.shape[-1]),
    "hoyer": lambda r, y: r.abs().sum(-1) ** 2 / (r * r).sum(-1) / r.shape[-1],
    "relative": lambda r, y: r.norm(dim=-1) / y.norm(dim=-1),
}


def policy_cases():
    """Gates: value and slope at each logit. Penalties: sum over the six tokens, and its gradient."""
    draw = Draw(5)
    r, y = draw.normal(6, 8, std=1.0), draw.normal(6, 8, std=1.0)
    # One logit for each piece of each gate: below -3, negative, under the jump at 0.1, over it, larger, above 3.
    s = torch.tensor([-4.0, -1.5, 0.05, 0.4, 2.0, 5.0], dtype=torch.float64) + draw.normal(6, std=0.01)
    label = torch.tensor([0, 1, 1, 0, 0, 1], dtype=torch.float64)
    out = {"policy.r": r, "policy.y": y, "policy.s": s, "policy.label": label}

    def differentiate(x, function):
        x = x.clone().requires_grad_(True)
        value = function(x)
        return value.detach(), torch.autograd.grad(value.sum(), x)[0]

    for name, gate in GATES.items():
        out[f"policy.gate.{name}.value"], out[f"policy.gate.{name}.slope"] = differentiate(s, gate)
    for name, penalty in PENALTIES.items():
        value, gradient = differentiate(r, lambda x: penalty(x, y))
        out[f"policy.penalty.{name}.value"], out[f"policy.penalty.{name}.gradient"] = value.sum().view(1), gradient
    value, gradient = differentiate(s, lambda x: GATES["softplus"](x) - label * x)
    out["policy.penalty.domain_cross_entropy.value"], out["policy.penalty.domain_cross_entropy.gradient"] = value.sum().view(1), gradient
    return out


def require(condition, message):
    if not condition:
        raise SystemExit(f"make_golden: {message}")


def write(path, content):
    """Beside the target, flushed, then renamed over it."""
    beside = path.with_name(path.name + ".new")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def safetensors(tensors):
    header, buffer = {}, b""
    for name in sorted(tensors):
        values = tensors[name].detach().double()
        content = struct.pack(f"<{values.numel()}d", *values.flatten().tolist())
        header[name] = {"dtype": "F64", "shape": list(values.shape), "data_offsets": [len(buffer), len(buffer) + len(content)]}
        buffer += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + buffer


def check_with_transformers(backbone, tokens):
    """Largest difference of the logits from LlamaForCausalLM, its fixed single-precision steps (norms, softmax, angles) raised to double."""
    from unittest import mock

    import transformers

    torch.set_default_dtype(torch.float64)
    with mock.patch.object(torch, "float32", torch.float64), mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**MODEL))
        missing, unexpected = model.load_state_dict(backbone, strict=False)
        require(not unexpected and all("rotary" in name for name in missing), f"names differ: {missing} {unexpected}")
        with torch.no_grad():
            theirs = model(tokens).logits
    torch.set_default_dtype(torch.float32)
    require(theirs.dtype == torch.float64, f"transformers gave {theirs.dtype}")
    difference = (theirs - forward(backbone, tokens)).abs().max().item()
    print(f"transformers {transformers.__version__}: largest difference of the logits {difference:.1e}")
    require(difference < 1e-10, "the backbone differs from transformers")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, help="folder to write to (default: this one)")
    parser.add_argument("--check", action="store_true", help="compare the backbone with transformers first")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    backbone, data = draw_backbone(), draw_data()
    if options.check:
        check_with_transformers(backbone, data[0][0])
    tensors = {f"backbone.{name}": value for name, value in backbone.items()}
    tensors |= dict(zip(("data.inputs", "data.targets", "data.domains"), data))
    tensors["backbone.logits"] = forward(backbone, data[0][0])
    results = {}
    for name, kind in (("neutral", Neutral), ("adapter", Adapter), ("lora", Lora), ("finetune", Finetune)):
        results[name], more = train(name, kind(backbone), data)
        tensors |= more
    tensors |= policy_cases()
    document = {
        "versions": {"python": sys.version.split()[0], "torch": torch.__version__},
        "seed": SEED,
        "model": MODEL,
        "data": DATA,
        "train": TRAIN,
        "methods": results,
        "policy": {"elu_alpha": 1.0, "jump_relu_threshold": 0.1},
    }
    write(options.out / "golden.safetensors", safetensors(tensors))
    write(options.out / "golden.json", (json.dumps(document, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
