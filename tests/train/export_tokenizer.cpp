#include "neutra/train/export_tokenizer.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/train/tokenizer_json.hpp"

#include "tests/catch.hpp"
#include "tests/data/samples.hpp"

#include <string>

using namespace neutra;

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
}
