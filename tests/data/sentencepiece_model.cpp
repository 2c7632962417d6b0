#include "neutra/data/sentencepiece_model.hpp"

#include "neutra/data/sentencepiece.hpp"
#include "tests/data/samples.hpp"
#include "tests/data/sentencepiece_bytes.hpp"

#include <cmath>

using namespace neutra;
using namespace samples;

namespace {

auto load(std::string model) {
  return [model = std::move(model)] { data::SentencePiece{model}; };
}

}  // namespace

TEST_CASE("a sound model is read as it was written") {
  const auto model = data::detail::read_sentencepiece_model(ModelBytes{.dummy_prefix = true}.serialize());
  REQUIRE(model.pieces.size() == 2 + 256 + 7);
  CHECK(model.pieces[258].text == "th");
  CHECK(model.pieces[260].score == -3.0f);
  CHECK(model.pieces[0].type == data::detail::SentencePieceModel::unknown);
  CHECK(model.byte_ids[0] == 2);
  CHECK(model.byte_ids[255] == 257);
  CHECK(model.dummy_prefix);
  CHECK_FALSE(model.crosses_words);
  CHECK(data::detail::read_sentencepiece_model(ModelBytes{.pieces = {"a\xe2\x96\x81"}}.serialize()).crosses_words);
  CHECK_FALSE(data::detail::read_sentencepiece_model(ModelBytes{.pieces = {"\xe2\x96\x81\xe2\x96\x81\xe2\x96\x81"
                                                                           "a"}}
                                                         .serialize())
                  .crosses_words);
}

TEST_CASE("every shortened model is an error") {
  const std::string model = ModelBytes{}.serialize();
  REQUIRE_NOTHROW(load(model)());
  for (std::size_t size = 0; size < model.size(); ++size) {
    if (error_of(load(model.substr(0, size))).empty()) FAIL("accepted " << size << " of " << model.size() << " bytes");
  }
  CHECK(fails_with(load(""), "is empty"));
  CHECK(fails_with(load(model.substr(0, 5)), "past the end"));
  CHECK(fails_with(load(ModelBytes{.normalizer = false}.serialize()), "no normalizer section"));
  CHECK(fails_with(load(ModelBytes{.trainer = false}.serialize()), "no trainer section"));
}

TEST_CASE("other formats are named") {
  CHECK(fails_with(load("{\"version\": \"1.0\"}"), "got JSON"));
  CHECK(fails_with(load("{\n  \"version\": \"1.0\"\n}"), "got JSON"));
  CHECK(fails_with(load("PK\x03\x04rest"), "got a zip archive"));
  CHECK(fails_with(load(std::string("GGUF\x03\0\0\0", 8)), "got a GGUF file"));
  CHECK(fails_with(load("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"),
                   "got a Git LFS pointer, not the file itself; run git lfs pull"));
  CHECK(fails_with(load("plain text, nothing else"), "tokenizer model: "));
  CHECK(fails_with(load(std::string(64, '\0')), "tokenizer model: "));
}

TEST_CASE("a model that would lose text is an error that says what to do") {
  CHECK(fails_with(load(ModelBytes{.byte_pieces = 0, .byte_fallback = false}.serialize()), "no byte fallback (256 of 256 byte pieces missing)"));
  CHECK(fails_with(load(ModelBytes{.byte_pieces = 255}.serialize()), "no byte fallback (1 of 256"));
  CHECK(fails_with(load(ModelBytes{.byte_fallback = false}.serialize()), "train it with byte_fallback, or use the byte tokenizer"));
  CHECK(fails_with(load(ModelBytes{.removes_spaces = true}.serialize()), "removes spaces"));
  CHECK(fails_with(load(ModelBytes{.charsmap = std::string(40, '\x7f')}.serialize()), "rewrites characters"));
  CHECK(fails_with(load(ModelBytes{.decoding_charsmap = std::string(40, '\x7f')}.serialize()), "rewrites characters"));
  CHECK(fails_with(load(ModelBytes{.escapes_spaces = false}.serialize()), "spaces must be escaped"));
  CHECK(fails_with(load(ModelBytes{.space_as_suffix = true}.serialize()), "lead their word"));
  CHECK(fails_with(load(ModelBytes{.kind = 3}.serialize()), "kind must be 1 (unigram) or 2 (BPE), got 3"));
}

TEST_CASE("damaged pieces and fields are errors") {
  const std::string sound = ModelBytes{}.serialize();
  CHECK(fails_with(load(sound + piece_field("the", 0, 1)), "occurs twice"));
  CHECK(fails_with(load(sound + piece_field("<s>", 0, 1)), "(<s>) occurs twice"));
  CHECK(fails_with(load(sound + piece_field("", 0, 1)), "must be text in UTF-8"));
  CHECK(fails_with(load(sound + piece_field("\xff", 0, 1)), "must be text in UTF-8"));
  CHECK(fails_with(load(sound + piece_field(std::string("a\0b", 3), 0, 4)), "without NUL"));
  CHECK(fails_with(load(sound + piece_field("new", std::numeric_limits<float>::quiet_NaN(), 1)), "score of piece 265 must be finite"));
  CHECK(fails_with(load(sound + piece_field("new", 0, 7)), "type in 1 .. 6, got 7"));
  CHECK(fails_with(load(sound + piece_field("<0xZZ>", 0, 6)), "<0x00> .. <0xFF>, got <0xZZ>"));
  CHECK(fails_with(load(sound + number_field(1, 5)), "field 1 must be of kind 2, got 0"));
  CHECK(fails_with(load(sound + varint(1 << 3 | 2) + varint(~0ull)), "past the end"));
  CHECK(fails_with(load(sound + std::string(11, '\xff')), "more than 64 bits"));
  CHECK(fails_with(load(sound + varint(9 << 3 | 3)), "field of kind 3"));
}

TEST_CASE("a model with any byte changed is refused or still loses nothing") {
  std::mt19937 random(3);
  const std::string sound = ModelBytes{.pieces = {"th", "the", "\xe2\x96\x81", "t", "h", "e"}, .dummy_prefix = true}.serialize();
  int accepted = 0;
  for (int k = 0; k < 3000; ++k) {
    std::string model = sound;
    for (unsigned change = 0; change <= random() % 3; ++change) {  // half of the changes near the end, where the options are
      const std::size_t at = random() % 2 ? model.size() - 1 - random() % 150 : random() % model.size();
      model[at] = static_cast<char>(random());
    }
    std::string text = random_bytes(random, 60, k % 2 == 0), back;
    const std::string message = error_of([&] {
      const data::SentencePiece tokenizer(model);
      back = tokenizer.decode(tokenizer.encode(text));
    });
    accepted += message.empty();
    if (message.empty() && back != text) FAIL("lost text with change " << k);
    if (!message.empty() && !message.starts_with("token")) FAIL("not ours: " << message);
  }
  CHECK(accepted > 0);
}
