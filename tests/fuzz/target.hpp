// What fuzz targets share. A target is a function of the bytes of a file: it reads them as a program does. A reader may
// return or throw neutra::Error; whatever else leaves a target is a fault of the library.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/unigram_tokenizer.hpp"
#include "neutra/io/json.hpp"

#include "tests/io/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

using namespace neutra;

/// A target and the name of its corpus, tests/fuzz/corpus/NAME.
struct Target {
  const char* name;
  void (*read)(std::string_view bytes);
};

/// Calls a reader, which may refuse its input.
template <class F> void attempt(const F& f) {
  try {
    f();
  } catch (const Error&) {
  }
}

/// What must hold for every input that a reader accepts.
inline void claim(bool holds, const char* rule) {
  if (!holds) throw std::logic_error(rule);
}

/// Two files in one input: JSON, and behind the first zero byte, which JSON does not hold, the other.
struct Pair {
  explicit Pair(std::string_view bytes)
      : json(bytes.substr(0, bytes.find('\0'))),
        rest(json.size() < bytes.size() ? bytes.substr(json.size() + 1) : std::string_view()) {}
  std::string_view json, rest;
};
inline std::string pair(std::string_view json, std::string_view rest) {
  return std::string(json).append(1, '\0').append(rest);
}

/// Whether a tokenizer is a unigram model that loses text: what it has no pieces for, without byte fallback; what its
/// normalizers change beside spaces; white space between words.
inline bool may_lose(const data::Tokenizer& tokenizer) {
  if (dynamic_cast<const data::UnigramTokenizer*>(&tokenizer) == nullptr) return false;
  const io::Json file = io::parse(tokenizer.serialized(), "tokenizer.json");
  if (!file["model"].value("byte_fallback", false)) return true;
  io::Json steps = file.value("normalizer", io::Json());
  if (steps.is_object() && steps.contains("normalizers")) steps = steps["normalizers"];
  for (const io::Json& step : steps.is_object() ? io::Json::array({steps}) : steps) {
    const bool spaces =
        step["type"] == "Prepend" || (step["type"] == "Replace" && step["pattern"] == io::Json{{"String", " "}} &&
                                      step["content"] == std::string(data::space_sign));
    if (!spaces) return true;
  }
  return file.value("pre_tokenizer", io::Json()).dump().find("WhitespaceSplit") != std::string::npos;
}

/// Every other tokenizer is lossless but for a space in front, which some files ask to drop. The texts are in NFC.
inline void check_lossless(const data::Tokenizer& tokenizer) {
  const bool loses = may_lose(tokenizer);
  for (const std::string_view text :
       {"", " ", "  The\tthe 12345 can't\r\n\n x ", "na\xc3\xafve \xe2\x96\x81 \xf0\x9f\x91\x8d <s>"}) {
    const std::vector<std::int32_t> ids = tokenizer.encode(text);
    claim(std::all_of(ids.begin(), ids.end(), [&](std::int32_t id) { return tokenizer.knows(id); }),
          "a tokenizer must know the tokens of a text");
    const std::string decoded = tokenizer.decode(ids);
    claim(loses || decoded == text || ' ' + decoded == text, "decode(encode(x)) must be x");
  }
  tokenizer.piece(tokenizer.bos());
}

}  // namespace fuzz
