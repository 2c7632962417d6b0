"""Residues that neutra saved, on the matching model of transformers, by forward hooks.

    from transformers import AutoModelForCausalLM
    from neutra_peft import attach
    model = AutoModelForCausalLM.from_pretrained("results/backbone")
    residues = attach(model, "results/runs/NAME/adapter.safetensors")
    residues.off()      # the model alone
    residues.on()

In lm-evaluation-harness, give it the model with its residues:

    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    results = simple_evaluate(HFLM(pretrained=model, tokenizer="results/backbone"), tasks=["hellaswag"])

Residues with any gate, body and placement of the library, and lists of them. LoRA: `merge --to peft` writes it for peft. A gate of your own: add its function to
GATES. A gate that reads earlier tokens (causal_mean, contextual) needs whole sequences: attach() turns the key/value cache off, and a call with a past, or with a
batch that is padded on the left, is an error. Residues are computed in float32. Needs torch, transformers and safetensors.
"""
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.functional import elu, linear, silu, softplus

# The value of a gate at logits s; o: its options.
GATES = {
    "relu": lambda s, o: s.relu(),
    "sigmoid": lambda s, o: s.sigmoid(),
    "tanh": lambda s, o: s.tanh(),
    "elu": lambda s, o: elu(s),
    "softplus": lambda s, o: softplus(s),
    "hard_sigmoid": lambda s, o: (s / 6 + 0.5).clamp(0, 1),
    "clipped_relu": lambda s, o: s.clamp(0, 1),
    "jump_relu": lambda s, o: torch.where(s > o["threshold"], s, 0.0),
}
WRAPPERS = ("biased_", "causal_mean_", "contextual_", "two_layer_", "per_channel_")
# The output of a body for x; w: its weights by name.
BODIES = {
    "gated_unit": lambda x, w: linear(silu(linear(x, w["gate_proj"])) * linear(x, w["up_proj"]), w["down_proj"]),
    "bottleneck": lambda x, w: linear(silu(linear(x, w["down_proj"])), w["up_proj"]),
}


def causal_mean(x, decay, is_sum=False):
    """The weighted mean, or sum, of each token and those before it; the one k tokens back weighs decay^k.      x: (..., T, 1)"""
    weights, total, means = 0.0, torch.zeros_like(x[..., 0, :]), []
    for t in range(x.shape[-2]):
        total, weights = total * decay + x[..., t, :], weights * decay + 1
        means.append(total if is_sum else total / weights)
    return torch.stack(means, dim=-2)


def unwrap(name):
    """The outermost wrapper of a gate, "" if there is none, and what it wraps."""
    wrapper = next((one for one in WRAPPERS if name.startswith(one)), "")
    return wrapper, name[len(wrapper):]


def function_of(name):
    """The gate inside all wrappers."""
    wrapper, inner = unwrap(name)
    return function_of(inner) if wrapper else inner


def logit(name, x, w, o):
    """The logits of a gate, which may be wrapped, and the name of its function."""
    wrapper, inner = unwrap(name)
    if wrapper == "biased_":
        s, inner = logit(inner, x, w, o)
        return s + w["gate_bias"], inner
    if wrapper == "causal_mean_":
        s, inner = logit(inner, x, w, o)
        return causal_mean(s, o["decay"]), inner
    if wrapper == "contextual_":
        seen = silu(linear(x, w["gate_context_hidden"])) if o["hidden"] else x
        return linear(x, w["gate"]) + causal_mean(linear(seen, w["gate_context"]), o["decay"], o["sum"] != 0), inner
    if wrapper == "two_layer_":
        x = silu(linear(x, w["gate_hidden"]))
    return linear(x, w["gate"]), inner


def residue(x, settings, w):
    """g(x) A(x)"""
    gate, y = settings["gate"], BODIES[settings["body"]](x, w)
    if gate == "open":
        return y
    options = {key[len("gate."):]: value for key, value in settings.items() if key.startswith("gate.")}
    s, function = logit(gate, x, w, options)
    return GATES[function](s, options) * y


def has_memory(name):
    """Whether a gate reads earlier tokens."""
    wrapper, inner = unwrap(name)
    return wrapper in ("causal_mean_", "contextual_") or (wrapper != "" and has_memory(inner))


def members(path):
    """The settings of each residue of a file, and the prefix of its weights' names."""
    described = json.loads(Path(path).with_suffix(".json").read_text())
    kind, settings = described["kind"], described["settings"]
    if kind == "list":
        count = sum(key.isdigit() for key in settings)
        found = [(settings[str(n)], {key[len(f"{n}."):]: value for key, value in settings.items() if key.startswith(f"{n}.")}, f"{n}.") for n in range(count)]
    else:
        found = [(kind, settings, "")]
    for kind, settings, _ in found:
        if kind != "residue":
            raise ValueError(f"{path}: must hold residues, got {kind}; for LoRA write a folder for peft with  merge --to peft")
        gate = function_of(settings["gate"])
        if settings["body"] not in BODIES or gate not in {*GATES, "open"}:
            raise ValueError(f"{path}: the gate {gate} and the body {settings['body']} must be in GATES and BODIES of {__file__}; add what is missing")
    return described, [(settings, prefix) for _, settings, prefix in found]


class Residues:
    """Hooks on a model; off() and on() switch them, remove() takes them away."""

    def __init__(self, model):
        self.model, self.active, self.hooks = model, True, []
        self.used_cache = model.config.use_cache, model.generation_config.use_cache

    def on(self):
        self.active = True

    def off(self):
        self.active = False

    def remove(self):
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        self.model.config.use_cache, self.model.generation_config.use_cache = self.used_cache

    def need_whole_sequences(self, body):
        """Turns the key/value cache off, and refuses calls in which a gate with memory would miss tokens or read padding."""
        self.model.config.use_cache = self.model.generation_config.use_cache = False

        def check(module, args, kwargs):
            past = kwargs.get("cache", kwargs.get("past_key_values"))  # its name from transformers 5.24 on, and before
            mask = kwargs.get("attention_mask")
            if not self.active:
                return
            if past is not None and past.get_seq_length() > 0:
                raise ValueError(f"a gate that reads earlier tokens needs the whole sequence in one call, got {past.get_seq_length()} tokens in the key/value cache; "
                                 "pass use_cache=False")
            if isinstance(mask, torch.Tensor) and mask.dim() == 2 and bool((mask[:, 1:] > mask[:, :-1]).any()):
                raise ValueError("a gate that reads earlier tokens would read the padding before a text; pad batches on the right, or generate one text at a time")

        self.hooks.append(body.register_forward_pre_hook(check, with_kwargs=True))

    def add(self, layer, settings, w):
        """Hooks of the residue of one layer. It joins behind the norm of what a block returns, where there is one (OLMo 2)."""
        of_ffn = settings["placement"] != "attention"
        block = layer.mlp if of_ffn else next(getattr(layer, name) for name in ("self_attn", "attn", "attention") if hasattr(layer, name))
        after = getattr(layer, "post_feedforward_layernorm" if of_ffn else "post_attention_layernorm") if hasattr(layer, "post_feedforward_layernorm") else block
        seen = {}

        def enter(module, args, kwargs):
            seen["x"] = args[0] if args else kwargs["hidden_states"]

        def leave(module, args, output):
            if not self.active:
                return None
            y = output[0] if isinstance(output, tuple) else output
            x = y if settings["placement"] == "after" else seen["x"]
            w.update({name: value.to(x.device) for name, value in w.items()})  # moved in the first call
            y = y + residue(x.float(), settings, w).to(y.dtype)
            return (y, *output[1:]) if isinstance(output, tuple) else y

        self.hooks += [block.register_forward_pre_hook(enter, with_kwargs=True), after.register_forward_hook(leave)]


def attach(model, path):
    """Attaches the residues of NAME.safetensors (with NAME.json beside it) to the model they were trained for."""
    described, found = members(path)
    config, base = model.config, described["model"]
    for name, key in {"dim": "hidden_size", "layers": "num_hidden_layers", "vocabulary": "vocab_size"}.items():
        if base[name] != getattr(config, key):
            raise ValueError(f"{path}: was made for a model whose {key} is {base[name]}, got {getattr(config, key)}")
    body = getattr(model, model.base_model_prefix)
    layers = body.h if hasattr(body, "h") else body.layers
    weights = {name: value.float() for name, value in load_file(path).items()}
    own = [[f"{prefix}adapter.{index}." for index in range(len(layers))] for _, prefix in found]
    if strange := [name for name in weights if not name.startswith(tuple(sum(own, [])))]:
        raise ValueError(f"{path}: has weights of no residue that its JSON describes, such as {strange[0]}; copy both files from the same save")
    residues = Residues(model)
    if any(has_memory(settings["gate"]) for settings, _ in found):
        residues.need_whole_sequences(body)
    for (settings, _), names in zip(found, own):
        for layer, start in zip(layers, names):
            w = {name[len(start):]: value for name, value in weights.items() if name.startswith(start)}
            if w:
                residues.add(layer, settings, w)
    return residues
