/// One extension run of a study: its Run, and the parts of its row.
#pragma once

#include "neutra/data/token_class.hpp"
#include "neutra/study/options.hpp"
#include "neutra/study/run_result.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/open_share.hpp"
#include "neutra/train/run.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One run of a method.      alpha: empty where its adapter has no local loss
inline Run run_of(const Method& method, const Options& options, double lr, std::optional<double> alpha,
                  std::uint64_t seed) {
  return {.label = method.label,
          .kind = method.adapter.kind(),
          .settings = method.all_settings(),
          .seed = seed,
          .steps = options.steps,
          .lr = lr,
          .alpha = alpha,
          .share = options.share};
}

/// The name of the folder of a run: Run::name(), what a study sweeps besides, and the first digits of the SHA-256 of
/// the weights of another run that it builds on.
inline std::string folder_of(const Options& options, const Run& run, const std::string& builds_on = {}) {
  return concat(run.name(), options.lengths.empty() ? "" : concat("-steps", run.steps),
                options.shares.empty() ? "" : concat("-share", run.share),
                builds_on.empty() ? "" : "-on-" + builds_on.substr(0, 12));
}

/// The parts of a row that are known before the run.
inline RunResult describe_row(const Run& run, const adapter::Description& d, const adapter::Sizes& sizes) {
  RunResult row{run};
  row.extra_weights = d.weights;
  row.extra_share = static_cast<double>(d.weights) / static_cast<double>(sizes.block_weights());
  return row;
}

namespace detail {

/// Adds the statistics by class, of classes made by data::token_classes, to the row.
inline void add_gates_by_class(RunResult& row, const adapter::Probe<float, DefaultDevice>& probe) {
  PerDomain<ByClass> tokens, open, ratio;
  bool gates = false;
  for (std::size_t domain = 0; domain < 2; ++domain)
    for (std::size_t c = 0; c < probe.counts_by_class(domain).size(); ++c) {
      const adapter::GateCounts& counts = probe.counts_by_class(domain)[c];
      const std::string name(data::token_class_names.at(c));
      const auto set = [&](PerDomain<ByClass>& values, double value) {
        (domain == 0 ? values.original : values.target)[name] = value;
      };
      if (counts.tokens == 0) continue;
      set(tokens, probe.tokens_by_class(domain)[c]);
      set(open, counts.open_share());
      set(ratio, counts.mean_ratio());
      gates |= counts.gates > 0;
    }
  if (tokens.original.empty() || tokens.target.empty()) return;
  row.tokens_by_class = tokens;
  row.residue_ratio_by_class = ratio;
  if (gates) row.gate_open_by_class = open;
}

}  // namespace detail

/// Adds the statistics of a probe on the validation texts to the row.
inline void add_gates(RunResult& row, const adapter::Probe<float, DefaultDevice>& probe) {
  detail::add_gates_by_class(row, probe);
  PerDomain<std::vector<double>> open, ratio;
  for (std::size_t domain = 0; domain < 2; ++domain)
    for (const auto& layer : probe.counts(domain)) {
      (domain == 0 ? open.original : open.target).push_back(layer.open_share());
      (domain == 0 ? ratio.original : ratio.target).push_back(layer.mean_ratio());
    }
  const auto seen = [&](std::size_t domain) {
    const auto& layers = probe.counts(domain);
    return std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.tokens > 0; });
  };
  if (seen(0) && seen(1)) row.residue_ratio_by_layer = ratio;
  const auto original = train::open_share(probe, data::Domain::original);
  const auto target = train::open_share(probe, data::Domain::target);
  if (!original || !target) return;
  row.gate_open_by_layer = open;
  row.gate_open = PerDomain<double>{*original, *target};
}

/// A warning for each layer whose gates are closed for every token of the target domain, or open for every token of the
/// original domain. original, target: the counts of a probe by layer; a layer without a gate that closes counts none.
inline std::vector<std::string> gate_warnings(const std::vector<adapter::GateCounts>& original,
                                              const std::vector<adapter::GateCounts>& target, const std::string& name) {
  std::vector<std::string> warnings;
  for (std::size_t layer = 0; layer < target.size(); ++layer) {
    const std::string gate = concat("warning: ", name, ": the gate of layer ", layer);
    if (target[layer].gates > 0 && target[layer].open == 0)
      warnings.push_back(gate + " is closed for every token of the target domain; it adds nothing");
    if (original[layer].gates > 0 && original[layer].open == original[layer].gates)
      warnings.push_back(concat(gate, " is open for every token of the original domain; it does not keep the original ",
                                "text apart: raise alpha or train longer"));
  }
  return warnings;
}

}}}  // namespace neutra::NEUTRA_ABI::study
