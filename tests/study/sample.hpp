// A small study in numbers that are easy to check by hand, for the tests of results, tables and reports.
#pragma once

#include "neutra/study/results.hpp"

#include <string>
#include <utility>

namespace sample {

/// Whether files of before lack this key of a row.
inline bool is_newer(const std::string& key) {
  return key == "kl_to_base" || key == "peak_bytes" || key == "file_bytes";
}

/// A run of a method without any gate; forgetting and learning are from the same backbone: 2 and 5 bits per byte.
inline neutra::study::RunResult row(std::string label, double lr, std::uint64_t seed, double forgetting,
                                    double learning) {
  neutra::study::RunResult row;
  row.label = std::move(label);
  row.kind = "none";
  row.settings = {{"trains", "model"}};
  row.seed = seed;
  row.steps = 100;
  row.lr = lr;
  row.share = 0.1;
  row.trainable_weights = 1000;
  row.original = {2.0, 2.0 + forgetting};
  row.target = {5.0, 5.0 - learning};
  row.train_tokens = 200000;
  row.train_seconds = 16;
  row.tokens_per_second = 12500;
  row.kl_to_base = {0.01, 1.5};
  row.peak_bytes = 200'000'000;
  row.file_bytes = 4'000'000;
  return row;
}

inline neutra::study::RunResult neutral(double lr, std::uint64_t seed, double forgetting, double learning,
                                        double alpha = 0.1) {
  auto r = row("neutral", lr, seed, forgetting, learning);
  r.kind = "residue";
  r.settings = {
      {"gate", "relu"},          {"body", "gated_unit"}, {"penalty", "l1"},           {"init", "low_variance"},
      {"placement", "parallel"}, {"capacity", 0.2},      {"width", neutra::Index{0}}, {"trains", "adapter"}};
  r.alpha = alpha;
  r.extra_share = 0.2;
  r.extra_weights = 600000;
  r.trainable_weights = 600000;
  r.gate_open = {0.5, 0.9};
  r.gate_open_by_layer = {{0.25, 0.75}, {0.8, 1.0}};
  r.residue_ratio_by_layer = {{0.01, 0.02}, {0.5, 0.25}};
  return r;
}

inline neutra::study::RunResult adapter(double lr, std::uint64_t seed, double forgetting, double learning) {
  auto r = neutral(lr, seed, forgetting, learning);
  r.label = "adapter";
  for (const auto& [key, value] : {std::pair{"gate", "open"}, {"penalty", "none"}, {"init", "he"}})
    r.settings[key] = value;
  r.alpha.reset();
  r.gate_open.reset();
  r.gate_open_by_layer.reset();
  return r;
}

/// The rate of a run as the choice for its line.
inline neutra::study::Choice chosen(const neutra::study::RunResult& row) {
  neutra::study::Choice choice{row};
  choice.run.seed = 1;
  return choice;
}

/// Two seeds of two rates of neutral (0.002 chosen), the vanilla adapter at one rate, and finetuning with one seed.
inline neutra::study::Results results() {
  neutra::study::Results r;
  r.commit = "0123abc";
  r.config = {{"command", "extend --methods neutral,adapter"}, {"steps", 100}, {"baseline", "adapter"}};
  r.choices = {chosen(neutral(0.002, 1, 0, 0))};
  r.text_sha256 = {{"original", std::string(64, 'a')}, {"target", std::string(64, '0')}};
  r.rows = {neutral(0.001, 1, 0.02, 2.6),        neutral(0.002, 1, 0.06, 3.0), neutral(0.001, 2, 0.04, 2.6),
            neutral(0.002, 2, 0.08, 3.0),        adapter(0.002, 1, 0.20, 2.7), adapter(0.002, 2, 0.24, 2.9),
            row("finetune", 0.0005, 1, 0.4, 3.4)};
  return r;
}

/// The same with two failed runs: a rate of finetuning that diverged, and a run that ran out of memory.
inline neutra::study::Results with_failures() {
  using neutra::study::FailureState;
  auto r = results();
  r.failed.push_back({row("finetune", 0.5, 1, 0, 0),
                      FailureState::diverged,
                      "training: step 3 gave a loss of nan",
                      {3, "layers.0.<q>", 2.5e20}});
  r.failed.push_back(
      {row("lora", 0.001, 2, 0, 0), FailureState::out_of_memory, "lora-lr0.001-seed2: out of memory", {}});
  return r;
}

}  // namespace sample
