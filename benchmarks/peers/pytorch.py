#!/usr/bin/env python3
"""The work of benchmarks/step in PyTorch, written for speed: the same weights, batch and update.

    pytorch.py FOLDER --mode adapter|lora|full|forward [--precision float|bf16] [--compile MODE] [--threads N]

FOLDER is the output of `step --peer FOLDER`. Every line of input runs a step and is answered with a line of JSON;
compare.py drives both programs. Uses fused kernels where this PyTorch has them: scaled_dot_product_attention (from
2.0), rms_norm and AdamW (from 2.4), cross_entropy. In bf16, frozen matrices are stored as bf16, because autocast would
convert them in every step. Trained weights stay float32, and autocast converts them once per step; the output of a norm
is converted once.
"""
import argparse
import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F


def load_file(path):
    """The tensors of a safetensors file in float32."""
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    entries = {name: entry for name, entry in json.loads(data[8:start]).items() if name != "__metadata__"}
    assert all(entry["dtype"] == "F32" for entry in entries.values()), f"{path}: only float32 tensors are expected"
    numbers = lambda begin, end: torch.frombuffer(data[start + begin:start + end], dtype=torch.float32)
    return {name: numbers(*entry["data_offsets"]).view(entry["shape"]) for name, entry in entries.items()}


def rms_norm(x, weight, epsilon):
    if hasattr(F, "rms_norm"):
        return F.rms_norm(x, (x.shape[-1],), weight, epsilon)
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight


def causal_attention(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    length = q.shape[-2]
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
    return scores.masked_fill(future, float("-inf")).softmax(-1).to(v.dtype) @ v


def resident_mb(what):
    return next(int(line.split()[1]) * 1.024e-3 for line in open("/proc/self/status") if line.startswith(what + ":"))


class Model(torch.nn.Module):
    """The llama of config.json with a neutral residue beside each FFN, LoRA at all projections, or neither."""

    def __init__(self, folder, mode, precision):
        super().__init__()
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self.config = json.loads((folder / "config.json").read_text())
        self.mode = mode
        backbone = load_file(folder / "model.safetensors")
        adapter = load_file(folder / "adapter.safetensors") if mode != "full" else {}
        as_parameters = lambda tensors, trained: torch.nn.ParameterDict(
            {name.replace(".", "/"): torch.nn.Parameter(value, requires_grad=trained) for name, value in tensors.items()})
        frozen = lambda tensors: {name: value.to(self.dtype) if value.dim() == 2 else value for name, value in tensors.items()}
        self.embedding = torch.nn.Parameter(backbone["model.embed_tokens.weight"], requires_grad=mode == "full")
        if mode != "full":
            backbone = frozen(backbone)  # the head is the embedding, in the products' type
        else:
            del backbone["model.embed_tokens.weight"]
        self.weights = as_parameters(backbone, mode == "full")
        self.adapter = as_parameters(frozen(adapter) if mode == "forward" else adapter, mode != "forward")
        c, length = self.config, self.config["max_position_embeddings"]
        self.heads, width = c["num_attention_heads"], c["hidden_size"] // c["num_attention_heads"]
        theta = c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
        angle = torch.arange(length)[:, None] * theta ** (-torch.arange(0, width, 2) / width)
        angle = torch.cat([angle, angle], -1).double()
        self.register_buffer("cosine", angle.cos().float())
        self.register_buffer("sine", angle.sin().float())

    def weight(self, name):
        return self.weights[name.replace(".", "/") + "/weight"]

    def project(self, x, layer, block, site):
        y = F.linear(x, self.weight(f"model.layers.{layer}.{block}.{site}_proj"))
        if self.mode != "lora":
            return y
        name = f"adapter/{layer}/{site}/lora_"
        return y + F.linear(F.linear(x, self.adapter[name + "a"]), self.adapter[name + "b"])

    def norm(self, x, name):
        return rms_norm(x, self.weight(name), self.config["rms_norm_eps"]).to(self.dtype)

    def turn(self, x):
        u, v = x.chunk(2, -1)
        return x * self.cosine.to(x.dtype) + torch.cat([-v, u], -1) * self.sine.to(x.dtype)

    def attention(self, x, layer):
        batch, length, dim = x.shape
        split = lambda y: y.view(batch, length, self.heads, -1).transpose(1, 2)
        q, k, v = (split(self.project(x, layer, "self_attn", site)) for site in "qkv")
        y = causal_attention(self.turn(q), self.turn(k), v)
        return self.project(y.transpose(1, 2).reshape(batch, length, dim), layer, "self_attn", "o")

    def residue(self, x, layer):
        body = lambda name: self.adapter[f"adapter/{layer}/{name}"]
        gate = F.relu(F.linear(x, body("gate")))
        return gate * F.linear(F.silu(F.linear(x, body("gate_proj"))) * F.linear(x, body("up_proj")), body("down_proj"))

    def forward(self, inputs, targets, original):
        """The language-model loss, and the local loss: the mean of |r| / d over layers and original tokens."""
        x, local = F.embedding(inputs, self.embedding), 0.0
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}."
            x = x + self.attention(self.norm(x, name + "input_layernorm"), layer)
            h = self.norm(x, name + "post_attention_layernorm")
            inner = F.silu(self.project(h, layer, "mlp", "gate")) * self.project(h, layer, "mlp", "up")
            x = x + self.project(inner, layer, "mlp", "down")
            if self.mode in ("adapter", "forward"):
                r = self.residue(h, layer)
                x = x + r
                if self.mode == "adapter":
                    local = local + r[:original].float().abs().mean() / self.config["num_hidden_layers"]
        head = self.embedding if self.mode == "full" else self.weight("model.embed_tokens")
        logits = F.linear(self.norm(x, "model.norm"), head)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten()), local


class Step:
    def __init__(self, folder, mode, precision):
        self.model, batch = Model(folder, mode, precision), json.loads((folder / "batch.json").read_text())
        shape = (batch["sequences"], batch["length"])
        self.inputs, self.targets = (torch.tensor(batch[key]).view(shape) for key in ("inputs", "targets"))
        self.original, self.alpha = batch["domains"].count(0), batch["alpha"]
        self.autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext()
        trained = [p for p in self.model.parameters() if p.requires_grad]
        groups = [{"params": [p for p in trained if p.dim() > 1], "weight_decay": 0.1},
                  {"params": [p for p in trained if p.dim() == 1], "weight_decay": 0.0}]
        self.trained = trained
        fastest = {"fused": True} if torch.__version__ >= (2, 4) else {"foreach": True}
        self.optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=batch["rate"], betas=(0.9, 0.95), **fastest) if trained else None

    def run(self):
        with self.autocast, nullcontext() if self.optimizer else torch.inference_mode():
            loss, local = self.model(self.inputs, self.targets, self.original)
        if self.optimizer:
            (loss + self.alpha * local).backward()
            torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return loss.item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mode", required=True, choices=["adapter", "lora", "full", "forward"])
    parser.add_argument("--precision", default="float", choices=["float", "bf16"])
    parser.add_argument("--compile", metavar="MODE", help="a mode of torch.compile: default, max-autotune")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    at_start = resident_mb("VmRSS")
    step = Step(options.folder, options.mode, options.precision)
    if options.compile:
        step.model = torch.compile(step.model, mode=options.compile)
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = step.run()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "loss": loss, "peak_mb": resident_mb("VmHWM") - at_start}), flush=True)


if __name__ == "__main__":
    main()
