/// The ways in which work ends early: a stop request, or numbers that are not finite.
/// Also adds a run's name or advice to errors.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Thrown after a stop request, once the current step is complete and saved (if there is a place to save it).
class Stopped : public Error {
 public:
  using Error::Error;
};

/// Where a run diverged.
struct Divergence {
  std::optional<Index> step{};  // empty: in the evaluation after the last step
  std::string parameter{};      // with the largest gradient; empty if gradients were not examined
  double gradient = 0;          // the largest; NaN if not finite
};

/// Thrown if a loss, gradient, weight or score is not finite. Repeating the run would diverge again.
class Diverged : public Error {
 public:
  explicit Diverged(const std::string& message, Divergence where = {}) : Error(message), where_(std::move(where)) {}
  const Divergence& where() const { return where_; }

 private:
  Divergence where_;
};

namespace detail {
/// A message with the run's name in front, once: the adapter's kind, which begins its messages, may be the name too.
inline std::string behind_name(const std::string& run, std::string_view message) {
  return message.starts_with(run + ": ") ? std::string(message) : concat(run, ": ", message);
}
}  // namespace detail

/// Returns the result of f. An Error from f is rethrown with the run's name in front of its message.
template <class F> decltype(auto) with_run_name(const std::string& run, F&& f) {
  try {
    return f();
  } catch (const Stopped&) {
    throw;
  } catch (const Diverged& error) {
    throw Diverged(detail::behind_name(run, error.what()), error.where());
  } catch (const Error& error) {
    throw Error(detail::behind_name(run, error.what()));
  }
}

/// Returns the result of f. An Error from f is rethrown with the advice after its message.
template <class F> decltype(auto) with_advice(std::string_view advice, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw Error(concat(error.what(), "; ", advice));
  }
}

}}}  // namespace neutra::NEUTRA_ABI::train
