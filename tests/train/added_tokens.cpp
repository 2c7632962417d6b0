// The tokens that a folder's JSON files add to its tokenizer.
#include "neutra/train/added_tokens.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::put;
using scratch::says;

namespace {

std::string listed(const data::AddedTokens& tokens) {
  std::string text;
  for (const auto& [id, token] : tokens) text += concat(id, token.special ? " special " : " ", token.content, "; ");
  return text;
}

}  // namespace

TEST_CASE("added tokens are read from either file, and are special where any file says so", "[train]") {
  const scratch::Folder folder;
  const auto read = [&] { return listed(train::read_added_tokens(folder.path())); };
  CHECK(read().empty());
  put(folder / "added_tokens.json",
      R"({"<|im_end|>": 32000, "<pad>": 32001, "<mine>": 32002, "<turn>": 32003, "<tool>": 32004})");
  CHECK(read() == "32000 <|im_end|>; 32001 <pad>; 32002 <mine>; 32003 <turn>; 32004 <tool>; ");
  put(folder / "special_tokens_map.json",
      R"({"eos_token": "<|im_end|>", "pad_token": {"content": "<pad>", "lstrip": false}, "unk_token": null,
      "additional_special_tokens": ["<turn>", {"content": "<tool>"}]})");
  CHECK(read() ==
        "32000 special <|im_end|>; 32001 special <pad>; 32002 <mine>; 32003 special <turn>; 32004 special <tool>; ");
  put(folder / "tokenizer_config.json",
      R"({"added_tokens_decoder": {"2": {"content": "</s>", "special": true}, "32002": {"content": "<ours>"},
      "32005": {"content": "<end>", "special": true}}, "bos_token": "<ours>", "add_bos_token": true,
      "chat_template": "x"})");
  CHECK(read() ==
        "2 special </s>; 32000 special <|im_end|>; 32001 special <pad>; 32002 special <ours>; 32003 special <turn>; "
        "32004 special <tool>; 32005 special <end>; ");
}

TEST_CASE("files of added tokens that are not of their form are refused by name", "[train]") {
  const scratch::Folder folder;
  const auto with = [&](const char* name, std::string_view text) {
    put(folder / name, text);
    return [&] { train::read_added_tokens(folder.path()); };
  };
  CHECK(says(with("added_tokens.json", R"({"<x>": -1})"), "added_tokens.json",
             "<x> must be an integer in 0 .. 2147483647, got -1"));
  CHECK(says(with("added_tokens.json", R"({"<x>": "1"})"), "added_tokens.json", "<x>"));
  CHECK(says(with("added_tokens.json", "[]"), "added_tokens.json", "JSON object"));
  put(folder / "added_tokens.json", "{}");
  for (const char* key : {"x", "", "-1", "1x", "4294967296"})
    CHECK(says(with("tokenizer_config.json", concat(R"({"added_tokens_decoder": {")", key, R"(": {"content": "y"}}})")),
               "tokenizer_config.json", "must be a token's id"));
  CHECK(says(with("tokenizer_config.json", R"({"added_tokens_decoder": {"5": "y"}})"),
             "added_tokens_decoder.5 must be an object"));
  CHECK(says(with("tokenizer_config.json", R"({"added_tokens_decoder": {"5": {"content": 5}}})"),
             "added_tokens_decoder.5.content must be a string"));
  CHECK(says(with("special_tokens_map.json", "{"), "special_tokens_map.json", "JSON"));
}
