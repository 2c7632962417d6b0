#!/usr/bin/env python3
"""Tiny random models of each family as transformers writes them, and what transformers computes with them, for the C++ tests.

Writes families.json (each model's config.json, tokens, a few facts), families.safetensors (per model its tensors as MODEL/NAME, MODEL/logits, and for
some the gradients of a residue) beside this file, or below --out. Computed in float32, as the models are; gradients in float64.
--check FOLDER: transformers loads each folder FOLDER/MODEL that the C++ tests saved and must compute the same logits.
"""
import argparse
import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

SEED = 20610
SIZES = {"vocab_size": 19, "hidden_size": 8, "intermediate_size": 10, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3}
HEAD = {"head_dim": 6}  # not hidden_size / num_attention_heads
NEOX = {"hidden_size": 16, "num_key_value_heads": None}
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}
LENGTH = 12
# By name: model_type, changes of SIZES, and whether to rewrite the rope keys in the older form.
MODELS = {
    "llama_bias": ("llama", {**HEAD, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}, False),
    "llama_gelu": ("llama", {"num_key_value_heads": 4, "hidden_act": "gelu_new", "tie_word_embeddings": True, "mlp_bias": True}, True),
    "llama_linear": ("llama", {"head_dim": 4, "rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 900.0}}, False),
    "llama_dynamic": ("llama", {**HEAD, "max_position_embeddings": 6, "rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 900.0}}, True),
    "llama_llama3": ("llama", {**HEAD, "rope_parameters": {**LLAMA3, "rope_theta": 500.0}}, False),
    "llama_llama3_old": ("llama", {**HEAD, "rope_parameters": {**LLAMA3, "rope_theta": 500.0}}, True),
    "llama_yarn": ("llama", {"head_dim": 8, "rope_parameters": {**YARN, "rope_theta": 100.0, "beta_fast": 4.0, "beta_slow": 1.0}}, False),
    "llama_yarn_mscale": ("llama", {"head_dim": 8, "rope_parameters": {**YARN, "rope_theta": 100.0, "truncate": False, "beta_fast": 4.0,
                                                                       "mscale": 0.7, "mscale_all_dim": 0.5}}, True),
    "mistral": ("mistral", {**HEAD, "sliding_window": 5}, False),
    "mistral_full": ("mistral", {"sliding_window": None, "num_key_value_heads": 1}, False),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}, False),
    "qwen2_window": ("qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1, "num_key_value_heads": 1}, False),
    "qwen3": ("qwen3", {**HEAD, "tie_word_embeddings": True}, False),
    "qwen3_window": ("qwen3", {**HEAD, "attention_bias": True, "use_sliding_window": True, "sliding_window": 3,
                               "layer_types": ["sliding_attention", "full_attention"]}, False),
    "gemma": ("gemma", {**HEAD, "num_key_value_heads": 1}, False),
    "gemma_old": ("gemma", {**HEAD, "hidden_act": "gelu", "attention_bias": True}, True),
    "gemma2": ("gemma2", {**HEAD, "sliding_window": 5, "query_pre_attn_scalar": 9, "attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.0}, False),
    "gemma2_uncapped": ("gemma2", {**HEAD, "num_key_value_heads": 1, "num_hidden_layers": 3, "sliding_window": 4, "attention_bias": True,
                                   "attn_logit_softcapping": None, "final_logit_softcapping": None}, True),
    "gemma3": ("gemma3_text", {**HEAD, "num_hidden_layers": 3, "sliding_window": 5, "query_pre_attn_scalar": 9, "final_logit_softcapping": 2.0,
                               "layer_types": ["full_attention", "sliding_attention", "full_attention"],
                               "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 3.0, "rope_theta": 900.0},
                                                   "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}}, False),
    "gemma3_old": ("gemma3_text", {**HEAD, "num_hidden_layers": 3, "sliding_window": 4, "sliding_window_pattern": 2, "num_key_value_heads": 1,
                                   "attention_bias": True,
                                   "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 900.0},
                                                       "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}}, True),
    "phi3": ("phi3", {"num_key_value_heads": 1, "hidden_size": 16, "sliding_window": 6}, False),
    "phi3_part": ("phi3", {"hidden_size": 16, "rope_parameters": {"rope_type": "default", "rope_theta": 900.0, "partial_rotary_factor": 0.5}}, False),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0], "use_sliding_window": True, "sliding_window": 5}, False),
    "smollm3_interval": ("smollm3", {"no_rope_layer_interval": 2, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}, True),
    "olmo2": ("olmo2", {"num_key_value_heads": 4}, False),
    "olmo2_bias": ("olmo2", {"attention_bias": True, "num_key_value_heads": 2, "tie_word_embeddings": True}, True),
    "gpt_neox": ("gpt_neox", {**NEOX, "rope_parameters": {"rope_type": "default", "rope_theta": 900.0, "partial_rotary_factor": 0.5}}, False),
    "gpt_neox_serial": ("gpt_neox", {**NEOX, "use_parallel_residual": False, "hidden_act": "gelu_new", "attention_bias": False,
                                     "tie_word_embeddings": True,
                                     "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 900.0, "partial_rotary_factor": 1.0}}, True),
}
GRADIENTS = ["llama_bias", "qwen3", "gemma", "gemma2", "gemma3", "gpt_neox"]
RESIDUE = 3  # rows of the residue's bottleneck


def tokens_of(config):
    torch.manual_seed(SEED)
    return torch.randint(3, config.vocab_size, (2, LENGTH))


def model_of(name):
    kind, changes, _ = MODELS[name]
    config = transformers.AutoConfig.for_model(kind, **{**SIZES, **changes})
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    for key, weight in sorted(model.named_parameters()):
        torch.manual_seed(SEED + sum(map(ord, name + key)))
        middle = 1.0 if "norm" in key and "gemma" not in kind and key.endswith("weight") else 0.0
        weight.data = 0.3 * torch.randn(weight.shape) + middle
    return model


def older(json_of_config):
    """The keys as transformers 4 wrote them."""
    rope, kind = json_of_config.pop("rope_parameters"), json_of_config["model_type"]
    if kind == "gemma3_text":
        json_of_config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        json_of_config["sliding_window_pattern"] = json_of_config.pop("_sliding_window_pattern")
        rope = rope["full_attention"]
    if kind == "gpt_neox":
        json_of_config["rotary_pct"] = rope.pop("partial_rotary_factor")
    json_of_config["rotary_emb_base" if kind == "gpt_neox" else "rope_theta"] = rope.pop("rope_theta")
    json_of_config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    if kind == "gemma":
        json_of_config["hidden_act"] = "gelu"  # as the first files say, and mean the tanh form
    if kind in ("gemma2", "gemma3_text"):
        del json_of_config["layer_types"]  # which layers have the window follows from a pattern
    json_of_config["torch_dtype"] = json_of_config.pop("dtype")
    return json_of_config


def residue_gradients(model, tokens):
    """The mean loss with a residue W_up silu(W_down x) parallel to each FFN, and the gradients of its weights, in float64.

    x is what the FFN reads; the residue joins behind the norm of what it returns, if there is one.
    """
    model = model.double()
    found, read, width = {}, {}, model.config.hidden_size
    for index, layer in enumerate(model.base_model.layers):
        torch.manual_seed(SEED + index)
        down, up = (torch.nn.Parameter(0.2 * torch.randn(shape, dtype=torch.float64)) for shape in ((RESIDUE, width), (width, RESIDUE)))
        found[f"{index}.down"], found[f"{index}.up"] = down, up
        layer.mlp.register_forward_pre_hook(lambda module, inputs, n=index: read.update({n: inputs[0]}))
        getattr(layer, "post_feedforward_layernorm", layer.mlp).register_forward_hook(
            lambda module, inputs, output, a=down, b=up, n=index: output + torch.nn.functional.silu(read[n] @ a.T) @ b.T)
    loss = model(tokens, labels=tokens).loss
    loss.backward()
    tensors = {f"residue.{key}": value.data.float() for key, value in found.items()}
    return loss.item(), tensors | {f"gradient.{key}": value.grad.float() for key, value in found.items()}


def make(folder):
    all_json, tensors = {}, {}
    for name, (_, _, old) in MODELS.items():
        model = model_of(name)
        tokens = tokens_of(model.config)
        config = json.loads(model.config.to_json_string(use_diff=False))
        config["architectures"] = [type(model).__name__]
        config["dtype"] = "float32"
        config = older(config) if old else config
        state = {key: value for key, value in model.state_dict().items() if not (key == "lm_head.weight" and model.config.tie_word_embeddings)}
        if model.config.model_type == "gpt_neox" and "lm_head.weight" in state:
            state["embed_out.weight"] = state.pop("lm_head.weight")  # its name in files
        with torch.no_grad():
            logits = model(tokens).logits
        more = {}
        facts = {"config": config, "tokens": tokens.tolist()}
        if name in GRADIENTS:
            facts["loss"], more = residue_gradients(model_of(name), tokens)
        all_json[name] = facts
        for key, value in (state | {"logits": logits} | more).items():
            tensors[f"{name}/{key}"] = value.contiguous().clone()
    save_file(tensors, folder / "families.safetensors")
    (folder / "families.json").write_text(json.dumps(all_json, separators=(",", ":"), sort_keys=True) + "\n")


def check(folder, saved):
    golden, facts = load_file(folder / "families.safetensors"), json.loads((folder / "families.json").read_text())
    for name in MODELS:
        model = transformers.AutoModelForCausalLM.from_pretrained(saved / name, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            worst = (model(torch.tensor(facts[name]["tokens"])).logits - golden[f"{name}/logits"]).abs().max().item()
        print(f"{name}: largest difference {worst:.1e}")
        assert worst < 2e-4, name


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments.add_argument("--check", type=Path)
    given = arguments.parse_args()
    if given.check:
        check(Path(__file__).parent, given.check)
    else:
        make(given.out)


if __name__ == "__main__":
    main()
