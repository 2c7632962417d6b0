#!/usr/bin/env python3
"""Writes a model folder of a known shape with random weights, to measure memory and load time without a download.

    shapes.py SHAPE FOLDER [--dtype BF16|F32]

SHAPE: gpt2-124m, llama-124m, llama-1.1b or gemma-2b. Weights are uniform in magnitude from 1/128 to 1/32 with random
signs, norms are 1 (their offset, in Gemma, 0), biases 0. The tokenizer is the byte tokenizer, so that a program needs
no further file. Python's standard library suffices; the file is written as it is made.
"""
import argparse
import json
import random
import struct
from pathlib import Path

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "max_position_embeddings": 2048}
SHAPES = {
    "gpt2-124m": {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 768, "n_layer": 12,
                  "n_head": 12, "n_positions": 1024, "vocab_size": 50257, "layer_norm_epsilon": 1e-5},
    "llama-124m": {**LLAMA, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12,
                   "num_attention_heads": 12, "num_key_value_heads": 12, "vocab_size": 32000,
                   "tie_word_embeddings": False},
    "llama-1.1b": {**LLAMA, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
                   "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000,
                   "tie_word_embeddings": False},
    "gemma-2b": {**LLAMA, "model_type": "gemma", "architectures": ["GemmaForCausalLM"], "hidden_size": 2048,
                 "intermediate_size": 16384, "num_hidden_layers": 18, "num_attention_heads": 8,
                 "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 256000, "tie_word_embeddings": True,
                 "hidden_act": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6, "max_position_embeddings": 8192},
}


def gpt2_tensors(c):
    d = c["n_embd"]
    yield "transformer.wte.weight", [c["vocab_size"], d]
    yield "transformer.wpe.weight", [c["n_positions"], d]
    for layer in range(c["n_layer"]):
        for name, inner, outer in (("attn.c_attn", d, 3 * d), ("attn.c_proj", d, d), ("mlp.c_fc", d, 4 * d),
                                   ("mlp.c_proj", 4 * d, d)):
            yield f"transformer.h.{layer}.{name}.weight", [inner, outer]
            yield f"transformer.h.{layer}.{name}.bias", [outer]
        for name in ("ln_1", "ln_2"):
            yield f"transformer.h.{layer}.{name}.weight", [d]
            yield f"transformer.h.{layer}.{name}.bias", [d]
    yield "transformer.ln_f.weight", [d]
    yield "transformer.ln_f.bias", [d]


def llama_tensors(c):
    d, ffn, heads = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
    width = c.get("head_dim", d // heads)
    key = c["num_key_value_heads"] * width
    yield "model.embed_tokens.weight", [c["vocab_size"], d]
    for layer in range(c["num_hidden_layers"]):
        for name, outer, inner in (("self_attn.q_proj", heads * width, d), ("self_attn.k_proj", key, d),
                                   ("self_attn.v_proj", key, d), ("self_attn.o_proj", d, heads * width),
                                   ("mlp.gate_proj", ffn, d), ("mlp.up_proj", ffn, d), ("mlp.down_proj", d, ffn)):
            yield f"model.layers.{layer}.{name}.weight", [outer, inner]
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"model.layers.{layer}.{name}.weight", [d]
    yield "model.norm.weight", [d]
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", [c["vocab_size"], d]


def bf16_values(random_numbers, name, shape, one_plus):
    """The bytes of a tensor as bf16, in pieces."""
    count = 1
    for size in shape:
        count *= size
    if len(shape) == 1:
        one = not name.endswith(".bias") and not one_plus
        yield (b"\x80\x3f" if one else b"\x00\x00") * count
        return
    signed_exponent = bytes(0xbc if byte & 1 else 0x3c for byte in range(256))
    while count > 0:
        part = min(count, 1 << 20)
        values = bytearray(random_numbers.randbytes(2 * part))
        values[1::2] = values[1::2].translate(signed_exponent)
        yield bytes(values)
        count -= part


def widened(piece):
    """bf16 as float: the lower half of each is zero."""
    wide = bytearray(2 * len(piece))
    wide[2::4], wide[3::4] = piece[0::2], piece[1::2]
    return bytes(wide)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", choices=["BF16", "F32"], default="BF16")
    args = parser.parse_args()
    config = SHAPES[args.shape]
    tensors = list((gpt2_tensors if config["model_type"] == "gpt2" else llama_tensors)(config))
    size, header, end = 2 if args.dtype == "BF16" else 4, {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        begin = end
        for count in [size]:
            for axis in shape:
                count *= axis
            end += count
        header[name] = {"dtype": args.dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    args.folder.mkdir(parents=True, exist_ok=True)
    random_numbers = random.Random(1)
    with open(args.folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            for piece in bf16_values(random_numbers, name, shape, config["model_type"] == "gemma"):
                file.write(piece if size == 2 else widened(piece))
    torch_dtype = {"BF16": "bfloat16", "F32": "float32"}[args.dtype]
    (args.folder / "config.json").write_text(json.dumps({**config, "torch_dtype": torch_dtype, "bos_token_id": None,
                                                         "eos_token_id": None, "neutra_tokenizer": "byte"}, indent=2))


if __name__ == "__main__":
    main()
