// What generate draws from, and how its text reaches standard output.
#include "neutra/train/generate.hpp"

#include "tests/catch.hpp"
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
  close(before), close(file);
  return scratch::get(folder / "out");
}

}  // namespace

TEST_CASE("sample: only the tokens that are allowed are drawn, in proportion", "[train]") {
  const float logits[] = {5, 1, 9, 1 + std::log(3.0f), -2};
  const std::vector<std::int32_t> among = {1, 3};
  const View<const float> view{logits, {1, 5}};
  CHECK(train::sample(view, among, 0, 0.99) == 3);
  CHECK(train::sample(view, std::vector<std::int32_t>{4, 1}, 0, 0.5) == 1);
  CHECK(train::sample(view, among, 1, 0) == 1);
  CHECK(train::sample(view, among, 1, 0.249) == 1);
  CHECK(train::sample(view, among, 1, 0.251) == 3);
  CHECK(train::sample(view, among, 1, 0.999999) == 3);
  CHECK(train::sample(view, among, 1e9, 0.499) == 1);
  CHECK(train::sample(view, among, 1e9, 0.501) == 3);
  CHECK(train::sample(view, among, 1e-9, 0.1) == 3);
}

TEST_CASE("sayable: what the tokenizer knows and what ends a text, within the model's rows", "[train]") {
  const data::ByteTokenizer bytes;
  auto ids = train::sayable(bytes, 320, {3, 300});
  REQUIRE(ids.size() == 258);
  CHECK(ids[256] == 256);
  CHECK(ids[257] == 300);
  CHECK(train::sayable(bytes, 100, {}).size() == 100);
}

TEST_CASE("text stream: whole characters at once, the rest at the end, and after an error", "[train]") {
  CHECK(written([] { train::TextStream stream; }) == "\n");
  CHECK(written([&] {
          train::TextStream stream;
          CHECK(stream.show("a\xe2\x82"));
          CHECK(stream.show("a\xe2\x82\xac"));
          CHECK(stream.show("a\xe2\x82\xac\xff\xc3"));
        }) == "a\xe2\x82\xac\xff\xc3\n");
  CHECK(written([&] {
          try {
            train::TextStream stream;
            stream.show("made \xc3");
            fail("an error");
          } catch (const Error&) {
          }
        }) == "made \xc3\n");
}
