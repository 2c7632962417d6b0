"""Ids and logits of the models that neutra_saved_models saved, in transformers, against those that it computed."""
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

TOKENS = torch.tensor([[3, 9, 4, 17, 11, 5, 5, 2]])


def main(saved):
    torch.set_num_threads(1)  # the models are tiny
    compared = 0
    for path in sorted(saved.glob("*.json")):
        folder, expected = path.with_suffix(""), json.loads(path.read_text())
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        for line, ids in zip(expected["lines"], expected["ids"], strict=True):
            assert tokenizer(line).input_ids == ids, f"{folder.name}: {line!r}: {tokenizer(line).input_ids}, not {ids}"
        assert len(expected["lines"]) > 10, path
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        worst = (model(TOKENS, use_cache=False).logits[0] - load_file(path.with_suffix(".logits"))["logits"]).abs().max().item()
        print(f"{folder.name}: {len(expected['lines'])} lines, largest difference of logits {worst:.1e}")
        assert worst < 2e-4, folder
        compared += 1
    assert compared >= 8, compared


main(Path(sys.argv[1]))
