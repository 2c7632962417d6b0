/// Reads vocab.json and merges.txt, the files of byte-level tokenizers before tokenizer.json.
///     vocab.json: {token: id}; merges.txt: a line "#version: ...", then a merge "a b" a line
#pragma once

#include "neutra/core/nearest.hpp"
#include "neutra/train/added_tokens.hpp"
#include "neutra/train/export_tokenizer.hpp"
#include "neutra/train/tokenizer_json.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

/// What a tokenizer class of transformers adds to the two files.
struct TokenizerClass {
  std::string_view name;        // in tokenizer_config.json, without "Fast"
  std::string_view expression;  // that cuts text into words; empty: that of GPT-2
  bool nfc = false;
  std::string_view front, behind;  // what its post-processor puts around a text
  std::string_view start;          // of a text, where the files name none
};
inline constexpr std::array tokenizer_classes = {
    TokenizerClass{"GPT2Tokenizer", {}, false, {}, {}, "<|endoftext|>"},
    TokenizerClass{"CodeGenTokenizer", {}, false, {}, {}, "<|endoftext|>"},
    TokenizerClass{"Qwen2Tokenizer", data::qwen2_expression, true, {}, {}, "<|endoftext|>"},
    TokenizerClass{"RobertaTokenizer", {}, false, "<s>", "</s>", "<s>"},
    TokenizerClass{"BartTokenizer", {}, false, "<s>", "</s>", "<s>"}};

/// The class that tokenizer_config.json names, or that of GPT-2, whose files are older than that name.
/// Error: another class; an option that is not supported.
inline const TokenizerClass& tokenizer_class(const io::Path& folder) {
  const io::Path config = folder / "tokenizer_config.json";
  std::string name = "GPT2Tokenizer";
  with_file(config, [&](const io::Reader& file) {
    name = file.text("tokenizer_class", name);
    must_be_off(file, "add_prefix_space", "the tokenizer");
    must_be_off(file, "add_eos_token", "the tokenizer");
  });
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  const auto found = std::find_if(tokenizer_classes.begin(), tokenizer_classes.end(),
                                  [&](const TokenizerClass& item) { return item.name == name; });
  if (found != tokenizer_classes.end()) return *found;
  std::vector<std::string> known;
  for (const TokenizerClass& item : tokenizer_classes) known.emplace_back(item.name);
  fail(config.string(), ": tokenizer_class of a vocab.json must be one of ", listed(known), ", got \"",
       io::printable(name), "\"; write its tokenizer.json in transformers, by ",
       "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)");
}

/// The lines of merges.txt, but for "#version".
inline io::Json read_merge_lines(const io::Path& path) {
  const std::string text = io::read_file(path, 64'000'000);
  io::Json merges = io::Json::array();
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    require(io::utf8_prefix(line) == line.size(), path.string(), ": merge ", merges.size(),
            " must be UTF-8; the file is damaged");
    if (!line.starts_with("#version") && !line.empty()) merges.push_back(line);
  }
  return merges;
}

/// The added tokens of a folder, and its special tokens that vocab.json holds.
inline io::Json added_json(const io::Path& folder, const io::Json& vocabulary, std::set<std::string> special) {
  data::AddedTokens tokens = read_added_tokens(folder);
  special.merge(read_special_texts(folder));
  for (const std::string& text : special) {
    const auto found = vocabulary.find(text);
    if (found == vocabulary.end() || !found->is_number_integer()) continue;
    const auto id = std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, most_token_ids);
    tokens.try_emplace(static_cast<std::int32_t>(id), data::AddedToken{.content = text});
  }
  io::Json added = io::Json::array();
  for (const auto& [id, token] : tokens) {
    added.push_back(special_token(token.content, static_cast<std::size_t>(id)));
    added.back().update({{"special", token.special || special.contains(token.content)},
                         {"normalized", token.normalized},
                         {"single_word", token.single_word},
                         {"lstrip", token.strips_left},
                         {"rstrip", token.strips_right}});
  }
  return added;
}

/// The tokenizer.json of a folder with the two files.
inline io::Json bpe_files_json(const io::Path& folder, const std::string& bos) {
  const TokenizerClass& kind = tokenizer_class(folder);
  const io::Path path = folder / "vocab.json";
  io::Json vocabulary = io::read_json(path, 64'000'000);
  require(vocabulary.is_object(), path.string(), ": must be a JSON object of tokens and their ids, got another value");
  io::Json added = added_json(folder, vocabulary, {bos, std::string(kind.front), std::string(kind.behind)});
  const auto id = [&](std::string_view text) -> Index {
    for (const io::Json& token : added)
      if (token["content"] == text) return token["id"].get<Index>();
    fail(path.string(), ": must have the token \"", io::printable(text),
         "\", got none; take all files of the tokenizer from ", "one model");
  };
  io::Json file = byte_level_frame(std::move(vocabulary), read_merge_lines(folder / "merges.txt"), added, bos, id(bos),
                                   kind.expression.empty() ? io::Json() : split_step(kind.expression));
  if (kind.nfc) file["normalizer"] = {{"type", "NFC"}};
  bool adds_bos = false;
  with_file(folder / "tokenizer_config.json",
            [&](const io::Reader& config) { adds_bos = config.flag("add_bos_token", false); });
  if (!adds_bos) file["post_processor"] = nullptr;
  if (!kind.front.empty())
    file["post_processor"] = {{"type", "RobertaProcessing"},
                              {"sep", {kind.behind, id(kind.behind)}},
                              {"cls", {kind.front, id(kind.front)}},
                              {"trim_offsets", true},
                              {"add_prefix_space", false}};
  return file;
}

}  // namespace detail

/// The tokenizer of a folder with vocab.json and merges.txt; a run saves it as tokenizer.json. Added and special tokens
/// are those of the small files beside them.
/// Error: a malformed file; a tokenizer class of transformers that is not supported; as read_tokenizer_json.
inline std::shared_ptr<const data::Tokenizer> read_bpe_files(const io::Path& folder) {
  std::string bos = read_text_start(folder);
  if (bos.empty()) bos = detail::tokenizer_class(folder).start;
  const io::Json file = detail::bpe_files_json(folder, bos);
  return read_tokenizer_json(io::dump(file, (folder / "vocab.json").string()),
                             concat((folder / "vocab.json").string(), " with merges.txt"), bos);
}

}}}  // namespace neutra::NEUTRA_ABI::train
