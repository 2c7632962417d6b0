#include "neutra/data/text.hpp"

#include "tests/data/samples.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

using namespace neutra;
using namespace std::string_view_literals;
using samples::fails_with;

TEST_CASE("files are joined with a newline where one is missing, bytes unchanged") {
  const samples::Scratch folder;
  const auto first = folder.write("first",
                                  "\xef\xbb\xbf"
                                  "one\r\nno newline \xff"),
             second = folder.write("second", "two\n"), third = folder.write("third", "three\0"sv);
  const data::Text text = data::read_texts({first, second, third});
  CHECK(text.bytes ==
        "\xef\xbb\xbf"
        "one\r\nno newline \xff\ntwo\nthree\0"sv);
  REQUIRE(text.files.size() == 3);
  CHECK(text.files[1].path == second);
  CHECK(text.files[1].hash == std::hash<std::string_view>()("two\n"));
  const std::string large = std::string(200000, 'x') + "\n";  // more than one read block
  CHECK(data::read_text(folder.write("large", large)) == large);
}

TEST_CASE("files that are not UTF-8 are remarked upon by name, with the place in each") {
  const samples::Scratch folder;
  const auto good = folder.write("good", "fine \xc3\xa9\n"), first = folder.write("first", "abc\xff\n"),
             second = folder.write("second", "\xc3");
  CHECK(data::read_texts({good}).remarks.empty());
  const auto remarks = data::read_texts({good, first, second}).remarks;
  REQUIRE(remarks.size() == 2);
  CHECK(remarks[0].find(first.string() + ": is not UTF-8 from byte 3 on") != std::string::npos);
  CHECK(remarks[1].find(second.string() + ": is not UTF-8 from byte 0 on") != std::string::npos);
}

TEST_CASE("a pipe is read like a file") {
  const samples::Scratch folder;
  const std::string name = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(name.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(name, std::ios::binary) << "through a pipe\n"; });
  CHECK(data::read_text(name) == "through a pipe\n");
  writer.join();
}

TEST_CASE("what is no text file is an error that says so") {
  const samples::Scratch folder;
  const auto read = [&](const std::filesystem::path& path) { return [path] { data::read_texts({path}); }; };
  CHECK(fails_with([] { data::read_texts({}); }, "at least one file"));
  CHECK(fails_with(read(folder.path() / "absent"), "absent: there is no such file"));
  CHECK(fails_with(read(folder.write("file", "x") / "below"), "no such file"));
  std::filesystem::create_symlink("../blobs/nowhere", folder.path() / "link");
  CHECK(fails_with(read(folder.path() / "link"),
                   "link: it is a link to ../blobs/nowhere, which is not there; name the file itself"));
  CHECK(fails_with(read(folder.path() / std::string(5000, 'x')), "cannot be examined"));
  CHECK(fails_with(read(folder.path()), "is a directory"));
  CHECK(fails_with(read("/dev/zero"), "is a device"));
  CHECK(fails_with(read(folder.write("empty", "")), "is empty"));
  CHECK(fails_with(read(folder.write("nul", std::string(1000, '\0'))), "all of its 1000 bytes are NUL"));
  CHECK(fails_with(read(folder.write("gz", "\x1f\x8b\x08rest")), "gzip"));
  CHECK(fails_with(read(folder.write("gguf", "GGUF\x03\0\0\0"sv)), "GGUF"));
  for (const char protocol : {2, 3, 4, 5})
    CHECK(fails_with(read(folder.write("pickle", std::string("\x80") + protocol + "rest")), "pickle"));
  CHECK(fails_with(read(folder.write("utf16", "\xff\xfeh\0i\0"sv)), "UTF-16"));
}

TEST_CASE("an unreadable file is an error") {
  const samples::Scratch folder;
  const auto locked = folder.write("locked", "text");
  std::filesystem::permissions(locked, std::filesystem::perms::none);
  if (geteuid() != 0) CHECK(fails_with([&] { data::read_text(locked); }, "cannot be opened"));
  if (std::filesystem::exists("/proc/self/mem"))
    CHECK(fails_with([] { data::read_text("/proc/self/mem"); }, "reading stopped after 0 bytes"));
}

TEST_CASE("text that only begins like another format is text, and what names a file of another kind is not") {
  const samples::Scratch folder;
  for (const auto text : {"BZh9 is how bzip2 begins\n"sv, "GGUF files hold weights\n"sv,
                          "%PDF-1.7 is how PDF begins\n"sv, "PAR1 means Parquet\n"sv, "24karat gold\n"sv,
                          "SQLite format 3 is old\n"sv, "<html>a page</html>\n"sv, "{\n  \"pretty\": 1\n}\n"sv})
    CHECK(data::read_text(folder.write("text", text)) == text);
  const auto lfs = folder.write("lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  CHECK(fails_with([&] { data::read_text(lfs); },
                   "lfs: must be plain text in UTF-8, got a Git LFS pointer, not the file itself; run git lfs pull"));
  const auto lines = folder.write("lines.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
  CHECK(fails_with([&] { data::read_text(lines); },
                   "got JSON Lines; take the text out of its field first, as jq -r .text does"));
}

TEST_CASE("the same text twice is refused, by path, link, or content, before a pipe is read a second time") {
  const samples::Scratch folder;
  const auto first = folder.write("first", "one\n"), copy = folder.write("copy", "one\n"),
             other = folder.write("other", "two\n");
  std::filesystem::create_symlink(first, folder.path() / "link");
  std::filesystem::create_hard_link(first, folder.path() / "hard");
  const auto read = [](const std::filesystem::path& a, const std::filesystem::path& b) {
    return [=] { data::read_texts({a, b}, "--target"); };
  };
  CHECK(samples::error_of(read(first, other)).empty());
  const std::string same_file =
      ": each text may be given only once, got the same file as --target " + first.string() + "; give another text";
  CHECK(fails_with(read(first, first), same_file));
  CHECK(fails_with(read(first, folder.path() / "link"), same_file));
  CHECK(fails_with(read(first, folder.path() / "hard"), same_file));
  CHECK(fails_with(read(first, folder.path() / "." / "first"), same_file));
  CHECK(fails_with(read(first, copy), "--target " + copy.string() +
                                          ": each text may be given only once, got the same bytes as --target " +
                                          first.string() + "; give another text"));
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(fails_with(read(pipe, pipe), "got the same file as --target " + pipe));
}
