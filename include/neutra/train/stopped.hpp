/// What ends work before its end: that it was asked to stop, numbers that are not finite, and errors with the name of
/// the run or with advice.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Thrown when work was asked to stop and has ended at a whole step; what was done is saved where there is a place to
/// save it.
class Stopped : public Error {
 public:
  using Error::Error;
};

/// Where a run diverged.
struct Divergence {
  std::optional<Index> step{};  // empty after the last one, in the evaluation
  std::string parameter{};      // with the largest gradient; empty where no gradient was looked at
  double gradient = 0;          // its largest; NaN where that is not finite
};

/// Thrown where a loss, a gradient, a weight or a score is not finite. The same run would come to it again.
class Diverged : public Error {
 public:
  explicit Diverged(const std::string& message, Divergence where = {}) : Error(message), where_(std::move(where)) {}
  const Divergence& where() const { return where_; }

 private:
  Divergence where_;
};

/// Returns what f returns; an Error that f throws is thrown again with the name of the run before its message.
template <class F> decltype(auto) named(const std::string& run, F&& f) {
  try {
    return f();
  } catch (const Stopped&) {
    throw;
  } catch (const Diverged& error) {
    throw Diverged(concat(run, ": ", error.what()), error.where());
  } catch (const Error& error) {
    throw Error(concat(run, ": ", error.what()));
  }
}

/// Returns what f returns; an Error that f throws is thrown again as an Error with the advice after its message.
template <class F> decltype(auto) advised(std::string_view advice, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw Error(concat(error.what(), "; ", advice));
  }
}

}}}  // namespace neutra::NEUTRA_ABI::train
