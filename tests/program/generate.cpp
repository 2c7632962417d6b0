// Sampling in `generate`, and streaming its text to standard output.
#include "neutra/program/text_stream.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/sentencepiece.hpp"

#include "tests/catch.hpp"
#include "tests/data/sentencepiece_bytes.hpp"
#include "tests/io/scratch.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace neutra;

namespace {

/// What f writes to standard output.
template <class F> std::string written(const F& f) {
  const scratch::Folder folder;
  std::fflush(stdout);
  const int before = dup(STDOUT_FILENO), file = open((folder / "out").c_str(), O_WRONLY | O_CREAT, 0600);
  dup2(file, STDOUT_FILENO);
  f();
  std::fflush(stdout);
  dup2(before, STDOUT_FILENO);
  close(before);
  close(file);
  return scratch::get(folder / "out");
}

}  // namespace

TEST_CASE("sample: only the tokens that are allowed are drawn, in proportion", "[train]") {
  const float logits[] = {5, 1, 9, 1 + std::log(3.0f), -2};
  const std::vector<std::int32_t> among = {1, 3};
  const View<const float> view{logits, {1, 5}};
  CHECK(program::sample(view, among, 0, 0.99) == 3);
  CHECK(program::sample(view, std::vector<std::int32_t>{4, 1}, 0, 0.5) == 1);
  CHECK(program::sample(view, among, 1, 0) == 1);
  CHECK(program::sample(view, among, 1, 0.249) == 1);
  CHECK(program::sample(view, among, 1, 0.251) == 3);
  CHECK(program::sample(view, among, 1, 0.999999) == 3);
  CHECK(program::sample(view, among, 1e9, 0.499) == 1);
  CHECK(program::sample(view, among, 1e9, 0.501) == 3);
  CHECK(program::sample(view, among, 1e-9, 0.1) == 3);
}

TEST_CASE("sayable: what the tokenizer knows and what ends a text, within the model's rows", "[train]") {
  const data::ByteTokenizer bytes;
  auto ids = program::sayable(bytes, 320, {3, 300});
  REQUIRE(ids.size() == 258);
  CHECK(ids[256] == 256);
  CHECK(ids[257] == 300);
  CHECK(program::sayable(bytes, 100, {}).size() == 100);
}

TEST_CASE("last decoded: tokens shown one by one give the text of them all", "[train]") {
  const data::SentencePiece plain(samples::ModelBytes{}.serialize()),
      prefixed(samples::ModelBytes{.dummy_prefix = true}.serialize());
  const std::int32_t bos = plain.bos(), the = 260, space = 261, byte = 2 + 0xc3;  // the: begins with a space
  REQUIRE(prefixed.decode(std::vector{the, the, space, byte}) == "the the \xc3");
  for (const data::SentencePiece* tokenizer : {&plain, &prefixed})
    for (const std::vector<std::int32_t>& ids : {std::vector{the, the, space, byte, bos, the},
                                                 {bos, bos, the, space, space, byte},
                                                 {space, the, bos, space, the},
                                                 {space, space, space, the},
                                                 {byte, space, the}}) {
      std::string text;
      for (std::size_t count = 1; count <= ids.size(); ++count) {
        const std::span<const std::int32_t> first(ids.data(), count);
        text += program::last_decoded(*tokenizer, first, !text.empty());
        CHECK(text == tokenizer->decode(first));
      }
    }
}

TEST_CASE("text stream: whole characters at once, the rest at the end, and after an error", "[train]") {
  CHECK(written([] { program::TextStream stream; }) == "\n");
  CHECK(written([&] {
          program::TextStream stream;
          CHECK(stream.empty());
          CHECK(stream.append("a\xe2\x82"));
          CHECK(stream.append("\xac"));
          CHECK(stream.append("\xff\xc3"));
          CHECK_FALSE(stream.empty());
        }) == "a\xe2\x82\xac\xff\xc3\n");
  CHECK(written([&] {
          try {
            program::TextStream stream;
            stream.append("made \xc3");
            fail("an error");
          } catch (const Error&) {
          }
        }) == "made \xc3\n");
}
