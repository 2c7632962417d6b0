"""Logits of the residues that neutra_residues saved, in transformers, against those it computed; and with the residues off."""
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/pytorch"))
from neutra_peft import attach

TOKENS = torch.tensor([3, 9, 4, 17, 11, 5, 5, 2, 18, 7, 12, 8, 6, 3]).reshape(2, 7)


def main(saved):
    torch.set_num_threads(1)  # the models are tiny
    compared = 0
    for folder in sorted(path for path in saved.iterdir() if path.is_dir()):
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        logits = lambda: model(TOKENS, use_cache=False).logits.flatten(0, 1).detach()
        alone, cached = logits(), model.config.use_cache
        for path in sorted(folder.glob("*.logits")):
            right = load_file(path)["logits"]
            residues = attach(model, path.with_suffix(".safetensors"))
            worst, changed = (logits() - right).abs().max().item(), (alone - right).abs().max().item()
            residues.off()
            assert torch.equal(logits(), alone), f"{path}: switched off, it still changes the model"
            residues.on()
            assert not torch.equal(logits(), alone), f"{path}: switched on again, it changes nothing"
            residues.remove()
            assert model.config.use_cache == cached, f"{path}: removed, it leaves the cache off"
            print(f"{folder.name} {path.stem}: largest difference {worst:.1e}, from the model alone {changed:.1e}")
            assert worst < 2e-4 and changed > 1e-2, path
            compared += 1
    assert compared >= 25, compared


main(Path(sys.argv[1]))
