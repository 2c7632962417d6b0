// results.json: nothing is lost in writing and reading, and every error in a file has its own message.
#include "neutra/study/results.hpp"

#include "neutra/data/token_class.hpp"

#include "tests/catch.hpp"
#include "tests/study/sample.hpp"

#include <unistd.h>

#include <limits>
#include <sstream>

using namespace neutra;
using study::Results;

namespace {

template <class F> std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string refusal_of(const io::Json& json) {
  return message_of([&] { study::results_from_json(json, "results.json"); });
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("results of twenty-five thousand rows of six layers are within the limits of reading") {
  auto row = sample::neutral(1.0 / 700, 1, 1.0 / 7, 17.0 / 7);
  const study::PerDomain<std::vector<double>> layers{std::vector<double>(6, 1.0 / 3), std::vector<double>(6, 1.0 / 7)};
  row.gate_open = {1.0 / 3, 1.0 / 7};
  row.gate_open_by_layer = layers;
  row.residue_ratio_by_layer = layers;
  study::ByClass classes;
  for (const auto name : data::token_class_names) classes[std::string(name)] = 1.0 / 3;
  for (auto* values : {&row.tokens_by_class, &row.gate_open_by_class, &row.residue_ratio_by_class})
    *values = {classes, classes};
  row.train_seconds = 100.0 / 3;
  row.tokens_per_second = 1e6 / 7;
  Results results;
  const auto rows = [&](std::size_t count) {
    results.rows.assign(count, row);
    return study::to_json(results);
  };
  const std::size_t bytes = rows(2).dump(2).size() - rows(1).dump(2).size(),
                    values = rows(2).flatten().size() - rows(1).flatten().size();
  CHECK(25000 * bytes < study::max_results);
  CHECK(values * (study::max_results / bytes) < 4000000);  // the limit of bytes is reached first
}

TEST_CASE("results are written and read with every key, null and 64-bit seed") {
  char folder[] = "/tmp/neutra_results_XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::filesystem::path path = std::filesystem::path(folder) / "results.json";
  Results results = sample::results();
  results.rows[0].seed = std::numeric_limits<std::uint64_t>::max();
  study::write_results(path, results);
  const Results back = study::read_results(path);
  CHECK(study::to_json(back) == study::to_json(results));
  CHECK(back.rows.at(0).seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(back.rows.at(0).settings == results.rows[0].settings);
  CHECK(back.rows.at(0).gate_open_by_layer->target == results.rows[0].gate_open_by_layer->target);
  CHECK_FALSE(back.rows.back().alpha);  // finetuning has none
  CHECK(back.machine.threads == results.machine.threads);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a row has exactly the keys of the format") {
  const auto row = study::to_json(sample::results())["rows"][0];
  std::string keys;
  for (const auto& [key, ignored] : row.items()) keys += key + " ";
  CHECK(
      keys ==
      "alpha extra_share extra_weights file_bytes forgetting gate_open gate_open_by_layer kind kl_to_base label "
      "learning lr original "
      "peak_bytes residue_ratio_by_layer seed settings share steps target tokens_per_second train_seconds train_tokens "
      "trainable_weights ");
  CHECK(row["forgetting"].get<double>() ==
        Approx(row["original"]["after"].get<double>() - row["original"]["before"].get<double>()));
  CHECK(row["learning"].get<double>() ==
        Approx(row["target"]["before"].get<double>() - row["target"]["after"].get<double>()));
}

TEST_CASE("statistics by class of tokens are written and read, and files without them stay as they are") {
  const io::Json without = study::to_json(sample::results());
  CHECK(study::to_json(study::results_from_json(without)) == without);
  auto results = sample::results();
  results.rows[0].gate_open_by_class = {{{"number", 0.25}}, {{"number", 0.5}, {"space", 1.0}}};
  io::Json json = study::to_json(results);
  CHECK(json["rows"][0]["gate_open_by_class"] ==
        io::Json{{"original", {{"number", 0.25}}}, {"target", {{"number", 0.5}, {"space", 1.0}}}});
  CHECK(study::results_from_json(json).rows[0].gate_open_by_class->target.at("space") == 1);
  json["rows"][0]["gate_open_by_class"]["target"]["space"] = 1.5;
  CHECK(contains(refusal_of(json), "gate_open_by_class: target: space must be a share in [0, 1], got 1.5"));
  json["rows"][0]["gate_open_by_class"]["target"]["space"] = "x";
  CHECK(contains(refusal_of(json), "rows[0]: gate_open_by_class: target.space must be a number"));
  json["rows"][0]["gate_open_by_class"] = nullptr;
  CHECK(refusal_of(json) == "no error");
}

TEST_CASE("each error in a results file is named") {
  const io::Json good = study::to_json(sample::results());
  REQUIRE(refusal_of(good) == "no error");
  for (const auto& [key, ignored] : good.items()) {
    io::Json bad = good;
    bad.erase(key);
    CHECK(contains(refusal_of(bad), "results.json: " + key + " is missing"));
  }
  for (const auto& [key, ignored] : good["rows"][1].items()) {
    io::Json bad = good;
    bad["rows"][1].erase(key);
    if (sample::is_newer(key))
      CHECK(refusal_of(bad) == "no error");  // a file of before
    else
      CHECK(contains(refusal_of(bad), "results.json: rows[1]: " + key + " is missing"));
    bad = good;
    bad["rows"][1][key] = true;
    CHECK(contains(refusal_of(bad), "results.json: rows[1]: " + key + " must be "));
  }
  const auto with = [&](const char* pointer, const io::Json& value) {
    io::Json bad = good;
    bad[io::Json::json_pointer(pointer)] = value;
    return refusal_of(bad);
  };
  CHECK(contains(with("/schema", "neutra.results/3"), "schema must be \"neutra.results/2\", got \"neutra.results/3\""));
  CHECK(contains(with("/extra", 1), "extra is not a known key"));
  CHECK(contains(with("/rows/0/colour", 1), "rows[0]: colour is not a known key"));
  CHECK(contains(with("/rows/0/original/between", 1), "rows[0]: original: between is not a known key"));
  CHECK(contains(with("/rows/0/label", nullptr), "rows[0]: label is missing"));
  CHECK(contains(with("/rows/0/settings/gate", io::Json::array()), "rows[0]: settings.gate must be a string"));
  CHECK(contains(with("/choices/0/tried", 1), "choices[0]: tried must be an array"));
  CHECK(contains(with("/choices/0/lr", -1), "choices[0]: lr must be zero or more"));
  CHECK(contains(with("/choices/0/tried/0/lr", 1), "choices[0]: tried: forgetting is missing"));
  CHECK(contains(with("/choices/0/alpha_chosen", "x"), "choices[0]: alpha_chosen must be true or false"));
  CHECK(contains(with("/rows/0/seed", -1), "rows[0]: seed must be an integer, zero or more, got -1"));
  CHECK(contains(with("/rows/0/steps", 1.5), "rows[0]: steps must be an integer, zero or more, got 1.5"));
  CHECK(contains(with("/rows/0/gate_open/target", "x"), "rows[0]: gate_open: target must be a number"));
  CHECK(contains(with("/rows/0/gate_open_by_layer/target/0", "x"),
                 "gate_open_by_layer: target must be an array of numbers"));
  CHECK(contains(with("/rows/0/forgetting", 5), "forgetting must be the difference of before and after"));
  CHECK(contains(with("/rows", 5), "rows must be an array"));
  CHECK(contains(with("/machine/threads", "two"), "machine: threads must be an integer"));
  CHECK(contains(with("/machine/fan", 1), "machine: fan is not a known key"));
  CHECK(contains(with("/text_sha256/x", "12"), "text_sha256.x must be 64 hexadecimal digits, got \"12\""));
  CHECK(contains(with("/config", 1), "config must be an object"));
  CHECK(contains(refusal_of(io::Json::array()), "must be a JSON object"));
}

TEST_CASE("runs without a row are written and read, and files without any omit the key") {
  CHECK_FALSE(study::to_json(sample::results()).contains("failed"));
  const io::Json json = study::to_json(sample::with_failures());
  CHECK(study::to_json(study::results_from_json(json)) == json);
  const io::Json& diverged = json["failed"][0];
  CHECK((diverged["label"] == "finetune" && diverged["lr"] == 0.5 && diverged["seed"] == 1 &&
         diverged["alpha"].is_null()));
  CHECK((diverged["state"] == "diverged" && diverged["step"] == 3 &&
         diverged["reason"] == "training: step 3 gave a loss of nan"));
  CHECK(diverged["largest_gradient"] == io::Json{{"parameter", "layers.0.<q>"}, {"value", 2.5e20}});
  CHECK((json["failed"][1]["state"] == "out_of_memory" && json["failed"][1]["step"].is_null() &&
         json["failed"][1]["largest_gradient"].is_null()));
  const auto with = [&](const char* pointer, const io::Json& value) {
    io::Json bad = json;
    bad[io::Json::json_pointer(pointer)] = value;
    return refusal_of(bad);
  };
  CHECK(contains(with("/failed/1/state", "tired"),
                 "failed[1]: state must be diverged, out_of_memory or not_saved, got tired"));
  CHECK(contains(with("/failed/0/step", -1), "failed[0]: step must be an integer, zero or more"));
  CHECK(contains(with("/failed/0/largest_gradient/sign", -1), "largest_gradient.sign is not a known key"));
  CHECK(contains(with("/failed/0/colour", 1), "failed[0]: colour is not a known key"));
  CHECK(contains(with("/failed", 1), "failed must be an array"));
  CHECK(contains(with("/failed/0/share", 1.5), "failed[0]: share must be a share in [0, 1], got 1.5"));
  for (const char* key : {"lr", "alpha"})
    CHECK(contains(with(concat("/failed/0/", key).c_str(), -0.5),
                   concat("failed[0]: ", key, " must be zero or more, got -0.5")));
  io::Json bad = json;
  bad["failed"][0].erase("reason");
  CHECK(contains(refusal_of(bad), "failed[0]: reason is missing"));
}

TEST_CASE("the reason of a failure can be written whatever bytes it holds") {
  Results results = sample::with_failures();
  results.failed[0].reason = "o\\x/\xe6/checkpoint.safetensors: cannot be written\x1b";
  results.failed[0].where.parameter = "layers.\xff";
  const io::Json json = study::to_json(results);
  CHECK_NOTHROW(io::dump(json, "results.json"));
  CHECK(json["failed"][0]["reason"] == "o\\x/\\xe6/checkpoint.safetensors: cannot be written\\x1b");
  CHECK(json["failed"][0]["largest_gradient"]["parameter"] == "layers.\\xff");
  CHECK(study::to_json(study::results_from_json(json)) == json);
}

TEST_CASE("a number that no run can have is refused with its place") {
  const io::Json good = study::to_json(sample::results());
  const auto with = [&](const char* pointer, const io::Json& value) {
    io::Json bad = good;
    bad[io::Json::json_pointer(pointer)] = value;
    return refusal_of(bad);
  };
  CHECK(contains(with("/rows/0/gate_open/target", 8.5),
                 "results.json: rows[0]: gate_open: target must be a share in [0, 1], got 8.5"));
  CHECK(contains(with("/rows/0/gate_open_by_layer/original/1", -0.1),
                 "gate_open_by_layer: original must be a share in [0, 1], got -0.1"));
  CHECK(contains(with("/rows/0/residue_ratio_by_layer/target/0", -1),
                 "residue_ratio_by_layer: target must be zero or more, got -1"));
  CHECK(contains(with("/rows/0/share", 1.5), "share must be a share in [0, 1], got 1.5"));
  for (const char* key : {"lr", "alpha", "extra_share", "train_seconds", "tokens_per_second"})
    CHECK(contains(with(concat("/rows/0/", key).c_str(), -0.5),
                   concat("rows[0]: ", key, " must be zero or more, got -0.5")));
  CHECK(contains(with("/rows/0/extra_weights", 600001),
                 "extra_weights must be at most the trainable_weights, 600000, got 600001"));
  io::Json bad = good;  // with a consistent difference
  bad["rows"][2]["target"]["after"] = -1.0;
  bad["rows"][2]["learning"] = 6.0;
  CHECK(contains(refusal_of(bad), "rows[2]: target: after must be zero or more, got -1"));
}

TEST_CASE("rows of two backbones are refused in reading and writing") {
  Results results = sample::results();
  results.rows[3].target.before = 4.9;
  const std::string words =
      "rows[3] must be of the backbone of the first row, which has 2 and 5 bits per byte, got 2 and 4.9";
  CHECK(contains(message_of([&] { study::to_json(results, "out/results.json"); }), "out/results.json: " + words));
  io::Json json = study::to_json(sample::results());
  json["rows"][3]["original"]["before"] = 2.01;
  json["rows"][3]["forgetting"] = json["rows"][3]["original"]["after"].get<double>() - 2.01;
  CHECK(contains(refusal_of(json), "results.json: rows[3] must be of the backbone of the first row"));
}

TEST_CASE("a number that is not finite is refused with its place, not written as null") {
  Results results = sample::results();
  results.rows[1].target.after = std::numeric_limits<double>::quiet_NaN();
  CHECK(contains(message_of([&] { study::to_json(results, "out/results.json"); }),
                 "out/results.json: rows[1]: target.after must be a finite number, got nan"));
  results = sample::results();
  results.rows[0].residue_ratio_by_layer->original[1] = std::numeric_limits<double>::infinity();
  CHECK(contains(message_of([&] { study::to_json(results); }),
                 "rows[0]: residue_ratio_by_layer.original[1] must be a finite number, got inf"));
}

TEST_CASE("the machine is described") {
  std::istringstream arm("CPU implementer : 0x41\n"),
      intel("processor : 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n");
  CHECK(study::detail::processor_name(arm) == "unknown");
  CHECK(study::detail::processor_name(intel) == "Some CPU @ 2 GHz");
  const auto machine = study::machine();
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

namespace {

/// The sample as the previous schema wrote it: settings as columns, choices under names in the configuration.
io::Json of_schema_1() {
  io::Json json = study::to_json(sample::with_failures());
  json["schema"] = "neutra.results/1";
  json.erase("choices");
  json["config"].erase("baseline");
  json["config"]["chosen_lr"] = {{"neutral", 0.002}, {"neutral, alpha 0.1", 0.001}};
  json["config"]["chosen_alpha"] = 0.1;
  json["config"]["chosen_alpha_learns_as_vanilla"] = false;
  json["text_sha256"]["target.choosing"] = json["text_sha256"]["target"];
  json["config"]["choosing"] = {
      {{"method", "neutral"}, {"alpha", 0.1}, {"lr", 0.001}, {"seed", 1}, {"forgetting", 0.5}, {"learning", 2.5}}};
  for (const char* list : {"rows", "failed"})
    for (io::Json& run : json[list]) {
      const io::Json settings = run["settings"];
      run["method"] = run["label"];
      for (const char* key : {"gate", "body", "penalty", "init", "placement", "capacity"})
        run[key] = settings.contains(key) ? settings[key] : io::Json();
      for (const char* key : {"label", "kind", "settings"}) run.erase(key);
    }
  return json;
}

}  // namespace

TEST_CASE("results of the previous schema are converted to the current one") {
  const Results read = study::results_from_json(of_schema_1()), now = sample::with_failures();
  REQUIRE(read.rows.size() == now.rows.size());
  for (std::size_t i = 0; i < read.rows.size(); ++i) CHECK(static_cast<const study::Run&>(read.rows[i]) == now.rows[i]);
  CHECK(read.failed[0].run == now.failed[0].run);
  CHECK(read.config.at("baseline") == "adapter");
  CHECK(read.text_sha256.at("target.tuning") == now.text_sha256.at("target"));
  CHECK(read.text_sha256.size() == now.text_sha256.size() + 1);
  for (const char* key : {"chosen_lr", "chosen_alpha", "choosing"}) CHECK_FALSE(read.config.contains(key));
  REQUIRE(read.choices.size() == 1);
  const study::Choice& choice = read.choices[0];
  CHECK((choice.run.label == "neutral" && choice.run.lr == 0.001 && choice.run.alpha == 0.1 && choice.run.seed == 1));
  CHECK((choice.alpha_chosen == true && choice.learns_as_baseline == false));
  REQUIRE(choice.tried.size() == 1);
  CHECK((choice.tried[0].lr == 0.001 && choice.tried[0].forgetting == 0.5 && choice.tried[0].learning == 2.5));
  CHECK(study::to_json(study::results_from_json(study::to_json(read))) == study::to_json(read));
}

TEST_CASE("each error in a results file of the previous schema is named") {
  const io::Json good = of_schema_1();
  REQUIRE(refusal_of(good) == "no error");
  for (const auto& [key, ignored] : good["rows"][1].items()) {
    INFO(key);
    io::Json bad = good;
    bad["rows"][1].erase(key);
    if (!sample::is_newer(key)) CHECK(contains(refusal_of(bad), "results.json: rows[1]: " + key + " is missing"));
    bad = good;
    bad["rows"][1][key] = true;
    CHECK(contains(refusal_of(bad), "results.json: rows[1]: " + key + " must be "));
  }
  io::Json bad = good;
  bad["config"]["choosing"][0].erase("alpha");
  CHECK(contains(refusal_of(bad), "results.json: choosing: alpha is missing"));
  bad = good;
  bad["choices"] = io::Json::array();
  CHECK(contains(refusal_of(bad), "choices is not a known key"));
  bad = good;
  bad["rows"][0]["method"] = "lora";
  bad["config"]["options"] = {{"lora_targets", 1}};
  CHECK(contains(refusal_of(bad), "results.json: rows[0]: options: lora_targets must be a string, got 1"));
}

TEST_CASE("the results in the repository are read") {
  const std::filesystem::path folder = std::filesystem::path(NEUTRA_SOURCE_DIR) / "docs/results/extension";
  const Results danish = study::read_results(folder / "da/results.json");
  REQUIRE(danish.rows.size() == 23);
  CHECK(danish.rows[0].settings.at("gate") == Setting("open"));
  const auto lora =
      std::find_if(danish.rows.begin(), danish.rows.end(), [](const auto& row) { return row.kind == "lora"; });
  REQUIRE(lora != danish.rows.end());
  CHECK(lora->settings.at("targets") == Setting("q|k|v|o|gate|up|down"));
  const auto chosen = std::find_if(danish.choices.begin(), danish.choices.end(),
                                   [](const auto& choice) { return choice.alpha_chosen == true; });
  REQUIRE(chosen != danish.choices.end());
  CHECK((chosen->run.alpha == 0.01 && chosen->run.lr == 0.01 && chosen->learns_as_baseline == false));
  CHECK(chosen->tried.size() == 3);
}

TEST_CASE("scores of parts of an adapter are written and read, and files without them stay as they are") {
  auto results = sample::results();
  CHECK_FALSE(study::to_json(results)["rows"][0].contains("attenuated"));
  results.rows[0].attenuated = {{{.scale = 0.5, .after = {2.1, 4.5}}, {.threshold = 0.2, .after = {2.0, 4.8}}}};
  io::Json json = study::to_json(results);
  CHECK(json["rows"][0]["attenuated"][0] ==
        io::Json{{"scale", 0.5}, {"threshold", 0.0}, {"after", {{"original", 2.1}, {"target", 4.5}}}});
  CHECK(study::results_from_json(json).rows[0].attenuated->at(1).threshold == 0.2);
  CHECK(study::to_json(study::results_from_json(json)) == json);
  json["rows"][0]["attenuated"][1]["scale"] = -1;
  CHECK(contains(refusal_of(json), "attenuated: scale must be zero or more, got -1"));
  json["rows"][0]["attenuated"][1].erase("scale");
  CHECK(contains(refusal_of(json), "rows[0]: attenuated[1]: scale is missing"));
}
