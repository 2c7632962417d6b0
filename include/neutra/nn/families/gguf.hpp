/// Llamas as GGUF files.      github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py (LlamaModel) and llama-arch.cpp
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/gguf.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/gguf_config.hpp"
#include "neutra/nn/half_split.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/items.hpp"

#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// The names of a llama's tensors, without ".weight" and ".bias": here, and in GGUF (behind "blk.N." in a layer).
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 12> gguf_names = {
    {{"model.embed_tokens", "token_embd"},
     {"model.norm", "output_norm"},
     {"lm_head", "output"},
     {"input_layernorm", "attn_norm"},
     {"self_attn.q_proj", "attn_q"},
     {"self_attn.k_proj", "attn_k"},
     {"self_attn.v_proj", "attn_v"},
     {"self_attn.o_proj", "attn_output"},
     {"post_attention_layernorm", "ffn_norm"},
     {"mlp.gate_proj", "ffn_gate"},
     {"mlp.up_proj", "ffn_up"},
     {"mlp.down_proj", "ffn_down"}}};

inline std::string gguf_name(const Weight& weight) {
  const std::string_view name = weight.kind.name;
  const std::size_t end = name.rfind('.');
  for (const auto& [own, theirs] : gguf_names)
    if (name.substr(0, end) == own)
      return concat(weight.layer < 0 ? "" : concat("blk.", weight.layer, '.'), theirs, name.substr(end));
  fail("gguf: there is no name for the weight ", weight.name);
}

/// A llama's file: its configuration and its weights. Opening validates all but the values.
class GgufModel {
 public:
  explicit GgufModel(const io::Path& path) : file_(io::Gguf::open(path)), config_(gguf_config(file_)) {
    check_tensors();
  }

  const Config& config() const { return config_; }

  /// The values of a weight; rows that RoPE rotates are put in half-split order.
  template <Scalar S> Tensor<S> read(const Weight& weight) const {
    Tensor<S> values = file_.template read<S>(*file_.find(gguf_name(weight)));
    return is_rotated(weight.kind) ? half_split(values, config_.head_width) : std::move(values);
  }

 private:
  /// Error: in one message, tensors that are missing, of another shape, or not part of the model.
  void check_tensors() const {
    const WeightList list = weight_list(config_);
    Items missing("missing"), wrong("of the wrong shape"), extra("not of a llama");
    std::set<std::string> known = {gguf_rope_divisors};
    for (Index index = 0; index < list.count(); ++index) {
      const Weight weight = list.at(index);
      const std::string name = gguf_name(weight);
      const io::GgufEntry* const entry = file_.find(name);
      if (entry == nullptr) {
        missing.add(name);
        continue;
      }
      known.insert(name);
      if (entry->shape != weight.kind.shape)
        wrong.add(concat(name, " must be ", weight.kind.shape, ", got ", entry->shape));
    }
    for (const io::GgufEntry& entry : file_.entries())
      if (!known.contains(entry.name)) extra.add(io::printable(entry.name));
    const std::string faults = missing.text() + wrong.text() + extra.text();
    require(faults.empty(), file_.name(), ": the tensors must match the keys", faults);
  }

  io::Gguf file_;
  Config config_;
};

}  // namespace detail

/// Loads the llama of a GGUF file of version 2 or 3 with tensors of F32, F16, BF16, Q8_0 or Q4_0; quantised ones are
/// widened to S. The rows of q and k are reordered to half-split order, so that save_model writes a folder that
/// transformers reads. The head is the embedding if there is no output.weight.
/// Error: as io::Gguf; another architecture, an adapter, a part of a split model; a key that is missing, out of range
/// or not supported; in one message, tensors that are missing, extra or of another shape; NaN and infinity.
template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> load_gguf(const io::Path& path, const Use<S>& use = {}) {
  const auto file = std::make_shared<const detail::GgufModel>(path);
  const auto read = [file](const Weight& weight) { return to_device<S, D>(file->template read<S>(weight)); };
  return backbone_of<S, D>(file->config(), read, use);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
