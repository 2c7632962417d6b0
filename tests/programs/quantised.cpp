// extend, evaluate and generate on a quantised backbone: equal from run to run, saved adapters load again, and what
// does not fit is refused.
#include "neutra/io/sealed.hpp"

#include "tests/programs/study.hpp"

#include <chrono>
#include <cmath>

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

/// A study whose backbone the tests extend.
const Study& quantised_study() {
  static const Study made({"--methods", "neutral", "--dim", "32"});
  return made;
}

/// Extends it with quantised weights, once; returns the folder.
programs::Path extended(const std::string& format, const std::string& name = {}) {
  const std::string out = name.empty() ? format : name;
  if (std::filesystem::exists(quantised_study().out(out))) return quantised_study().out(out);
  const auto ended =
      run(quantised_study().command({"--quick", "--model", quantised_study().backbone(), "--methods", "neutral,lora",
                                     "--steps", "12", "--batch", "4", "--sequence", "16", "--base-precision", format},
                                    out));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  return quantised_study().out(out);
}
std::string adapter_in(const programs::Path& out, const std::string& method) {
  for (const auto& item : std::filesystem::directory_iterator(out / "runs"))
    if (item.path().filename().string().starts_with(method + "-")) return item.path() / "adapter.safetensors";
  return {};
}

Words on_the_model(const char* program, const Words& more) {
  Words all = {path_of(program), "--model", quantised_study().backbone()};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
Words evaluation(const Words& more) {
  Words all = on_the_model("evaluate", {"--json", "--text", quantised_study().text("second.valid")});
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
/// Runs it twice, which must print the same.
std::string told_twice(const Words& command) {
  const auto first = run(command), second = run(command);
  INFO(first.err);
  REQUIRE(first.status == 0);
  CHECK(first.err.empty());
  CHECK(second.out == first.out);
  return first.out;
}
double bits_per_byte(const Words& more) {
  return io::parse(told_twice(evaluation(more)), "evaluate --json").at("bits_per_byte").get<double>();
}

}  // namespace

TEST_CASE("programs: extend on a quantised backbone gives equal bits from run to run", "[programs]") {
  const auto out = extended("q4"), again = extended("q4", "q4-again");
  CHECK(programs::differences(out, again) == Words{});
  const auto results = study::read_results(out / "results.json");
  REQUIRE(results.rows.size() == 2);
  CHECK(results.config.at("options").at("base_precision") == "q4");
  for (const auto& row : results.rows) {
    CAPTURE(row.label);
    for (const double bits : {row.original.before, row.original.after, row.target.before, row.target.after})
      CHECK((std::isfinite(bits) && bits > 0));
    CHECK(row.target.after < row.target.before);
  }
}

TEST_CASE("programs: adapters of a quantised backbone load again, on it and on the model it was made from",
          "[programs]") {
  const double plain = bits_per_byte({});
  for (const char* format : {"q4", "int8"}) {
    CAPTURE(format);
    const auto out = extended(format);
    const double bare = bits_per_byte({"--base-precision", format});
    CHECK(bare != plain);
    CHECK(bare == Approx(plain).epsilon(0.05));
    for (const auto& row : study::read_results(out / "results.json").rows) {
      CAPTURE(row.label);
      CHECK(row.target.before == Approx(bare).epsilon(1e-6));
      const std::string adapter = adapter_in(out, row.label);
      const double quantised = bits_per_byte({"--adapter", adapter, "--base-precision", format}),
                   whole = bits_per_byte({"--adapter", adapter});
      CHECK(quantised == Approx(row.target.after).epsilon(1e-6));
      CHECK(whole != quantised);
      CHECK(whole == Approx(quantised).epsilon(0.05));
    }
  }
}

TEST_CASE("programs: generate on a quantised backbone gives one text from run to run", "[programs]") {
  for (const char* format : {"q4", "int8"}) {
    const Words options = {"--prompt", "the river", "--tokens", "20", "--base-precision", format};
    Words adapted = options;
    adapted.insert(adapted.end(), {"--adapter", adapter_in(extended(format), "neutral")});
    for (const Words& words : {options, adapted}) {
      const std::string text = told_twice(on_the_model("generate", words));
      CHECK(text.starts_with("the river"));
      CHECK(text.size() == 9 + 20 + 1);  // a byte a token, and the newline
    }
  }
}

TEST_CASE("programs: what does not fit a quantised backbone is refused by name", "[programs]") {
  const std::string adapter = adapter_in(extended("q4"), "neutral");
  const Study other({"--methods", "lora", "--dim", "32", "--pretrain-steps", "21"});
  const auto of_other = [&](const std::string& file) {
    return Words{path_of("evaluate"), "--model", other.backbone(),   "--text", other.text("first.valid"),
                 "--adapter",         file,      "--base-precision", "q4"};
  };
  CHECK(refuses(of_other(adapter), "evaluate: " + adapter + ": the adapter must fit the model", "fingerprint"));
  CHECK(run(of_other(other.adapter_of("lora"))).status == 0);
  CHECK(refuses(evaluation({"--base-precision", "q5"}), "--base-precision must be none or int8 or q4, got 'q5'"));
}

TEST_CASE("evaluate: the fingerprint that the run of an adapter keeps is taken while the model's files are the same",
          "[programs]") {
  const programs::Path out = extended("q4"), kept = out / "fingerprint.json";
  const Words options = {"--adapter", adapter_in(out, "neutral"), "--base-precision", "q4"};
  const io::Json right = io::read_sealed(kept);
  io::Json wrong = right;
  wrong["fingerprint"] = std::string(64, '0');
  io::write_sealed(kept, wrong);
  CHECK(refuses(evaluation(options), "the adapter must fit the model", "fingerprint"));
  scratch::put(kept, "damaged");  // then it is computed
  const std::string told = told_twice(evaluation(options));
  io::write_sealed(kept, wrong);
  const programs::Path config = programs::Path(quantised_study().backbone()) / "config.json";
  const auto time = std::filesystem::last_write_time(config);
  std::filesystem::last_write_time(config, time + std::chrono::seconds(1));
  CHECK(told_twice(evaluation(options)) == told);
  std::filesystem::last_write_time(config, time);
  std::filesystem::remove(kept);
  CHECK(told_twice(evaluation(options)) == told);
  io::write_sealed(kept, right);
  CHECK(told_twice(evaluation(options)) == told);
}
