// JSON files that detect any change to themselves, and hashes that detect any change to other files.
#include "neutra/io/sealed.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;

TEST_CASE("sealed: an object is read back unchanged, with any keys and digits") {
  const scratch::Folder folder;
  const io::Json object = {
      {"a", 0.1},
      {"content", std::string(64, '0')},
      {"inner", {{"content_sha256", std::string(64, '0')}, {"list", {1, -0.0, 1e300, "\n  \"content_sha256\": \""}}}},
      {"z", nullptr}};
  io::write_sealed(folder / "x.json", object);
  CHECK(io::read_sealed(folder / "x.json") == object);
  const io::Json raw = io::read_json(folder / "x.json");
  std::string text = scratch::get(folder / "x.json");
  const std::string digits = raw.at("content_sha256");
  text.replace(text.rfind(digits), 64, std::string(64, '0'));
  CHECK(io::sha256_hex(text) == digits);  // computed as the doc block of write_sealed describes
}

TEST_CASE("sealed: a change of any bit is detected") {
  const scratch::Folder folder;
  io::write_sealed(folder / "x.json", {{"a", 0.12345678901234567}, {"b", {1, 2}}});
  const std::string text = scratch::get(folder / "x.json");
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    std::filesystem::remove(folder / "y.json");
    scratch::put(folder / "y.json", changed);
    if (message([&] { io::read_sealed(folder / "y.json"); }).find("y.json: must hold ") == std::string::npos)
      FAIL_CHECK("bit " << bit);
  }
}

TEST_CASE("sealed: a file without a seal is distinguished from a missing file") {
  const scratch::Folder folder;
  scratch::put(folder / "x.json", "{\"a\": 1}");
  CHECK(says([&] { io::read_sealed(folder / "x.json"); }, "x.json: must hold the hash of its own content",
             "of another version"));
  scratch::put(folder / "x.json", "{\n  \"content_sha256\": \"00\"}");
  CHECK(says([&] { io::read_sealed(folder / "x.json"); }, "must hold the hash of its own content"));
  CHECK(says([&] { io::read_sealed(folder / "none.json"); }, "none.json: cannot be opened"));
}

TEST_CASE("sealed: a list is refused even with its right hash") {
  const scratch::Folder folder;
  std::string text = "[{\n  \"content_sha256\": \"" + std::string(64, '0') + "\"}]";
  text.replace(text.find('0'), 64, io::sha256_hex(text));
  scratch::put(folder / "x.json", text);
  CHECK(says([&] { io::read_sealed(folder / "x.json"); }, "x.json: must be a JSON object"));
}

TEST_CASE("hashes of files: of any length, and of files that are not there") {
  const scratch::Folder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{1} << 20, (std::size_t{1} << 20) + 3}) {
    scratch::put(folder / "a", std::string(size, 'x'));
    CHECK(io::file_sha256(folder / "a") == io::sha256_hex(std::string(size, 'x')));
  }
  const io::Json hashes = io::hashes_of(folder.path(), {"a", "b"});
  CHECK(hashes.at("b").is_null());
  CHECK_NOTHROW(io::check_hashes(folder.path(), hashes));
  scratch::put(folder / "b", "");
  CHECK(says([&] { io::check_hashes(folder.path(), hashes); }, (folder / "b").string(), "must not exist"));
  std::filesystem::remove(folder / "b");
  scratch::put(folder / "a", "y");
  CHECK(says([&] { io::check_hashes(folder.path(), hashes); }, (folder / "a").string(),
             "must be unchanged since it was saved"));
  std::filesystem::remove(folder / "a");
  CHECK(says([&] { io::check_hashes(folder.path(), hashes); }, (folder / "a").string(), "is missing"));
}
