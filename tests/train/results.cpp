// results.json: nothing is lost on the way to the file and back, and every fault of a file has its own message.
#include "neutra/train/results.hpp"

#include "tests/catch.hpp"
#include "tests/train/sample.hpp"

#include <unistd.h>

#include <limits>
#include <sstream>

using namespace neutra;
using train::Results;

namespace {

template <class F> std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string message(const io::Json& json) {
  return message_of([&] { train::results_from_json(json, "results.json"); });
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("results survive the file with every key, null and 64-bit seed") {
  char folder[] = "/tmp/neutra_results_XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::filesystem::path path = std::filesystem::path(folder) / "results.json";
  Results results = sample::results();
  results.rows[0].seed = std::numeric_limits<std::uint64_t>::max();
  train::write_results(path, results);
  const Results back = train::read_results(path);
  CHECK(train::to_json(back) == train::to_json(results));
  CHECK(back.rows.at(0).seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(back.rows.at(0).gate == "relu");
  CHECK(back.rows.at(0).gate_open_by_layer->target == results.rows[0].gate_open_by_layer->target);
  CHECK_FALSE(back.rows.back().gate);  // finetuning has none
  CHECK(back.machine.threads == results.machine.threads);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a row has exactly the keys of the format") {
  const auto row = train::to_json(sample::results())["rows"][0];
  std::string keys;
  for (const auto& [key, ignored] : row.items()) keys += key + " ";
  CHECK(keys ==
        "alpha body capacity extra_share extra_weights forgetting gate gate_open gate_open_by_layer init learning lr method original penalty "
        "placement residue_ratio_by_layer seed share steps target tokens_per_second train_seconds train_tokens trainable_weights ");
  CHECK(row["forgetting"].get<double>() == Approx(row["original"]["after"].get<double>() - row["original"]["before"].get<double>()));
  CHECK(row["learning"].get<double>() == Approx(row["target"]["before"].get<double>() - row["target"]["after"].get<double>()));
}

TEST_CASE("each fault of a results file is named") {
  const io::Json good = train::to_json(sample::results());
  REQUIRE(message(good) == "no error");
  for (const auto& [key, ignored] : good.items()) {
    io::Json bad = good;
    bad.erase(key);
    CHECK(contains(message(bad), "results.json: " + key + " is missing"));
  }
  for (const auto& [key, ignored] : good["rows"][1].items()) {
    io::Json bad = good;
    bad["rows"][1].erase(key);
    CHECK(contains(message(bad), "results.json: rows[1]: " + key + " is missing"));
    bad = good;
    bad["rows"][1][key] = true;
    CHECK(contains(message(bad), "results.json: rows[1]: " + key + " must be "));
  }
  const auto with = [&](const char* pointer, const io::Json& value) {
    io::Json bad = good;
    bad[io::Json::json_pointer(pointer)] = value;
    return message(bad);
  };
  CHECK(contains(with("/schema", "neutra.results/2"), "schema must be \"neutra.results/1\", got \"neutra.results/2\""));
  CHECK(contains(with("/extra", 1), "extra is not a known key"));
  CHECK(contains(with("/rows/0/colour", 1), "rows[0]: colour is not a known key"));
  CHECK(contains(with("/rows/0/original/between", 1), "rows[0]: original: between is not a known key"));
  CHECK(contains(with("/rows/0/method", nullptr), "rows[0]: method is missing"));
  CHECK(contains(with("/rows/0/seed", -1), "rows[0]: seed must be an integer, zero or more, got -1"));
  CHECK(contains(with("/rows/0/steps", 1.5), "rows[0]: steps must be an integer, zero or more, got 1.5"));
  CHECK(contains(with("/rows/0/gate_open/target", "x"), "rows[0]: gate_open: target must be a number"));
  CHECK(contains(with("/rows/0/gate_open_by_layer/target/0", "x"), "gate_open_by_layer: target must be an array of numbers"));
  CHECK(contains(with("/rows/0/forgetting", 5), "forgetting must be the difference of before and after"));
  CHECK(contains(with("/rows", 5), "rows must be an array"));
  CHECK(contains(with("/machine/threads", "two"), "machine: threads must be an integer"));
  CHECK(contains(with("/machine/fan", 1), "machine: fan is not a known key"));
  CHECK(contains(with("/text_sha256/x", "12"), "text_sha256.x must be 64 hexadecimal digits, got \"12\""));
  CHECK(contains(with("/config", 1), "config must be an object"));
  CHECK(contains(message(io::Json::array()), "must be a JSON object"));
}

TEST_CASE("a number that is not finite is refused by its place, not written as null") {
  Results results = sample::results();
  results.rows[1].target.after = std::numeric_limits<double>::quiet_NaN();
  CHECK(contains(message_of([&] { train::to_json(results, "out/results.json"); }),
                 "out/results.json: rows[1]: target.after must be a finite number, got nan"));
  results = sample::results();
  results.rows[0].residue_ratio_by_layer->original[1] = std::numeric_limits<double>::infinity();
  CHECK(contains(message_of([&] { train::to_json(results); }), "rows[0]: residue_ratio_by_layer.original[1] must be a finite number, got inf"));
}

TEST_CASE("the machine is described") {
  std::istringstream arm("CPU implementer : 0x41\n"), intel("processor : 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n");
  CHECK(train::detail::processor_name(arm) == "unknown");
  CHECK(train::detail::processor_name(intel) == "Some CPU @ 2 GHz");
  const auto machine = train::machine();
  CHECK(machine.threads >= 1);
  CHECK(contains(machine.compiler, __VERSION__));
  CHECK(std::count(machine.xsimd.begin(), machine.xsimd.end(), '.') == 2);
#if defined(NEUTRA_AMX)
  CHECK(machine.instruction_set == "avx512_amx");
#elif defined(__AVX512BF16__)
  CHECK(machine.instruction_set == "avx512_bf16");
#elif defined(__AVX512F__)
  CHECK(machine.instruction_set == "avx512");
#endif
}
