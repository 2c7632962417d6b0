/// The frequencies of RoPE under the scalings of rope_settings.hpp, and the tables that a decoder keeps.
#pragma once

#include "neutra/nn/rope_settings.hpp"
#include "neutra/op/rope.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numbers>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// Frequencies below M / high are kept, those above M / low divided, by wavelength; between them both are mixed.
inline void scale_llama3(std::vector<double>& frequencies, const Config& c) {
  const double factor = c.numbers.at("rope_factor"), trained = c.numbers.at("rope_trained_context"),
               low = c.numbers.at("rope_low_factor"), high = c.numbers.at("rope_high_factor");
  for (double& f : frequencies) {
    const double wavelength = 2 * std::numbers::pi / f;
    const double kept = std::clamp((trained / wavelength - low) / (high - low), 0.0, 1.0);
    f = wavelength < trained / high ? f : wavelength > trained / low ? f / factor : (1 - kept) * f / factor + kept * f;
  }
}

/// Pairs that turn more than beta_fast times in the trained context are kept, those below beta_slow divided.
inline void scale_yarn(std::vector<double>& frequencies, const Config& c, Index rotated) {
  const double width = static_cast<double>(rotated), factor = c.numbers.at("rope_factor");
  const auto pair_of = [&](double turns) {
    return width * std::log(c.numbers.at("rope_trained_context") / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(c.numbers.at("rope_theta")));
  };
  double first = pair_of(c.numbers.at("rope_beta_fast")), last = pair_of(c.numbers.at("rope_beta_slow"));
  if (setting(c, "rope_truncate", 1) != 0) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, width - 1);
  if (first == last) last += 0.001;
  for (std::size_t p = 0; p < frequencies.size(); ++p) {
    const double divided = std::clamp((static_cast<double>(p) - first) / (last - first), 0.0, 1.0);
    frequencies[p] = frequencies[p] / factor * divided + frequencies[p] * (1 - divided);
  }
}

}  // namespace detail

/// The frequencies of a model at sequences of `length` tokens; `rotated`: elements of a head.
inline std::vector<double> scaled_frequencies(const Config& c, Index rotated, Index length) {
  const auto name = c.choices.find("rope_scaling");
  const std::string kind = name == c.choices.end() ? "default" : name->second;
  const double factor = detail::setting(c, "rope_factor", 1);
  double theta = c.numbers.at("rope_theta");
  if (kind == "dynamic") {
    const double trained = c.numbers.at("rope_trained_context"), width = static_cast<double>(rotated);
    const double grown = factor * std::max(static_cast<double>(length), trained) / trained - (factor - 1);
    theta *= std::pow(grown, width / (width - 2));
  }
  std::vector<double> frequencies = rope_frequencies(rotated, theta);
  if (kind == "linear")
    for (double& f : frequencies) f /= factor;
  if (kind == "llama3") detail::scale_llama3(frequencies, c);
  if (kind == "yarn") detail::scale_yarn(frequencies, c, rotated);
  return frequencies;
}

/// The RoPE tables of a model, made as sequences of a length occur.
template <Scalar S, Backend D> class RopeTables {
 public:
  /// `theta`: in place of the config's base and scaling, if not 0.
  explicit RopeTables(const Config& config, double theta = 0)
      : config_(config), rotated_(rotated_width(config)), theta_(theta) {}

  static Index rotated_width(const Config& config) {
    const double share = detail::setting(config, "rotated_share", 1);
    return static_cast<Index>(static_cast<double>(config.head_width) * share);
  }
  /// A table of at least `length` positions rather than of the whole context, which may be far longer. The length
  /// doubles, because generated text grows by a token at a time.
  const RopeTable<S, D>& at(Index length) {
    const Index scaled = scaled_for(length);
    for (auto table = tables_.rbegin(); table != tables_.rend(); ++table)
      if (table->scaled == scaled && table->rows() >= length) return table->table;
    const Index held = tables_.empty() ? 0 : tables_.back().rows();
    const Index rows = scaled > 0 ? length : std::min(config_.context, std::max(length, 2 * held));
    if (scaled > 0 && tables_.size() >= most_scaled) tables_.pop_front();
    const auto frequencies =
        theta_ > 0 ? rope_frequencies(rotated_, theta_) : scaled_frequencies(config_, rotated_, length);
    const double factor = theta_ > 0 ? 1 : detail::setting(config_, "rope_attention_factor", 1);
    return tables_.emplace_back(scaled, rows, config_.head_width, frequencies, factor).table;
  }

  /// The longest sequence with the frequencies of shorter ones. Under dynamic scaling each length beyond the trained
  /// context has frequencies of its own.
  Index longest_unscaled() const {
    const auto kind = config_.choices.find("rope_scaling");
    const bool dynamic = theta_ == 0 && kind != config_.choices.end() && kind->second == "dynamic";
    return dynamic ? static_cast<Index>(config_.numbers.at("rope_trained_context")) : Limits::context;
  }

 private:
  /// The length whose frequencies a table of its own has, or 0.
  Index scaled_for(Index length) const { return length > longest_unscaled() ? length : 0; }
  struct Made {
    Index scaled;
    RopeTable<S, D> table;
    Made(Index scaled_for, Index length, Index width, const std::vector<double>& frequencies, double factor)
        : scaled(scaled_for), table(length, width, frequencies, factor) {}
    Index rows() const { return table.cosine.shape().rows(); }
  };

  static constexpr std::size_t most_scaled = 16;  // text generated under dynamic scaling has a table for each length
  Config config_;
  Index rotated_;
  double theta_;
  std::deque<Made> tables_;  // a tape may still point to earlier ones
};

}}}  // namespace neutra::NEUTRA_ABI::nn
