"""Logits of the residues that neutra_residues saved, in transformers, against those it computed; and with the residues off."""
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/pytorch"))
from neutra_peft import attach

TOKENS = torch.tensor([3, 9, 4, 17, 11, 5, 5, 2, 18, 7, 12, 8, 6, 3]).reshape(2, 7)


def refused(call, *parts):
    try:
        call()
    except ValueError as error:
        return all(part in str(error) for part in parts)
    return False


def check_cache(model, path, memory):
    """In pieces with a key/value cache the logits are those of the whole, or, with a gate that reads earlier tokens, an error; generation is the same."""
    whole = model(TOKENS, use_cache=False).logits
    first = model(TOKENS[:, :4], use_cache=True)
    name = "cache" if "cache" in first else "past_key_values"  # from transformers 5.24 on, and before
    rest = lambda: model(TOKENS[:, 4:], **{name: first[name]}).logits
    mask = torch.ones_like(TOKENS)
    mask[0, :2] = 0
    padded = lambda: model(TOKENS, attention_mask=mask, use_cache=False)
    if memory:
        assert refused(rest, "whole sequence", "got 4 tokens", "use_cache=False"), path
        assert refused(padded, "pad batches on the right"), path
        right = model(TOKENS, attention_mask=mask.flip(1), use_cache=False).logits
        assert torch.equal(right[:, :5], whole[:, :5]), f"{path}: padding on the right changes the logits before it"
    else:
        assert (torch.cat([first.logits, rest()], 1) - whole).abs().max() < 1e-4, path
        padded()
    greedy = TOKENS[:1]
    for _ in range(4):
        greedy = torch.cat([greedy, model(greedy, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    made = model.generate(TOKENS[:1], do_sample=False, max_new_tokens=4, min_new_tokens=4, eos_token_id=None, pad_token_id=0)
    assert torch.equal(made, greedy), f"{path}: generated {made}, not {greedy}"


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
            with torch.no_grad():
                check_cache(model, path, any(gate in path.stem for gate in ("causal_mean", "contextual", "decay", "sum")))
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
