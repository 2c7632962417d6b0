/// One extension run of a study: what it is, and what its row tells of it.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/numbers.hpp"
#include "neutra/study/options.hpp"
#include "neutra/study/row.hpp"
#include "neutra/train/corpus.hpp"
#include "neutra/train/run.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// A method with its rate, weight of the local loss, and seed.
struct Job {
  std::string method;
  double lr = 0;
  double alpha = 0;  // 0 where the method has no local loss
  std::uint64_t seed = 1;

  /// The name of its folder: "neutral-lr0.002-alpha0.1-seed1".
  std::string name() const {
    return concat(method, "-lr", lr, alpha > 0 || method == "neutral" ? concat("-alpha", alpha) : "", "-seed", seed);
  }
};

/// The adapter of a method: neutral takes its policies from the options; the vanilla adapter is the same body without
/// gate and local loss, with He initialisation; finetuning has none. Error: an unknown method, policy or placement;
/// policies that exclude each other.
inline train::Adapter adapter_of(const std::string& method, const Options& options, const adapter::Registry& registry) {
  if (method == "finetune") return adapter::None{};
  if (method == "lora") {
    adapter::Lora lora;
    lora.sites = options.lora_sites;
    lora.capacity = options.capacity;
    return lora;
  }
  if (method == "adapter")
    return adapter::AnyResidue{.gate = gate::Open{},
                               .body = registry.bodies.find(options.body),
                               .penalty = penalty::None{},
                               .init = init::He{},
                               .placement = adapter::Registry::placement(options.placement),
                               .capacity = options.capacity};
  detail::check_method(method, "methods");
  const adapter::AnyResidue residue{.gate = registry.gates.find(options.gate),
                                    .body = registry.bodies.find(options.body),
                                    .penalty = registry.penalties.find(options.penalty),
                                    .init = registry.inits.find(options.init),
                                    .placement = adapter::Registry::placement(options.placement),
                                    .capacity = options.capacity};
  require(!(residue.gate_traits().open && residue.penalty_traits().reads_gate), "--penalty ", options.penalty,
          " reads the gate, but --gate ", options.gate, " has none; choose a gate or another penalty");
  return residue;
}

/// The parts of a row that are known before the run.
inline Row describe_row(const Job& job, const Options& options, const adapter::Description& d,
                        const adapter::Sizes& sizes) {
  const auto some = [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); };
  const bool finetune = job.method == "finetune";
  Row row;
  row.method = job.method;
  row.gate = some(d.gate);
  row.body = some(d.body);
  row.penalty = some(d.penalty);
  row.init = some(d.init);
  row.placement = some(d.placement);
  row.seed = job.seed;
  row.steps = options.steps;
  row.lr = job.lr;
  row.share = options.share;
  if (job.method == "neutral") row.alpha = job.alpha;
  if (!finetune) row.capacity = options.capacity;
  row.extra_weights = d.weights;
  row.extra_share = static_cast<double>(d.weights) / static_cast<double>(sizes.block_weights());
  return row;
}

/// Puts what a probe saw on the validation texts into the row.
inline void add_gates(Row& row, const adapter::Probe<float, Cpu>& probe) {
  PerDomain<std::vector<double>> open, ratio;
  double gates[2] = {}, opened[2] = {};
  for (std::size_t domain = 0; domain < 2; ++domain)
    for (const auto& layer : probe.counts(domain)) {
      (domain == 0 ? open.original : open.target).push_back(layer.open_share());
      (domain == 0 ? ratio.original : ratio.target).push_back(layer.mean_ratio());
      gates[domain] += layer.gates;
      opened[domain] += layer.open;
    }
  if (probe.counts(0).front().tokens > 0 && probe.counts(1).front().tokens > 0) row.residue_ratio_by_layer = ratio;
  if (gates[0] == 0 || gates[1] == 0) return;
  row.gate_open_by_layer = open;
  row.gate_open = PerDomain<double>{opened[0] / gates[0], opened[1] / gates[1]};
}

/// Layers whose gates are closed for every token of the new domain, or open for every one of the old: a sentence each.
inline std::vector<std::string> gate_warnings(const Row& row, const std::string& name) {
  std::vector<std::string> warnings;
  if (!row.gate_open_by_layer) return warnings;
  const auto& [original, target] = *row.gate_open_by_layer;
  for (std::size_t layer = 0; layer < target.size(); ++layer) {
    if (target[layer] == 0)
      warnings.push_back(concat("warning: ", name, ": the gate of layer ", layer,
                                " is closed for every token of the new domain; it adds nothing"));
    if (original[layer] == 1)
      warnings.push_back(
          concat("warning: ", name, ": the gate of layer ", layer, " is open for every token of the original domain"));
  }
  return warnings;
}

}}}  // namespace neutra::NEUTRA_ABI::study
