// Writes models as GGUF files, as the converter of llama.cpp does.
#pragma once

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/nn/backbone.hpp"

#include "tests/io/gguf_bytes.hpp"

#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace samples {

using namespace neutra;

/// Weights are multiples of 1/16 between -1/2 and 7/16, which every type represents exactly.
inline std::shared_ptr<const nn::Backbone<float, Cpu>> coarse_model(bool tied) {
  nn::Config config{.vocabulary = 33,
                    .dim = 64,
                    .ffn = 96,
                    .layers = 2,
                    .heads = 4,
                    .kv_heads = 2,
                    .context = 16,
                    .norm_epsilon = static_cast<double>(1e-5f),
                    .numbers = {{"rope_theta", 5000.0}},
                    .tied = tied,
                    .bos = 1,
                    .eos = {2}};
  Index next = 0;
  return std::make_shared<const nn::Backbone<float, Cpu>>(config, [&](const nn::Weight& weight) {
    Tensor<float, Cpu> values(weight.kind.shape);
    for (Index i = 0; i < values.size(); ++i, ++next)
      values.data()[i] = static_cast<float>((next * 7 + next / 11) % 16 - 8) / 16;
    return values;
  });
}

/// The row of a head in half-split order that its row in a GGUF file was.
///      llama.cpp, convert_hf_to_gguf.py: w.reshape(n_head, 2, w // n_head // 2, ...).swapaxes(1, 2)
inline Index row_before(Index row, Index width) {
  const Index in_head = row % width;
  return row - in_head + in_head % 2 * (width / 2) + in_head / 2;
}

inline std::string encoded(const std::vector<float>& values, const std::string& type) {
  std::string bytes;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    const int sixteenths = static_cast<int>(values[i] * 16);
    if (type == "F32") bytes += raw(values[i]);
    if (type == "BF16") bytes += raw(static_cast<std::uint16_t>(bits >> 16));
    if (type == "F16")  // normal numbers and zero
      bytes += raw(static_cast<std::uint16_t>(
          values[i] == 0 ? 0 : (bits >> 16 & 0x8000) | (((bits >> 23 & 255) - 112) << 10) | (bits >> 13 & 0x3ff)));
    if ((type == "Q8_0" || type == "Q4_0") && i % 32 == 0) bytes += raw<std::uint16_t>(0x2c00);  // 1/16
    if (type == "Q8_0") bytes += static_cast<char>(sixteenths);
    if (type == "Q4_0" && i % 32 < 16)
      bytes += static_cast<char>((sixteenths + 8) | (static_cast<int>(values[i + 16] * 16) + 8) << 4);
  }
  return bytes;
}

/// The file of a model; norms and biases are always float, as the converter writes them.
inline GgufBytes gguf_of(const nn::Backbone<float, Cpu>& model, const std::string& type) {
  const nn::Config& c = model.config();
  constexpr std::array<std::pair<const char*, std::uint32_t>, 5> types = {
      {{"F32", 0}, {"F16", 1}, {"BF16", 30}, {"Q8_0", 8}, {"Q4_0", 2}}};
  constexpr std::array<std::pair<const char*, const char*>, 12> names = {{{"model.embed_tokens.", "token_embd."},
                                                                          {"model.norm.", "output_norm."},
                                                                          {"lm_head.", "output."},
                                                                          {"input_layernorm.", "attn_norm."},
                                                                          {"self_attn.q_proj.", "attn_q."},
                                                                          {"self_attn.k_proj.", "attn_k."},
                                                                          {"self_attn.v_proj.", "attn_v."},
                                                                          {"self_attn.o_proj.", "attn_output."},
                                                                          {"post_attention_layernorm.", "ffn_norm."},
                                                                          {"mlp.gate_proj.", "ffn_gate."},
                                                                          {"mlp.up_proj.", "ffn_up."},
                                                                          {"mlp.down_proj.", "ffn_down."}}};
  const auto size = [](Index value) { return u32(static_cast<std::uint32_t>(value)); };
  GgufBytes bytes;
  bytes.keys = {{"general.architecture", text("llama")},
                {"general.name", text("test")},
                {"llama.vocab_size", size(c.vocabulary)},
                {"llama.context_length", size(c.context)},
                {"llama.embedding_length", size(c.dim)},
                {"llama.block_count", size(c.layers)},
                {"llama.feed_forward_length", size(c.ffn)},
                {"llama.attention.head_count", size(c.heads)},
                {"llama.attention.head_count_kv", size(c.kv_heads)},
                {"llama.attention.key_length", size(c.head_width)},
                {"llama.rope.dimension_count", size(c.head_width)},
                {"llama.rope.freq_base", f32(static_cast<float>(c.numbers.at("rope_theta")))},
                // Doubles, so that the configuration is equal to the last bit.
                {"llama.attention.layer_norm_rms_epsilon", raw<std::uint32_t>(12) + raw(c.norm_epsilon)},
                {"tokenizer.ggml.bos_token_id", size(c.bos)},
                {"tokenizer.ggml.eos_token_id", size(c.eos[0])}};
  for (Index index = 0; index < model.list().count(); ++index) {
    const nn::Weight weight = model.list().at(index);
    const auto values = model.weights()[static_cast<std::size_t>(index)].copy();
    const Index rows = values.shape()[0], cols = values.size() / rows;
    std::string name(weight.kind.name);
    const bool rotated = name.find("q_proj") != name.npos || name.find("k_proj") != name.npos;
    std::vector<float> order(static_cast<std::size_t>(values.size()));
    for (Index row = 0; row < rows; ++row)
      for (Index col = 0; col < cols; ++col)
        order[static_cast<std::size_t>(row * cols + col)] =
            values.data()[(rotated ? row_before(row, c.head_width) : row) * cols + col];
    for (const auto& [own, theirs] : names)
      if (name.starts_with(own)) name = theirs + name.substr(std::string_view(own).size());
    if (weight.layer >= 0) name = concat("blk.", weight.layer, '.', name);
    const bool matrix = values.shape().rank() == 2;
    GgufTensor tensor{name, {}, 0, encoded(order, matrix ? type : "F32")};
    for (int axis = values.shape().rank(); axis-- > 0;)
      tensor.sizes.push_back(static_cast<std::uint64_t>(values.shape()[axis]));
    for (const auto& [known, id] : types)
      if (matrix && type == known) tensor.type = id;
    bytes.tensors.push_back(tensor);
  }
  return bytes;
}

}  // namespace samples
