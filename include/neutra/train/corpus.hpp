/// The texts of a run: read, hashed, split, tokenized.
#pragma once

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/text.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/options.hpp"

#include <algorithm>
#include <functional>

namespace neutra::inline NEUTRA_ABI::train {

/// One domain's text in its three parts. Without evaluation files the last tenth of all text is `valid`. `choosing` is a tenth of the training text,
/// taken throughout it and at most half a megabyte: rates and alpha are chosen on it and nothing trains on it.
struct DomainText {
  std::string train, choosing, valid;
  std::vector<std::string> remarks;  // about bytes that are not UTF-8: they are kept as they are

  static DomainText read(const std::vector<Path>& files, const std::vector<Path>& evaluation_files) {
    constexpr double most_choosing = 1 << 19;  // bytes: enough to tell rates apart, and evaluated after every run that is chosen from
    DomainText text;
    const auto read_all = [&](const std::vector<Path>& paths) {
      data::Text whole = data::read_texts(paths);
      text.remarks.insert(text.remarks.end(), whole.remarks.begin(), whole.remarks.end());
      return std::move(whole.bytes);
    };
    if (!evaluation_files.empty()) text.valid = read_all(evaluation_files);
    if (files.empty()) return text;  // nothing to train on, but forgetting can still be measured
    const std::string bytes = read_all(files);
    std::string_view rest = bytes;
    if (evaluation_files.empty()) {
      const auto last = data::hold_out(bytes, 0.1);
      rest = last.train;
      text.valid = last.held;
    }
    auto parts = data::hold_out_throughout(rest, std::min(0.1, most_choosing / static_cast<double>(rest.size())));
    text.train = std::move(parts.train);
    text.choosing = std::move(parts.held);
    return text;
  }
};

/// Both domains as tokens of one tokenizer.
struct Corpus {
  DomainText original, target;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  data::Windows train_original, train_target;
  EvaluationText choosing_original, choosing_target, valid_original, valid_target;

  explicit Corpus(const Options& options)
      : original(DomainText::read(options.original, options.eval_original)), target(DomainText::read(options.target, options.eval_target)) {}

  /// By role, for results.json.
  std::map<std::string, std::string> hashes() const {
    std::map<std::string, std::string> all;
    const auto add = [&](const std::string& role, std::string_view text) {
      if (!text.empty()) all[role] = io::sha256_hex(text);
    };
    add("original.train", original.train), add("original.choosing", original.choosing), add("original.valid", original.valid);
    add("target.train", target.train), add("target.choosing", target.choosing), add("target.valid", target.valid);
    return all;
  }

  /// Encodes every part; `length` tokens a window. The choosing texts only where something is chosen on them.
  void encode(std::shared_ptr<const data::Tokenizer> chosen, Index length, bool with_choosing = true) {
    tokenizer = std::move(chosen);
    const auto windows = [&](std::string_view text) { return text.empty() ? data::Windows() : data::Windows(*tokenizer, text, length); };
    const auto evaluation = [&](std::string_view text) { return EvaluationText{windows(text), static_cast<Index>(text.size())}; };
    train_original = windows(original.train), train_target = windows(target.train);
    if (with_choosing) choosing_original = evaluation(original.choosing), choosing_target = evaluation(target.choosing);
    valid_original = evaluation(original.valid), valid_target = evaluation(target.valid);
  }
};

/// What tells one tokenizer from another: the SHA-256 of its tokenizer.model, of no bytes where tokens are bytes.
inline std::string tokenizer_sha256(const data::Tokenizer& tokenizer) { return io::sha256_hex(tokenizer.serialized()); }

/// A tokenizer.model file. Error: those of the file and of its content, by its name.
inline std::shared_ptr<const data::Tokenizer> read_tokenizer(const Path& file) {
  try {
    return std::make_shared<data::SentencePiece>(io::read_file(file, std::uint64_t{1} << 30));
  } catch (const Error& error) {
    const std::string message = error.what();
    throw Error(message.find(file.string()) == message.npos ? concat(file.string(), ": ", message) : message);
  }
}

/// The tokenizer a folder holds: its tokenizer.model, or bytes where its config.json says so. Error: neither.
inline std::shared_ptr<const data::Tokenizer> tokenizer_of(const Path& folder) {
  if (const Path file = folder / "tokenizer.model"; std::filesystem::exists(file)) return read_tokenizer(file);
  const io::Json config = io::read_json(folder / "config.json");
  require(
      config.is_object() && config.value("neutra_tokenizer", io::Json()) == "byte", folder.string(),
      ": holds no tokenizer.model, and its config.json does not say \"neutra_tokenizer\": \"byte\"; put the model's SentencePiece file beside it");
  return std::make_shared<data::ByteTokenizer>();
}

/// The tokenizer of a backbone that is pretrained here: bytes, a given file, or one trained on the pretraining text alone (and never again).
inline std::shared_ptr<const data::Tokenizer> new_tokenizer(const Options& options, std::string_view pretraining_text) {
  if (options.tokenizer == "byte") return std::make_shared<data::ByteTokenizer>();
  if (options.tokenizer != "sentencepiece") return read_tokenizer(options.tokenizer);
  return std::make_shared<data::SentencePiece>(data::train_sentencepiece(pretraining_text, {.vocab = options.vocabulary}));
}

}  // namespace neutra::inline NEUTRA_ABI::train
