/// The share of open gates of a whole model.
#pragma once

#include "neutra/adapter/probe.hpp"
#include "neutra/data/windows.hpp"

#include <optional>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Open gates / gates over all layers, of the tokens of a domain that the probe has seen; empty without gates that
/// close.
template <Scalar S, Backend D>
std::optional<double> open_share(const adapter::Probe<S, D>& probe, data::Domain domain) {
  double open = 0, gates = 0;
  for (const adapter::GateCounts& layer : probe.counts(static_cast<std::size_t>(domain))) {
    open += layer.open;
    gates += layer.gates;
  }
  return gates > 0 ? std::optional(open / gates) : std::nullopt;
}

}}}  // namespace neutra::NEUTRA_ABI::train
