// The programs of examples/studies: each runs in seconds with --quick, and rows are made by one process or several.
#include "tests/programs/study.hpp"

#include <algorithm>
#include <set>

using namespace neutra;
using programs::Path;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

Words command(const Study& study, const std::string& name, const Words& more = {}, const std::string& out = "out") {
  return study.command(Study::small(more), out, programs::path_of("studies/" + name));
}

/// A folder as of --data, with the texts that the studies of several parts name.
std::string data_folder(const Study& study) {
  std::uint64_t seed = 0;
  for (const std::string source :
       {"en/wiki", "en/masc", "en/gum", "en/ewt", "en/europarl", "en/debian", "en/gnome-help", "en/tinystories",
        "en/biomed-craft", "en/biomed-pubmedqa", "en/sampled", "code/cpp", "da/lcc-news", "da/lcc-mixed", "da/ddt"}) {
    const Path base = study.folder / "data" / source;
    std::filesystem::create_directories(base.parent_path());
    const Words& words = source.starts_with("en/") ? programs::first_words : programs::second_words;
    scratch::put(base.native() + ".train.txt", programs::salad(words, 12000, ++seed));
    scratch::put(base.native() + ".valid.txt", programs::salad(words, 1000, ++seed));
  }
  return (study.folder / "data").string();
}

/// A study that names its own texts. Sizes of a backbone stay out where a model is given.
Words command_on_data(const Study& study, const std::string& name, const Words& more, const std::string& out) {
  Words all = {programs::path_of("studies/" + name), "--out", study.out(out).string()};
  const bool model = std::find(more.begin(), more.end(), "--model") != more.end();
  const Words given = model ? more : Study::small(more);
  all.insert(all.end(), given.begin(), given.end());
  return all;
}

/// The rows that a study has made, without times.
std::multiset<std::string> rows_of(const Path& out) {
  std::multiset<std::string> rows;
  for (const auto& row : programs::rows_without_times(out)) rows.insert(row.dump());
  return rows;
}

}  // namespace

TEST_CASE("studies: every one runs with --quick and leaves results and a report", "[programs]") {
  const Study study;
  REQUIRE(run(study.command(Study::small({"--methods", "lora"}))).status == 0);  // the model of proxy
  std::size_t count = 0;
  for (const auto& program : std::filesystem::directory_iterator(programs::path_of("studies"))) {
    const std::string name = program.path().filename().string();
    if (!program.is_regular_file() || name == "languages") continue;  // its stages: below
    INFO(name);
    Words quick = {"--pretrain-steps", "4"}, on_data = {"--steps", "4", "--data", data_folder(study)};
    if (name != "init" && name != "length") quick.insert(quick.end(), {"--steps", "4"});  // those sweep it
    if (name == "proxy") on_data.insert(on_data.end(), {"--quick", "--sequence", "16", "--model", study.backbone()});
    const bool names_texts = name == "domains" || name == "proxy";
    const auto ended =
        run(names_texts ? command_on_data(study, name, on_data, name) : command(study, name, quick, name));
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    std::size_t parts = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(study.out(name))) {
      if (entry.path().filename() != "results.json") continue;
      const auto results = study::read_results(entry.path());
      CHECK(results.rows.size() >= 2);
      CHECK(results.failed.empty());
      CHECK(results.config.at("study") == name);
      CHECK(results.config.at("options").at("quick") == true);
      CHECK_FALSE(results.config.at("question").get<std::string>().empty());
      CHECK(scratch::get(entry.path().parent_path() / "report.html").find("<svg") != std::string::npos);
      ++parts;
    }
    CHECK(parts >= 1);
    CHECK(ended.out.find("report: ") != std::string::npos);
    ++count;
  }
  CHECK(count >= 14);
}

TEST_CASE("studies: one whose parts pretrain refuses a model", "[programs]") {
  const Study study;
  const Words given = {"--quick", "--model", study.backbone()};
  const auto ended = run(study.command(given, "scale", programs::path_of("studies/scale")));
  CHECK(ended.status == 1);
  CHECK(ended.err.find("--model: each part of scale pretrains a backbone of its own") != std::string::npos);
}

TEST_CASE("studies: one that names its texts refuses others, and proxy needs a model", "[programs]") {
  const Study study;
  const std::string data = data_folder(study);
  const auto texts = run(command(study, "domains", {"--data", data}, "domains"));
  CHECK(texts.status == 1);
  CHECK(texts.err.find("--original: domains takes its texts from --data, got ") != std::string::npos);
  const auto bare = run(command_on_data(study, "proxy", {"--data", data}, "proxy"));
  CHECK(bare.status == 1);
  CHECK(bare.err.find("--model is missing: each part of proxy extends the same model") != std::string::npos);
  for (const char* out : {"domains", "proxy"}) CHECK_FALSE(std::filesystem::exists(study.out(out)));
}

TEST_CASE("studies: a text that a later part lacks is named before the first part begins", "[programs]") {
  const Study study;
  const Path data = data_folder(study);
  std::filesystem::remove(data / "code/cpp.train.txt");
  const auto ended = run(command_on_data(study, "domains", {"--data", data.string()}, "domains"));
  CHECK(ended.status == 1);
  CHECK(ended.err.find("program source: there is no text file ") != std::string::npos);
  CHECK(ended.err.find("code/cpp.train.txt") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(study.out("domains")));
}

TEST_CASE("studies: rows are listed with state and time, made one by one, and side by side to the same numbers",
          "[programs]") {
  const Study study;
  const Words two = {"--method", "neutral", "--method", "adapter", "--lr", "2e-3,1e-2", "--seeds", "2"};
  const auto with = [&](Words more, const std::string& out) {
    Words all = two;
    all.insert(all.end(), more.begin(), more.end());
    return run(command(study, "gates", all, out));
  };
  const auto listed = with({"--list"}, "rows");
  INFO(listed.err);
  REQUIRE(listed.status == 0);
  CHECK(listed.out.find("    1  waiting") != std::string::npos);
  CHECK(listed.out.find("neutral, alpha 1, the selected rate, seed 2") != std::string::npos);
  CHECK(listed.out.find("6 rows, about ") != std::string::npos);

  const auto early = with({"--row", "5"}, "rows");
  CHECK(early.status == 1);
  CHECK(early.err.find("row 5: it takes the rate that the rows of seed 1 select; run those first") !=
        std::string::npos);
  CHECK(with({"--row", "7"}, "rows").err.find("--row must be at most 6") != std::string::npos);
  CHECK(with({"--row", "0"}, "rows").err.find("--row must be at least 1, got 0") != std::string::npos);
  CHECK(with({"--row", "1", "--list"}, "rows").err.find("exclude each other") != std::string::npos);
  for (int row = 1; row <= 6; ++row) {
    const auto made = with({"--row", std::to_string(row)}, "rows");
    INFO(made.err);
    REQUIRE(made.status == 0);
    CHECK(made.err.find(concat("row ", row, " of 6 done: ")) != std::string::npos);
    CHECK(made.out.empty());
  }
  CHECK_FALSE(std::filesystem::exists(study.out("rows") / "results.json"));
  const auto joined = with({"--join"}, "rows");
  REQUIRE(joined.status == 0);
  CHECK(joined.out.find("report: ") != std::string::npos);
  const std::string done = with({"--list"}, "rows").out;
  CHECK(done.find("waiting") == std::string::npos);
  CHECK(done.find("6 rows, about 0 s left") != std::string::npos);

  const auto beside = with({"--jobs", "2"}, "beside");
  INFO(beside.err);
  REQUIRE(beside.status == 0);
  CHECK(rows_of(study.out("beside")) == rows_of(study.out("rows")));
}

TEST_CASE("studies: a stop of --jobs reaches every process, and each saves", "[programs]") {
  const Study study;
  const Words two = {"--method", "neutral", "--method", "adapter", "--seeds", "1", "--steps", "1000000", "--jobs", "2"};
  programs::Process process(command(study, "gates", two));
  const Path neutral = study.out() / "runs/neutral-lr0.002-alpha1-seed1",
             adapter = study.out() / "runs/adapter-lr0.002-seed1";
  CHECK(programs::wait_for(process, [&] {
    return programs::lines_of(neutral / "log.jsonl") >= 20 && programs::lines_of(adapter / "log.jsonl") >= 20;
  }));
  process.send(SIGTERM);
  const auto ended = process.wait();  // after its workers
  INFO(ended.err);
  CHECK(ended.status == 130);
  for (const Path& run : {neutral, adapter}) CHECK(std::filesystem::exists(run / "checkpoint.safetensors"));
}

TEST_CASE("studies: results of folders that share nothing are joined", "[programs]") {
  const Study study;
  REQUIRE(run(command(study, "gates", {"--method", "adapter", "--seeds", "1"}, "first")).status == 0);
  Words no_sizes = {
      "--method", "neutral", "--seeds", "1",          "--lr", "2e-3",    "--steps",
      "12",       "--batch", "4",       "--sequence", "16",   "--model", (study.out("first") / "backbone").string()};
  REQUIRE(run(study.command(no_sizes, "second", programs::path_of("studies/gates"))).status == 0);
  const auto joined = run(command(
      study, "gates", {"--method", "adapter", "--seeds", "1", "--join", study.out("second").string()}, "first"));
  INFO(joined.err);
  REQUIRE(joined.status == 0);
  CHECK(study::read_results(study.out("first") / "results.json").rows.size() == 2);
}

TEST_CASE("studies: SIGUSR1 saves and stops, and the same command continues to the same numbers", "[programs]") {
  const Study study;
  const Words one = {"--method", "neutral", "--seeds", "1", "--steps", "400"};
  REQUIRE(run(command(study, "gates", one, "whole")).status == 0);
  programs::Process process(command(study, "gates", one, "stopped"));
  const Path log = study.out("stopped") / "runs/neutral-lr0.002-alpha1-seed1/log.jsonl";
  CHECK(programs::wait_for(process, [&] { return programs::lines_of(log) >= 20; }));
  process.send(SIGUSR1);
  const auto ended = process.wait();
  INFO(ended.err);
  CHECK((ended.status == 130 || ended.status == 0));  // 0: it was faster
  if (ended.status == 130) CHECK(ended.err.find("run the same command again to continue") != std::string::npos);
  REQUIRE(run(command(study, "gates", one, "stopped")).status == 0);
  CHECK(rows_of(study.out("stopped")) == rows_of(study.out("whole")));
}

TEST_CASE("studies: each stage of languages extends the models of the one before, one process or two", "[programs]") {
  const Study study;
  std::uint64_t seed = 0;
  for (const std::string source :
       {"en/wiki", "en/masc", "en/gum", "en/ewt", "en/europarl", "en/ntrex", "da/lcc-news", "da/lcc-mixed", "da/ddt",
        "da/ntrex", "hu/nerkor", "hu/ntrex", "sk/wikigold", "sk/snk-wiki", "sk/ntrex"}) {
    const Path base = study.folder / "data" / source;
    std::filesystem::create_directories(base.parent_path());
    const Words& words = source.starts_with("en/") ? programs::first_words : programs::second_words;
    scratch::put(base.native() + ".train.txt", programs::salad(words, 5000, ++seed));
    scratch::put(base.native() + ".valid.txt", programs::salad(words, 500, ++seed));
  }
  const auto languages = [&](const std::string& out, const Words& more) {
    Words all = {"--pretrain-steps", "4", "--steps", "4", "--data", (study.folder / "data").string()};
    all.insert(all.end(), more.begin(), more.end());
    return run(command_on_data(study, "languages", all, out));
  };
  const auto ended = languages("whole", {});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const Words parts = {"da", "da-hu", "da-hu-sk", "sk", "sk-hu", "sk-hu-da"};
  for (const std::string& part : parts) {
    INFO(part);
    const auto results = study::read_results(study.out("whole") / part / "results.json");
    REQUIRE(results.rows.size() == 4);
    for (const study::RunResult& row : results.rows) {
      CHECK(row.builds_on.has_value() == (part.size() > 2));
      CHECK(row.further->size() == 4);
    }
  }
  const std::string table = scratch::get(study.out("whole") / "stages.txt");
  CHECK(ended.out.find(table) != std::string::npos);
  CHECK(table.find("finetune\n  after     da ") != std::string::npos);
  CHECK(table.find("\n  sk-hu-da  ") != std::string::npos);

  const auto listed = languages("beside", {"--list"});
  CHECK(listed.out.find("da-hu: neutral, alpha 1, rate 0.002, seed 1") != std::string::npos);
  const auto early = languages("beside", {"--row", "5"});
  CHECK(early.err.find("row 5: it builds on a row of the stage before; run that first") != std::string::npos);
  const auto beside = languages("beside", {"--jobs", "2"});
  INFO(beside.err);
  REQUIRE(beside.status == 0);
  for (const std::string& part : parts)
    CHECK(rows_of(study.out("beside") / part) == rows_of(study.out("whole") / part));
}
