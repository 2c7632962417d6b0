/// The gates of every token of a text, layer by layer.
#pragma once

#include "neutra/data/token_class.hpp"
#include "neutra/data/utf8.hpp"
#include "neutra/train/model.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// gates[l][n]: the gate of token n in layer layers[l]; the mean over channels, and over the residues of a layer that
/// has several. layers: those that have a gate
struct GateTrace {
  std::vector<Index> layers;
  std::vector<std::vector<double>> gates;
};

/// Runs the model over the tokens as inputs, in sequences of at most `length` that each begin with bos: unlike in
/// evaluation every token is an input once, and has its gates. Error: Stopped before the end.
inline GateTrace trace_gates(Model& model, Tape<float, DefaultDevice>& tape, std::span<const std::int32_t> tokens,
                             std::int32_t bos, Index length, std::stop_token stop = {}) {
  require(length > 1, "gates: sequences must have at least two tokens, got ", length);
  const auto layers = static_cast<std::size_t>(model.config().layers), room = static_cast<std::size_t>(length) - 1;
  std::vector<std::vector<double>> sums(layers, std::vector<double>(tokens.size()));
  std::vector<std::size_t> seen(layers);  // values of the first sequence: the residues of the layer
  std::vector<std::int32_t> inputs;
  std::size_t first = 0;
  adapter::Probe<float, DefaultDevice> probe(model.config().layers);
  probe.on_gates = [&](Index layer, std::span<const float> gates) {
    const auto l = static_cast<std::size_t>(layer);
    const std::size_t channels = gates.size() / inputs.size();
    seen[l] += first == 0;
    for (std::size_t i = channels; i < gates.size(); ++i)  // without those of bos
      sums[l][first + i / channels - 1] += static_cast<double>(gates[i]) / static_cast<double>(channels);
  };
  for (; first < tokens.size(); first += room) {
    if (stop.stop_requested()) throw Stopped(concat("stopped after ", first, " of ", tokens.size(), " tokens"));
    const auto part = tokens.subspan(first, std::min(room, tokens.size() - first));
    inputs.assign(1, bos);
    inputs.insert(inputs.end(), part.begin(), part.end());
    tape.start(false);
    Pass<float, DefaultDevice> pass{.tape = tape, .probe = &probe};
    model.hidden({1, static_cast<Index>(inputs.size()), inputs}, pass);
  }
  GateTrace trace;
  for (std::size_t l = 0; l < layers; ++l) {
    if (seen[l] == 0) continue;
    for (double& sum : sums[l]) sum /= static_cast<double>(seen[l]);
    trace.layers.push_back(static_cast<Index>(l));
    trace.gates.push_back(std::move(sums[l]));
  }
  return trace;
}

/// The text of the tokens, in pieces of whole characters: tokens that spell one character together, as bytes do, become
/// one piece. Their gates in the trace become one, the mean.
inline std::vector<std::string> join_characters(GateTrace& trace, const data::Tokenizer& tokenizer,
                                                std::span<const std::int32_t> tokens) {
  std::vector<std::string> pieces;
  std::vector<std::size_t> ends;  // of the tokens of each piece
  bool open = false;
  for (std::size_t n = 0; n < tokens.size(); ++n) {
    if (!open) {
      pieces.emplace_back();
      ends.push_back(n);
    }
    pieces.back() += data::surface(tokenizer, tokens[n]);
    ends.back() = n + 1;
    open = pieces.back().size() < 4 && data::utf8_unfinished(pieces.back()) > 0;
  }
  for (std::vector<double>& gates : trace.gates) {
    std::vector<double> means;
    for (std::size_t first = 0; const std::size_t end : ends) {
      double sum = 0;
      for (std::size_t n = first; n < end; ++n) sum += gates[n];
      means.push_back(sum / static_cast<double>(end - first));
      first = end;
    }
    gates = std::move(means);
  }
  return pieces;
}

}}}  // namespace neutra::NEUTRA_ABI::train
