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

// A number encoded with `more` bytes more than its shortest encoding.
std::string padded(std::uint64_t value, int more) {
  std::string bytes = varint(value);
  for (; more > 0; --more) {
    bytes.back() = static_cast<char>(bytes.back() | 0x80);
    bytes += '\0';
  }
  return bytes;
}

// A normalizer section whose character map points far outside itself; SentencePiece follows it when it encodes.
std::string hostile_normalizer() {
  std::string units;
  for (const std::uint32_t unit : {0x1fffffu << 10 | 1u << 9, 0u})
    for (int shift = 0; shift < 32; shift += 8) units += static_cast<char>(unit >> shift);
  units.resize(4096);
  return bytes_field(2, std::string("\0\x10\0\0", 4) + units + "x");
}

// A random hostile change: another encoding of a field's tag, a repeated field, the number of an extension, a section
// inside another.
std::string mutation(std::mt19937& random) {
  static const std::uint64_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 24, 35, 44, 46, 54, 55, 199, 200, 536870911};
  static const std::uint64_t upper[] = {0, 0, 0, 1ull << 32, 1ull << 35, 1ull << 62};
  const std::uint64_t number = numbers[random() % std::size(numbers)], kind = random() % 4 == 0 ? random() % 8 : 2;
  const std::string content =
      random() % 2 ? hostile_normalizer() : number_field(numbers[random() % std::size(numbers)], random() % 3);
  const std::string length = padded(content.size(), random() % 4 == 0);
  return padded((number << 3 | kind) + upper[random() % std::size(upper)], random() % 4 == 0) +
         (kind == 2 ? length + content : varint(random() % 3));
}

// Whether a model is accepted. An accepted model must be lossless, and a rejection must be an Error of this library.
bool accepted(const std::string& model, const std::string& text, int change) {
  std::string back;
  const std::string message = error_of([&] {
    const data::SentencePiece tokenizer(model);
    back = tokenizer.decode(tokenizer.encode(text));
  });
  if (message.empty() && back != text) FAIL("lost text with change " << change);
  if (!message.empty() && !message.starts_with("token")) FAIL("not ours: " << message);
  return message.empty();
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
  CHECK(fails_with(load(ModelBytes{.byte_pieces = 0, .byte_fallback = false}.serialize()),
                   "no byte fallback (256 of 256 byte pieces missing)"));
  CHECK(fails_with(load(ModelBytes{.byte_pieces = 255}.serialize()), "no byte fallback (1 of 256"));
  CHECK(fails_with(load(ModelBytes{.byte_fallback = false}.serialize()),
                   "train it with byte_fallback, or use the byte tokenizer"));
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
  CHECK(fails_with(load(sound + piece_field("", 0, 1)), "must be UTF-8 text"));
  CHECK(fails_with(load(sound + piece_field("\xff", 0, 1)), "must be UTF-8 text"));
  CHECK(fails_with(load(sound + piece_field(std::string("a\0b", 3), 0, 4)), "without NUL"));
  CHECK(fails_with(load(sound + piece_field("new", std::numeric_limits<float>::quiet_NaN(), 1)),
                   "score of piece 265 must be finite"));
  CHECK(fails_with(load(sound + piece_field("new", 0, 7)), "type in 1 .. 6, got 7"));
  CHECK(fails_with(load(sound + piece_field("<0xZZ>", 0, 6)), "<0x00> .. <0xFF>, got <0xZZ>"));
  CHECK(fails_with(load(sound + number_field(1, 5)), "field 1 must be of kind 2, got 0"));
  CHECK(fails_with(load(sound + varint(1 << 3 | 2) + varint(~0ull)), "past the end"));
  CHECK(fails_with(load(sound + std::string(11, '\xff')), "more than 64 bits"));
  CHECK(fails_with(load(sound + varint(9 << 3 | 3)), "field of kind 3"));
}

TEST_CASE("what SentencePiece would read otherwise than the check is an error") {
  const std::string sound = ModelBytes{}.serialize(), hostile = hostile_normalizer(),
                    body = varint(hostile.size()) + hostile;
  CHECK(fails_with(load(sound + "\x9a\x80\x80\x80\x10" + body), "field's tag must fit in 32 bits, got 4294967322"));
  CHECK(fails_with(load(sound + varint(3 << 3 | 2 | 1ull << 35) + body), "field's tag must fit in 32 bits"));
  CHECK(fails_with(load(sound + padded(3 << 3 | 2, 1) + body),
                   "the number 26 must be in its shortest encoding, got 2 bytes"));
  CHECK(fails_with(load(sound + padded(3 << 3 | 2, 4) + body), "shortest encoding, got 5 bytes"));
  CHECK(fails_with(load(sound + varint(1 << 3 | 2) + padded(3, 1) + "abc"),
                   "the number 3 must be in its shortest encoding"));
  CHECK(fails_with(load(sound + std::string(9, '\xff') + '\x02'), "more than 64 bits"));
  for (const std::uint64_t section : {2, 3})
    CHECK(fails_with(load(sound + bytes_field(section, "")), "must occur once in its section"));
  CHECK(fails_with(load(sound + bytes_field(5, "") + bytes_field(5, "")), "field 5 must occur once"));
  CHECK(fails_with(load(sound + bytes_field(0, "")), "field 0"));
  CHECK(fails_with(load(sound + bytes_field(6, "")), "field 6 is unknown"));
  CHECK(fails_with(load(ModelBytes{.more_trainer = number_field(3, 2)}.serialize()), "field 3 must occur once"));
  CHECK(fails_with(load(ModelBytes{.more_trainer = number_field(55, 2)}.serialize()), "field 55 is unknown"));
  CHECK(fails_with(load(ModelBytes{.more_trainer = bytes_field(40, "")}.serialize()),
                   "field 40 must be of kind 0, got 2"));
  CHECK(
      fails_with(load(ModelBytes{.more_normalizer = bytes_field(2, hostile)}.serialize()), "field 2 must occur once"));
  CHECK(fails_with(load(ModelBytes{.more_normalizer = number_field(7, 1)}.serialize()), "field 7 is unknown"));
  CHECK(fails_with(load(sound + bytes_field(5, number_field(3, 2))), "field 3 must be 0 or 1, got 2"));
  const std::string twice = bytes_field(1, bytes_field(1, "new") + bytes_field(1, "newer"));
  CHECK(fails_with(load(sound + twice), "field 1 must occur once"));
}

TEST_CASE("every field of the format and those of third parties are read") {
  const std::string minus_one = number_field(43, ~0ull);  // pad_id = -1 takes ten bytes
  std::string trainer = minus_one + bytes_field(200, "mine") + number_field(536870911, 1) + float_field(10, 0.9995f);
  for (const char* text : {"a", "b"})
    trainer += bytes_field(1, text) + bytes_field(5, text) + bytes_field(30, text) + bytes_field(31, text);
  for (const std::uint64_t number : {2, 7, 36, 44, 45, 53, 54}) trainer += bytes_field(number, "x");
  for (const std::uint64_t number : {4, 6, 11, 14, 16, 18, 19, 25, 26, 32, 34, 40, 49, 52})
    trainer += number_field(number, 1);
  CHECK_NOTHROW(load(
      ModelBytes{.more_trainer = trainer, .more_normalizer = bytes_field(6, "") + bytes_field(201, "x")}.serialize() +
      bytes_field(4, "") + bytes_field(1000, ""))());
}

TEST_CASE("a model with any field put into it is refused or still loses nothing") {
  std::mt19937 random(5);
  const std::string pieces = ModelBytes{.trainer = false, .normalizer = false}.serialize();
  int count = 0;
  for (int k = 0; k < 2000; ++k) {
    std::string model = k % 4 == 0   ? ModelBytes{.more_trainer = mutation(random)}.serialize()
                        : k % 4 == 1 ? ModelBytes{.more_normalizer = mutation(random)}.serialize()
                        : k % 4 == 2 ? ModelBytes{.decoding_charsmap = mutation(random)}.serialize()
                                     : ModelBytes{}.serialize();
    if (k % 4 == 3) model.insert(random() % 2 ? model.size() : pieces.size(), mutation(random));
    count += accepted(model, "the " + random_bytes(random, 20, true), k);
  }
  CHECK(count > 50);
}

TEST_CASE("a model with any byte changed is refused or still loses nothing") {
  std::mt19937 random(3);
  const std::string sound =
      ModelBytes{.pieces = {"th", "the", "\xe2\x96\x81", "t", "h", "e"}, .dummy_prefix = true}.serialize();
  int count = 0;
  for (int k = 0; k < 3000; ++k) {
    std::string model = sound;
    // Half of the changes near the end, where the options are.
    for (unsigned change = 0; change <= random() % 3; ++change) {
      const std::size_t at = random() % 2 ? model.size() - 1 - random() % 150 : random() % model.size();
      model[at] = static_cast<char>(random());
    }
    count += accepted(model, random_bytes(random, 60, k % 2 == 0), k);
  }
  CHECK(count > 0);
}
