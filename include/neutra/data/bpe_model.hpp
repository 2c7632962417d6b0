/// The parts of a byte-pair tokenizer, as its file describes them.
#pragma once

#include "neutra/data/bpe_merges.hpp"
#include "neutra/data/vocabulary.hpp"
#include "neutra/data/word_rules.hpp"

#include <cstdint>
#include <unordered_set>
#include <variant>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Cuts numbers out of the text, whole or as single characters.
struct NumberParts {
  bool single = false;
};
/// A step that cuts text into words; each step cuts the words of the one before.
using WordStep = std::variant<WordRule, NumberParts>;

/// A byte-pair tokenizer: byte-level, or with byte fallback, <0xNN> for bytes without a token of their own.
struct BpeModel : Vocabulary {
  BpeMerges merges;
  bool nfc = false, words_whole = false;
  std::vector<WordStep> steps;  // of a byte-level model
  bool cut_at_spaces = false;
  // Of a model that is not byte-level: the pairs of neighbouring characters inside tokens that merges make.
  std::unordered_set<std::uint64_t> neighbours;
};

namespace detail {

inline std::uint64_t neighbours_key(char32_t left, char32_t right) { return std::uint64_t{left} << 32 | right; }

}  // namespace detail
}}}  // namespace neutra::NEUTRA_ABI::data
