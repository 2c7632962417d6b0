/// One extension run with its results, a row of results.json, and its keys, one list for reading and writing.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/json.hpp"
#include "neutra/study/fields.hpp"
#include "neutra/study/run.hpp"

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One value for each class of tokens that the text has, by the class's name.
using ByClass = std::map<std::string, double>;

/// One extension run with its results. Values that a method does not have are empty, null in the file: LoRA has no
/// gate.
struct RunResult : Run {
  Index extra_weights = 0;
  double extra_share = 0;  // extra weights / weights of the backbone's blocks
  Index trainable_weights = 0;
  BeforeAfter original{}, target{};              // bits per byte
  std::optional<PerDomain<double>> gate_open{};  // share of tokens with g != 0; empty where no gate has an exact zero
  std::optional<PerDomain<std::vector<double>>> gate_open_by_layer{};
  std::optional<PerDomain<std::vector<double>>> residue_ratio_by_layer{};  // ||r|| / ||FFN(x)||
  // The same by class of tokens, over all layers, and how many tokens of the text are of each. Older files lack them.
  std::optional<PerDomain<ByClass>> tokens_by_class{}, gate_open_by_class{}, residue_ratio_by_class{};
  Index train_tokens = 0;
  double train_seconds = 0, tokens_per_second = 0;
  std::optional<PerDomain<double>> kl_to_base{};    // mean KL of the next token from the model that the run starts from
  std::optional<Index> peak_bytes{}, file_bytes{};  // of the process while training; of what was saved
  std::optional<std::map<std::string, BeforeAfter>> further{};  // bits per byte of further texts, by name
  std::optional<std::vector<Attenuated>> attenuated{};          // the same model with a part of its adapter
  std::optional<std::string> builds_on{};  // SHA-256 of the weights of the run that it starts from, if it does

  /// Rise of the original domain's bits per byte.
  double forgetting() const { return original.after - original.before; }
  /// Fall of the target domain's bits per byte.
  double learning() const { return target.before - target.after; }
};

namespace detail {

/// All keys of a row.
template <class Visitor, class R> void visit_row(Visitor& visit, R& row) {
  visit_run(visit, row);
  visit("extra_weights", row.extra_weights);
  visit("extra_share", row.extra_share);
  visit("trainable_weights", row.trainable_weights);
  visit("original", row.original);
  visit("target", row.target);
  visit.derived("forgetting", row.forgetting());
  visit.derived("learning", row.learning());
  visit("gate_open", row.gate_open);
  visit("gate_open_by_layer", row.gate_open_by_layer);
  visit("residue_ratio_by_layer", row.residue_ratio_by_layer);
  visit.added("tokens_by_class", row.tokens_by_class);
  visit.added("gate_open_by_class", row.gate_open_by_class);
  visit.added("residue_ratio_by_class", row.residue_ratio_by_class);
  visit("train_tokens", row.train_tokens);
  visit("train_seconds", row.train_seconds);
  visit("tokens_per_second", row.tokens_per_second);
  visit.added("kl_to_base", row.kl_to_base);
  visit.added("peak_bytes", row.peak_bytes);
  visit.added("file_bytes", row.file_bytes);
  visit.added("further", row.further);
  visit.added("attenuated", row.attenuated);
  visit.added("builds_on", row.builds_on);
}

inline void check_within(const std::string& where, const std::string& key, double value, double most,
                         std::string_view rule) {
  require(value >= 0 && value <= most, where, ": ", key, " must be ", rule, ", got ", value,
          "; the file was changed by hand, or is damaged");
}
inline void check_share(const std::string& where, const std::string& key, double value) {
  check_within(where, key, value, 1, "a share in [0, 1]");
}
inline void check_size(const std::string& where, const std::string& key, double value) {
  check_within(where, key, value, std::numeric_limits<double>::max(), "zero or more");
}

/// Error: a number that no run can have.
inline void check_ranges(const Run& run, const std::string& where) {
  check_share(where, "share", run.share);
  check_size(where, "lr", run.lr);
  check_size(where, "alpha", run.alpha.value_or(0));
}
inline void check_ranges(const RunResult& row, const std::string& where) {
  const auto share = [&](const std::string& key, double value) { check_share(where, key, value); };
  const auto size = [&](const std::string& key, double value) { check_size(where, key, value); };
  const auto both = [](const auto& check, const std::string& key, const auto& values) {
    for (const double value : values.original) check(key + ": original", value);
    for (const double value : values.target) check(key + ": target", value);
  };
  const auto classes = [](const auto& check, const std::string& key, const PerDomain<ByClass>& values) {
    for (const auto& [name, value] : values.original) check(concat(key, ": original: ", io::printable(name)), value);
    for (const auto& [name, value] : values.target) check(concat(key, ": target: ", io::printable(name)), value);
  };
  check_ranges(static_cast<const Run&>(row), where);
  size("extra_share", row.extra_share);
  size("original: before", row.original.before);
  size("original: after", row.original.after);
  size("target: before", row.target.before);
  size("target: after", row.target.after);
  size("train_seconds", row.train_seconds);
  size("tokens_per_second", row.tokens_per_second);
  if (row.gate_open) {
    share("gate_open: original", row.gate_open->original);
    share("gate_open: target", row.gate_open->target);
  }
  if (row.kl_to_base) {
    size("kl_to_base: original", row.kl_to_base->original);
    size("kl_to_base: target", row.kl_to_base->target);
  }
  for (const auto& [name, own] : row.further.value_or(std::map<std::string, BeforeAfter>())) {
    size(concat("further: ", name, ": before"), own.before);
    size(concat("further: ", name, ": after"), own.after);
  }
  for (const Attenuated& point : row.attenuated.value_or(std::vector<Attenuated>())) {
    size("attenuated: scale", point.scale);
    size("attenuated: threshold", point.threshold);
    size("attenuated: after: original", point.after.original);
    size("attenuated: after: target", point.after.target);
  }
  if (row.gate_open_by_layer) both(share, "gate_open_by_layer", *row.gate_open_by_layer);
  if (row.residue_ratio_by_layer) both(size, "residue_ratio_by_layer", *row.residue_ratio_by_layer);
  if (row.tokens_by_class) classes(size, "tokens_by_class", *row.tokens_by_class);
  if (row.gate_open_by_class) classes(share, "gate_open_by_class", *row.gate_open_by_class);
  if (row.residue_ratio_by_class) classes(size, "residue_ratio_by_class", *row.residue_ratio_by_class);
  require(row.extra_weights <= row.trainable_weights, where, ": extra_weights must be at most the trainable_weights, ",
          row.trainable_weights, ", got ", row.extra_weights, "; the file was changed by hand, or is damaged");
}

/// Error: a key that is missing, unknown or of the wrong type; a number that no run can have.
inline RunResult read_row(const io::Json& json, const std::string& where) {
  const io::Reader read(json, where);
  FieldReader fields(read);
  RunResult row;
  visit_row(fields, row);
  fields.finish();
  check_ranges(row, where);
  return row;
}

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::study
