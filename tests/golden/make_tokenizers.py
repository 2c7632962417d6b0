"""Writes tests/golden/tokenizers: small tokenizers in the shapes of well-known ones, with the ids that the tokenizers
library gives for a mixed text. Each is NAME.json (a tokenizer.json) and NAME.ids.json ({"lines": [...], "ids": [...]}).

    python3 make_tokenizers.py FOLDER [NAME...]        made with tokenizers 0.23.3, sentencepiece 0.2.3

Training is not repeatable in all cases: name those to be made again.
"""
import base64
import io
import json
import pathlib
import sys
import tempfile

import sentencepiece

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
# For added tokens with options.
ADDED_LINES = [
    "a <left> b <right> c <both> d word e", "a  <left>  b", "<left>", " <left> ", "<right>  <left>", "<right> \u00a0<left> x",
    "x<right>  ", "  <left><left> <right> <right>  z", "words word sword word. (word) word_ word\u0301 \u00e9word word", "word",
    "wordword", "a\t<both>\n\nb", "<caf\u00e9> <cafe\u0301> <norm> x<norm>  <norm>", "<raw>", "a<raw>", "a <raw> b",
    "<left>word<both>", "<s>word <left>", "word<s>", "\u2167word word\u203f",
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


def charsmap():
    """A small precompiled map of characters, in SentencePiece's format."""
    rules = {"\ufb01": "fi", "\u3000": " ", "\t": " ", "\u200b": "", "\u00bd": "1\u20442", "e\u0301": "\u00e9", "A\u030a": "\u00c5",
             "\u212b": "\u00c5", "\u00b2": "2", "\u0085": "", "\ufeff": "", "\u2167": "VIII", "\u1100\u1161": "\uac00",
             "\u2764\ufe0f": "<3", "\r\n": " ", "\n": " "}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.tsv"
        points = lambda text: " ".join(f"{ord(c):X}" for c in text)
        path.write_text("".join(f"{points(a)}\t{points(b)}\n" for a, b in rules.items()))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(TEXT), model_writer=model, vocab_size=200, hard_vocab_limit=False,
                                                 normalization_rule_tsv=str(path), minloglevel=2)
    return base64.b64encode(field(field(model.getvalue(), 3), 2)).decode()


def field(message, wanted):
    """The bytes of a field of a protocol-buffer message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if message[at - 1] < 128:
                return value

    while True:
        tag = varint()
        if tag & 7 == 0:
            varint()
            continue
        size = varint() if tag & 7 == 2 else 4
        at += size
        if tag >> 3 == wanted:
            return message[at - size:at]


def unigram(steps, pre, decoder, front, behind, fallback=False):
    """Trains pieces, then puts the special ones and the bytes in front."""
    special = ["<pad>", "</s>", "<unk>", "<s>"]
    tokenizer = Tokenizer(models.Unigram())
    split = pre or pre_tokenizers.Metaspace(prepend_scheme="always")
    normalizer = normalizers.Sequence(steps) if steps else None
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer if pre else None, split
    trainer = trainers.UnigramTrainer(vocab_size=420, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"],
                                      initial_alphabet=["e", "x", "=", "."])
    tokenizer.train_from_iterator(TEXT, trainer)
    trained = [tuple(p) for p in json.loads(tokenizer.to_str())["model"]["vocab"] if p[0] != "<unk>"]
    if fallback:  # keeps few characters beyond ASCII
        trained = [p for p in trained if p[0].isascii() or p[0].startswith("\u2581") or len(p[0]) > 1]
    bytes_ = [(f"<0x{b:02X}>", 0.0) for b in range(256)] if fallback else []
    # Runs, of which many cuts have equal scores.
    known = {p for p, _ in trained}
    runs = [(r, s) for r, s in [("\u2581\u2581", -7.1), ("\u2581\u2581\u2581", -8.3), ("==", -6.7), ("===", -7.9), ("..", -7.7)]
            if r not in known]
    tokenizer = Tokenizer(models.Unigram([(s, 0.0) for s in special] + bytes_ + trained + runs, 2, fallback))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens(special + [AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("<note>", normalized=False), AddedToken("<left>", lstrip=True, normalized=False),
                          AddedToken("<norm>", normalized=True)])
    ids = {s: tokenizer.token_to_id(s) for s in special}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(front + ["$A"] + behind), special_tokens=[(s, ids[s]) for s in {*front, *behind}])
    return tokenizer


def unigrams():
    space, words, undo = "\u2581", pre_tokenizers.WhitespaceSplit(), decoders.Metaspace()
    meta = pre_tokenizers.Metaspace(prepend_scheme="always")
    compiled = normalizers.Precompiled(base64.b64decode(charsmap()))
    fallback = [decoders.Replace(space, " "), decoders.ByteFallback(), decoders.Fuse()]
    strip = decoders.Sequence(fallback + [decoders.Strip(" ", 1, 0)])
    yield "t5", unigram([compiled], pre_tokenizers.Sequence([words, meta]), undo, [], ["</s>"])
    yield "xlmr", unigram([compiled, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), space)],
                          meta, undo, ["<s>"], ["</s>"])
    yield "albert", unigram([normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
                             normalizers.StripAccents(), normalizers.Lowercase(), compiled],
                            pre_tokenizers.Sequence([words, meta]), undo, ["<s>"], ["</s>"])
    yield "xglm", unigram([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")],
                          pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Metaspace(prepend_scheme="first"),
                          ["</s>"], [])
    yield "unigram", unigram([normalizers.Prepend(space), normalizers.Replace(" ", space)], None, strip, ["<s>"], [], True)
    yield "unigram_first", unigram([], pre_tokenizers.Metaspace(prepend_scheme="first", split=False), strip, ["<s>"], [], True)
    yield "unigram_words", unigram([], meta, decoders.Sequence([decoders.ByteFallback(), undo]), ["<s>"], [], True)


def with_options(tokenizer):
    tokenizer.add_tokens([AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True, normalized=False),
                          AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
                          AddedToken("word", single_word=True), AddedToken("<caf\u00e9>", normalized=False),
                          AddedToken("<norm>", normalized=True, lstrip=True), AddedToken("<raw>", normalized=True)])
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
    yield from unigrams()
    yield "added_nfc", with_options(byte_level(split(QWEN2), normalizers.NFC()))
    yield "added_prepend", with_options(fallback(prepend, None, strip))
    yield "added_first", with_options(fallback(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), strip))
    yield "added_always", with_options(fallback(None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True), strip))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in make():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        tokenizer.encode_special_tokens = True  # text that spells a special token stays text
        file = json.loads(tokenizer.to_str())
        if name == "gpt2":  # the older form of merges
            file["model"]["merges"] = [" ".join(m) for m in file["model"]["merges"]]
        (folder / f"{name}.json").write_text(json.dumps(file, ensure_ascii=False, separators=(",", ":")) + "\n")
        is_unigram = file["model"]["type"] == "Unigram"
        lines = LINES + ADDED_LINES if name.startswith("added") or is_unigram else LINES
        if is_unigram:  # its search finds special tokens in text, and bytes spelled <0xNN>
            lines = [line for line in lines if "<s>" not in line]
        ids = [tokenizer.encode(line, add_special_tokens=False).ids for line in lines]
        bos = 0
        if file["post_processor"]:
            bos = tokenizer.encode("a").ids[-1 if name == "t5" else 0]
        (folder / f"{name}.ids.json").write_text(
            json.dumps({"bos": bos, "lines": lines, "ids": ids}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
