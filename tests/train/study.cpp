// A whole small study in one process: the same rows for any number of threads, and the order in which things are tried and chosen.
#include "neutra/train/study.hpp"

#include "neutra/train/command_line.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

using namespace neutra;

namespace {

struct Texts {
  scratch::Folder folder;

  Texts() {
    const auto lines = [](char first, std::uint64_t seed) {
      std::string text;
      for (std::uint64_t i = 0; i < 60; ++i) text += small::letters(first, 6, 30, 100 * seed + i) + "\n";
      return text;
    };
    scratch::put(folder / "a", lines('a', 1));
    scratch::put(folder / "n", lines('n', 2));
  }
  train::Options options(const std::string& out) const {
    train::Options o;
    o.original = {folder / "a"}, o.target = {folder / "n"}, o.out = folder / out;
    o.pretrain_steps = 6, o.dim = 16, o.layers = 2, o.heads = 2, o.ffn = 24, o.tokenizer = "byte";
    o.steps = 4, o.batch = 4, o.sequence = 12;
    o.rates = {{"", {2e-3}}, {"finetune", {5e-4}}};
    return o;
  }
  train::Results run(const train::Options& o, std::stop_token stop = {}) const {
    o.check();
    return train::Study(o, {{"command", "test"}, {"options", train::to_json(o)}}, small::registry(), std::move(stop)).run();
  }
};

std::string without_times(train::Results results) {
  for (auto& row : results.rows) row.train_seconds = row.tokens_per_second = 1;
  return train::to_json(results).at("rows").dump();
}

}  // namespace

TEST_CASE("study: the same rows and weights with 1, 2 and 3 threads", "[train]") {
  const Texts texts;
  std::vector<std::string> rows, weights;
  for (const int threads : {1, 2, 3}) {
    const small::Threads set(threads);
    const auto name = concat("out", threads);
    rows.push_back(without_times(texts.run(texts.options(name))));
    std::string all;
    for (const auto* file : {"backbone/model.safetensors", "runs/finetune-lr5e-04-seed1/model/model.safetensors",
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
  const Texts texts;
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

TEST_CASE("study: rows say what was trained, within the capacity asked for", "[train]") {
  const Texts texts;
  const auto results = texts.run(texts.options("out"));
  REQUIRE(results.rows.size() == 4);
  const auto backbone = nn::load_llama<float, Cpu>(texts.folder / "out/backbone");
  for (const auto& row : results.rows) {
    INFO(row.method);
    CHECK(row.original.before == results.rows[0].original.before);
    CHECK(row.target.before == results.rows[0].target.before);
    CHECK(row.train_tokens == 4 * 4 * 12);
    CHECK(row.gate_open.has_value() == (row.method == "neutral"));
    CHECK(row.alpha.has_value() == (row.method == "neutral"));
    if (row.method == "finetune") {
      CHECK(row.extra_weights == 0);
      CHECK(row.trainable_weights == backbone->count());
    } else {
      CHECK(row.extra_weights == row.trainable_weights);
      CHECK(row.extra_share == Approx(static_cast<double>(row.extra_weights) / static_cast<double>(backbone->config().sizes().block_weights())));
      CHECK(row.extra_share == Approx(0.2).margin(0.05));  // half a width or rank of so small a model
    }
  }
  CHECK(io::read_json(texts.folder / "out/results.json") == train::to_json(results));
}

TEST_CASE("study: what was chosen is what scored best on the choosing text", "[train]") {
  const Texts texts;
  auto o = texts.options("out");
  o.methods = {"neutral", "adapter"};
  o.rates = {{"", {1e-4, 3e-3, 1e-3}}};
  o.alphas = {0.01, 10};
  const auto results = texts.run(o);
  const auto best = [&](const std::string& method) {
    double lr = 0, learning = -1e9;
    for (const auto& item : results.config.at("choosing"))
      if (item.at("method") == method && item.at("seed") == 1 && item.at("learning").get<double>() > learning &&
          (item.at("alpha").is_null() || item.at("alpha") == 0.01))
        learning = item.at("learning"), lr = item.at("lr");
    return lr;
  };
  for (const std::string method : {"neutral", "adapter"}) CHECK(results.config.at("chosen_lr").at(method) == best(method));
  CHECK(results.rows.size() == 3 + 3 + 1);
  CHECK(results.rows.back().alpha == 10);
  CHECK(results.rows.back().lr == best("neutral"));
}

TEST_CASE("study: the paper's alpha stands beside the chosen one, with every seed, named or not", "[train]") {
  const Texts texts;
  auto o = texts.options("out");
  o.methods = {"neutral", "adapter"}, o.alphas = {10, 1}, o.seeds = 2;
  const auto results = texts.run(o);
  std::map<double, int> rows;
  for (const auto& row : results.rows)
    if (row.alpha) ++rows[*row.alpha];
  CHECK(rows.size() == 3);
  CHECK(rows[0.01] == 2);
  CHECK(rows[results.config.at("chosen_alpha").get<double>()] == 2);
}

TEST_CASE("study: a folder is continued by the program that began it alone", "[train]") {
  const Texts texts;
  auto o = texts.options("out");
  o.methods = {"lora"};
  texts.run(o);
  auto asked = io::read_json(o.out / "options.json");
  CHECK(asked.at("program commit") == train::commit());
  asked["program commit"] = "0123abc";
  io::write_json(o.out / "options.json", asked);
  o.resume = true;
  CHECK(scratch::says([&] { texts.run(o); }, "program commit = \"0123abc\"", train::commit()));
}

TEST_CASE("study: stopped before its first step it has saved a place to go on from", "[train]") {
  const Texts texts;
  auto o = texts.options("stopped");
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(texts.run(o, stop.get_token()), train::Stopped);
  CHECK_FALSE(std::filesystem::exists(o.out / "results.json"));
  o.resume = true;
  CHECK(without_times(texts.run(o)) == without_times(texts.run(texts.options("never"))));
}

TEST_CASE("study: precision reaches pretraining, extension and evaluation", "[train]") {
  const Texts texts;
  const auto rows = [&](const std::string& precision, const std::string& model) {
    auto o = texts.options(precision + (model.empty() ? "" : "-extended"));
    o.methods = {"adapter"}, o.precision = precision, o.model = model;
    return texts.run(o).rows.at(0);
  };
  const auto exact = rows("float", ""), rounded = rows("bf16", "");
  CHECK(exact.original.before != rounded.original.before);
  CHECK(rounded.original.before == Approx(exact.original.before).epsilon(0.005));
  const std::string backbone = (texts.folder / "float" / "backbone").string();
  const auto extended = rows("float", backbone), extended_in_bf16 = rows("bf16", backbone);
  CHECK(extended.original.before != extended_in_bf16.original.before);  // the same weights, scored with other products
  CHECK(extended.target.after != extended_in_bf16.target.after);
}
