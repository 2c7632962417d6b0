/// Fields of JSON objects, read and written by one list of their names.
///     template <class Visitor, class R> void visit_row(Visitor& visit, R& row) { visit("steps", row.steps); }
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/settings.hpp"
#include "neutra/train/stopped.hpp"

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// One value for each domain.
template <class T> struct PerDomain { T original{}, target{}; };

/// Bits per byte of one domain's validation text, before and after extending.
struct BeforeAfter {
  double before = 0, after = 0;
};

/// Bits per byte of the validation texts under a part of a trained adapter (adapter::Attenuation).
struct Attenuated {
  double scale = 1, threshold = 0;
  PerDomain<double> after{};
};

namespace detail {

template <class Visitor, class A> void visit_attenuated(Visitor& visit, A& point) {
  visit("scale", point.scale);
  visit("threshold", point.threshold);
  visit("after", point.after);
}

/// Writes values to a JSON object. Error: Diverged if a number is not finite, which JSON cannot hold.
class FieldWriter {
 public:
  explicit FieldWriter(std::string where) : where_(std::move(where)) {}

  template <class T> void operator()(const std::string& key, const T& value) { object_[key] = convert(value, key); }
  /// A key of newer files: written only where there is a value.
  template <class T> void added(const std::string& key, const std::optional<T>& value) {
    if (value) (*this)(key, *value);
  }
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
  io::Json convert(const std::map<std::string, BeforeAfter>& values, const std::string& key) const {
    io::Json object = io::Json::object();
    for (const auto& [name, value] : values) object[name] = convert(value, concat(key, '.', name));
    return object;
  }
  io::Json convert(const std::vector<double>& values, const std::string& key) const {
    io::Json list = io::Json::array();
    for (std::size_t i = 0; i < values.size(); ++i) list.push_back(convert(values[i], concat(key, '[', i, ']')));
    return list;
  }
  io::Json convert(const std::vector<Attenuated>& points, const std::string& key) const {
    io::Json list = io::Json::array();
    for (std::size_t i = 0; i < points.size(); ++i) {
      FieldWriter write(concat(where_, ": ", key, '[', i, ']'));
      visit_attenuated(write, points[i]);
      list.push_back(write.take());
    }
    return list;
  }
  io::Json convert(const std::map<std::string, double>& values, const std::string& key) const {
    io::Json object = io::Json::object();
    for (const auto& [name, value] : values) object[name] = convert(value, concat(key, '.', name));
    return object;
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

/// Reads values from a JSON object. Error: a key that is missing, of the wrong type or, at finish(), unknown. Nullable
/// keys must be present too.
class FieldReader {
 public:
  explicit FieldReader(const io::Reader& json) : json_(json) {}

  template <class T> void operator()(const std::string& key, T& value) {
    this->known(key);
    require(json_.json().contains(key), json_.what(), ": ", key,
            " is missing; the file is not complete, or of another kind");
    convert(key, value);
  }
  /// A key that older files lack.
  template <class T> void added(const std::string& key, std::optional<T>& value) {
    this->known(key);
    convert(key, value);
  }
  /// A key whose value follows from others: read, and compared with the expected value.
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
  void convert(const std::string& key, std::vector<Attenuated>& out) const {
    for (const io::Json& item : json_.array(key)) {
      const io::Reader inner(item, concat(json_.what(), ": ", key, '[', out.size(), ']'));
      FieldReader read(inner);
      visit_attenuated(read, out.emplace_back());
      read.finish();
    }
  }
  void convert(const std::string& key, std::map<std::string, double>& out) const {
    const io::Reader values = json_.object(key);
    for (const auto& [name, ignored] : values.json().items()) out[name] = values.number(name);
  }
  void convert(const std::string& key, BeforeAfter& out) const {
    convert_pair(key, "before", out.before, "after", out.after);
  }
  void convert(const std::string& key, std::map<std::string, BeforeAfter>& out) const {
    const io::Reader inner = json_.object(key);
    FieldReader read(inner);
    for (const auto& [name, ignored] : inner.json().items()) read(name, out[name]);
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

}  // namespace detail

}}}  // namespace neutra::NEUTRA_ABI::study
