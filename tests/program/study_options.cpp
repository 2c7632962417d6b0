// The command line of a study that names its own texts, or whose parts need a model or pretrain one.
#include "neutra/program/study_options.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;

namespace {

program::StudyProgram study_of_parts() {
  return {.name = "parts",
          .question = "?",
          .methods = {"adapter"},
          .variations = {{"one", [](study::Options&, const io::Path&) {}}},
          .needs_data = true};
}
program::detail::StudyOptions parse(const program::StudyProgram& program, std::vector<const char*> words) {
  static const adapter::Registry registry = adapter::Registry::with<gate::All>();
  words.insert(words.begin(), {"parts", "--data", "d", "--out", "o"});
  return program::detail::parse_study(static_cast<int>(words.size()), words.data(), program, registry);
}

}  // namespace

TEST_CASE("study options: texts are refused where the study names its own") {
  CHECK(parse(study_of_parts(), {}).data == "d");
  for (const char* option : {"--original", "--target", "--eval-original", "--eval-target"})
    CHECK(says(
        [&] {
          parse(study_of_parts(), {option, "a.txt", "b.txt"});
        },
        concat(option, ": parts takes its texts from --data, got a.txt, b.txt; leave it out")));
  CHECK(parse(study_of_parts(), {"--target-bytes", "9"}).options.target_bytes == 9);
}

TEST_CASE("study options: a model is named where the parts extend one, and nowhere else") {
  program::StudyProgram needs = study_of_parts(), pretrains = study_of_parts();
  needs.needs_model = true;
  pretrains.pretrains = true;
  CHECK(parse(needs, {"--model", "m"}).options.model == "m");
  CHECK(
      says([&] { parse(needs, {}); }, "--model is missing: each part of parts extends the same model", "name a model"));
  CHECK(says([&] { parse(pretrains, {"--model", "m"}); }, "pretrains a backbone of its own, got m; leave it out"));
  CHECK(parse(pretrains, {}).options.model.empty());
}
