/// Statistics of gates and residues in an evaluation, per domain by layer and by class of tokens: open shares and
/// residue sizes.
#pragma once

#include "neutra/op/add.hpp"
#include "neutra/op/sparse_rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {

/// Counts of one layer, or of one class of tokens in all layers, in one domain.
struct GateCounts {
  double tokens = 0;  // for each residue of a layer again; of a class: in each layer again
  double open = 0;    // tokens (or token-channels) with g != 0
  double gates = 0;   // tokens (or token-channels) counted; 0 where the gate has no exact zero
  double ratio = 0;   // sum over tokens of ||r|| / ||y||

  double open_share() const { return gates > 0 ? open / gates : 0; }
  double mean_ratio() const { return tokens > 0 ? ratio / tokens : 0; }
};

/// ratios[i] = ||r[i]|| / ||y[index[i]]||, 0 where y = 0      r: (M,C)  y: (N,C)
template <Scalar S> struct ResidueRatio {
  View<const S> r, y;
  const std::int32_t* index;
  S* ratios;

  template <class Row> NEUTRA_HD void operator()(Row row, Index i) const {
    const S *ri = r.row(i), *yi = y.row(index ? index[i] : i);
    const S square = row.sum(r.cols(), [&](auto c) { return c.load(ri) * c.load(ri); });
    const S joined = row.sum(r.cols(), [&](auto c) { return c.load(yi) * c.load(yi); });
    row.once([&] { ratios[i] = joined > S(0) ? std::sqrt(square / joined) : S(0); });
  }
};

/// Collects GateCounts over the passes of an evaluation; every pass has one domain, set beforehand.
template <Scalar S, Backend D> class Probe {
 public:
  /// class_of: the class of each token id, 0, 1 and so on, by which tokens are counted too; empty: by layer only.
  explicit Probe(Index layers, std::vector<std::uint8_t> class_of = {})
      : class_of_(std::move(class_of)), by_layer_(empty(static_cast<std::size_t>(layers))) {
    const auto last = std::max_element(class_of_.begin(), class_of_.end());
    if (last == class_of_.end()) return;
    by_class_ = empty(std::size_t{*last} + 1);
    for (auto& tokens : tokens_by_class_) tokens.resize(std::size_t{*last} + 1);
  }

  std::size_t domain = 0;  // 0 original, 1 target
  /// Called with the gates of every layer in every pass, (N,1) or (N,C), whether or not they have an exact zero.
  std::function<void(Index layer, std::span<const S> gates)> on_gates{};

  Index layers() const { return static_cast<Index>(by_layer_[0].size()); }
  const std::vector<GateCounts>& counts(std::size_t of_domain) const { return by_layer_[checked(of_domain)]; }
  /// By class, over all layers; empty if no classes were given.
  const std::vector<GateCounts>& counts_by_class(std::size_t of_domain) const { return by_class_[checked(of_domain)]; }

  /// The tokens of each class, once a pass, whatever sees them; empty if no classes were given.
  const std::vector<double>& tokens_by_class(std::size_t of_domain) const {
    return tokens_by_class_[checked(of_domain)];
  }

  /// Counts the inputs of a pass, (N), and notes their classes for the layers. Error: a token without a class.
  void begin_pass(std::span<const std::int32_t> inputs) {
    if (class_of_.empty()) return;
    classes_.clear();
    for (const std::int32_t id : inputs) {
      require(id >= 0 && static_cast<std::size_t>(id) < class_of_.size(), "probe: every token must have a class, got ",
              class_of_.size(), " classes and the token ", id, "; give one for each id of the vocabulary");
      classes_.push_back(class_of_[static_cast<std::size_t>(id)]);
      ++tokens_by_class_[checked(domain)][classes_.back()];
    }
  }

  /// Counts one layer of one pass. g: (N,1) or (N,C), null if the gate is open; counted only if it has an exact zero
  /// r: (M,C), row i of token index[i] (of token i if index is null)   y: (N,C)
  void observe(Index layer, const Var<S, D>* g, bool exact_zero, Var<S, D> r, const std::int32_t* index, Var<S, D> y) {
    require(layer >= 0 && layer < layers(), "probe: layer ", layer, " was seen, but the probe was made for ", layers(),
            " layers; make it with model.config().layers");
    const Index tokens = y.shape().rows();
    for (Index n = 0; n < tokens; ++n) add(layer, n, [](GateCounts& counts) { ++counts.tokens; });
    if (g && (exact_zero || on_gates)) {
      fetch(g->value().data, g->shape().size(), host_);
      if (on_gates) on_gates(layer, host_);
    }
    for (Index i = 0; g && exact_zero && i < g->shape().size(); ++i)
      add(layer, i / g->shape().cols(), [&](GateCounts& counts) {
        ++counts.gates;
        counts.open += host_[static_cast<std::size_t>(i)] != S(0);
      });
    count_ratios(layer, r, index, y);
  }

 private:
  using PerDomain = std::array<std::vector<GateCounts>, 2>;

  static PerDomain empty(std::size_t size) { return {std::vector<GateCounts>(size), std::vector<GateCounts>(size)}; }
  static std::size_t checked(std::size_t of_domain) {
    require(of_domain < 2, "probe: the domain must be 0 (original) or 1 (target), got ", of_domain);
    return of_domain;
  }
  /// Adds to the counts of the layer and, if classes are counted, to those of the token's class.
  template <class Add> void add(Index layer, Index token, const Add& add_to) {
    add_to(by_layer_[checked(domain)][static_cast<std::size_t>(layer)]);
    if (!class_of_.empty()) add_to(by_class_[domain][classes_[static_cast<std::size_t>(token)]]);
  }
  void count_ratios(Index layer, Var<S, D> r, const std::int32_t* index, Var<S, D> y) {
    const Index rows = r.shape().rows();
    S* ratios = r.tape().template memory<S>(rows);
    D::template rows<S>(rows, 4 * r.shape().cols(), ResidueRatio<S>{r.value(), y.value(), index, ratios});
    fetch(ratios, rows, host_);
    const bool elsewhere = index && !class_of_.empty();
    if (elsewhere) fetch(index, rows, token_of_);
    for (Index i = 0; i < rows; ++i) {
      const auto at = static_cast<std::size_t>(i);
      add(layer, elsewhere ? Index{token_of_[at]} : i,
          [&](GateCounts& counts) { counts.ratio += static_cast<double>(host_[at]); });
    }
  }
  template <class T> static void fetch(const T* from, Index count, std::vector<T>& to) {
    to.resize(static_cast<std::size_t>(count));
    D::template download<T>(from, std::span<T>(to));
  }

  std::vector<std::uint8_t> class_of_, classes_;  // by id; of the tokens of the pass
  PerDomain by_layer_, by_class_;
  std::array<std::vector<double>, 2> tokens_by_class_;
  std::vector<S> host_;
  std::vector<std::int32_t> token_of_;
};

}}}  // namespace neutra::NEUTRA_ABI::adapter
