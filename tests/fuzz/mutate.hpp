// Changes JSON in the input of a fuzz target to other JSON: a value, a key or a number of items.
#pragma once

#include "neutra/io/json.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace fuzz {

using Json = neutra::io::Json;

/// The JSON in an input: the header of a safetensors file, else all up to the first zero byte.
struct JsonPart {
  std::size_t begin = 0, end = 0;
  bool header = false;

  explicit JsonPart(std::string_view bytes, std::size_t from = 0) : begin(from) {
    header = bytes.size() > from + 8 && (bytes[from + 8] == '{' || bytes[from] == '\0');
    if (header) begin += 8;
    end = std::min(bytes.find('\0', begin), bytes.size());
    if (!header) return;
    std::uint64_t length = 0;
    for (std::size_t k = 0; k < 8; ++k) length |= std::uint64_t{static_cast<unsigned char>(bytes[from + k])} << (8 * k);
    end = begin + std::min<std::uint64_t>(length, bytes.size() - begin);
  }
};

class JsonMutator {
 public:
  JsonMutator(Json json, unsigned seed) : json_(std::move(json)), random_(seed) {}

  std::string changed() {
    for (std::uint64_t times = 1 + draw(3); times > 0; --times) {
      values_.clear();
      collect(json_);
      change(*values_[draw(values_.size())]);
    }
    return json_.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
  void collect(Json& value) {
    values_.push_back(&value);
    if (value.is_structured())
      for (Json& item : value) collect(item);
  }

  void change(Json& value) {
    switch (draw(value.is_structured() ? 5 : 3)) {
      case 0:
        value = constant();
        break;
      case 1:
        value = Json(*values_[draw(values_.size())]);
        break;
      case 2:
        vary(value);
        break;
      case 3:
        drop(value);
        break;
      default:
        add(value);
    }
  }
  Json constant() {
    static const std::vector<Json> all = {nullptr,
                                          true,
                                          false,
                                          0,
                                          1,
                                          -1,
                                          2,
                                          255,
                                          2147483647,
                                          2147483648,
                                          4294967296,
                                          9007199254740991,
                                          9007199254740993,
                                          18446744073709551615u,
                                          0.5,
                                          1e-300,
                                          1e300,
                                          -0.0,
                                          "",
                                          " ",
                                          "a",
                                          "\xe2\x96\x81",
                                          "<0x00>",
                                          "../a",
                                          Json::array(),
                                          Json::object(),
                                          Json::array({0, 0}),
                                          Json{{"type", "a"}}};
    return all[draw(all.size())];
  }
  void vary(Json& value) {
    if (value.is_number_integer()) {
      const auto number = value.get<std::int64_t>();
      value = draw(2) ? number + (draw(2) ? 1 : -1) : number / 2;
    } else if (value.is_number()) {
      value = value.get<double>() * (draw(2) ? -2 : 0.5);
    } else if (value.is_string()) {
      std::string text = value.get<std::string>();
      const std::size_t size = text.size();
      text.resize(size + 16);
      text.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(text.data()), size, text.size()));
      value = text;
    } else {
      value = constant();
    }
  }
  void drop(Json& value) {
    if (value.empty()) return;
    auto item = value.begin();
    std::advance(item, draw(value.size()));
    value.erase(item);
  }
  void add(Json& value) {
    const Json item = draw(2) ? constant() : Json(*values_[draw(values_.size())]);
    if (value.is_array()) return value.push_back(item);
    std::vector<std::string> keys;
    for (const Json* each : values_)
      if (each->is_object())
        for (const auto& member : each->items()) keys.push_back(member.key());
    value[keys.empty() ? "a" : keys[draw(keys.size())]] = item;
  }

  Json json_;
  std::mt19937_64 random_;
  std::vector<Json*> values_;
};

/// An input with changed JSON; empty if it holds none.
inline std::string mutate_json(std::string_view bytes, unsigned seed) {
  JsonPart part(bytes);
  if (!part.header && seed % 4 == 0 && part.end + 1 < bytes.size()) part = JsonPart(bytes, part.end + 1);
  Json json = Json::parse(bytes.substr(part.begin, part.end - part.begin), nullptr, false);
  if (json.is_discarded()) return {};
  const std::string text = JsonMutator(std::move(json), seed).changed();
  std::string result(bytes.substr(0, part.begin));
  if (part.header)
    for (std::size_t k = 0; k < 8; ++k)
      result[part.begin - 8 + k] = static_cast<char>(std::uint64_t{text.size()} >> (8 * k));
  return result.append(text).append(bytes.substr(part.end));
}

}  // namespace fuzz
