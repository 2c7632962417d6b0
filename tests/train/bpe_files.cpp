// vocab.json and merges.txt, beside the tokenizer.json of the same tokenizer.
#include "neutra/train/bpe_files.hpp"
#include "neutra/train/model_tokenizer.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <string>
#include <string_view>

using namespace neutra;
using scratch::put;
using scratch::says;

namespace {

/// Writes the two files of a golden tokenizer; returns the lines and their ids.
io::Json write(const io::Path& folder, const std::string& name) {
  const io::Path samples = NEUTRA_SOURCE_DIR "/tests/golden/tokenizers";
  const io::Json file = io::read_json(samples / (name + ".json"));
  std::string merges = "#version: 0.2\r\n";
  for (const io::Json& merge : file["model"]["merges"])
    merges += (merge.is_string() ? merge.get<std::string>()
                                 : merge[0].get<std::string>() + ' ' + merge[1].get<std::string>()) +
              '\n';
  put(folder / "vocab.json", file["model"]["vocab"].dump());
  put(folder / "merges.txt", merges);
  return io::read_json(samples / (name + ".ids.json"));
}

void compare(const data::Tokenizer& tokenizer, const io::Json& expected) {
  for (std::size_t k = 0; k < expected["lines"].size(); ++k) {
    const auto line = expected["lines"][k].get<std::string>();
    INFO("line " << k << ": " << line);
    CHECK(tokenizer.encode(line) == expected["ids"][k].get<std::vector<std::int32_t>>());
  }
}

}  // namespace

TEST_CASE("vocab.json and merges.txt give the ids of the tokenizers library", "[data]") {
  const scratch::Folder folder;
  const io::Json expected = write(folder.path(), "gpt2");
  put(folder / "added_tokens.json", R"({"<note>": 638, "</note>": 639})");
  const auto tokenizer = train::read_bpe_files(folder.path());
  compare(*tokenizer, expected);
  CHECK(tokenizer->bos() == 0);
  CHECK(tokenizer->decode(std::vector{0, 638}) == "<note>");
  CHECK(tokenizer->file_name() == "tokenizer.json");
  compare(*train::read_tokenizer_json(std::string(tokenizer->serialized()), "saved", "<|endoftext|>"), expected);
}

TEST_CASE("the class of a tokenizer decides how the text is cut and what stands around it", "[data]") {
  const scratch::Folder folder;
  const io::Json expected = write(folder.path(), "qwen2");
  put(folder / "tokenizer_config.json",
      R"({"tokenizer_class": "Qwen2TokenizerFast", "bos_token": null, "eos_token": "<|endoftext|>",
          "add_bos_token": false,
          "added_tokens_decoder": {"616": {"content": "<note>", "special": false, "normalized": false},
                                   "617": {"content": "</note>", "special": false, "normalized": true}}})");
  compare(*train::read_bpe_files(folder.path()), expected);

  io::Json vocabulary = io::read_json(folder / "vocab.json");
  vocabulary.update({{"<s>", 616}, {"</s>", 617}});
  put(folder / "vocab.json", vocabulary.dump());
  put(folder / "tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  CHECK(train::read_bpe_files(folder.path())->bos() == 616);
  CHECK(train::read_bpe_files(folder.path())->eos() == 617);
  put(folder / "tokenizer_config.json", R"({"bos_token": {"content": "</s>"}, "add_bos_token": true})");
  const auto tokenizer = train::read_bpe_files(folder.path());
  CHECK(tokenizer->bos() == 617);
  CHECK(train::read_tokenizer_json(std::string(tokenizer->serialized()), "saved")->bos() == 617);
  // Special by another file, and found as its options say.
  put(folder / "special_tokens_map.json", R"({"additional_special_tokens": ["<s>"]})");
  put(folder / "tokenizer_config.json", R"({"added_tokens_decoder": {"618": {"content": "<l>", "lstrip": true}}})");
  const auto options = train::read_bpe_files(folder.path());
  CHECK(options->decode(options->encode("a  <l> b")) == "a<l> b");
  CHECK(options->decode(std::vector{616}).empty());
}

TEST_CASE("malformed or foreign vocab.json and merges.txt are refused in one line", "[data]") {
  const scratch::Folder folder;
  const auto read = [&] { train::read_bpe_files(folder.path()); };
  write(folder.path(), "gpt2");
  const std::string vocabulary = scratch::get(folder / "vocab.json"), merges = scratch::get(folder / "merges.txt");
  const auto with = [&](const char* name, std::string_view text, std::string_view rule) {
    put(folder / name, text);
    const bool said = says(read, name, rule) && ::message(read).find('\n') == std::string::npos;
    put(folder / "vocab.json", vocabulary);
    put(folder / "merges.txt", merges);
    std::filesystem::remove(folder / "tokenizer_config.json");
    return said;
  };
  CHECK(with("vocab.json", "[]", "must be a JSON object"));
  CHECK(with("vocab.json", "", "empty"));
  CHECK(with("vocab.json", vocabulary.substr(0, 1000), "must be JSON"));
  CHECK(with("vocab.json", R"({"<|endoftext|>": 0, "a": -1})", "must be an integer in 0 .."));
  CHECK(with("vocab.json", R"({"<|endoftext|>": 0, "a": 0})", "must have different ids"));
  CHECK(with("vocab.json", R"({"<|endoftext|>": -5})", "must be an integer in 0 .."));
  CHECK(with("vocab.json", R"({"<|endoftext|>": 0, "a": 1})", "a token for each byte"));
  CHECK(with("vocab.json", R"({"a": 0})", "must have the token \"<|endoftext|>\""));
  CHECK(with("merges.txt", merges + "\xff b\n", "must be UTF-8"));
  CHECK(with("tokenizer_config.json", R"({"tokenizer_class": 3})", "must be a string"));
  const auto config = [&](std::string_view text, std::string_view rule) {
    put(folder / "tokenizer_config.json", text);
    return says(read, rule);
  };
  CHECK(config(R"({"tokenizer_class": "CLIPTokenizer"})",
               "tokenizer_class of a vocab.json must be one of GPT2Tokenizer, CodeGenTokenizer, Qwen2Tokenizer, "
               "RobertaTokenizer, BartTokenizer, got \"CLIPTokenizer\"; write"));
  CHECK(config(R"({"add_prefix_space": true})", "add_prefix_space"));
  CHECK(config(R"({"bos_token": "nowhere"})", "must have the token \"nowhere\""));
  std::filesystem::remove(folder / "tokenizer_config.json");
  for (const char* lines : {"a b c\n", "a\n", " a\n", "a zzzz\n"}) {
    put(folder / "merges.txt", lines);
    CHECK(says(read, "merge 0 must"));
  }
  std::filesystem::remove(folder / "merges.txt");
  CHECK(says(read, "merges.txt"));
}

TEST_CASE("messages about vocab.json begin with the file where its folder was not named", "[data]") {
  const scratch::Folder folder;
  write(folder.path(), "gpt2");
  const io::Path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto message = [&](const char* name, std::string_view text) {
    const std::string right = scratch::get(name);
    put(name, text);
    const std::string said = ::message([&] { train::read_tokenizer("vocab.json"); });
    right.empty() ? void(std::filesystem::remove(name)) : put(name, right);
    return said;
  };
  const std::string config = "tokenizer_config.json", none = message(config.c_str(), "{}"),
                    other = message(config.c_str(), R"({"tokenizer_class": "CLIPTokenizer"})"),
                    option = message(config.c_str(), R"({"add_eos_token": true})"),
                    start = message(config.c_str(), R"({"bos_token": "nowhere"})"), list = message("vocab.json", "[]"),
                    few = message("vocab.json", R"({"<|endoftext|>": 0})"), merge = message("merges.txt", "a\n");
  std::filesystem::current_path(before);
  CHECK(none.empty());
  CHECK(other.starts_with("tokenizer_config.json: tokenizer_class"));
  CHECK(option.starts_with("tokenizer_config.json: the tokenizer has \"add_eos_token\": true"));
  CHECK(start.starts_with("vocab.json: must have the token \"nowhere\""));
  CHECK(list.starts_with("vocab.json: must be a JSON object"));
  CHECK(few.starts_with("vocab.json with merges.txt: "));
  CHECK(merge.starts_with("vocab.json with merges.txt: merge 0 must"));
}
