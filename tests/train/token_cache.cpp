// Tokens kept in files: the same as those in memory, and what is damaged or of something else is made again.
#include "neutra/train/token_cache.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/io/folder_kind.hpp"
#include "neutra/train/corpus.hpp"
#include "tests/allocations.hpp"
#include "tests/catch.hpp"
#include "tests/io/file_size_limit.hpp"
#include "tests/io/scratch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <set>

using namespace neutra;
using scratch::says;

namespace {

using Ids = std::vector<std::int32_t>;

/// Bytes as tokens, shifted so that they need 4 bytes each.
struct Wide final : data::Tokenizer {
  struct Shifted final : data::Encoder {
    void encode(std::string_view text, bool, const Take& take) override {
      Ids ids;
      for (const char byte : text) ids.push_back(70000 + static_cast<unsigned char>(byte));
      take(ids);
    }
  };
  Index vocab() const override { return 71000; }
  std::int32_t bos() const override { return 0; }
  std::unique_ptr<data::Encoder> encoder() const override { return std::make_unique<Shifted>(); }
  std::string decode(std::span<const std::int32_t>) const override { return {}; }
  std::string piece(std::int32_t) const override { return {}; }
  std::string_view serialized() const override { return "wide"; }
};

data::TextPart text() {
  data::TextPart part;
  append_document("ask: yes", part, {{0, 5}});
  append_document("ask: no", part, {{0, 5}});
  return part;
}
Ids ids_of(const data::TokenStream& stream) {
  Ids ids(stream.size());
  stream.copy(0, ids.size(), ids.data());
  return ids;
}

struct Cache {
  scratch::Folder folder;
  data::ByteTokenizer bytes;

  io::Path in() const { return folder / "cache"; }
  train::TokenCache open() const { return {in(), std::make_shared<io::FileMemory>(in(), "--token-cache")}; }
  /// The only file of the cache.
  io::Path file() const {
    std::vector<io::Path> all;
    for (const auto& item : std::filesystem::directory_iterator(in())) all.push_back(item.path());
    REQUIRE(all.size() == 1);
    return all[0];
  }
  /// The remark on the file with this content, which is made again.
  std::string remark(const std::string& content) const {
    scratch::put(file(), content);
    train::TokenCache cache = open();
    CHECK(ids_of(cache.tokens(bytes, text(), 256)) == ids_of(train::encode(bytes, text(), 256)));
    REQUIRE(cache.remarks().size() == 1);
    return cache.remarks()[0];
  }
};

}  // namespace

TEST_CASE("token cache: no two texts have one digest, and recorded ones stay") {
  const std::vector<data::TextPart> texts = {
      {"a\nb\n", {}, {}},           {"a\nb\n", {1, 3}, {}},
      {"a\nb\n 1", {3}, {}},        {"a\nb\n 1 3", {}, {}},
      {"a\nb\n 1 3", {}, {{0, 1}}}, {"a\nb\n 1", {3}, {{0, 1}}},
      {"a\nb\n", {1, 3}, {{0, 1}}}, {"a\nb\n 1 3 unscored 0-1", {}, {}},
  };
  std::set<std::string> digests;
  for (const data::TextPart& text : texts) digests.insert(train::text_sha256(text));
  for (const std::string end : {"", "\n", "\n1", "\n1\n"})  // what could stand for "a\nb\n 1 3"
    digests.insert(train::text_sha256({io::sha256_hex("a\nb\n 1 3") + end, {}, {}}));
  CHECK(digests.size() == texts.size() + 4);
  CHECK(train::text_sha256(texts[0]) == io::sha256_hex("a\nb\n"));  // as sha256sum tells
  CHECK(train::text_sha256(texts[1]) == io::sha256_hex("a\nb\n 1 3"));
  CHECK(train::text_sha256(texts[6]) == io::sha256_hex("a\nb\n 1 3 unscored 0-1"));
}

TEST_CASE("token cache: tokens, and what is scored, are those in memory, when they are made and when they are read") {
  const Cache made;
  const Wide wide;
  for (const data::Tokenizer* tokenizer :
       {static_cast<const data::Tokenizer*>(&made.bytes), static_cast<const data::Tokenizer*>(&wide)})
    for (const std::optional<std::int32_t> eos : {std::optional<std::int32_t>(), std::optional<std::int32_t>(256)}) {
      const auto expected = train::encode(*tokenizer, text(), eos);
      for (int time = 0; time < 2; ++time) {
        train::TokenCache cache = made.open();
        const auto stream = cache.tokens(*tokenizer, text(), eos);
        CHECK(ids_of(stream) == ids_of(expected));
        CHECK(stream.unscored() == expected.unscored());
        CHECK(cache.remarks().empty());
      }
    }
  std::size_t files = 0;
  for (const auto& item : std::filesystem::directory_iterator(made.in())) files += item.is_regular_file();
  CHECK(files == 4);
}

TEST_CASE("token cache: a file that is there is used and not written") {
  const Cache made;
  made.open().tokens(made.bytes, text(), 256);
  struct stat before {
  }, after{};
  REQUIRE(::stat(made.file().c_str(), &before) == 0);
  made.open().tokens(made.bytes, text(), 256);
  REQUIRE(::stat(made.file().c_str(), &after) == 0);
  CHECK(before.st_ino == after.st_ino);
  data::TextPart other = text();
  other.bytes[0] = 'x';
  made.open().tokens(made.bytes, other, 256);
  other = text();
  other.unscored.clear();
  made.open().tokens(made.bytes, other, 256);
  CHECK(std::distance(std::filesystem::directory_iterator(made.in()), std::filesystem::directory_iterator()) == 3);
}

TEST_CASE("token cache: a file that is damaged or of something else is named and made again") {
  const Cache made;
  made.open().tokens(made.bytes, text(), 256);
  const io::Path path = made.file();
  const std::string good = scratch::get(path);
  const std::string opening = "note: --token-cache: " + path.string() + ' ';
  CHECK(made.remark("") == opening + "has 0 bytes, fewer than its header; it is made again");
  CHECK(made.remark(good.substr(0, 100)) == opening + "has 100 bytes, fewer than its header; it is made again");
  CHECK(made.remark(good.substr(0, good.size() - 1)).starts_with(opening + "has "));
  CHECK(made.remark(good + "x").find("bytes behind its header, not those of 17 tokens") != std::string::npos);
  CHECK(made.remark(std::string(1000, 'x')) == opening + "is no file of tokens; it is made again");
  const auto changed = [&](std::size_t at, char byte) {
    std::string bad = good;
    bad[at] = byte;
    return made.remark(bad);
  };
  CHECK(changed(8, 9) == opening + "has version 9, not 1; it is made again");
  CHECK(changed(23, '\x7f').find("bytes behind its header") != std::string::npos);  // of more tokens than any file has
  CHECK(changed(31, '\x7f').find("bytes behind its header") != std::string::npos);
  CHECK(changed(good.size() - 1, 1) == opening + "does not match its hash; it is made again");
  // With the hash of these bytes, as whoever changes them on purpose can write it.
  constexpr std::size_t hash = 168, header = 232;
  std::string crossed = good;
  crossed[crossed.size() - 8] = 1;  // the end of the last run, before its begin
  crossed.replace(hash, 64, io::sha256_hex(crossed.substr(header)));
  CHECK(made.remark(crossed) == opening + "marks what are no runs of its tokens; it is made again");
  // Files of another tokenizer, end of text, and text, under this name.
  CHECK(scratch::get(path) == good);
  const auto foreign = [&](const data::Tokenizer& tokenizer, const data::TextPart& part, std::int32_t eos) {
    const Cache other;
    other.open().tokens(tokenizer, part, eos);
    return made.remark(scratch::get(other.file()));
  };
  CHECK(foreign(Wide(), text(), 256) == opening + "is of another tokenizer; it is made again");
  CHECK(foreign(made.bytes, text(), 10) == opening + "separates documents by another token; it is made again");
  data::TextPart other;
  append_document("another", other);
  CHECK(foreign(made.bytes, other, 256) == opening + "is of another text; it is made again");
}

TEST_CASE("token cache: on a full disk there is one message and no part of a file, and then the tokens are made") {
  const Cache made;
  for (const rlim_t bytes : {100, 240}) {  // in the header, and behind it
    const std::string told = scratch::message_at_limit(bytes, [&] { made.open().tokens(made.bytes, text(), 256); });
    CHECK(told.starts_with((made.in() / "tokens-").string()));
    CHECK(told.find(".bin: cannot be written: File too large") != told.npos);
    CHECK(told.ends_with("; free space or choose another folder"));
    CHECK(std::filesystem::is_empty(made.in()));
  }
  const std::string large(100000, 'x');
  data::TextPart part;
  append_document(large, part);
  train::TokenCache cache = made.open();
  cache.tokens(made.bytes, part, 256);
  const std::string good = scratch::get(made.file());
  scratch::put(made.file(), good.substr(0, 1000));
  const std::string told = scratch::message_at_limit(4096, [&] { cache.tokens(made.bytes, part, 256); });
  CHECK(told.find("the previous content is unchanged") != told.npos);
  CHECK(scratch::get(made.file()) == good.substr(0, 1000));
  CHECK(ids_of(cache.tokens(made.bytes, part, 256)) == ids_of(train::encode(made.bytes, part, 256)));
  CHECK(scratch::get(made.file()) == good);
}

TEST_CASE("token cache: what a process that was killed left of a file is removed") {
  const Cache made;
  std::filesystem::create_directories(made.in());
  scratch::put(made.in() / "tokens-0123456789abcdef.bin.neutra.tmp-1-0", "half a file");
  scratch::put(made.in() / "of somebody else", "stays");
  made.open().tokens(made.bytes, text(), 256);
  CHECK_FALSE(io::is_there(made.in() / "tokens-0123456789abcdef.bin.neutra.tmp-1-0"));
  CHECK(scratch::get(made.in() / "of somebody else") == "stays");
}

TEST_CASE("token cache: a folder that cannot be written is one clear error") {
  const Cache made;
  scratch::put(made.in(), "a file");
  CHECK(says([&] { made.open().tokens(made.bytes, text(), 256); }, "--token-cache " + made.in().string(),
             "it exists and is a file"));
  const scratch::Folder locked;
  std::filesystem::permissions(locked.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  if (::geteuid() != 0) {
    CHECK(says([&] { train::TokenCache(locked.path(), {}).tokens(made.bytes, text(), 256); }, "cannot be written"));
    io::FileMemory memory(locked.path(), "--token-cache");
    CHECK(says([&] { static_cast<void>(memory.allocate(io::FileMemory::large)); }, "--token-cache ",
               "cannot hold a file"));
  }
  std::filesystem::permissions(locked.path(), std::filesystem::perms::owner_all);
}

TEST_CASE(
    "token cache: a corpus in files has the parts, hashes and windows of one in memory, and holds no text in memory") {
  const scratch::Folder folder;
  const auto lines = [](const std::string& word, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += concat(word, ' ', i % 97, i % 11 == 0 ? "\n\n" : "\n");
    return text;
  };
  scratch::put(folder / "a", lines("first line of the original text", 100000));
  scratch::put(folder / "b", lines("second line of the target text", 110000));
  for (const auto documents : {data::Documents::joined, data::Documents::by_empty_line}) {
    train::TextPaths paths;
    paths.original = {folder / "a"};
    paths.target = {folder / "b"};
    paths.format.documents = documents;
    const auto encoded = [&] {
      train::Corpus corpus(paths, true);
      corpus.encode(std::make_shared<data::ByteTokenizer>(), 64, 260);
      return corpus;
    };
    const train::Corpus plain = encoded();
    paths.format.cache_in(folder / "cache");
    for (int time = 0; time < 2; ++time) {
      forget_largest_allocation();
      const train::Corpus cached = encoded();
      if (allocations_counted()) CHECK(largest_allocation() < std::size_t{1} << 20);
      CHECK(cached.hashes() == plain.hashes());
      CHECK(cached.target.train.bytes == plain.target.train.bytes);
      CHECK(cached.target.remarks == plain.target.remarks);
      data::Batch one, other;
      const data::Mix mix(plain.train_original, plain.train_target, 0.3, 1),
          mapped(cached.train_original, cached.train_target, 0.3, 1);
      bool same = true;
      for (Index step = 0; step < 40; ++step) {
        mix.fill(step, 32, 0, 32, one);
        mapped.fill(step, 32, 0, 32, other);
        same &= one.inputs == other.inputs && one.targets == other.targets && one.domains == other.domains;
      }
      CHECK(same);
      CHECK(cached.valid_target.bytes == plain.valid_target.bytes);
    }
  }
}
