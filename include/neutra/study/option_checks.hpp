/// Rules for the values of options, with messages that name the option.
#pragma once

#include "neutra/core/dtype.hpp"
#include "neutra/core/error.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/core/quantisation.hpp"
#include "neutra/core/scalar.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study { namespace detail {

inline void check_range(double value, std::string_view name) {
  require(value <= 3e38, "--", name, " must be at most 3e38, since training computes in float, got ", value);
}
inline void check_positive(double value, std::string_view name) {
  require(value > 0 && std::isfinite(value), "--", name, " must be a positive number, got ", value);
  check_range(value, name);
}
inline void check_not_negative(double value, std::string_view name) {
  require(value >= 0 && std::isfinite(value), "--", name, " must not be negative, got ", value);
  check_range(value, name);
}
inline void check_count(Index value, std::string_view name) {
  require(value > 0 && value < (Index{1} << 31), "--", name, " must be a whole number from 1 up and below 2^31, got ",
          value);
}
inline void check_derivable(Index value, std::string_view name) {
  require(value >= 0 && value < (Index{1} << 31), "--", name,
          " must be a whole number below 2^31 (0: it follows from other sizes), got ", value);
}
inline void check_from_zero(Index value, std::string_view name) {
  require(value >= 0 && value < (Index{1} << 31), "--", name, " must be a whole number from 0 up and below 2^31, got ",
          value);
}
inline void check_precision(std::string_view name) {
  const std::vector<std::string> names = storage_names<float>();
  require(std::count(names.begin(), names.end(), name) > 0, "--precision must be ", listed(names, " or "), ", got '",
          name, "'");
}
/// The format of quantised weights of that name. Error: there is none.
inline Quantisation quantisation_named(std::string_view name) {
  const std::vector<std::string> names = Quantisation::names();
  require(std::count(names.begin(), names.end(), name) > 0, "--base-precision must be ", listed(names, " or "),
          ", got '", name, "'");
  return Quantisation(name);
}
inline void check_threads(Index threads) {
  require(threads >= 0 && threads <= 4096, "--threads must be between 1 and 4096 (0: all of the machine), got ",
          threads);
}
/// Error: a value given twice, which would count one run as two.
template <class T> void check_different(std::vector<T> values, std::string_view option) {
  std::sort(values.begin(), values.end());
  const auto twice = std::adjacent_find(values.begin(), values.end());
  require(twice == values.end(), "--", option, " must not name anything twice, got ",
          twice == values.end() ? T() : *twice, " again");
}

/// Error: invalid rates or alphas, or one given twice.
inline void check_tried(const std::vector<double>& rates, const std::vector<double>& alphas) {
  for (const double rate : rates) check_positive(rate, "lr");
  check_different(rates, "lr");
  for (const double alpha : alphas) check_not_negative(alpha, "alpha");
  check_different(alphas, "alpha");
}

}}}}  // namespace neutra::NEUTRA_ABI::study::detail
