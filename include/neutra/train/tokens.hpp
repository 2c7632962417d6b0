/// Batches of text as the tokens of a model.
#pragma once

#include "neutra/data/batch.hpp"
#include "neutra/nn/transformer.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

inline nn::Tokens tokens_of(const data::Batch& batch) {
  static_assert(sizeof(data::Domain) == 1);
  return {batch.sequences,
          batch.length,
          batch.inputs,
          batch.targets,
          {reinterpret_cast<const std::uint8_t*>(batch.domains.data()), batch.domains.size()}};
}

}}}  // namespace neutra::NEUTRA_ABI::train
