/// The frequencies of RoPE of a llama in a GGUF file.
///     github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py (LlamaModel)
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/core/tensor.hpp"
#include "neutra/io/gguf.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/nn/config.hpp"
#include "neutra/nn/gguf_keys.hpp"
#include "neutra/nn/rope_tables.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace detail {

/// The tensor of a file with the scaling `llama3`: what it divides each frequency by.
inline constexpr const char* gguf_rope_divisors = "rope_freqs.weight";

/// The scaling `llama3`: a file holds the divisors, and not its four settings. The factor is the last divisor; the
/// others are equal in all published models. Error: the divisors of other settings.
inline void read_gguf_llama3(Config& config, const io::Gguf& file, const io::GgufEntry& entry) {
  const io::Reader keys(file.metadata(), file.name());
  const Index width = config.head_width;
  require(entry.shape == Shape{width / 2}, file.name(), ": ", gguf_rope_divisors, " must be ", Shape{width / 2},
          ", got ", entry.shape);
  const Tensor<double> divisors = file.read<double>(entry);
  const double factor = divisors.data()[width / 2 - 1];
  if (std::all_of(divisors.data(), divisors.data() + width / 2, [](double d) { return d == 1; })) return;
  require(config.choices.empty(),
          gguf_unsupported(keys, concat(gguf_rope_divisors, " must be absent beside linear scaling")));
  config.choices["rope_scaling"] = "llama3";
  config.numbers.merge(std::map<std::string, double>{
      {"rope_factor", factor}, {"rope_trained_context", 8192}, {"rope_low_factor", 1}, {"rope_high_factor", 4}});
  const auto plain = rope_frequencies(width, config.numbers.at("rope_theta")),
             scaled = scaled_frequencies(config, width, 1);
  for (std::size_t p = 0; p < plain.size(); ++p) {
    const double got = divisors.data()[p];
    require(got > 0 && std::abs(plain[p] / scaled[p] - got) <= 1e-4 * got,
            gguf_unsupported(keys, concat(gguf_rope_divisors,
                                          " must be the divisors of Llama 3.1 (low_freq_factor 1, high_freq_factor 4, "
                                          "original context 8192), got ",
                                          got, " for pair ", p, " in place of ", plain[p] / scaled[p])));
  }
}

/// Base and scaling of RoPE, for a configuration with its width of heads. Error: a scaling that is neither linear nor
/// that of Llama 3.1.
inline void read_gguf_rope(Config& config, const io::Gguf& file) {
  const io::Reader keys(file.metadata(), file.name());
  config.numbers["rope_theta"] = gguf_positive(keys, "llama.rope.freq_base", 10000.0);
  double factor = gguf_positive(keys, "llama.rope.scale_linear", 1.0);  // of old files
  const std::string kind = keys.text("llama.rope.scaling.type", "none");
  require(kind == "none" || kind == "linear",
          gguf_unsupported(keys, concat("llama.rope.scaling.type must be none or linear, got ", io::printable(kind))));
  if (kind == "linear") factor = gguf_positive(keys, "llama.rope.scaling.factor");
  if (factor != 1) {
    config.choices["rope_scaling"] = "linear";
    config.numbers["rope_factor"] = factor;
  }
  if (const io::GgufEntry* const divisors = file.find(gguf_rope_divisors)) read_gguf_llama3(config, file, *divisors);
}

}}}}  // namespace neutra::NEUTRA_ABI::nn::detail
