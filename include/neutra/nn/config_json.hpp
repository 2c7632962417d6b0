/// Reading and writing the config.json of a model, in the format of Hugging Face transformers.
#pragma once

#include "neutra/io/json.hpp"
#include "neutra/nn/families.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// Error: an architecture other than the language model of the family; quantised weights.
inline void refuse_other_weights(const io::Reader& file, const std::string& architecture) {
  const auto& name = file.what();
  if (file.has("architectures")) {
    const auto all = file.texts("architectures");
    require(all.size() == 1 && all[0] == architecture, name, ": architectures must be [\"", architecture, "\"], got ",
            io::printable(file.value("architectures").dump()), "; save the language model itself");
  }
  if (file.has("quantization"))
    fail(name, ": quantization must be absent, got MLX weights of ", file.object("quantization").integer("bits", 0),
         " bits; quantised weights are not supported, take the model's float or bf16 weights (mlx_lm.convert "
         "--dequantize, or the original model)");
  if (file.has("quantization_config"))
    fail(name, ": quantization_config must be absent, got the method \"",
         io::printable(file.object("quantization_config").text("quant_method", "unnamed")),
         "\"; quantised weights are not supported, take the model's float or bf16 weights");
}

/// Error: the configuration of a language model within that of a larger one, as models of text and pictures have it.
inline void refuse_text_config(const io::Reader& file) {
  if (!file.has("text_config")) return;
  const io::Json part = file.value("text_config");
  const std::string type = part.is_object() ? part.value("model_type", io::Json()).dump() : "nothing";
  fail(file.what(), ": must be that of a language model alone, got \"", io::printable(file.text("model_type")),
       "\", which holds one as its text_config (", io::printable(type), "); save that part as a folder of its own");
}

/// Token ids: one, a list, or none.
inline std::vector<Index> read_ids(const io::Reader& file, const char* key, Index vocabulary) {
  if (!file.has(key)) return {};
  if (file.value(key).is_array()) return file.integers(key, 0, vocabulary - 1);
  return {file.integer(key, {}, 0, vocabulary - 1)};
}

/// Token ids as JSON.
inline io::Json ids_json(const std::vector<Index>& ids) {
  return ids.empty() ? io::Json() : ids.size() == 1 ? io::Json(ids[0]) : io::Json(ids);
}

}  // namespace detail

/// Reads the configuration of a model from its config.json; `what`, such as its path, begins each message.
/// Error: an unknown family; another architecture; quantised weights; the Errors of the family (see its read()); token
/// ids outside the vocabulary.
inline Config read_config(const io::Json& json, const std::string& what) {
  const io::Reader file(json, what);
  detail::refuse_text_config(file);
  return Families::choose(file.text("model_type"), what + ": model_type", [&]<class F>(F) {
    detail::refuse_other_weights(file, F::architecture);
    Config config = F::read(file);
    config.family = F::name;
    if (const auto begins = detail::read_ids(file, "bos_token_id", config.vocabulary); !begins.empty())
      config.bos = begins.front();
    config.eos = detail::read_ids(file, "eos_token_id", config.vocabulary);
    config.complete();
    return config;
  });
}

/// The config.json of a model; dtype: the dtype of the saved weights ("float32", "float64").
inline io::Json config_json(const Config& config, std::string_view dtype) {
  return Families::choose(config.family, "model: the family", [&]<class F>(F) {
    io::Json json = {{"architectures", {F::architecture}},
                     {"model_type", F::name},
                     {"torch_dtype", dtype},
                     {"vocab_size", config.vocabulary},
                     {"tie_word_embeddings", config.tied},
                     {"bos_token_id", config.bos < 0 ? io::Json() : io::Json(config.bos)},
                     {"eos_token_id", detail::ids_json(config.eos)}};
    json.update(F::template write<io::Json>(config));
    return json;
  });
}

}}}  // namespace neutra::NEUTRA_ABI::nn
