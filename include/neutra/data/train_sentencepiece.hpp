/// Trains a SentencePiece tokenizer. A separate header, because it also needs the library sentencepiece_train.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/random.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/data/words.hpp"

#include <sentencepiece_trainer.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Options of tokenizer training. vocab counts all pieces: 3 control pieces, 256 bytes, characters, merges. From a text
/// larger than sample_bytes, lines are drawn at random, because the trainer holds several copies of its input.
struct TokenizerTraining {
  Index vocab = 4096;
  std::uint64_t seed = 1;
  Index sample_bytes = Index{64} << 20;
};

namespace detail {

/// Feeds lines to the trainer from memory.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(std::vector<std::string_view> lines) : lines_(std::move(lines)) { load(); }
  bool done() const override { return at_ >= lines_.size(); }
  void Next() override {
    ++at_;
    load();
  }
  const std::string& value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  void load() {
    if (!done()) line_ = lines_[at_];
  }
  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  std::string line_;
};

/// The lines of the text without the bytes that never enter a merge, subsampled to about sample_bytes. Each line is
/// kept or dropped by its own random number.
inline std::vector<std::string_view> training_lines(std::string_view text, const TokenizerTraining& options) {
  const double share = static_cast<double>(options.sample_bytes) / static_cast<double>(text.size());
  const Philox random(options.seed, "tokenizer");
  std::vector<std::string_view> lines;
  std::uint64_t number = 0;
  for_each_line(text, [&](std::string_view line, bool raw) {
    if (!raw && random.uniform(0, number++) < share) lines.push_back(line);
  });
  return lines;
}

/// The trainer's message without its source line ("Internal: file(line) [condition] message"), and with advice on what
/// exists here in place of its own.
inline std::string plain_message(std::string message) {
  const std::size_t start = message.find("] "), small = message.find(" Increase vocab_size");
  constexpr std::string_view most = ". Please set it to a value <= ";
  const std::size_t large = message.find(most);
  if (small != std::string::npos) message.replace(small, std::string::npos, " Raise the vocabulary above that.");
  if (large != std::string::npos) {
    message.replace(large, most.size(), "; lower --vocab to at most ");
    if (message.ends_with('.')) message.pop_back();
    message += ", or give more text";
  }
  return start == std::string::npos ? message : message.substr(start + 2);
}

}  // namespace detail

/// Trains BPE merges within words and returns the bytes of a tokenizer.model. Equal text and options give equal bytes.
/// Settings: byte fallback, identity normalisation, no dummy prefix, whitespace preserved, single digits, mergeable
/// runs of spaces; a newline may merge with the text before it. Silences the trainer's log for the whole process.
/// Errors: vocab out of range; no valid UTF-8; a text too small or with too many different characters for vocab.
inline std::string train_sentencepiece(std::string_view text, const TokenizerTraining& options = {}) {
  require(options.vocab >= 260 && options.vocab <= Index{1} << 20,
          "training a tokenizer: the vocabulary must have 260 .. 1048576 pieces (256 are bytes, 3 control), got ",
          options.vocab);
  require(options.sample_bytes > 0, "training a tokenizer: sample_bytes must be positive, got ", options.sample_bytes);
  std::vector<std::string_view> lines = detail::training_lines(text, options);
  require(!lines.empty(), "training a tokenizer: needs text in UTF-8, got ", text.size(),
          " bytes without any; give more text or use the byte tokenizer");
  detail::Lines sentences(std::move(lines));
  const std::unordered_map<std::string, std::string> settings = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(options.vocab)},
      {"byte_fallback", "true"},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"split_digits", "true"},
      {"max_sentence_length", std::to_string(longest_stretch)},  // the trainer drops longer lines; there are none
      {"num_threads", "1"},
      {"minloglevel", "3"},
  };
  std::string serialized;
  const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &sentences, &serialized);
  require(status.ok(), "training a tokenizer with ", options.vocab, " pieces on ", text.size(),
          " bytes: ", detail::plain_message(status.ToString()));
  return serialized;
}

}}}  // namespace neutra::NEUTRA_ABI::data
