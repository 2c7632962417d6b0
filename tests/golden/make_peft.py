#!/usr/bin/env python3
"""LoRA folders as peft writes them for tiny random models, and the logits with them, for the C++ tests.

Writes peft/CASE/ (adapter_config.json, adapter_model.safetensors) and peft/logits.safetensors beside this file, or below --out. The models are those of
make_families.py and gpt2/; the tokens too. Computed in float32.
--check FOLDER: peft loads each folder FOLDER/CASE that the C++ tests saved and must compute the same logits.
"""
import argparse
import json
import shutil
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

import make_families

SEED = 20611
HERE = Path(__file__).parent
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# By name: the model, and the settings of the LoRA.
CASES = {
    "llama": ("llama_bias", {"r": 2, "lora_alpha": 3, "target_modules": ["q_proj", "v_proj"]}),
    "llama_patterns": ("llama_bias", {"r": 2, "lora_alpha": 3, "use_rslora": True, "target_modules": ALL,
                                      "rank_pattern": {"down_proj": 3, "layers.1.self_attn.k_proj": 1},
                                      "alpha_pattern": {"^model.layers.0.mlp.up_proj": 5, "o_proj": 1.5}}),
    "llama_layer": ("llama_bias", {"r": 3, "lora_alpha": 3, "target_modules": ["gate_proj", "o_proj"], "layers_to_transform": [1]}),
    "gemma": ("gemma", {"r": 2, "lora_alpha": 4, "target_modules": r".*\.mlp\.(gate|up)_proj"}),
    "qwen3": ("qwen3", {"r": 2, "lora_alpha": 1, "target_modules": "all-linear"}),
    "phi3": ("phi3", {"r": 2, "lora_alpha": 3, "target_modules": ["qkv_proj", "gate_up_proj", "o_proj"]}),
    "gpt2": ("gpt2", {"r": 2, "lora_alpha": 3, "target_modules": ["c_attn", "mlp.c_proj"], "fan_in_fan_out": True}),
}


def model_of(name):
    if name != "gpt2":
        model = make_families.model_of(name)
        return model, make_families.tokens_of(model.config)
    model = transformers.AutoModelForCausalLM.from_pretrained(HERE / "gpt2", dtype=torch.float32, attn_implementation="eager").eval()
    return model, torch.tensor(json.loads((HERE / "gpt2" / "expected.json").read_text())["tokens"])


def logits_of(model, tokens):
    with torch.no_grad():
        return model(tokens).logits


def make(folder):
    logits = {}
    for name, (base, settings) in CASES.items():
        model, tokens = model_of(base)
        torch.manual_seed(SEED)
        tuned = peft.get_peft_model(model, peft.LoraConfig(init_lora_weights=False, task_type="CAUSAL_LM", **settings)).eval()
        for key, weight in sorted(tuned.named_parameters()):
            if "lora_" in key:
                torch.manual_seed(SEED + sum(map(ord, key)))
                weight.data = 0.3 * torch.randn(weight.shape)
        logits[name] = logits_of(tuned, tokens).contiguous()
        shutil.rmtree(folder / name, ignore_errors=True)
        tuned.peft_config["default"].base_model_name_or_path = base
        tuned.save_pretrained(folder / name)
        (folder / name / "README.md").unlink(missing_ok=True)
        path = folder / name / "adapter_config.json"
        config = json.loads(path.read_text())
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()  # it was a set
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(logits, folder / "logits.safetensors")


def check(saved):
    right = load_file(HERE / "peft" / "logits.safetensors")
    for name, (base, _) in CASES.items():
        model, tokens = model_of(base)
        tuned = peft.PeftModel.from_pretrained(model, saved / name).eval()
        worst = (logits_of(tuned, tokens) - right[name]).abs().max().item()
        print(f"{name}: largest difference {worst:.1e}")
        assert worst < 2e-4, name


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=HERE / "peft")
    arguments.add_argument("--check", type=Path)
    given = arguments.parse_args()
    if given.check:
        check(given.check)
    else:
        given.out.mkdir(parents=True, exist_ok=True)
        make(given.out)


main()
