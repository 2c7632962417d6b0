#!/usr/bin/env python3
"""A tiny random GPT-2 as transformers writes it, and what transformers computes with it, for the C++ tests.

Writes the folder gpt2 (config.json, model.safetensors, F32) beside this file, or below --out, and in it expected.json: the logits of two sequences
for the activation that config.json names, and each sequence's mean loss for every activation that the library knows. Computed in float64.
"""
import argparse
import json
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

SEED = 20410
SIZES = {"vocab_size": 23, "n_positions": 10, "n_embd": 12, "n_layer": 2, "n_head": 3, "bos_token_id": 0, "eos_token_id": 0}
TOKENS = [[0, 5, 17, 22, 3, 3, 9], [8, 1, 14, 2, 20, 11, 6]]
ACTIVATIONS = ["gelu_new", "gelu_pytorch_tanh", "gelu", "relu", "silu"]


def model_of(**changes):
    """The same weights for every configuration: large enough that each of them tells in the logits."""
    model = GPT2LMHeadModel(GPT2Config(**SIZES, **changes)).eval()
    for name, weight in sorted(model.named_parameters()):
        torch.manual_seed(SEED + sum(map(ord, name)))
        weight.data = 0.3 * torch.randn(weight.shape) + (1.0 if ".ln_" in name and name.endswith("weight") else 0.0)
    return model


def losses(model):
    tokens = torch.tensor(TOKENS)
    return [model.double()(tokens[i : i + 1], labels=tokens[i : i + 1]).loss.item() for i in range(len(TOKENS))]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=Path(__file__).parent)
    folder = arguments.parse_args().out / "gpt2"
    model = model_of()
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "generation_config.json").unlink(missing_ok=True)
    with torch.no_grad():
        logits = model.double()(torch.tensor(TOKENS)).logits
        expected = {
            "tokens": TOKENS,
            "logits": logits.tolist(),
            "losses": {name: losses(model_of(activation_function=name)) for name in ACTIVATIONS},
        }
    (folder / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
