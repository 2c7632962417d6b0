#include "neutra/train/texts.hpp"

#include "tests/data/packed.hpp"
#include "tests/data/samples.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

using namespace neutra;
using namespace std::string_view_literals;
using samples::fails_with;

namespace {

std::string read_bytes(const std::filesystem::path& path) { return std::string(train::read_texts({path}).bytes); }

}  // namespace

TEST_CASE("files are joined with a newline where one is missing, bytes unchanged") {
  const samples::Scratch folder;
  const auto first = folder.write("first",
                                  "\xef\xbb\xbf"
                                  "one\r\nno newline \xff"),
             second = folder.write("second", "two\n"), third = folder.write("third", "three\0"sv);
  const data::Text text = train::read_texts({first, second, third});
  CHECK(text.bytes ==
        "\xef\xbb\xbf"
        "one\r\nno newline \xff\ntwo\nthree\0"sv);
  REQUIRE(text.files.size() == 3);
  CHECK(text.files[1].path == second);
  CHECK(text.files[1].hash == std::hash<std::string_view>()("two\n"));
  const std::string large = std::string(200000, 'x') + "\n";  // more than one read block
  CHECK(read_bytes(folder.write("large", large)) == large);
}

TEST_CASE("files that are not UTF-8 are remarked upon by name, with the place in each") {
  const samples::Scratch folder;
  const auto good = folder.write("good", "fine \xc3\xa9\n"), first = folder.write("first", "abc\xff\n"),
             second = folder.write("second", "\xc3");
  CHECK(train::read_texts({good}).remarks.empty());
  const auto remarks = train::read_texts({good, first, second}).remarks;
  REQUIRE(remarks.size() == 2);
  CHECK(remarks[0].find(first.string() + ": is not UTF-8 from byte 3 on") != std::string::npos);
  CHECK(remarks[1].find(second.string() + ": is not UTF-8 from byte 0 on") != std::string::npos);
}

TEST_CASE("a pipe is read like a file") {
  const samples::Scratch folder;
  const std::string name = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(name.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(name, std::ios::binary) << "through a pipe\n"; });
  CHECK(read_bytes(name) == "through a pipe\n");
  writer.join();
}

TEST_CASE("what is no text file is an error that says so") {
  const samples::Scratch folder;
  const auto reading = [&](const std::filesystem::path& path) { return [path] { read_bytes(path); }; };
  CHECK(fails_with([] { train::read_texts({}); }, "at least one file"));
  CHECK(fails_with(reading(folder.path() / "absent"), "absent: there is no such file"));
  CHECK(fails_with(reading(folder.write("file", "x") / "below"), "no such file"));
  std::filesystem::create_symlink("../blobs/nowhere", folder.path() / "link");
  CHECK(fails_with(reading(folder.path() / "link"),
                   "link: it is a link to ../blobs/nowhere, which is not there; name the file itself"));
  CHECK(fails_with(reading(folder.path() / std::string(5000, 'x')), "cannot be examined"));
  CHECK(fails_with([&] { train::join_texts({folder.path()}, "--text"); }, "is a directory"));
  CHECK(fails_with(reading("/dev/zero"), "is a device"));
  CHECK(fails_with(reading(folder.write("empty", "")), "is empty"));
  CHECK(fails_with(reading(folder.write("nul", std::string(1000, '\0'))), "all of its 1000 bytes are NUL"));
  CHECK(fails_with(reading(folder.write("gz", "\x1f\x8b\x08rest")), "gzip"));
  CHECK(fails_with(reading(folder.write("gguf", "GGUF\x03\0\0\0"sv)), "GGUF"));
  for (const char protocol : {2, 3, 4, 5})
    CHECK(fails_with(reading(folder.write("pickle", std::string("\x80") + protocol + "rest")), "pickle"));
  CHECK(fails_with(reading(folder.write("utf16", "\xff\xfeh\0i\0"sv)), "UTF-16"));
}

TEST_CASE("an unreadable file is an error") {
  const samples::Scratch folder;
  const auto locked = folder.write("locked", "text");
  std::filesystem::permissions(locked, std::filesystem::perms::none);
  if (geteuid() != 0) CHECK(fails_with([&] { read_bytes(locked); }, "cannot be opened"));
  if (std::filesystem::exists("/proc/self/mem"))
    CHECK(fails_with([] { read_bytes("/proc/self/mem"); }, "reading stopped after 0 bytes"));
}

TEST_CASE("text that only begins like another format is text, and what names a file of another kind is not") {
  const samples::Scratch folder;
  for (const auto text : {"BZh9 is how bzip2 begins\n"sv, "GGUF files hold weights\n"sv,
                          "%PDF-1.7 is how PDF begins\n"sv, "PAR1 means Parquet\n"sv, "24karat gold\n"sv,
                          "SQLite format 3 is old\n"sv, "<html>a page</html>\n"sv, "{\n  \"pretty\": 1\n}\n"sv})
    CHECK(read_bytes(folder.write("text", text)) == text);
  const auto lfs = folder.write("lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  CHECK(fails_with([&] { read_bytes(lfs); },
                   "lfs: must be plain text in UTF-8, got a Git LFS pointer, not the file itself; run git lfs pull"));
  const auto lines = folder.write("lines", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
  CHECK(fails_with([&] { read_bytes(lines); },
                   "lines: must be plain text in UTF-8, got JSON Lines; rename it to end in .jsonl"));
}

TEST_CASE("the same text twice is refused, by path, link, or content, before a pipe is read a second time") {
  const samples::Scratch folder;
  const auto first = folder.write("first", "one\n"), copy = folder.write("copy", "one\n"),
             other = folder.write("other", "two\n");
  std::filesystem::create_symlink(first, folder.path() / "link");
  std::filesystem::create_hard_link(first, folder.path() / "hard");
  const auto both = [](const std::filesystem::path& a, const std::filesystem::path& b) {
    return [=] { train::read_texts({a, b}, "--target"); };
  };
  CHECK(samples::error_of(both(first, other)).empty());
  const std::string same_file =
      ": each text may be given only once, got the same file as --target " + first.string() + "; give another text";
  CHECK(fails_with(both(first, first), same_file));
  CHECK(fails_with(both(first, folder.path() / "link"), same_file));
  CHECK(fails_with(both(first, folder.path() / "hard"), same_file));
  CHECK(fails_with(both(first, folder.path() / "." / "first"), same_file));
  CHECK(fails_with(both(first, copy), "--target " + copy.string() +
                                          ": each text may be given only once, got the same bytes as --target " +
                                          first.string() + "; give another text"));
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(fails_with(both(pipe, pipe), "got the same file as --target " + pipe));
}

TEST_CASE("texts in JSON Lines: the field of each line is a document, on lines of its own") {
  const samples::Scratch folder;
  const auto lines =
      folder.write("a.jsonl",
                   "\xef\xbb\xbf{\"text\": \"one\\ntwo\", \"id\": 1}\r\n"
                   "\n"
                   "{\"id\": {\"text\": 2}, \"text\": \"ends in a newline\\n\", \"content\": \"three\"}\n"
                   "{\"text\": \"\"}\n"
                   "{\"text\": \"caf\\u00e9 \\ud83d\\ude00 \\u0000\"}"sv);
  CHECK(read_bytes(lines) == "one\ntwo\nends in a newline\ncaf\xc3\xa9 \xf0\x9f\x98\x80 \0\n"sv);
  const auto other = folder.write("b.jsonl", "{\"content\": \"b\"}\n"), plain = folder.write("c.txt", "c\n");
  CHECK(train::read_texts({other, plain}, "--text", {.field = "content"}).bytes == "b\nc\n");
  // A document longer than a read block, and a line end at the end of a block.
  const std::string large(200000, 'x'), exact = "{\"text\": \"" + std::string(data::read_block - 13, 'y') + "\"}\n";
  REQUIRE(exact.size() == data::read_block);
  CHECK(read_bytes(folder.write("d.jsonl", exact + "{\"text\": \"" + large + "\"}\n" + exact)).size() ==
        2 * (data::read_block - 12) + large.size() + 1);
  const auto both = [&] { train::read_texts({folder.write("e.jsonl", "{\"text\": \"c\"}"), plain}); };
  CHECK(fails_with(both, "each text may be given only once, got the same bytes as"));  // by its text
}

TEST_CASE("texts in JSON Lines: an error names file and line, what is expected, and what was received") {
  const samples::Scratch folder;
  const auto reading = [&](std::string_view line, const train::TextFormat& format = {}) {
    return [path = folder.write("bad.jsonl", concat("{\"text\": \"good\"}\n", line, "\n")), format] {
      train::read_texts({path}, "--text", format);
    };
  };
  const std::string where = "text file " + (folder.path() / "bad.jsonl").string() + ", line 2: ";
  CHECK(samples::error_of(reading("{\"text\": \"good\"}")).empty());
  CHECK(fails_with(reading("[\"one\"]"), where + "must be a JSON object, got [\"one\"]"));
  CHECK(fails_with(reading("{\"text\": \"one\""), where + "must be JSON, got an error at"));
  CHECK(fails_with(reading("{\"content\": \"one\", \"txt\": 1}"),
                   where + "must have the field \"text\", got content, txt (did you mean 'txt'?); --field names"));
  CHECK(fails_with(reading("{}"), where + "must have the field \"text\", got none"));
  CHECK(
      fails_with(reading("{\"text\": \"good\"}", {.field = "body"}), "line 1: must have the field \"body\", got text"));
  CHECK(fails_with(reading("{\"text\": [\"one\"]}"), where + "the field \"text\" must be a string, got [\"one\"]"));
  CHECK(fails_with(reading("{\"text\": null}"), "must be a string, got null; --field names another field"));
  CHECK(fails_with(reading("{\"text\": \"\xff\"}"), where + "must be UTF-8, got the byte 0xff at offset 10"));
  CHECK(fails_with(reading("{\"text\": \"\\ud800\"}"), where + "must be JSON"));
  CHECK(fails_with(reading("{\"text\": 1, \"text\": 2}"), where + "key \"text\" must not occur twice"));
  CHECK(
      fails_with([&] { read_bytes(folder.write("empty.jsonl", "\n{\"text\": \"\"}\n")); }, "empty.jsonl: has no text"));
  CHECK(fails_with([&] { read_bytes(folder.write("pq.jsonl", "PAR1\x15rest")); },
                   "pq.jsonl: must be JSON Lines, got a Parquet file"));
}

TEST_CASE(
    "texts in JSON Lines: a line that is too long and a text that is too large are refused before they are held") {
  const samples::Scratch folder;
  const auto path =
      folder.write("long.jsonl", "{\"text\": \"one\"}\n{\"text\": \"" + std::string(300000, 'x') + "\"}\n");
  data::FileBytes source(path);
  std::string first;
  const auto take = [&](const std::string& text) { first += text; };
  CHECK(fails_with([&] { train::for_each_json_line(source, "text", take, 1000); },
                   "long.jsonl, line 2: must have at most 1000 bytes, got more"));
  CHECK(first == "one");
  CHECK(fails_with([&] { train::read_texts({path}, "--text", {.most = 300000}); },
                   "long.jsonl: must hold at most 300000 bytes of text, got more"));
  CHECK(train::read_texts({path}, "--text", {.most = 300005}).bytes.size() == 300005);
  CHECK(fails_with([&] { train::read_texts({folder.write("plain", "123456789")}, "--text", {.most = 8}); },
                   "plain: must hold at most 8 bytes of text, got more"));
}

TEST_CASE("texts in JSON Lines: a pipe holds them where a field is given") {
  const samples::Scratch folder;
  const std::string name = (folder.path() / "pipe").string();
  REQUIRE(mkfifo(name.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(name, std::ios::binary) << "{\"body\": \"through a pipe\"}\n"; });
  CHECK(train::read_texts({name}, "--text", {.field = "body"}).bytes == "through a pipe\n");
  writer.join();
}

TEST_CASE("texts in JSON Lines: a template makes documents of records, scored where it says so, beside plain text") {
  const samples::Scratch folder;
  const auto lines =
                 folder.write("a.jsonl", "{\"ask\": \"one\", \"say\": \"two\"}\n{\"ask\": \"three\", \"say\": \"\"}\n"),
             plain = folder.write("b.txt", "plain\n\ntext\n"),
             mixed = folder.write("c.jsonl", "{\"ask\": \"1\", \"say\": \"2\"}\n{\"text\": \"whole\"}\n");
  train::TextFormat format;
  format.templates.whole.emplace("{ask}\\n{say!}", "--template");
  const data::Text text = train::read_texts({lines, plain}, "--text", format);
  CHECK(text.bytes == "one\ntwo\nthree\n\nplain\n\ntext\n");
  CHECK(text.ends == std::vector<std::size_t>{7, 14, 26});
  CHECK(text.unscored == data::Runs{{0, 4}, {8, 15}});
  CHECK(fails_with([&] { train::read_texts({mixed}, "--text", format); }, "line 2: must have the field \"ask\""));
  format.field = "text";
  const data::Text both = train::read_texts({mixed}, "--text", format);
  CHECK(both.bytes == "1\n2\nwhole\n");
  CHECK(both.unscored == data::Runs{{0, 2}});
}

TEST_CASE("texts in JSON Lines: a template by which nothing is scored is refused") {
  const samples::Scratch folder;
  const auto lines = folder.write("a.jsonl", "{\"ask\": \"one\", \"say\": \"\"}\n");
  train::TextFormat format;
  format.templates.whole.emplace("{ask}", "--template");
  CHECK(fails_with([&] { train::read_texts({lines}, "--text", format); }, "--template: at least one field must be"));
  format.templates.whole.emplace("{ask}{say!}", "--template");
  CHECK(fails_with([&] { train::read_texts({lines}, "--text", format); },
                   "a.jsonl: a part of its text must be scored, got 4 bytes that are all context; mark a field"));
}

TEST_CASE("texts that are packed are read as what they unpack to, JSON Lines too") {
  const samples::Scratch folder;
  const std::string lines = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
  CHECK(read_bytes(folder.write("a.txt.gz", packed::gzip("plain\n"))) == "plain\n");
  CHECK(read_bytes(folder.write("a.jsonl.gz", packed::gzip(lines))) == "one\ntwo\n");
  CHECK(read_bytes(folder.write("a.jsonl.zst", packed::zstd(lines))) == "one\ntwo\n");
  CHECK(fails_with([&] { read_bytes(folder.write("b.jsonl.gz", packed::gzip("{\"text\": \"one\"}\n[]"))); },
                   "b.jsonl.gz, line 2: must be a JSON object, got []"));
  CHECK(fails_with([&] { read_bytes(folder.write("c.gz", packed::gzip(packed::gzip("twice")))); },
                   "c.gz: must be plain text in UTF-8, got a gzip archive"));
  CHECK(fails_with([&] { read_bytes(folder.write("d.zst", packed::zstd(""))); }, "d.zst: is empty"));
  const auto once = folder.write("once", "the same\n"), packed = folder.write("again.zst", packed::zstd("the same\n"));
  CHECK(fails_with([&] { train::read_texts({once, packed}); }, "got the same bytes as"));
  const auto bomb = folder.write("bomb.gz", packed::gzip(std::string(10'000'000, 'x')));
  CHECK(fails_with([&] { train::read_texts({bomb}, "--text", {.most = 1'000'000}); },
                   "bomb.gz: must hold at most 1000000 bytes of text, got more; give a part of it"));
  const std::string endless = "{\"text\": \"" + std::string(80'000'000, 'x');
  CHECK(fails_with([&] { read_bytes(folder.write("bomb.jsonl.gz", packed::gzip(endless))); },
                   "line 1: must have at most 67108864 bytes"));
}

TEST_CASE("Parquet is refused by its content and by its name, with the line that converts it") {
  const samples::Scratch folder;
  const auto wanted = "got a Parquet file; write it as JSON Lines with: python3 -c \"import pandas";
  CHECK(fails_with([&] { read_bytes(folder.write("a", "PAR1\x15\x04\x15\x10PAR1")); }, wanted));
  CHECK(fails_with([&] { read_bytes(folder.write("a.parquet", "PAR1\x15\x04\x15\x10PAR1")); }, wanted));
  CHECK(fails_with([&] { read_bytes(folder.write("b.parquet", "PARE, as an encrypted one begins")); }, wanted));
  CHECK(fails_with(
      [&] { read_bytes(folder.write("c.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n")); },
      "c.parquet: must be plain text or JSON Lines, got a Git LFS pointer"));
  CHECK(fails_with([&] { read_bytes(folder.path() / "absent.parquet"); }, "there is no such file"));
}

TEST_CASE("a folder stands for the text files below it, in the order of their names") {
  const samples::Scratch folder;
  std::filesystem::create_directories(folder.path() / "b" / "deep");
  std::filesystem::create_directories(folder.path() / ".cache");
  std::filesystem::create_directories(folder.path() / "none" / "of" / "text");
  const auto last = folder.write("c.jsonl.zst", packed::zstd("{\"text\": \"four\"}\n"));
  folder.write("b/2.txt", "two\n");
  folder.write("b/10.txt", "ten\n");
  folder.write("b/deep/3.txt.gz", packed::gzip("three\n"));
  folder.write(".hidden.txt", "hidden\n");
  folder.write(".cache/5.txt", "hidden too\n");
  folder.write("README.md", "about\n");
  folder.write("none/of/text/data", "no ending\n");
  const auto first = folder.write("a.txt", "one");
  std::filesystem::create_directory_symlink(folder.path(), folder.path() / "b" / "loop");

  const data::Text text = train::read_texts({folder.path()}, "--target");
  CHECK(text.bytes == "one\nten\ntwo\nthree\nfour\n");
  REQUIRE(text.files.size() == 5);
  CHECK(text.files.front().path == first);
  CHECK(text.files.back().path == last);
  REQUIRE(text.remarks.size() == 1);
  CHECK(text.remarks[0] == concat("note: --target ", folder.path().string(), ": 2 of 7 files are left out, the first ",
                                  (folder.path() / "README.md").string(),
                                  "; their names end in neither .txt nor .jsonl"));
  CHECK(train::read_texts({folder.path() / "b" / "deep", first}).bytes == "three\none");
  CHECK(fails_with(
      [&] {
        train::read_texts({folder.path(), first});
      },
      "got the same file as --text " + first.string()));
  CHECK(fails_with(
      [&] { read_bytes(folder.path() / "none"); },
      "none: must hold files whose names end in .txt or .jsonl, or in these and .gz or .zst, got none among 1 files"));
  std::filesystem::create_symlink("nowhere.txt", folder.path() / "b" / "broken.txt");
  CHECK(fails_with([&] { read_bytes(folder.path()); }, "broken.txt: it is a link to nowhere.txt, which is not there"));
  std::filesystem::remove(folder.path() / "b" / "broken.txt");
  folder.write("b/x.parquet", "PAR1\x15");
  CHECK(fails_with([&] { read_bytes(folder.path()); },
                   "x.parquet: must be plain text or JSON Lines, got a Parquet file"));
  std::filesystem::permissions(folder.path() / ".cache", std::filesystem::perms::none);
  if (geteuid() != 0) CHECK(fails_with([&] { read_bytes(folder.path() / ".cache"); }, "cannot be read"));
  std::filesystem::permissions(folder.path() / ".cache", std::filesystem::perms::owner_all);
}

TEST_CASE("standard input is read like a file, once") {
  const samples::Scratch folder;
  const auto feed = [&](std::string_view bytes) {
    REQUIRE(std::freopen(folder.write("input", bytes).c_str(), "rb", stdin) != nullptr);
  };
  feed("from a pipe \xff\n");
  const data::Text text = train::read_texts({"-"});
  CHECK(text.bytes == "from a pipe \xff\n");
  CHECK(text.files[0].hash == std::hash<std::string_view>()(text.bytes));
  CHECK(text.remarks[0].starts_with("note: standard input: is not UTF-8 from byte 12 on"));
  CHECK(fails_with([] { read_bytes("-"); }, "standard input: is empty"));
  feed("again\n");
  CHECK(fails_with(
      [] {
        train::read_texts({"-", "-"}, "--target");
      },
      "each text may be given only once, got the same file as --target -"));
  CHECK(fails_with([&] { train::read_texts({folder.path() / "input", "-"}); }, "each text may be given only once"));
  CHECK(read_bytes("-") == "again\n");
  feed(packed::gzip("{\"body\": \"packed lines\"}\n"));
  CHECK(train::read_texts({"-"}, "--text", {.field = "body"}).bytes == "packed lines\n");
  CHECK(read_bytes(folder.write("-", packed::gzip("a file of that name\n"))) == "a file of that name\n");
}

TEST_CASE("documents are read from lines of JSON Lines, and from plain text as asked, and end files") {
  const samples::Scratch folder;
  const auto lines = folder.write("a.jsonl", "{\"text\": \"one\\n\\ntwo\"}\n{\"text\": \"ends\\n\"}\n"),
             plain = folder.write("b.txt", "three\n\nfour\nfive");
  using Ends = std::vector<std::size_t>;
  const auto as = [&](data::Documents documents) {
    return train::read_texts({lines, plain}, "--text", {.documents = documents});
  };
  const data::Text joined = as(data::Documents::joined), by_line = as(data::Documents::by_line),
                   by_empty_line = as(data::Documents::by_empty_line);
  CHECK(joined.bytes == "one\n\ntwo\nends\nthree\n\nfour\nfive");
  CHECK(joined.ends.empty());
  CHECK(by_line.bytes == "one\n\ntwo\nends\n\nthree\nfour\nfive\n");
  CHECK(by_line.ends == Ends{8, 14, 20, 25, 30});
  CHECK(by_empty_line.bytes == by_line.bytes);
  CHECK(by_empty_line.ends == Ends{8, 14, 20, 30});
  CHECK(fails_with(
      [&] { train::read_texts({folder.write("c", " \n\n")}, "--text", {.documents = data::Documents::by_line}); },
      "c: has only white space"));
}
