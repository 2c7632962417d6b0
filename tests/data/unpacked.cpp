// Packed texts, made here by zlib and libzstd.
#include "neutra/data/unpacked.hpp"

#include "tests/data/packed.hpp"
#include "tests/data/samples.hpp"

#include <limits>

using namespace neutra;
using namespace std::string_literals;
using samples::fails_with;

namespace {

struct Packing {
  std::string ending;
  std::string (*pack)(std::string_view);
};
const Packing packings[] = {{".gz", packed::gzip}, {".zst", packed::zstd}};

std::string unpacked(const std::filesystem::path& path,
                     std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
  return std::string(data::read_all(*data::open_unpacked(path), most));
}

/// Longer than several blocks, and not as small when it is packed.
std::string long_text() {
  std::mt19937 random(1);
  return samples::random_bytes(random, 5 * data::read_block + 7, false);
}

}  // namespace

TEST_CASE("unpacked: the packed bytes of any length come back, under any name") {
  const samples::Scratch folder;
  for (const Packing& packing : packings)
    for (const std::string& text : {std::string(samples::five_languages), long_text(), std::string("\0", 1),
                                    std::string(data::read_block, 'x'), std::string(10'000'000, 'y')}) {
      INFO(packing.ending << " of " << text.size() << " bytes");
      CHECK(unpacked(folder.write("a.txt" + packing.ending, packing.pack(text))) == text);
      CHECK(unpacked(folder.write("b", packing.pack(text))) == text);
    }
  CHECK(unpacked(folder.write("plain", "\x1f plain")) == "\x1f plain");
  CHECK(data::unpacked_name("a.jsonl.gz") == "a.jsonl");
  CHECK(data::unpacked_name("a.jsonl.zst") == "a.jsonl");
  CHECK(data::unpacked_name("a.gz.jsonl") == "a.gz.jsonl");
}

TEST_CASE("unpacked: members that follow each other are one text, empty ones and padding included") {
  const samples::Scratch folder;
  const std::string text = long_text();
  for (const Packing& packing : packings) {
    INFO(packing.ending);
    const std::string one = packing.pack("one\n"), none = packing.pack(""), many = packing.pack(text);
    CHECK(unpacked(folder.write("a" + packing.ending, one + none + many + one)) == "one\n" + text + "one\n");
    CHECK(unpacked(folder.write("b" + packing.ending, none)).empty());
  }
  const std::string padded = packed::gzip("one\n") + std::string(100'000, '\0');
  CHECK(unpacked(folder.write("c.gz", padded)) == "one\n");
  const std::string skippable = "\x50\x2a\x4d\x18\x04\0\0\0abcd"s;
  CHECK(unpacked(folder.write("c.zst", skippable + packed::zstd("one\n") + skippable)) == "one\n");
}

TEST_CASE("unpacked: a file that ends early or is damaged is refused by name, wherever it is cut") {
  const samples::Scratch folder;
  for (const Packing& packing : packings) {
    const std::string whole = packing.pack(samples::five_languages), two = whole + whole;
    for (const std::size_t size : {std::size_t{4}, std::size_t{8}, whole.size() / 2, whole.size() - 4, whole.size() - 1,
                                   whole.size() + 5, two.size() - 1}) {
      INFO(packing.ending << " cut to " << size << " of " << two.size());
      CHECK(fails_with([&] { unpacked(folder.write("cut" + packing.ending, two.substr(0, size))); },
                       "cut" + packing.ending + ": must be a whole "));
    }
    std::string damaged = whole;
    damaged[whole.size() / 2] ^= '\x10';
    CHECK(fails_with([&] { unpacked(folder.write("bad" + packing.ending, damaged)); },
                     "bad" + packing.ending + ": must be a "));
    CHECK(fails_with([&] { unpacked(folder.write("rest" + packing.ending, whole + "rest of a download")); },
                     "rest" + packing.ending + ": must be a "));
  }
  // Only the checksum knows of this.
  std::string wrong_sum = packed::gzip(samples::five_languages);
  wrong_sum[wrong_sum.size() - 6] ^= '\x01';
  CHECK(fails_with([&] { unpacked(folder.write("sum.gz", wrong_sum)); }, "its data is damaged after"));
}

TEST_CASE("unpacked: a name that promises a packing which the file has not is refused") {
  const samples::Scratch folder;
  CHECK(fails_with([&] { unpacked(folder.write("a.gz", "plain text\n")); },
                   "a.gz: must be packed, as the ending .gz of its name says, got something else; rename it"));
  CHECK(fails_with([&] { unpacked(folder.write("a.zst", packed::gzip("text\n"))); },
                   "the ending .zst of its name says, got"));
  const auto lfs = folder.write("l.gz", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  CHECK(fails_with([&] { unpacked(lfs); }, "got a Git LFS pointer"));
  CHECK(unpacked(folder.write("empty.gz", "")).empty());  // refused as an empty text
}

TEST_CASE("unpacked: what unpacks to more than the limit is refused before it is held") {
  const samples::Scratch folder;
  const std::string zeros(30'000'000, '0');
  for (const Packing& packing : packings) {
    const auto bomb = folder.write("bomb" + packing.ending, packing.pack(zeros));
    CHECK(std::filesystem::file_size(bomb) < 50'000);
    CHECK(fails_with([&] { unpacked(bomb, 1'000'000); }, "must hold at most 1000000 bytes of text, got more"));
    CHECK(unpacked(bomb, zeros.size()).size() == zeros.size());
  }
  // A frame may ask for a window of up to 3.75 TiB.
  const std::string window = "\x28\xb5\x2f\xfd\x00\xff"s + std::string(20, '\0');
  CHECK(fails_with([&] { unpacked(folder.write("window.zst", window)); }, "zstd -d --long=31"));
}
