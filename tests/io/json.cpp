// JSON within limits, and the messages of the typed reader.
#include "neutra/io/json.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <limits>

using namespace neutra;
using io::parse;
using scratch::says;

TEST_CASE("json is parsed, and what is not json is placed") {
  CHECK(parse(R"({"a": [1, 2.5, "x", null, true]})", "t")["a"][1] == 2.5);
  CHECK(says([] { parse("", "config.json"); }, "config.json", "line 1, column 1"));
  CHECK(
      says([] { parse("{\n  \"a\": 1,\n  oops\n}", "config.json"); }, "config.json", "line 3, column 3", "object key"));
  CHECK(says([] { parse("{} {}", "t"); }, "t: must be JSON", "line 1, column 4"));
  CHECK(says([] { parse("[1e999]", "t"); }, "t: must be JSON", "1e999"));
  CHECK(says([] { parse("{\"a\": \"\xff\"}", "t"); }, "UTF-8", "0xff", "offset 7"));
  CHECK(says([] { parse(std::string_view("{}\0{\"a\":1}", 10), "t"); }, "zero byte", "column 3"));
}

TEST_CASE("nesting without end stops at the cap") {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse(nested(64), "t").is_array());
  CHECK(says([&] { parse(nested(65), "t"); }, "t", "nested deeper than 64"));
  CHECK(says([&] { parse(std::string(5000000, '['), "t"); }, "t", "nested deeper than 64"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK(says([&] { parse(objects, "t"); }, "t", "nested deeper than 64"));
}

TEST_CASE("a key that comes twice in one object is named") {
  CHECK(parse(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})", "t").size() == 2);  // allowed in different objects
  CHECK(says([] { parse(R"({"a": 1, "b": 2, "a": 1})", "t"); }, "t", "\"a\"", "twice"));
  CHECK(says([] { parse(R"({"x": {"a": 1, "\u0061": 2}})", "t"); }, "\"a\"", "twice"));
}

TEST_CASE("json of many values takes time in proportion to its size") {
  // If the time grew with the square of the number of siblings, each of these would take minutes.
  std::string objects = "[{}", members = "{\"k\": 0";
  for (int i = 0; i < 1000000; ++i) objects += ",{}";
  for (int i = 0; i < 300000; ++i) members += concat(",\"key", i, "\":{}");
  CHECK(parse(objects + "]", "t").size() == 1000001);
  CHECK(parse(members + "}", "t").size() == 300001);
}

TEST_CASE("json that would take many times its size in memory is refused") {
  std::string text = "[0";
  for (int i = 0; i < 4000000; ++i) text += ",0";
  CHECK(says([&] { parse(text + "]", "t"); }, "t: must hold at most 4000000 values"));
  const scratch::Folder folder;
  scratch::put(folder / "config.json", std::string(4000001, ' '));
  CHECK(says([&] { io::read_json(folder / "config.json"); }, "config.json", "at most 4000000 bytes", "got 4000001"));
}

TEST_CASE("json is built as the library builds it") {
  const std::string text = R"({"a": [1, -2, 2.5, "x", null, true, [], {}, [[3]], {"b": {"c": [{"d": 1}, {"e": 2}]}}],)"
                           R"( "z": 18446744073709551615, "": "\u00e6"})";
  CHECK(parse(text, "t") == io::Json::parse(text));
  for (const char* scalar : {"1", "\"x\"", "null", "[]", "{}"}) CHECK(parse(scalar, "t") == io::Json::parse(scalar));
}

TEST_CASE("the reader gives values, fallbacks and messages") {
  const io::Json json =
      parse(R"({"n": 3, "zero": 0, "minus": -2, "half": 0.5, "s": "abc", "yes": true, "nothing": null, "list": [1, 2],
                                  "names": ["x"], "huge": 18446744073709551615, "float": 3.0, "in": {"deep": "x"}})",
            "config.json");
  const io::Reader config(json, "config.json");
  CHECK(config.positive("n") == 3);
  CHECK(config.integer("minus") == -2);
  CHECK(config.number("half") == 0.5);
  CHECK(config.number("n") == 3);
  CHECK(config.text("s") == "abc");
  CHECK(config.flag("yes"));
  CHECK(config.integers("list") == std::vector<Index>{1, 2});
  CHECK(config.texts("names") == std::vector<std::string>{"x"});
  CHECK(config.object("in").text("deep") == "x");
  CHECK(config.has("n"));
  CHECK_FALSE(config.has("nothing"));
  CHECK(config.positive("absent", 7) == 7);
  CHECK(config.positive("nothing", 7) == 7);
  CHECK(config.text("absent", "silu") == "silu");
  CHECK_FALSE(config.flag("absent", false));
  CHECK(config.number("absent", 1e-6) == 1e-6);

  CHECK(message([&] { config.positive("s"); }) == "config.json: s must be a positive integer, got \"abc\"");
  CHECK(says([&] { config.positive("s", 7); },
             "s must be a positive integer, got \"abc\""));  // a fallback does not hide a wrong type
  CHECK(says([&] { config.positive("absent"); }, "config.json: absent is missing"));
  CHECK(says([&] { config.positive("nothing"); }, "config.json: nothing is missing"));
  CHECK(says([&] { config.positive("zero"); }, "positive integer, got 0"));
  CHECK(says([&] { config.positive("minus"); }, "positive integer, got -2"));
  CHECK(says([&] { config.positive("half"); }, "positive integer, got 0.5"));
  CHECK(says([&] { config.positive("float"); }, "positive integer, got 3.0"));
  CHECK(says([&] { config.positive("yes"); }, "positive integer, got true"));
  CHECK(says([&] { config.positive("huge"); }, "positive integer, got 18446744073709551615"));
  CHECK(says([&] { config.integer("n", {}, 5, 9); }, "an integer in 5 .. 9, got 3"));
  CHECK(says([&] { config.number("s"); }, "a number, got \"abc\""));
  CHECK(says([&] { config.flag("n"); }, "true or false, got 3"));
  CHECK(says([&] { config.text("n"); }, "a string, got 3"));
  CHECK(says([&] { config.integers("names"); }, "names", "integers", "got \"x\""));
  CHECK(says([&] { config.texts("list"); }, "list", "strings", "got 1"));
  CHECK(says([&] { config.object("n"); }, "an object, got 3"));
  CHECK(says([&] { config.object("in").positive("deep"); }, "config.json: in.deep must be a positive integer"));
  CHECK(says([&] { config.object("in").only({"shallow"}); }, "config.json: in.deep is not a known key"));
  config.object("in").only({"deep", "other"});
  CHECK(says([&] { io::Reader(json["list"], "list.json"); }, "list.json: must be a JSON object, got [1,2]"));
}

TEST_CASE("json files are written whole and read back") {
  const scratch::Folder folder;
  const io::Json value = {{"name", "gr\xc3\xb8n"}, {"list", {1, 2, 3}}, {"x", 0.1}};
  io::write_json(folder / "a.json", value);
  CHECK(io::read_json(folder / "a.json") == value);
  CHECK(scratch::get(folder / "a.json").back() == '\n');
  CHECK(says([&] { io::write_json(folder / "a.json", io::Json("\xff")); }, "a.json", "cannot be written as JSON"));
  CHECK(io::read_json(folder / "a.json") == value);
  CHECK(folder.count() == 1);
  CHECK(io::dump(io::Json(std::numeric_limits<double>::quiet_NaN()), "t") == "null\n");
}

TEST_CASE("json files that are something else say what") {
  const scratch::Folder folder;
  scratch::put(folder / "empty", " \n");
  scratch::put(folder / "gguf", std::string_view("GGUF\x03\0\0\0", 8));
  scratch::put(folder / "lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  scratch::put(folder / "bad", "{\"a\": tru}");
  scratch::put(folder / "long", "[1,2,3,4,5]");
  CHECK(says([&] { io::read_json(folder / "none"); }, "none", "No such file"));
  CHECK(says([&] { io::read_json(folder / "empty"); }, "empty: must be JSON, got an empty file"));
  CHECK(says([&] { io::read_json(folder / "gguf"); }, "gguf", "a GGUF file"));
  CHECK(says([&] { io::read_json(folder / "lfs"); },
             "lfs: must be JSON, got a Git LFS pointer, not the file itself; run git lfs pull"));
  CHECK(says([&] { io::read_json(folder / "bad"); }, "bad", "line 1, column 10", "restore an intact copy"));
  CHECK(says([&] { io::read_json(folder / "long", 10); }, "long", "at most 10 bytes"));
}
