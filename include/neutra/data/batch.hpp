/// A training or evaluation batch: token sequences of equal length, each labelled with its domain.
#pragma once

#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The domain of a sequence: the one the backbone was trained on, or the one it is extended to.
enum class Domain : std::uint8_t { original = 0, target = 1 };

/// inputs, targets: (sequences, length), row-major; targets[b, t] is the token that follows inputs[b, 0 .. t], or
/// not_scored.
/// domains: (sequences)
struct Batch {
  Index sequences = 0, length = 0;
  std::vector<std::int32_t> inputs, targets;
  std::vector<Domain> domains;

  Index tokens() const { return sequences * length; }

  /// Sets the sizes. Allocates only when the batch grows beyond its largest size so far.
  void resize(Index new_sequences, Index new_length) {
    const auto size = static_cast<std::size_t>(checked_product(new_sequences, new_length, "batch"));
    sequences = new_sequences;
    length = new_length;
    inputs.resize(size);
    targets.resize(size);
    domains.resize(static_cast<std::size_t>(sequences));
  }
};

}}}  // namespace neutra::NEUTRA_ABI::data
