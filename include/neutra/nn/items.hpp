/// Lists of items in messages.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace detail {

/// "; missing: a, b, c and 7 more", or "" for an empty list. The length is bounded, so that a malicious file cannot
/// make a message arbitrarily long.
class Items {
 public:
  explicit Items(std::string_view heading) : heading_(heading) {}
  static constexpr Index most = 20;  // named in the message; the others are counted

  void add(const std::string& item) {
    if (++count_ <= most) text_ += concat(count_ == 1 ? "" : ", ", item);
  }
  void add_unnamed(Index count) { count_ += count; }
  Index count() const { return count_; }
  std::string text() const {
    if (count_ == 0) return {};
    return concat("; ", heading_, ": ", text_, count_ > most ? concat(" and ", count_ - most, " more") : "");
  }

 private:
  std::string_view heading_;
  std::string text_;
  Index count_ = 0;
};

}}}}  // namespace neutra::NEUTRA_ABI::nn::detail
