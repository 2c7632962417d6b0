"""Writes tests/golden/tokenizers: small tokenizers in the shapes of well-known ones, with the ids that the tokenizers
library gives for a mixed text. Each is NAME.json (a tokenizer.json) and NAME.ids.json ({"lines": [...], "ids": [...]}).

    python3 make_tokenizers.py FOLDER        made with tokenizers 0.23.3
"""
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")

# Written for this script.
LINES = [
    "The harbour was quiet when the last boat came in, and the men who stood on the quay said nothing.",
    "I'll say it's what we've got; they're late, I'm sure he'd wait, and she can't.",
    "I'LL SAY IT'S WHAT WE'VE GOT; THEY'RE LATE, 'Sam and 'tis, x'\u017fy.",
    "Havnen var stille, da den sidste b\u00e5d kom ind, og m\u00e6ndene p\u00e5 kajen sagde ikke et ord.",
    "A kik\u00f6t\u0151 csendes volt, amikor az utols\u00f3 haj\u00f3 meg\u00e9rkezett, \u00e9s a f\u00e9rfiak hallgattak.",
    "Pr\u00edstav bol tich\u00fd, ke\u010f priplávala posledná lo\u010f, a mu\u017ei nepovedali ani slovo.",
    "L'\u00e9t\u00e9 suivant, les \u00e9l\u00e8ves ont peint une carte de la vall\u00e9e o\u00f9 coule la rivi\u00e8re.",
    "Cafe\u0301 e\u0301le\u0300ve A\u030a \u212b \u1e9b\u0323 \u0958 \uac00 \u1100\u1161",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u4e2d\u6587\u6587\u672c \u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f\U0001f44d\U0001f3fd family!",
    "a\u00a0b\u00a0 c \u3000d\u2028e \u0085f",
    "12345 7 1998, 3.14 \u00bd\u00b2 \u0665\u0666\u0667\u0668 \u2167 a1b22c333d4444",
    "if (x[i] == 0) {\n\treturn  foo(a, b);\n    }\r\n\r\n  // done...\n\n\n",
    "a  b   c    d", " leading", "  two leading", "trailing  ", "\t\ttabs\t", "x\n\n y", "!\n\nx", "(ab", " 7", "\r\r\n z",
    "", " ", "  ", "\n", "\r\n", "'", "''s", "\u2581", "a\u2581b \u2581", "<s> </s> <|endoftext|>", "see <note>here</note> <note> x",
    "the\u200bzero\ufeffwidth \u0000 nul", "word" * 40, "== != <= >= -> :: // /* */ #$%^&*()_+{}|~`",
]
TEXT = (LINES[:8] + LINES[11:13]) * 4


def byte_level(pre, normalizer=None, post=None, bos="<|endoftext|>", size=700, pairs=True, whole=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, pre, decoders.ByteLevel()
    tokenizer.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=size, special_tokens=[bos], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_tokens([AddedToken("<note>", normalized=False), AddedToken("</note>", normalized=True)])
    if post:
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def fallback(normalizer, pre, decoder, bos="<s>", size=900):
    """Trains merges, then puts the byte tokens in front, as converted SentencePiece models have them."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer, trained.pre_tokenizer = normalizers.Replace(" ", "\u2581"), pre_tokenizers.Metaspace(
        prepend_scheme="never")
    trained.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=size - 260, show_progress=False,
                                                          limit_alphabet=90, special_tokens=["<unk>"]))
    model = json.loads(trained.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    names += [n for n in sorted(model["vocab"], key=model["vocab"].get) if n != "<unk>"]
    merges = [tuple(m) for m in model["merges"]]
    for run in (2, 3, 4):  # runs of spaces, which cross words
        if "\u2581" * run not in names:
            names.append("\u2581" * run)
        merges.append(("\u2581" * (run - 1), "\u2581"))
    tokenizer = Tokenizer(models.BPE({n: i for i, n in enumerate(names)}, merges, unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    tokenizer.normalizer, tokenizer.decoder = normalizer, decoder
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_tokens([AddedToken("<note>", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])
    return tokenizer


def make():
    byte_pre = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_pre])
    undo = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    strip = decoders.Sequence(undo + [decoders.Strip(" ", 1, 0)])
    prepend = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    yield "gpt2", byte_level(byte_pre)
    yield "neox", byte_level(byte_pre, normalizers.NFC())
    yield "llama3", byte_level(split(LLAMA3), post=True, whole=True, bos="<|begin_of_text|>")
    yield "qwen2", byte_level(split(QWEN2), normalizers.NFC())
    yield "smollm", byte_level(digits)
    yield "llama2", fallback(prepend, None, strip)
    yield "llama", fallback(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), strip)
    yield "metaspace", fallback(None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True), strip)
    yield "gemma", fallback(normalizers.Replace(" ", "\u2581"),
                            pre_tokenizers.Split(" ", "merged_with_previous"), decoders.Sequence(undo))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in make():
        tokenizer.encode_special_tokens = True  # text that spells a special token stays text
        file = json.loads(tokenizer.to_str())
        if name == "gpt2":  # the older form of merges
            file["model"]["merges"] = [" ".join(m) for m in file["model"]["merges"]]
        (folder / f"{name}.json").write_text(json.dumps(file, ensure_ascii=False, separators=(",", ":")) + "\n")
        ids = [tokenizer.encode(line, add_special_tokens=False).ids for line in LINES]
        bos = tokenizer.encode("a").ids[0] if name in ("llama3", "llama2", "llama", "metaspace", "gemma") else 0
        (folder / f"{name}.ids.json").write_text(
            json.dumps({"bos": bos, "lines": LINES, "ids": ids}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
