"""Writes the inputs of tests/fuzz/corpus from which fuzzing starts: small valid files of each kind.

    python3 make_corpus.py        (needs the program zstd)

Names begin with seed_; other files are inputs by which faults were found.
"""
import hashlib
import json
import pathlib
import struct
import subprocess
import zlib

HERE = pathlib.Path(__file__).parent
TESTS = HERE.parent
GOLDEN = TESTS / "golden"
SPACE = "\u2581"


def put(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed_{name}").write_bytes(content if isinstance(content, bytes) else content.encode())


def short(value):
    return json.dumps(value, separators=(",", ":"))


def safetensors(tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}"""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = short(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def pair(text, rest):
    return text.encode() + b"\0" + rest


def zeros(*shape):
    count = 1
    for size in shape:
        count *= size
    return "F32", list(shape), bytes(4 * count)


# --- models

def llama(d=4, f=4, vocabulary=3, kv=2):
    tensors = {"model.embed_tokens.weight": zeros(vocabulary, d), "model.norm.weight": zeros(d)}
    for name, shape in {"input_layernorm": [d], "self_attn.q_proj": [d, d], "self_attn.k_proj": [kv, d],
                        "self_attn.v_proj": [kv, d], "self_attn.o_proj": [d, d], "post_attention_layernorm": [d],
                        "mlp.gate_proj": [f, d], "mlp.up_proj": [f, d], "mlp.down_proj": [d, f]}.items():
        tensors[f"model.layers.0.{name}.weight"] = zeros(*shape)
    return tensors


def models():
    config = {"model_type": "llama", "vocab_size": 3, "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8,
              "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": [2]}
    put("model_folder", "llama", pair(short(config), safetensors(llama())))
    for name, model in json.loads((GOLDEN / "families.json").read_text()).items():
        kept = {k: v for k, v in model["config"].items() if k not in ("id2label", "label2id")}
        put("config", name, short(kept))
    put("config", "gpt2", short(json.loads((GOLDEN / "gpt2/config.json").read_text())))
    put("safetensors", "empty", safetensors({}))
    put("safetensors", "three", safetensors({"a": ("BF16", [2], b"abcd"), "b": ("F16", [1, 1], b"ef"), "c": ("F64", [], bytes(8))},
                                            {"format": "pt"}))
    put("shard_index", "two", short({"metadata": {"total_size": 8},
                                     "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    put("generation_config", "sampled", short({"do_sample": True, "eos_token_id": [2, 3], "temperature": 0.6,
                                               "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.1}))
    put("llama2c_model", "tied", struct.pack("<7i", 4, 4, 1, 2, 1, 3, 2) + bytes(4 * 124))


# --- GGUF

def counted(text):
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def gguf_value(value):
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + counted(value)
    kind, pack = {str: (8, counted), int: (5, lambda v: struct.pack("<i", v)),
                  float: (6, lambda v: struct.pack("<f", v))}[type(value[0])]
    return struct.pack("<IIQ", 9, kind, len(value)) + b"".join(map(pack, value))


def gguf(keys, tensors=()):
    """tensors: (name, shape with the fastest axis first, type, bytes)"""
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for key, value in keys.items():
        out += counted(key) + gguf_value(value)
    data = b""
    for name, shape, kind, content in tensors:
        out += counted(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % 32)
    return out + bytes(-len(out) % 32) + data


def ggufs():
    names = {"embed_tokens": "token_embd", "model.norm": "output_norm", "input_layernorm": "blk.0.attn_norm",
             "q_proj": "blk.0.attn_q", "k_proj": "blk.0.attn_k", "v_proj": "blk.0.attn_v", "o_proj": "blk.0.attn_output",
             "post_attention_layernorm": "blk.0.ffn_norm", "gate_proj": "blk.0.ffn_gate", "up_proj": "blk.0.ffn_up",
             "down_proj": "blk.0.ffn_down"}
    tensors = [(next(theirs for own, theirs in names.items() if own in name) + ".weight", shape[::-1], 0, content)
               for name, (_, shape, content) in llama().items()]
    put("gguf", "model", gguf({
        "general.architecture": "llama", "llama.vocab_size": 3, "llama.context_length": 8, "llama.embedding_length": 4,
        "llama.block_count": 1, "llama.feed_forward_length": 4, "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 1, "llama.rope.freq_base": 10000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2}, tensors))
    put("gguf", "types", gguf({"general.alignment": 32, "a.b": True, "c": ["x", ""], "d": [1.5, -1.0]},
                              [("a", [32], 8, bytes(34)), ("b", [32, 2], 2, bytes(36)), ("c", [2], 1, bytes(4)),
                               ("d", [1, 1, 1], 30, bytes(2))]))
    tokens = pieces()
    put("gguf", "pieces", gguf({"general.architecture": "llama", "tokenizer.ggml.model": "llama",
                                "tokenizer.ggml.tokens": [text for text, _, _ in tokens],
                                "tokenizer.ggml.scores": [score for _, score, _ in tokens],
                                "tokenizer.ggml.token_type": [kind for _, _, kind in tokens],
                                "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2}))


# --- tokenizers

def pieces():
    """(text, score, type) of a SentencePiece model"""
    words = [SPACE + "t", "he", "th", SPACE + "the", "the", SPACE, "t", "h", "e"]
    return ([("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)] + [(f"<0x{b:02X}>", 0.0, 6) for b in range(256)] +
            [(word, -1.0 - k, 1) for k, word in enumerate(words)])


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    content = value if isinstance(value, bytes) else value.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def tokenizers():
    spelled = {"<s>": "\n<s>\n", "</s>": "\n</s>\n"}
    tokens = [(spelled.get(text, text).replace(SPACE, " ").encode(), score) for text, score, _ in pieces()]
    put("tokenizer_bin", "bytes_and_words", struct.pack("<I", max(len(text) for text, _ in tokens)) +
        b"".join(struct.pack("<fi", score, len(text)) + text for text, score in tokens))
    model = b"".join(field(1, field(1, text) + field(2, score) + field(3, kind)) for text, score, kind in pieces())
    put("tokenizer_model", "bytes_and_words", model + field(2, field(3, 2) + field(35, 1)) +
        field(3, field(1, "identity") + field(3, 0) + field(4, 0) + field(5, 1)))
    for name in ("gpt2", "llama3", "llama2", "metaspace"):
        put("tokenizer_json", name, reduced(name))
    put("added_tokens", "all", short({
        "special_tokens_map.json": {"eos_token": "</s>", "additional_special_tokens": ["a"]},
        "added_tokens.json": {"<note>": 265},
        "tokenizer_config.json": {"bos_token": {"content": "<s>"},
                                  "added_tokens_decoder": {"266": {"content": "<end>", "special": True}}}}))


def bpe_files():
    """vocab.json and the small files as one object, and behind a zero byte merges.txt"""
    for name, more in {"gpt2": {}, "qwen2": {"tokenizer_config.json": {
            "tokenizer_class": "Qwen2TokenizerFast", "eos_token": "<|endoftext|>", "add_bos_token": True,
            "added_tokens_decoder": {"300": {"content": "<note>", "special": False, "lstrip": True}}}},
            "roberta": {"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"},
                        "added_tokens.json": {"<s>": 290, "</s>": 291},
                        "special_tokens_map.json": {"bos_token": "<s>"}}}.items():
        model = json.loads(reduced("qwen2" if name == "qwen2" else "gpt2"))["model"]
        merges = "#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in model["merges"])
        put("bpe_files", name, pair(json.dumps({"vocab.json": model["vocab"], **more}, ensure_ascii=False,
                                               separators=(",", ":")), merges.encode()))


def reduced(name):
    """A golden tokenizer.json with its bytes and six merges"""
    file = json.loads((GOLDEN / "tokenizers" / f"{name}.json").read_text())
    model = file["model"]
    byte_level = not model.get("byte_fallback")
    special = [token["content"] for token in file["added_tokens"] if token["special"]]
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    if byte_level:
        kept = [text for text in model["vocab"] if len(text) == 1 or text in special]
        merges = [merge for merge in merges if all(part in kept for part in merge)][:6]
    else:
        merges = [merge for merge in merges if all(len(part) == 1 for part in merge)][:6]
        parts = [part for merge in merges for part in merge]
        kept = [text for text in model["vocab"] if text.startswith("<0x") or text in special or text in parts]
    kept += [left + right for left, right in merges]
    ids = {text: k for k, text in enumerate(dict.fromkeys(special + kept))}
    model["vocab"], model["merges"] = ids, merges
    file["added_tokens"] = [{**token, "id": ids.setdefault(token["content"], len(ids))} for token in file["added_tokens"]]
    for token in (file["post_processor"] or {}).get("special_tokens", {}).values():
        token["ids"] = [ids[token["id"]]]
    return json.dumps(file, separators=(",", ":"), ensure_ascii=False)


# --- texts

def texts():
    lines = '{"text": "A line.\\n", "id": 1}\n\n{"text": "caf\u00e9"}\n'
    put("json_lines", "two", lines)
    put("plain_text", "documents", "A line.\nAnother.\r\n\n \nA third, caf\u00e9.")
    put("plain_text", "no_utf8", b"no UTF-8: \xff\n")

    def gzip(content):
        packer = zlib.compressobj(wbits=31)
        return packer.compress(content) + packer.flush()
    put("packed_text", "gzip", gzip(lines.encode()) + gzip(b"more"))
    put("packed_text", "zstd", subprocess.run(["zstd", "-c", "-"], input=lines.encode(), capture_output=True, check=True).stdout)
    put("templates", "record", pair(short({"ask": "How?", "say": "So.\n"}),
                                    b"Q: {ask}\\n\\tA {{now}}: {say!}\\\\"))
    put("templates", "messages", pair(short({"messages": [{"role": "user", "content": "How?"},
                                                          {"role": "assistant", "content": "So."}]}), b"A: {content!}"))
    put("questions", "one", '{"context": "The sky is", "endings": [" blue.", " a fish."], "label": 0}\n')


def token_files():
    """Of the text, the tokenizer and the end of text of tests/fuzz/token_cache.hpp: bytes as ids, 10 in place of newlines."""
    text = b"the cat\nand the dog\n"
    marks = b" 7 19 unscored 2-4 unscored 9-11"
    ids, runs = list(text), [(2, 4), (9, 11)]
    for name, kept in {"runs": runs, "crossed_runs": [(9, 4), (2, 2**40)]}.items():
        content = struct.pack(f"<{len(ids)}H", *ids)
        content += bytes(-len(content) % 8) + b"".join(struct.pack("<QQ", *run) for run in kept)
        put("token_cache", name, b"neutoken" + struct.pack("<IIQQq", 1, 2, len(ids), len(kept), 10) +
            b"".join(hashlib.sha256(part).hexdigest().encode() for part in (text + marks, b"", content)) + content)


# --- adapters

def adapters():
    model = {"vocabulary": 11, "dim": 12, "ffn": 10, "layers": 2, "heads": 4, "kv_heads": 2, "head_width": 4, "context": 16,
             "norm_epsilon": 2e-5, "rope_theta": 5000.0, "tied": False, "bos": 1}
    for name, settings in {
            "residue": {"gate": "jump_relu", "gate.threshold": 0.25, "body": "gated_unit", "penalty": "l1", "init": "he",
                        "placement": "parallel", "width": 2},
            "lora": {"rank": 1, "scale": 1.0, "targets": "q|v"}}.items():
        put("adapter", name, pair(short({
            "schema": "neutra.adapter/3", "kind": name, "settings": settings, "weights": 12, "fingerprint": "0" * 64,
            "tokenizer": None, "model": model}), safetensors({"adapter.0.w": zeros(12)})))
    put("adapter", "schema_2", pair(short({
        "schema": "neutra.adapter/2", "method": "residue", "gate": "jump_relu", "gate_options": {"threshold": 0.25},
        "body": "gated_unit", "penalty": "l1", "init": "he", "placement": "after", "sites": None, "width": 5, "rank": None,
        "weights": 12, "scale": 1.0, "model": model, "fingerprint": "0" * 64, "tokenizer": None}),
        safetensors({"adapter.0.w": zeros(12)})))
    put("peft", "patterns", pair(*peft_folder("llama_patterns")))
    prefix = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    put("peft", "one", pair(short({"peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": ["layers.0.self_attn.q_proj"],
                                   "use_rslora": True, "rank_pattern": {"q_proj": 1}, "alpha_pattern": {"q_proj": 3}}),
                            safetensors({prefix + "A.weight": zeros(1, 12), prefix + "B.weight": zeros(16, 1)})))


def peft_folder(name):
    folder = GOLDEN / "peft" / name
    return (short(json.loads((folder / "adapter_config.json").read_text())),
            (folder / "adapter_model.safetensors").read_bytes())


# --- runs

def sealed(value):
    value["content_sha256"] = "0" * 64
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1)


def runs():
    results = TESTS.parent / "docs/results"
    for name, study in {"2": "capacity", "1": "extension/da-1000"}.items():
        file = json.loads((results / study / "results.json").read_text())
        file["rows"], file["choices"] = file["rows"][:2], file.get("choices", [])[:1]
        if name == "1":
            del file["choices"]
        file["config"] = {key: file["config"][key] for key in ("baseline", "chosen_lr", "chosen_alpha", "choosing")
                          if key in file["config"]}
        file["config"].pop("choosing", None)
        file["machine"]["processor"] = file["machine"]["flags"] = "any"
        put("results", f"schema_{name}", short(file))
    run = {"label": "neutral", "kind": "residue", "settings": {"trains": "adapter"}, "seed": 3, "steps": 100, "lr": 0.002,
           "alpha": 0.1, "share": 0.1}
    put("outcome", "failed", sealed({"failed": {**run, "state": "diverged", "reason": "a loss of nan", "step": 3,
                                                "largest_gradient": {"parameter": "a", "value": 2.5}}}))
    row = json.loads((HERE / "corpus/results/seed_schema_2").read_text())["rows"][0]
    put("outcome", "row", sealed({"row": row, "tuning": {"original": {"before": 2, "after": 2.5},
                                                         "target": {"before": 5, "after": 3}}, "files": {"a": None}}))
    put("log", "three", "".join(short({"step": step, "lm": 5.5 - step}) + "\n" for step in range(3)))
    notes = {"steps": "3", "seconds": "1.5", "log": "log", "identity": '{"run":"a"}'}
    digest = hashlib.sha256("".join(value + "\n" for value in notes.values()).encode() + bytes(24)).hexdigest()
    put("checkpoint", "one", safetensors({"w": zeros(2), "w.mean": zeros(2), "w.variance": zeros(2)},
                                         {"schema": "neutra.checkpoint/3", **notes, "sha256": digest}))


for write in (models, ggufs, tokenizers, bpe_files, texts, token_files, adapters, runs):
    write()
