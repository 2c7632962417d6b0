// A study of a second: two made-up languages, a backbone of some thousand weights, and what must be equal between two
// runs of it.
#pragma once

#include "neutra/core/random.hpp"
#include "neutra/study/results.hpp"

#include "tests/programs/process.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

namespace programs {

/// Sentences of words drawn at random.
inline std::string salad(const Words& words, std::size_t bytes, std::uint64_t seed) {
  const neutra::Philox random(seed, "salad");
  std::string text;
  for (std::uint64_t n = 0; text.size() < bytes; ++n) {
    text += words[static_cast<std::size_t>(random.uniform(0, n) * static_cast<double>(words.size()))];
    text += random.uniform(1, n) < 0.2 ? ".\n" : " ";
  }
  return text + "\n";
}

inline const Words first_words = {"the",   "river", "stone",  "winter", "garden", "house", "walks",
                                  "under", "light", "slowly", "green",  "water",  "bridge"};
inline const Words second_words = {"floden", "sten",     "vinter", "have", "huset", "gaar", "under",
                                   "lys",    "langsomt", "groent", "vand", "broen", "og"};

/// A folder with the texts of both languages, and the command of a study of them.
struct Study {
  scratch::Folder folder;

  Study() {
    scratch::put(folder / "first.txt", salad(first_words, 20000, 1));
    scratch::put(folder / "second.txt", salad(second_words, 20000, 2));
    scratch::put(folder / "first.valid.txt", salad(first_words, 2000, 3));
    scratch::put(folder / "second.valid.txt", salad(second_words, 2000, 4));
  }
  /// The same, with what extend makes of it; `more` as in small().
  explicit Study(const Words& more) : Study() {
    const auto ended = run(command(small(more)));
    INFO(ended.err);
    REQUIRE(ended.status == 0);
  }
  std::string text(const std::string& name) const { return (folder / (name + ".txt")).string(); }
  Path out(const std::string& name = "out") const { return folder / name; }
  std::string backbone() const { return (out() / "backbone").string(); }
  /// The adapter of the first run of a method; empty if there is none.
  std::string adapter_of(const std::string& method) const {
    for (const auto& item : std::filesystem::directory_iterator(out() / "runs"))
      if (item.path().filename().string().starts_with(method + "-"))
        return (item.path() / "adapter.safetensors").string();
    return {};
  }

  /// extend on these texts, as small as it can be; `more` comes last.
  Words command(const Words& more = {}, const std::string& out_name = "out",
                const std::string& program = path_of("extend")) const {
    Words all = {program,
                 "--original",
                 text("first"),
                 "--target",
                 text("second"),
                 "--eval-original",
                 text("first.valid"),
                 "--eval-target",
                 text("second.valid"),
                 "--out",
                 out(out_name).string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// The sizes of a pretrained backbone and of the runs, but for those that `more` names itself.
  static Words small(const Words& more = {}) {
    Words all = {"--quick"};
    for (const auto& [option, value] : {std::pair{"--tokenizer", "byte"},
                                        {"--dim", "16"},
                                        {"--pretrain-steps", "20"},
                                        {"--steps", "12"},
                                        {"--batch", "4"},
                                        {"--sequence", "16"}})
      if (std::find(more.begin(), more.end(), option) == more.end()) all.insert(all.end(), {option, value});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

/// The rows of a results.json as JSON, without times.
inline neutra::io::Json rows_without_times(const Path& out) {
  auto results = neutra::study::read_results(out / "results.json");
  for (auto& row : results.rows) {
    row.train_seconds = row.tokens_per_second = 1;
    row.peak_bytes.reset();
  }
  return neutra::study::to_json(results).at("rows");
}

/// The lines of a log without their seconds.
inline std::string log_without_times(const std::string& text) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    auto json = neutra::io::parse(line, "log.jsonl");
    json.erase("seconds");
    kept += json.dump() + "\n";
  }
  return kept;
}

/// Everything two runs of one study must agree in: rows, choices, logs, and every weight. Names of files that differ.
inline Words differences(const Path& a, const Path& b) {
  Words found;
  if (rows_without_times(a) != rows_without_times(b)) found.push_back("the rows of results.json");
  const auto config = [](const Path& out) {
    auto json = neutra::study::read_results(out / "results.json").config;
    json.erase("command");
    if (json.contains("pretraining")) json["pretraining"].erase("seconds");
    return json;
  };
  if (config(a) != config(b)) found.push_back("the config of results.json");
  const auto left = files_of(a), right = files_of(b);
  for (const auto& [name, bytes] : left) {
    const bool weights =
        name.ends_with(".safetensors") || name.ends_with("adapter.json") || name.ends_with("tokenizer.model");
    if (weights && (!right.contains(name) || right.at(name) != bytes)) found.push_back(name);
    if (name.ends_with("log.jsonl") &&
        (!right.contains(name) || log_without_times(right.at(name)) != log_without_times(bytes)))
      found.push_back(name);
  }
  for (const auto& [name, bytes] : right)
    if (!left.contains(name)) found.push_back(name + " (only in one)");
  return found;
}

/// Lines of a file now; 0 where it is not there.
inline std::size_t lines_of(const Path& path) {
  const std::string text = scratch::get(path);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace programs
