/// What texts lose in a tokenizer that has no token for some characters.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Counts the bytes of texts that a tokenizer loses (data::Tokenizer::lost_bytes), in the beginning of each text.
class LostText {
 public:
  explicit LostText(const data::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add(std::string_view text) {
    constexpr std::size_t most = std::size_t{1} << 20;  // bytes; they take a fraction of a second
    std::string_view beginning = text.substr(0, most);
    if (beginning.size() < text.size()) beginning.remove_suffix(data::utf8_unfinished(beginning));
    lost_ += tokenizer_.lost_bytes(beginning);
    seen_ += beginning.size();
  }
  /// A note for those who read the losses; empty if nothing was lost.
  std::string remark() const {
    if (lost_ == 0) return {};
    const double share = 100 * static_cast<double>(lost_) / static_cast<double>(seen_);
    return concat(
        "note: the tokenizer has no tokens for ", lost_, " of ", seen_, " bytes of text (",
        fixed(share, share < 1 ? 3 : 1), " %), and no byte fallback; these characters become the unknown ",
        "token, and bits per byte do not count what it stands for: do not compare them with those of another ",
        "tokenizer");
  }

 private:
  const data::Tokenizer& tokenizer_;
  std::size_t lost_ = 0, seen_ = 0;
};

}}}  // namespace neutra::NEUTRA_ABI::train
