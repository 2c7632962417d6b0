// choices: questions made from text and answered by a model and its adapters, and what it refuses.
#include "neutra/io/sealed.hpp"

#include "tests/programs/study.hpp"

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

/// A study of two methods, made once.
const Study& two_methods() {
  static const Study made({"--methods", "neutral,adapter", "--steps", "60", "--sequence", "64"});
  return made;
}
std::string questions() {
  static const std::string path = [] {
    const std::string file = (two_methods().folder / "questions.jsonl").string();
    const auto ended = run({path_of("choices"), "--build", file, "--text", two_methods().text("second.valid"),
                            "--questions", "30", "--context-bytes", "12", "--ending-bytes", "6"});
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(ended.out.empty());
    CHECK(ended.err.starts_with("30 questions: "));
    return file;
  }();
  return path;
}
Words answering(const Words& more = {}) {
  Words all = {path_of("choices"), "--model", two_methods().backbone(), "--tasks", questions()};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

TEST_CASE("choices: the model and two adapters answer, and every pair is compared", "[programs]") {
  const Words adapters = {"--adapter", two_methods().adapter_of("neutral"), two_methods().adapter_of("adapter")};
  Words with_json = adapters;
  with_json.push_back("--json");
  const auto ended = run(answering(with_json));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.err.empty());
  const io::Json json = io::parse(ended.out, "choices --json");
  CHECK(json.at("questions") == 30);
  REQUIRE(json.at("methods").size() == 3);
  CHECK(json.at("methods").at(1).at("name") == two_methods().adapter_of("neutral"));
  for (const io::Json& method : json.at("methods"))
    for (const char* kind : {"summed", "per_byte"}) {
      const io::Json& answers = method.at(kind);
      CHECK(answers.at("chosen").size() == 30);
      CHECK(answers.at("accuracy").get<double>() == Approx(answers.at("right").get<double>() / 30));
      CHECK(answers.at("low").get<double>() < answers.at("accuracy").get<double>() + 1e-9);
      CHECK(answers.at("high").get<double>() > answers.at("accuracy").get<double>() - 1e-9);
    }
  REQUIRE(json.at("pairs").size() == 3);
  for (const io::Json& pair : json.at("pairs")) {
    const auto right = [&](const char* which) {
      return json.at("methods").at(pair.at(which).get<std::size_t>()).at("summed").at("right").get<int>();
    };
    const io::Json& counts = pair.at("summed");
    CHECK(counts.at("first_only").get<int>() - counts.at("second_only").get<int>() == right("first") - right("second"));
    CHECK((counts.at("p").get<double>() > 0 && counts.at("p").get<double>() <= 1));
  }
  // One thread or two, alone or beside others: the same answers.
  const auto alone = run(answering({"--adapter", two_methods().adapter_of("adapter"), "--threads", "2", "--json"}));
  CHECK(io::parse(alone.out, "alone").at("methods").at(1) == json.at("methods").at(2));

  const auto table = run(answering(adapters));
  CHECK(table.out.find("30 questions; accuracy in percent with its 95 % interval") != std::string::npos);
  CHECK(table.out.find("  the model alone\n") != std::string::npos);
  CHECK(table.out.find("  2 and 3: summed ") != std::string::npos);
}

TEST_CASE("choices: the fingerprint that the run of an adapter keeps is taken, before a question is answered",
          "[programs]") {
  const auto kept = two_methods().out() / "fingerprint.json";
  const io::Json right = io::read_sealed(kept);
  io::Json wrong = right;
  wrong["fingerprint"] = std::string(64, '0');
  const Words adapters = {"--adapter", two_methods().adapter_of("neutral"), two_methods().adapter_of("adapter"),
                          "--json"};
  const auto told = run(answering(adapters));
  REQUIRE(told.status == 0);
  io::write_sealed(kept, wrong);
  CHECK(refuses(answering(adapters), two_methods().adapter_of("neutral") + ": the adapter must fit the model",
                "fingerprint"));
  std::filesystem::remove(kept);  // then it is computed
  CHECK(run(answering(adapters)).out == told.out);
  io::write_sealed(kept, right);
}

TEST_CASE("choices: questions from running and parallel text are equal for equal seeds", "[programs]") {
  const auto built = [&](const std::string& name, const Words& more) {
    const std::string file = (two_methods().folder / name).string();
    Words all = {path_of("choices"), "--build", file, "--text", two_methods().text("second.valid")};
    all.insert(all.end(), more.begin(), more.end());
    const auto ended = run(all);
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    return scratch::get(file);
  };
  const Words sizes = {"--questions", "20", "--context-bytes", "12", "--ending-bytes", "6"};
  Words other = sizes;
  other.insert(other.end(), {"--seed", "2"});
  CHECK(built("a", sizes) == built("b", sizes));
  CHECK(built("a", sizes) != built("b", other));
  std::string lines[2];
  for (int n = 0; n < 10; ++n)
    for (const int side : {0, 1}) lines[side] += concat(side == 0 ? "line " : "linje ", n, "\n");
  scratch::put(two_methods().folder / "en", lines[0]);
  scratch::put(two_methods().folder / "da", lines[1]);
  const std::string file = (two_methods().folder / "parallel").string();
  REQUIRE(run({path_of("choices"), "--build", file, "--text", (two_methods().folder / "da").string(), "--from",
               (two_methods().folder / "en").string(), "--questions", "10"})
              .status == 0);
  CHECK(scratch::get(file).find("\"context\":\"line 3\\n\"") != std::string::npos);
}

TEST_CASE("choices: what it refuses", "[programs]") {
  const std::string program = path_of("choices");
  CHECK(refuses({program}, "--model and --tasks are needed", "--build and --text"));
  CHECK(refuses({program, "--model", two_methods().backbone()}, "--tasks"));
  CHECK(refuses({program, "--tasks", questions()}, "--model"));
  CHECK(refuses({program, "--build", "x", "--text", "y", "--model", two_methods().backbone()}, "takes no --model"));
  CHECK(refuses({program, "--build", "x"}, "name the text"));
  CHECK(refuses(answering({"--text", "x"}), "belong to --build"));
  CHECK(refuses(answering({"--adapter", "none.safetensors"}), "none"));
  CHECK(refuses(answering({"--sequence", "65"}), "--sequence", "context of 64"));
  const std::string bad = (two_methods().folder / "bad.jsonl").string();
  scratch::put(bad, R"({"context": "a", "endings": ["b", "c"], "label": 0})"
                    "\n{}\n");
  CHECK(refuses({program, "--model", two_methods().backbone(), "--tasks", bad},
                "choices: " + bad + ", line 2: context is missing"));
  scratch::put(bad, concat(R"({"context": "a", "endings": ["b", ")", std::string(65, 'c'), R"("], "label": 0})"));
  CHECK(refuses({program, "--model", two_methods().backbone(), "--tasks", bad},
                bad + ": line 1: ", "1 to 64 tokens, got 65"));
  CHECK(refuses({program, "--build", bad, "--text", two_methods().text("first.valid"), "--questions", "9999"},
                "ask for fewer"));
}
