// A small study in one process: the same rows for any number of threads, and the order in which runs are tried and
// selected.
#include "neutra/study/study.hpp"

#include "neutra/report/page.hpp"
#include "neutra/study/options_json.hpp"

#include "tests/io/file_size_limit.hpp"
#include "tests/study/texts.hpp"

using namespace neutra;

namespace {

struct StudyTexts : small::Texts {
  study::Results run(const study::Options& o, std::stop_token stop = {}) const {
    o.check();
    const study::Watch watch{.show = [&](const study::Results& results) { report::write_report(o.out, results); }};
    return study::Study(o, {{"command", "test"}, {"options", study::to_json(o)}}, std::move(stop), watch).run();
  }
};

/// An initialisation that runs out of memory.
struct Greedy {
  static constexpr std::string_view name = "greedy";
  double variance(const init::Matrix&) const {
    if (*full()) throw std::bad_alloc();
    return 1e-4;
  }
  static std::shared_ptr<bool> full() {
    static const auto state = std::make_shared<bool>(true);
    return state;
  }
};

std::map<std::string, std::string> files_below(const io::Path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder))
    if (item.is_regular_file()) files[item.path().string()] = scratch::get(item.path());
  return files;
}

/// Whether the study reports all of the parts if one bit of a file is flipped. The file is restored afterwards.
template <class... Parts>
bool notices(const StudyTexts& texts, const study::Options& o, const io::Path& file, std::size_t at,
             const Parts&... parts) {
  const std::string before = scratch::get(file);
  std::string changed = before;
  changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
  scratch::put(file, changed);
  const bool told = scratch::says([&] { texts.run(o); }, file.string(), parts...);
  scratch::put(file, before);
  if (!told) UNSCOPED_INFO("bit " << at % 8 << " of byte " << at);
  return told;
}

const study::Choice& choice_of(const study::Results& results, const std::string& label,
                               std::optional<double> alpha = {}) {
  for (const study::Choice& choice : results.choices)
    if (choice.run.label == label && choice.run.alpha == alpha) return choice;
  FAIL("no choice for " << label);
  return results.choices.front();
}

double chosen_alpha(const study::Results& results) {
  for (const study::Choice& choice : results.choices)
    if (choice.alpha_chosen == true) return choice.run.alpha.value();
  FAIL("no alpha was chosen");
  return 0;
}

io::Json choices(const study::Results& results) { return study::to_json(results).at("choices"); }

std::string without_times(study::Results results) {
  for (auto& row : results.rows) {
    row.train_seconds = row.tokens_per_second = 1;
    row.peak_bytes.reset();
  }
  return study::to_json(results).at("rows").dump();
}

}  // namespace

TEST_CASE("study: the same rows and weights with 1, 2 and 3 threads", "[train]") {
  const StudyTexts texts;
  std::vector<std::string> rows, weights;
  for (const int threads : {1, 2, 3}) {
    const small::Threads set(threads);
    const auto name = concat("out", threads);
    rows.push_back(without_times(texts.run(texts.options(name))));
    std::string all;
    for (const auto* file :
         {"backbone/model.safetensors", "runs/finetune-lr5e-04-seed1/model/model.safetensors",
          "runs/neutral-lr0.002-alpha0.01-seed1/adapter.safetensors", "runs/lora-lr0.002-seed1/adapter.safetensors"}) {
      const std::string bytes = scratch::get(texts.folder / name / file);
      REQUIRE(!bytes.empty());
      all += bytes;
    }
    weights.push_back(all);
  }
  CHECK(rows[0] == rows[1]);
  CHECK(rows[0] == rows[2]);
  CHECK(weights[0] == weights[1]);
  CHECK(weights[0] == weights[2]);
}

TEST_CASE("study: micro-batches change the rows by rounding only", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("whole");
  const auto whole = texts.run(o);
  o = texts.options("parts");
  o.accumulate = 4;
  const auto parts = texts.run(o);
  REQUIRE(parts.rows.size() == whole.rows.size());
  for (std::size_t i = 0; i < whole.rows.size(); ++i) {
    CHECK(parts.rows[i].target.after == Approx(whole.rows[i].target.after).epsilon(1e-4));
    CHECK(parts.rows[i].original.after == Approx(whole.rows[i].original.after).epsilon(1e-4));
  }
}

TEST_CASE("study: rows record what was trained, within the given capacity", "[train]") {
  const StudyTexts texts;
  const auto results = texts.run(texts.options("out"));
  REQUIRE(results.rows.size() == 5);
  const auto backbone = nn::load_model<float, Cpu>(texts.folder / "out/backbone");
  for (const auto& row : results.rows) {
    INFO(row.label);
    CHECK(row.original.before == results.rows[0].original.before);
    CHECK(row.target.before == results.rows[0].target.before);
    CHECK(row.train_tokens == 4 * 4 * 12);
    CHECK(row.kl_to_base.value().target > 1e-6);
    CHECK(row.kl_to_base->original > 1e-6);
    CHECK(row.peak_bytes.value() > 4 * row.trainable_weights);
    CHECK(row.file_bytes.value() > 4 * row.trainable_weights);  // float, and the headers
    CHECK(*row.file_bytes < 4 * row.trainable_weights + 20'000);
    const bool gated = row.label == "neutral" || row.label == "evidence";
    CHECK(row.gate_open.has_value() == gated);
    CHECK(row.alpha.has_value() == gated);
    if (row.label == "finetune") {
      CHECK(row.extra_weights == 0);
      CHECK(row.trainable_weights == backbone->count());
    } else {
      CHECK(row.extra_weights == row.trainable_weights);
      CHECK(row.extra_share == Approx(static_cast<double>(row.extra_weights) /
                                      static_cast<double>(backbone->config().sizes().block_weights())));
      CHECK(row.extra_share == Approx(0.2).margin(0.05));  // half a width or rank of so small a model
    }
  }
  CHECK(io::read_json(texts.folder / "out/results.json") == study::to_json(results));
}

TEST_CASE("study: experts in total are allotted by the similarity of the texts, and saved by layer", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.layers = 3;
  o.steps = 8;
  o.methods = small::methods({"adapter", "moe_lpr(total=7, review=0.25)"});
  for (const char* domain : {"a", "n"})  // so that all of the text is trained on
    scratch::put(texts.folder / concat("eval-", domain), small::letters(domain[0], 6, 300, 9) + "\n");
  o.eval_original = {texts.folder / "eval-a"};
  o.eval_target = {texts.folder / "eval-n"};
  const auto results = texts.run(o);
  REQUIRE(results.rows.size() == 2);
  const auto backbone = nn::load_model<float, Cpu>(texts.folder / "out/backbone");
  const auto& row = results.rows.back();
  const auto windows = [](const io::Path& path) {
    return data::Windows(data::ByteTokenizer(), scratch::get(path), 12);
  };
  const auto similarity = train::domain_similarity(backbone, windows(o.original[0]), windows(o.target[0]));
  std::string expected;
  for (const Index count : adapter::allot_experts(similarity, 7))
    expected += concat(expected.empty() ? "" : "|", count);
  CHECK(text_of(row.settings.at("experts")) == expected);
  CHECK(row.extra_weights == 7 * 3 * 16 * 24 + 10 * 16);
  CHECK(row.extra_weights == row.trainable_weights);
  CHECK(row.target.after != row.target.before);
  const auto saved = io::read_json(o.out / "runs" / row.name() / "adapter.json");
  CHECK(saved.at("settings").at("experts") == expected);
  o.resume = true;
  CHECK(without_times(texts.run(o)) == without_times(results));
}

TEST_CASE("study: the run that scores best on the tuning split is selected", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"neutral", "adapter"});
  o.adapter_rates = {1e-4, 3e-3, 1e-3};
  o.alphas = {0.01, 10};
  const auto results = texts.run(o);
  const auto best = [&](const std::string& method) {
    const study::Choice& choice = choice_of(results, method, method == "adapter" ? std::nullopt : std::optional(0.01));
    REQUIRE(choice.tried.size() == 3);
    const auto most = std::max_element(choice.tried.begin(), choice.tried.end(),
                                       [](const auto& a, const auto& b) { return a.learning < b.learning; });
    CHECK(choice.run.lr == most->lr);
    return most->lr;
  };
  best("adapter");
  CHECK(results.rows.size() == 3 + 3 + 1);
  CHECK(results.rows.back().alpha == 10);
  CHECK(results.rows.back().lr == best("neutral"));
}

TEST_CASE("study: the paper's alpha is run beside the selected one with every seed, given or not", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"neutral", "adapter"});
  o.alphas = {10, 1};
  o.seeds = 2;
  const auto results = texts.run(o);
  std::map<double, int> rows;
  for (const auto& row : results.rows)
    if (row.alpha) ++rows[*row.alpha];
  CHECK(rows.size() == 3);
  CHECK(rows[0.01] == 2);
  CHECK(rows[chosen_alpha(results)] == 2);
}

TEST_CASE("study: a folder is continued only by the program that began it", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"lora"});
  texts.run(o);
  auto asked = io::read_sealed(o.out / "options.json");
  CHECK(asked.at("program commit") == study::commit());
  asked["program commit"] = "0123abc";
  io::write_sealed(o.out / "options.json", asked);
  o.resume = true;
  CHECK(scratch::says([&] { texts.run(o); }, "program commit = \"0123abc\"", study::commit()));
}

TEST_CASE("study: stopped before its first step, it can be continued", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("stopped");
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(texts.run(o, stop.get_token()), train::Stopped);
  CHECK_FALSE(std::filesystem::exists(o.out / "results.json"));
  o.resume = true;
  CHECK(without_times(texts.run(o)) == without_times(texts.run(texts.options("never"))));
}

TEST_CASE("study: precision reaches pretraining, extension and evaluation", "[train]") {
  const StudyTexts texts;
  const auto rows = [&](DType precision, const std::string& model) {
    auto o = texts.options(concat(precision, model.empty() ? "" : "-extended"));
    o.methods = small::methods({"adapter"});
    o.precision = precision;
    o.model = model;
    return texts.run(o).rows.at(0);
  };
  const auto exact = rows(DType::f32, ""), rounded = rows(DType::bf16, "");
  CHECK(exact.original.before != rounded.original.before);
  CHECK(rounded.original.before == Approx(exact.original.before).epsilon(0.005));
  const std::string backbone = (texts.folder / "float" / "backbone").string();
  const auto extended = rows(DType::f32, backbone), extended_in_bf16 = rows(DType::bf16, backbone);
  CHECK(extended.original.before != extended_in_bf16.original.before);  // the same weights, scored in another precision
  CHECK(extended.target.after != extended_in_bf16.target.after);
}

TEST_CASE("study: a rate that diverges is reported, left out, recorded, and may be dropped", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"adapter", "lora"});
  o.adapter_rates = {2e-3, 1e30};
  const auto results = texts.run(o);
  REQUIRE(results.rows.size() == 2);
  REQUIRE(results.failed.size() == 2);
  for (const auto& row : results.rows) CHECK(row.lr == 2e-3);
  for (const auto& failure : results.failed) {
    CHECK((failure.state == study::FailureState::diverged && failure.run.lr == 1e30 &&
           failure.run.settings.at("capacity") == Setting(0.2) && failure.run.steps == 4));
    CHECK(failure.where.step > 0);
    CHECK(failure.where.parameter.starts_with("adapter."));
    CHECK(failure.reason.find(failure.run.label + "-lr1e+30-seed1: training: step ") == 0);
  }
  for (const char* label : {"adapter", "lora"}) CHECK(choice_of(results, label).run.lr == 2e-3);
  CHECK(study::to_json(study::read_results(o.out / "results.json")) == study::to_json(results));
  CHECK(scratch::get(o.out / "report.html").find("adapter, rate 1e30, seed 1: diverged at step ") != std::string::npos);

  o.resume = true;
  const auto before = files_below(o.out / "runs");
  CHECK(study::to_json(texts.run(o)) == study::to_json(results));
  CHECK(files_below(o.out / "runs") == before);  // nothing ran again
  CHECK(notices(texts, o, o.out / "runs/lora-lr1e+30-seed1/outcome.json", 100, "delete ", "to repeat the run"));

  std::filesystem::remove_all(o.out / "runs/lora-lr1e+30-seed1");  // as the note says
  CHECK(study::to_json(texts.run(o)) == study::to_json(results));
  o.adapter_rates = {2e-3};
  const auto dropped = texts.run(o);
  CHECK(dropped.failed.empty());
  CHECK(without_times(dropped) == without_times(results));
  CHECK_FALSE(study::to_json(study::read_results(o.out / "results.json")).contains("failed"));
  CHECK(io::read_json(o.out / "results.json").at("config").at("options").at("methods").at(0).at("lr") ==
        io::Json{2e-3});
}

TEST_CASE(
    "study: methods, rates, alphas and seeds may be others on resume, and end as if they had been asked from the start",
    "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out"), all = texts.options("all");
  o.methods = small::methods({"neutral", "finetune"});
  o.adapter_rates = {2e-3, 3e-3};
  o.model_rates = {5e-4};
  texts.run(o);
  all.methods = small::methods({"neutral", "adapter", "finetune"});
  all.adapter_rates = {1e-3, 2e-3};
  all.model_rates = {5e-4, 1e-3};
  all.alphas = {0.01, 1};
  all.seeds = 2;
  const auto expected = texts.run(all);
  o.methods = all.methods;
  o.adapter_rates = all.adapter_rates;
  o.model_rates = all.model_rates;
  o.alphas = all.alphas;
  o.seeds = all.seeds;
  o.resume = true;
  const auto extended = texts.run(o);
  CHECK(without_times(extended) == without_times(expected));
  CHECK(choices(extended) == choices(expected));
  o.methods = small::methods({"finetune"});
  o.model_rates = {1e-3};
  o.alphas = {0.01};
  o.seeds = 1;
  const auto fewer = texts.run(o);
  REQUIRE(fewer.rows.size() == 1);
  CHECK((fewer.rows[0].label == "finetune" && fewer.rows[0].lr == 1e-3));
  CHECK(fewer.choices.at(0).tried.empty());
  CHECK(fewer.text_sha256 == expected.text_sha256);
  o.model_rates = {3e-3};
  texts.run(o);  // a rate that is not yet compared with others
  o.model_rates = all.model_rates = {1e-3, 3e-3};
  all.methods = o.methods;
  all.alphas = o.alphas;
  all.seeds = o.seeds;
  all.out = texts.folder / "two";
  const auto again = texts.run(o), two = texts.run(all);
  CHECK(without_times(again) == without_times(two));
  CHECK(choices(again) == choices(two));
  o.share = 0.5;
  CHECK(scratch::says([&] { texts.run(o); }, "share = 0.1, now it is 0.5"));
}

TEST_CASE("study: a run without a tuning split is not continued with something to tune", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"adapter"});
  const auto results = texts.run(o);
  CHECK_FALSE(results.text_sha256.contains("target.tuning"));
  o.resume = true;
  const auto before = files_below(o.out);
  const auto refused = [&] {
    return scratch::says([&] { texts.run(o); }, concat("--out ", o.out.string(), ": the run there"),
                         "holds out no tuning split; now there are several: give one --lr and one --alpha",
                         "--quick if the run had it", "another --out");
  };
  o.adapter_rates = {2e-3, 1e-3};
  CHECK(refused());
  o.adapter_rates = {2e-3};
  o.methods = small::methods({"adapter", "neutral"});
  o.alphas = {0.01, 1};
  CHECK(refused());
  CHECK(files_below(o.out) == before);
  o.alphas = {1};
  o.seeds = 2;
  CHECK(texts.run(o).rows.size() == 4);
  o.methods = small::methods({"adapter"});
  o.alphas = {0.01};
  o.seeds = 1;
  const auto fewer = texts.run(o);
  CHECK(without_times(fewer) == without_times(results));
  CHECK(fewer.text_sha256 == results.text_sha256);
}

TEST_CASE("study: on resume a method may be left out while its options stay", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"lora", "neutral(gate=elu)"});
  const auto both = texts.run(o);
  o.methods = small::methods({"lora"});
  o.resume = true;
  const auto one = texts.run(o);
  REQUIRE(one.rows.size() == 1);
  CHECK(one.rows[0].target.after == both.rows[0].target.after);
  o.methods = small::methods({"lora", "neutral"});
  CHECK(scratch::says([&] { texts.run(o); }, "gate = \"elu\" in the settings of neutral, now it is \"relu\"",
                      "use another label"));
  o.methods = small::methods({"lora", "relu: neutral"});
  CHECK(texts.run(o).rows.size() == 2);
  o.methods = small::methods({"neutral(gate=elu)"});
  CHECK(texts.run(o).rows.at(0).target.after == both.rows[1].target.after);
}

TEST_CASE("study: an interrupted run can be continued with other rates", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"lora"});
  o.adapter_rates = {2e-3, 3e-3};
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(texts.run(o, stop.get_token()), train::Stopped);  // a checkpoint of pretraining
  o.resume = true;
  o.adapter_rates = {2e-3, 1e-3, 4e-3};
  CHECK(texts.run(o).rows.size() == 3);
}

TEST_CASE("study: alpha is selected among those without failures, also without a vanilla adapter", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"neutral", "adapter"});
  o.alphas = {0.01, 3e38};
  auto results = texts.run(o);
  CHECK(chosen_alpha(results) == 0.01);
  REQUIRE(results.failed.size() == 1);
  CHECK(results.failed[0].run.alpha == 3e38);

  o = texts.options("without");
  o.methods = small::methods({"neutral", "adapter"});
  o.alphas = {0.01, 10};
  o.seeds = 2;
  o.methods[1].rates = {1e30};
  results = texts.run(o);
  CHECK(results.failed.size() == 1);  // further seeds are not tried if every run of a method failed
  REQUIRE(results.choices.size() == 2);
  const auto most = std::max_element(results.choices.begin(), results.choices.end(), [](const auto& a, const auto& b) {
    return a.tried.at(0).learning < b.tried.at(0).learning;
  });
  CHECK((most->run.label == "neutral" && most->alpha_chosen == true && !most->learns_as_baseline));
  CHECK(chosen_alpha(results) == most->run.alpha);
}

TEST_CASE("study: in a sweep over capacity alpha is selected against the baseline of equal capacity", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods(
      {"adapter(capacity=0.1, lr=1e-9)", "adapter(capacity=0.2, lr=3e-2)", "neutral(capacity={0.1,0.2})"});
  o.alphas = {0.01, 10};
  const auto results = texts.run(o);
  const auto learns_as_baseline = [&](const std::string& label) {
    for (const study::Choice& choice : results.choices)
      if (choice.run.label == label && choice.alpha_chosen == true) return choice.learns_as_baseline.value();
    FAIL("no alpha was chosen for " << label);
    return false;
  };
  CHECK(learns_as_baseline("neutral, capacity 0.1"));
  CHECK_FALSE(learns_as_baseline("neutral, capacity 0.2"));
}

TEST_CASE("study: if every run failed there is one message, and the results record the reasons", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"adapter", "lora"});
  o.adapter_rates = {1e30};
  const auto told = [&] { return ::message([&] { texts.run(o); }); };
  const std::string message = told();
  CHECK(message.find("adapter-lr1e+30-seed1: training: step ") == 0);
  CHECK(message.find("lower the learning rate (now ") != std::string::npos);
  CHECK(message.ends_with("; of 2 runs none came to a result, and there is nothing to compare"));
  CHECK(study::read_results(o.out / "results.json").failed.size() == 2);
  o.resume = true;
  CHECK(told() == message);
}

TEST_CASE("study: a run out of memory is reported, the others continue, and resume repeats it", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"neutral(init=greedy)", "lora"}, adapter::Registry::with<gate::All, Greedy>());
  const auto run = [&] { return study::Study(o, {{"options", study::to_json(o)}}).run(); };
  *Greedy::full() = true;
  const study::Results results = run();
  CHECK(results.rows.size() == 1);
  REQUIRE(results.failed.size() == 1);
  CHECK((results.failed[0].state == study::FailureState::out_of_memory &&
         results.failed[0].run.settings.at("init") == Setting("greedy")));
  CHECK_FALSE(std::filesystem::exists(o.out / "runs/neutral-lr0.002-alpha0.01-seed1/outcome.json"));
  *Greedy::full() = false;
  o.resume = true;
  CHECK(run().rows.size() == 2);
  CHECK(study::read_results(o.out / "results.json").failed.empty());
}

TEST_CASE("study: a run whose files do not fit the disk is reported, the others continue, and resume repeats it",
          "[train]") {
  const StudyTexts texts;
  auto o = texts.options("first");
  o.methods = small::methods({"lora"});
  texts.run(o);
  auto full = texts.options("full"), never = texts.options("never");
  for (auto* options : {&full, &never}) {
    options->methods = small::methods({"finetune", "lora"});
    options->model = o.out / "backbone";
  }
  const auto largest = std::filesystem::file_size(
      o.out / "backbone/model.safetensors");  // a checkpoint of all weights has three times as much
  study::Results results;
  const std::string told = scratch::message_at_limit(largest, [&] { results = texts.run(full); });
  CHECK(told.empty());
  REQUIRE(results.rows.size() == 1);
  CHECK(results.rows[0].label == "lora");
  REQUIRE(results.failed.size() == 1);
  CHECK(results.failed[0].state == study::FailureState::not_saved);
  CHECK(results.failed[0].reason.find("checkpoint.safetensors: cannot be written") != std::string::npos);
  full.resume = true;
  CHECK(without_times(texts.run(full)) == without_times(texts.run(never)));
}

TEST_CASE("study: a changed file of a finished run is reported, with what to do", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"lora", "finetune"});
  const auto results = texts.run(o);
  o.resume = true;
  const io::Path lora = o.out / "runs/lora-lr0.002-seed1", finetune = o.out / "runs/finetune-lr5e-04-seed1";
  for (const io::Path& file :
       {lora / "adapter.json", lora / "adapter.safetensors", lora / "outcome.json", finetune / "outcome.json",
        finetune / "model/config.json", finetune / "model/model.safetensors"}) {
    INFO(file);
    const std::string advice = concat("restore the files, or delete ", (o.out / "runs").string());
    const std::string bytes = scratch::get(file);
    for (std::size_t at = 3; at < bytes.size(); at += bytes.size() / 5) CHECK(notices(texts, o, file, at, advice));
    scratch::put(file, bytes.substr(0, bytes.size() - 1));
    CHECK(scratch::says([&] { texts.run(o); }, file.string(), advice));
    scratch::put(file, bytes);
    if (file.filename() == "outcome.json") continue;  // without it the run has not ended
    std::filesystem::remove(file);
    CHECK(scratch::says([&] { texts.run(o); }, file.string(), "is missing", advice));
    scratch::put(file, bytes);
  }
  CHECK(without_times(texts.run(o)) == without_times(results));
  io::Json outcome = io::read_sealed(lora / "outcome.json");  // of another backbone
  outcome["row"]["original"]["before"] = 1.0;
  outcome["row"]["forgetting"] = outcome["row"]["original"]["after"].get<double>() - 1;
  io::write_sealed(lora / "outcome.json", outcome);
  CHECK(scratch::says([&] { texts.run(o); }, "outcome.json: must be of this study's backbone",
                      "bits per byte, got 1 and "));
  std::filesystem::remove_all(lora);
  CHECK(without_times(texts.run(o)) == without_times(results));
}

TEST_CASE("study: a changed file that a finetuned model copied from its base is noticed", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("first");
  o.methods = small::methods({"lora"});
  texts.run(o);
  auto given = texts.options("given");
  given.methods = small::methods({"finetune"});
  given.model = texts.folder / "model";
  std::filesystem::copy(o.out / "backbone", given.model);
  for (const char* name : {"generation_config.json", "tokenizer_config.json"})
    scratch::put(given.model / name, "{\"eos_token_id\": 1}");
  const auto results = texts.run(given);
  given.resume = true;
  const io::Path kept = given.out / "runs/finetune-lr5e-04-seed1/model";
  for (const char* name : {"generation_config.json", "tokenizer_config.json"}) {
    CHECK(notices(texts, given, kept / name, 3, "must be unchanged since it was saved", "or delete "));
    std::filesystem::remove(kept / name);
    CHECK(scratch::says([&] { texts.run(given); }, (kept / name).string(), "is missing"));
    scratch::put(kept / name, "{\"eos_token_id\": 1}");
  }
  scratch::put(kept / "added_tokens.json", "{}");
  CHECK(scratch::says([&] { texts.run(given); }, "added_tokens.json: must not exist"));
  std::filesystem::remove(kept / "added_tokens.json");
  CHECK(without_times(texts.run(given)) == without_times(results));
}

TEST_CASE("study: a changed bit in a run's backbone, record or options is noticed", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = small::methods({"lora"});
  texts.run(o);
  o.resume = true;
  for (const char* name : {"backbone/config.json", "backbone/model.safetensors", "pretrain.json"}) {
    const std::size_t size = scratch::get(o.out / name).size();
    for (std::size_t at = 1; at < size; at += size / 20)
      CHECK(notices(texts, o, o.out / name, at, "start a run in another --out"));
  }
  const std::string config = scratch::get(o.out / "backbone/config.json");
  scratch::put(o.out / "backbone/config.json",
               std::string(config).replace(config.find("rms_norm_eps"), 12, "rm3_norm_eps"));
  CHECK(scratch::says([&] { texts.run(o); }, "backbone/config.json: must be unchanged since it was saved"));
  scratch::put(o.out / "backbone/config.json", config);
  scratch::put(o.out / "backbone/tokenizer.model", "another");
  CHECK(scratch::says([&] { texts.run(o); }, "backbone/tokenizer.model: must not exist"));
  std::filesystem::remove(o.out / "backbone/tokenizer.model");
  for (std::size_t at = 1; at < 400; at += 40) CHECK(notices(texts, o, o.out / "options.json", at, "another --out"));
  CHECK_NOTHROW(texts.run(o));
}

TEST_CASE("study: on resume the given model must be the same, with its configuration and tokenizer", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("first");
  o.methods = small::methods({"lora"});
  texts.run(o);
  const io::Path model = texts.folder / "model";
  std::filesystem::copy(o.out / "backbone", model);
  auto given = texts.options("given");
  given.methods = small::methods({"lora"});
  given.model = model;
  texts.run(given);
  given.resume = true;
  const io::Json config = io::read_json(model / "config.json");
  const auto with = [&](const char* key, const io::Json& value) {
    io::Json changed = config;
    changed[key] = value;
    io::write_json(model / "config.json", changed);
    return [&] { texts.run(given); };
  };
  CHECK(scratch::says(with("rms_norm_eps", 0.1), "model norm_epsilon = 1e-05, now it is 0.1",
                      "use the same options, texts, model and program"));
  CHECK(scratch::says(with("rope_theta", 500.0), "model rope_theta = 10000.0, now it is 500.0"));
  CHECK(scratch::says(with("max_position_embeddings", 24), "model context = 12, now it is 24"));
  CHECK(scratch::says(with("eos_token_id", nullptr), "") == false);
  io::Json split = config;
  split["num_attention_heads"] = 4;
  split["num_key_value_heads"] = 4;
  split["head_dim"] = 4;
  io::write_json(model / "config.json", split);
  CHECK(scratch::says([&] { texts.run(given); }, "model head_width = 8, now it is 4"));
  io::write_json(model / "config.json", config);
  CHECK_NOTHROW(texts.run(given));
  const auto results = study::read_results(given.out / "results.json");
  CHECK(results.config.at("base").at("tokenizer") == io::sha256_hex(""));
}

TEST_CASE("study: methods are values, written in C++", "[train]") {
  const StudyTexts texts;
  auto o = texts.options("out");
  o.methods = {
      {.label = "mine", .adapter = adapter::Residue<gate::Tanh>{.capacity = 0.1}, .alphas = {0.5}},
      {.label = "../low rank", .adapter = adapter::Lora{.rank = 2}, .rates = {1e-3}, .settings = {{"tag", "x"}}}};
  o.baseline = "../low rank";
  const auto results = texts.run(o);
  REQUIRE(results.rows.size() == 2);
  CHECK(results.rows[0].label == "../low rank");  // the baseline first
  CHECK((results.rows[0].lr == 1e-3 && !results.rows[0].alpha && results.rows[0].settings.at("tag") == Setting("x")));
  CHECK((results.rows[1].kind == "residue" && results.rows[1].settings.at("gate") == Setting("tanh") &&
         results.rows[1].alpha == 0.5));
  CHECK(results.config.at("baseline") == "../low rank");
  CHECK(std::filesystem::exists(o.out / "runs/%2e.%2flow rank-lr0.001-seed1/adapter.safetensors"));
  o.methods[0].label = "../low rank";
  CHECK(scratch::says([&] { o.check(); }, "must not name anything twice, got ../low rank again"));
  o.methods[0].label = "a\x1b";
  CHECK(scratch::says([&] { o.check(); }, "the label 'a\\x1b' must hold no control characters"));
  o.methods[0].label = "";
  CHECK(scratch::says([&] { o.check(); }, "must have a label"));
  o.methods[0].label = std::string(161, 'a');
  CHECK(scratch::says([&] { o.check(); }, "at most 160 bytes, got 161"));
  o.methods[0].label = "mine";
  o.methods[1].alphas = {1};
  CHECK(scratch::says([&] { o.check(); }, "has no local loss"));
  o.methods[1].alphas.clear();
  o.baseline = "low";
  CHECK(scratch::says([&] { o.check(); }, "--baseline: there is no method 'low'; ", "compared: mine, ../low rank"));
}
