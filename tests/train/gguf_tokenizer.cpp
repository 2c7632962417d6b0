// Tokenizers in GGUF files give the ids of the files they were made from, and invalid ones are rejected.
#include "neutra/train/gguf_tokenizer.hpp"

#include "tests/catch.hpp"
#include "tests/data/llama2c_tokens.hpp"
#include "tests/io/gguf_bytes.hpp"
#include "tests/io/scratch.hpp"

#include "neutra/data/llama2c_tokenizer.hpp"

using namespace neutra;
using namespace samples;
using scratch::says;

namespace {

auto reads(const GgufBytes& bytes) {
  return [bytes] {
    const scratch::Folder folder;
    scratch::put(folder / "model.gguf", bytes.file());
    return train::read_gguf_tokenizer(folder / "model.gguf");
  };
}

/// The keys of a tokenizer.json with a byte-level model.
GgufBytes keys_of(const io::Json& file, const std::string& pre) {
  std::vector<std::string> tokens, merges;
  std::vector<std::int32_t> types;
  const auto put = [&](std::size_t id, const std::string& token, std::int32_t type) {
    tokens.resize(std::max(tokens.size(), id + 1));
    types.resize(tokens.size(), 1);
    tokens[id] = token;
    types[id] = type;
  };
  for (const auto& item : file["model"]["vocab"].items()) put(item.value().get<std::size_t>(), item.key(), 1);
  for (const io::Json& token : file["added_tokens"])
    put(token["id"].get<std::size_t>(), token["content"].get<std::string>(), token["special"].get<bool>() ? 3 : 4);
  for (const io::Json& merge : file["model"]["merges"])
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : concat(merge[0].get<std::string>(), ' ', merge[1].get<std::string>()));
  return {{{"general.architecture", text("llama")},
           {"tokenizer.ggml.model", text("gpt2")},
           {"tokenizer.ggml.pre", text(pre)},
           {"tokenizer.ggml.tokens", texts(tokens)},
           {"tokenizer.ggml.token_type", array_of<std::int32_t>(5, types)},
           {"tokenizer.ggml.merges", texts(merges)},
           {"tokenizer.ggml.bos_token_id", u32(0)},
           {"tokenizer.ggml.eos_token_id", u32(0)}},
          {}};
}
const io::Path golden = NEUTRA_SOURCE_DIR "/tests/golden/tokenizers";
GgufBytes gpt2() { return keys_of(io::read_json(golden / "gpt2.json"), "gpt-2"); }

GgufBytes pieces() {
  GgufBytes bytes{{{"tokenizer.ggml.model", text("llama")}}, {}};
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (const auto& [piece, score] : llama2c_tokens()) {
    std::string spelled = piece == "\n<s>\n" ? "<s>" : piece == "\n</s>\n" ? "</s>" : piece;
    for (std::size_t at = 0; (at = spelled.find(' ')) != spelled.npos;) spelled.replace(at, 1, data::space_sign);
    types.push_back(tokens.empty() ? 2 : tokens.size() < 3 ? 3 : tokens.size() < 259 ? 6 : 1);
    tokens.push_back(spelled);
    scores.push_back(score);
  }
  bytes.set("tokenizer.ggml.tokens", texts(tokens));
  bytes.set("tokenizer.ggml.scores", array_of<float>(6, scores));
  bytes.set("tokenizer.ggml.token_type", array_of<std::int32_t>(5, types));
  bytes.set("tokenizer.ggml.bos_token_id", u32(1));
  bytes.set("tokenizer.ggml.eos_token_id", u32(2));
  return bytes;
}

}  // namespace

TEST_CASE("gguf tokenizer: byte-level models give the ids of the tokenizers library") {
  for (const auto& [name, pre] : {std::pair{"gpt2", "gpt-2"}, {"llama3", "llama-bpe"}, {"smollm", "smollm"}}) {
    const io::Json file = io::read_json(golden / concat(name, ".json")),
                   expected = io::read_json(golden / concat(name, ".ids.json"));
    const auto tokenizer = reads(keys_of(file, pre))();
    CHECK(tokenizer->bos() == expected["bos"].get<std::int32_t>());
    for (std::size_t k = 0; k < expected["lines"].size(); ++k) {
      INFO(name << ", line " << k);
      CHECK(tokenizer->encode(expected["lines"][k].get<std::string>()) ==
            expected["ids"][k].get<std::vector<std::int32_t>>());
    }
    CHECK(tokenizer->file_name() == "tokenizer.json");
    const auto again = train::read_tokenizer_json(std::string(tokenizer->serialized()), "tokenizer.json");
    CHECK(again->encode("a  b's 123") == tokenizer->encode("a  b's 123"));
  }
}

TEST_CASE("gguf tokenizer: a SentencePiece model") {
  const auto tokenizer = reads(pieces())();
  const data::SentencePiece same(data::sentencepiece_from_llama2c(llama2c_tokenizer(llama2c_tokens())));
  CHECK(tokenizer->serialized() == same.serialized());
  CHECK(tokenizer->file_name() == "tokenizer.model");
  GgufBytes bytes = pieces();
  bytes.set("tokenizer.ggml.add_space_prefix", flag(0));
  CHECK(reads(bytes)()->encode(" the") == tokenizer->encode("the"));
  bytes = pieces();
  bytes.set("tokenizer.ggml.remove_extra_whitespaces", flag(1));
  CHECK(says(reads(bytes), "remove_extra_whitespaces must be false"));
  bytes = pieces();
  bytes.set("tokenizer.ggml.precompiled_charsmap", array_of<std::uint8_t>(0, {1}));
  CHECK(says(reads(bytes), "precompiled_charsmap must be absent"));
}

TEST_CASE("gguf tokenizer: keys that are missing, do not agree or are not supported") {
  for (const auto& make : {gpt2, pieces}) {
    const GgufBytes good = make();
    const auto with = [&](const std::string& key, const std::string& value) {
      GgufBytes bytes = good;
      bytes.set(key, value);
      return reads(bytes);
    };
    for (const char* key : {"tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"}) {
      GgufBytes bytes = good;
      bytes.drop(key);
      CHECK(says(reads(bytes), concat("model.gguf: ", key, " is missing")));
    }
    CHECK(says(with("tokenizer.ggml.model", text("t5")), "must be \"llama\" or \"gpt2\", got \"t5\""));
    CHECK(says(with("tokenizer.ggml.tokens", texts({})), "tokens must not be empty"));
    CHECK(says(with("tokenizer.ggml.tokens", u32(3)), "tokens must be an array"));
    CHECK(says(with("tokenizer.ggml.token_type", array_of<std::int32_t>(5, {1})), "one for each token, got 1"));
    CHECK(says(with("tokenizer.ggml.token_type", array_of<std::int32_t>(5, {9})), "an array of integers in 1 .. 6"));
    CHECK(says(with("tokenizer.ggml.bos_token_id", u32(99999)), "bos_token_id must be in 0 .. ", "got 99999"));
  }
  GgufBytes bytes = gpt2();
  bytes.set("tokenizer.ggml.pre", text("qwen35"));
  CHECK(says(reads(bytes), "tokenizer.ggml.pre must be one of gpt-2, llama-bpe, smollm, got \"qwen35\""));
  bytes = gpt2();
  bytes.set("tokenizer.ggml.merges", texts({"x"}));
  CHECK(says(reads(bytes), "model.gguf", "merge 0 must be"));
  bytes = gpt2();
  bytes.drop("tokenizer.ggml.bos_token_id");
  CHECK(reads(bytes)()->bos() == 0);  // eos
  bytes.drop("tokenizer.ggml.eos_token_id");
  CHECK(says(reads(bytes), "must be in 0 .. ", "got none"));
  bytes = pieces();
  bytes.set("tokenizer.ggml.scores", array_of<float>(6, {1}));
  CHECK(says(reads(bytes), "scores must have", "got 1"));
  bytes.set("tokenizer.ggml.tokens", texts({"a", "\xff"}));
  bytes.set("tokenizer.ggml.token_type", array_of<std::int32_t>(5, {1, 1}));
  CHECK_FALSE(message(reads(bytes)).empty());
}
