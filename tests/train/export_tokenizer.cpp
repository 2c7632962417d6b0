#include "neutra/train/export_tokenizer.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/train/tokenizer_json.hpp"

#include "tests/catch.hpp"
#include "tests/data/samples.hpp"

#include <sentencepiece_trainer.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

using namespace neutra;

namespace {

/// A SentencePiece model of kind unigram.
std::string train_unigram() {
  const std::string text(samples::five_languages);
  std::vector<std::string_view> lines;
  data::for_each_line(text, [&](std::string_view line, bool raw) {
    if (!raw) lines.push_back(line);
  });
  data::detail::Lines sentences(std::move(lines));
  const std::unordered_map<std::string, std::string> settings = {{"model_type", "unigram"},
                                                                 {"vocab_size", "400"},
                                                                 {"hard_vocab_limit", "false"},
                                                                 {"byte_fallback", "true"},
                                                                 {"normalization_rule_name", "identity"},
                                                                 {"remove_extra_whitespaces", "false"},
                                                                 {"minloglevel", "3"}};
  std::string serialized;
  const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &sentences, &serialized);
  require(status.ok(), status.ToString());
  return serialized;
}

}  // namespace

TEST_CASE("a tokenizer written as tokenizer.json gives the same ids", "[data]") {
  const auto check = [](const data::Tokenizer& own) {
    const auto read = train::read_tokenizer_json(train::export_tokenizer(own).dump(), "tokenizer.json");
    CHECK(read->vocab() == own.vocab());
    CHECK(read->bos() == own.bos());
    for (const std::string_view text : samples::awkward) {
      INFO(text);
      CHECK(read->decode(read->encode(text)) == text);
      CHECK(read->encode(text) == own.encode(text));
    }
    CHECK(read->encode(samples::five_languages) == own.encode(samples::five_languages));
  };
  check(data::ByteTokenizer());
  check(data::SentencePiece(data::train_sentencepiece(std::string(samples::five_languages), {.vocab = 500})));
  check(data::SentencePiece(train_unigram()));
}
