/// One extension run: the row of results.json, and the one list of its keys that reads and writes it.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/settings.hpp"
#include "neutra/study/run.hpp"
#include "neutra/train/stopped.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One value for each domain.
template <class T> struct PerDomain { T original{}, target{}; };

/// Bits per byte of one domain's validation text, before and after extending.
struct BeforeAfter {
  double before = 0, after = 0;
};

/// One extension run with its results. What a method does not have is empty and null in the file: LoRA has no gate.
struct RunResult : Run {
  Index extra_weights = 0;
  double extra_share = 0;  // extra weights / weights of the backbone's blocks
  Index trainable_weights = 0;
  BeforeAfter original{}, target{};              // bits per byte
  std::optional<PerDomain<double>> gate_open{};  // share of tokens with g != 0; empty where no gate has an exact zero
  std::optional<PerDomain<std::vector<double>>> gate_open_by_layer{};
  std::optional<PerDomain<std::vector<double>>> residue_ratio_by_layer{};  // ||r|| / ||FFN(x)||
  Index train_tokens = 0;
  double train_seconds = 0, tokens_per_second = 0;

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
  visit("train_tokens", row.train_tokens);
  visit("train_seconds", row.train_seconds);
  visit("tokens_per_second", row.tokens_per_second);
}

/// Puts values into a JSON object. Error: Diverged where a number is not finite, which JSON cannot hold.
class FieldWriter {
 public:
  explicit FieldWriter(std::string where) : where_(std::move(where)) {}

  template <class T> void operator()(const std::string& key, const T& value) { object_[key] = convert(value, key); }
  void derived(const std::string& key, double value) { (*this)(key, value); }
  io::Json take() { return std::move(object_); }

 private:
  template <class T> io::Json convert(const T& value, const std::string&) const { return value; }
  io::Json convert(double value, const std::string& key) const {
    if (!std::isfinite(value))
      throw train::Diverged(
          concat(where_, ": ", key, " must be a finite number, got ", value, "; the run behind it has diverged"));
    return value;
  }
  io::Json convert(const BeforeAfter& v, const std::string& key) const {
    return {{"before", convert(v.before, key + ".before")}, {"after", convert(v.after, key + ".after")}};
  }
  template <class T> io::Json convert(const PerDomain<T>& v, const std::string& key) const {
    return {{"original", convert(v.original, key + ".original")}, {"target", convert(v.target, key + ".target")}};
  }
  io::Json convert(const std::vector<double>& values, const std::string& key) const {
    io::Json list = io::Json::array();
    for (std::size_t i = 0; i < values.size(); ++i) list.push_back(convert(values[i], concat(key, '[', i, ']')));
    return list;
  }
  io::Json convert(const Settings& settings, const std::string& key) const {
    return io::to_json(settings, concat(where_, ": ", key));
  }
  template <class T> io::Json convert(const std::optional<T>& value, const std::string& key) const {
    return value ? convert(*value, key) : io::Json(nullptr);
  }

  std::string where_;
  io::Json object_ = io::Json::object();
};

/// Takes values out of a JSON object. Error: a key that is missing, of the wrong type or, at finish(), unknown.
/// Nullable keys must be there too.
class FieldReader {
 public:
  explicit FieldReader(const io::Reader& json) : json_(json) {}

  template <class T> void operator()(const std::string& key, T& value) {
    this->known(key);
    require(json_.json().contains(key), json_.what(), ": ", key,
            " is missing; the file is not complete, or of another kind");
    convert(key, value);
  }
  /// A key that follows from others: read, and compared with what follows.
  void derived(const std::string& key, double expected) {
    double value = 0;
    (*this)(key, value);
    require(std::abs(value - expected) <= 1e-6, json_.what(), ": ", key,
            " must be the difference of before and after, ", expected, ", got ", value,
            "; the file was changed by hand");
  }
  /// A key that is read elsewhere.
  void known(const std::string& key) { known_.insert(key); }
  void finish() const {
    for (const auto& [key, ignored] : json_.json().items())
      require(known_.contains(key), json_.what(), ": ", io::printable(key),
              " is not a known key; is the file newer than this program?");
  }

 private:
  void convert(const std::string& key, std::string& out) const { out = json_.text(key); }
  void convert(const std::string& key, double& out) const { out = json_.number(key); }
  void convert(const std::string& key, bool& out) const { out = json_.flag(key); }
  void convert(const std::string& key, Settings& out) const { out = io::settings_of(json_.object(key)); }
  void convert(const std::string& key, Index& out) const { out = json_.integer(key, {}, 0); }
  void convert(const std::string& key, std::uint64_t& out) const {  // a seed may use all 64 bits
    const io::Json& found = json_.value(key);
    require(found.is_number_unsigned(), json_.what(), ": ", key, " must be an integer, zero or more, got ",
            io::printable(found.dump()));
    out = found.get<std::uint64_t>();
  }
  void convert(const std::string& key, std::vector<double>& out) const {
    for (const io::Json& item : json_.array(key)) {
      require(item.is_number(), json_.what(), ": ", key, " must be an array of numbers, got ",
              io::printable(item.dump()));
      out.push_back(item.get<double>());
    }
  }
  void convert(const std::string& key, BeforeAfter& out) const {
    convert_pair(key, "before", out.before, "after", out.after);
  }
  template <class T> void convert(const std::string& key, PerDomain<T>& out) const {
    convert_pair(key, "original", out.original, "target", out.target);
  }
  template <class T> void convert(const std::string& key, std::optional<T>& out) const {
    out.reset();
    if (json_.has(key)) convert(key, out.emplace());
  }
  template <class T>
  void convert_pair(const std::string& key, const char* first, T& a, const char* second, T& b) const {
    json_.object(key);  // the message about another kind names the whole path
    const io::Reader inner(json_.value(key), json_.what() + ": " + key);
    FieldReader read(inner);
    read(first, a);
    read(second, b);
    read.finish();
  }

  const io::Reader& json_;
  std::set<std::string> known_;
};

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
  if (row.gate_open_by_layer) both(share, "gate_open_by_layer", *row.gate_open_by_layer);
  if (row.residue_ratio_by_layer) both(size, "residue_ratio_by_layer", *row.residue_ratio_by_layer);
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
