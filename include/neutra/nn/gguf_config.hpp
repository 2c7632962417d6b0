/// The configuration of a llama in a GGUF file, from its keys and from the tensors that stand for some.
///     github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py (LlamaModel) and llama-arch.cpp
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/io/gguf.hpp"
#include "neutra/io/json.hpp"
#include "neutra/nn/config.hpp"
#include "neutra/nn/families.hpp"
#include "neutra/nn/family.hpp"
#include "neutra/nn/gguf_keys.hpp"
#include "neutra/nn/gguf_rope.hpp"

#include <algorithm>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn { namespace detail {

inline void read_gguf_sizes(Config& config, const io::Gguf& file) {
  const io::Reader keys(file.metadata(), file.name());
  const io::GgufEntry* const embedding = file.find("token_embd.weight");
  require(embedding != nullptr && embedding->shape.rank() == 2, file.name(),
          ": token_embd.weight must be a matrix, got ", embedding ? concat(embedding->shape) : "none");
  const auto size = [&](const char* key, Index most) { return keys.integer(key, {}, 1, most); };
  config.vocabulary = embedding->shape.rows();
  const Index named = keys.integer("llama.vocab_size", config.vocabulary);
  require(named == config.vocabulary && named <= Limits::vocabulary, file.name(),
          ": llama.vocab_size must be the rows of token_embd.weight, ", config.vocabulary, ", got ", named);
  config.dim = size("llama.embedding_length", Limits::width);
  config.ffn = size("llama.feed_forward_length", Limits::width);
  config.layers = size("llama.block_count", Limits::layers);
  config.heads = size("llama.attention.head_count", Limits::heads);
  config.kv_heads = keys.integer("llama.attention.head_count_kv", config.heads, 1, Limits::heads);
  config.context = size("llama.context_length", Limits::context);
  config.norm_epsilon = gguf_positive(keys, "llama.attention.layer_norm_rms_epsilon");
  config.tied = file.find("output.weight") == nullptr;
}

/// The width of heads, for a configuration with its sizes.
inline void read_gguf_head_width(Config& config, const io::Reader& keys) {
  require(config.heads % config.kv_heads == 0, keys.what(),
          ": llama.attention.head_count must be a multiple of head_count_kv, got ", config.heads, " and ",
          config.kv_heads);
  const bool divides = config.dim % config.heads == 0;
  require(divides || keys.has("llama.attention.key_length"), keys.what(),
          ": llama.embedding_length must be a multiple of attention.head_count if attention.key_length is absent, got ",
          config.dim, " and ", config.heads);
  const Index width = keys.integer("llama.attention.key_length", config.dim / config.heads, 1, Limits::width);
  config.head_width = width;
  require(width % 2 == 0, keys.what(), ": the head size must be even for RoPE, got ", width);
  for (const char* key : {"llama.attention.value_length", "llama.rope.dimension_count"})
    require(keys.integer(key, width) == width,
            gguf_unsupported(keys, concat(key, " must be the head size, ", width, ", got ", keys.integer(key, width))));
}

/// bos, and the tokens that end a text or a turn.
inline void read_gguf_ends(Config& config, const io::Reader& keys) {
  const auto id = [&](const char* key) { return keys.integer(key, -1, 0, config.vocabulary - 1); };
  config.bos = id("tokenizer.ggml.bos_token_id");
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
    if (const Index end = id(key); end >= 0 && std::find(config.eos.begin(), config.eos.end(), end) == config.eos.end())
      config.eos.push_back(end);
}

/// Error: the keys of another model than a whole llama; a key that is missing, out of range or not supported.
inline Config gguf_config(const io::Gguf& file) {
  const io::Reader keys(file.metadata(), file.name());
  check_gguf_llama(keys);
  Config config;
  read_gguf_sizes(config, file);
  read_gguf_head_width(config, keys);
  read_gguf_rope(config, file);
  for (const auto& [tensor, setting] :
       {std::pair{"blk.0.attn_q.bias", "attention_bias"}, std::pair{"blk.0.ffn_gate.bias", "mlp_bias"}})
    if (file.find(tensor) != nullptr) config.numbers[setting] = 1;
  read_gguf_ends(config, keys);
  config.complete();
  return config;
}

}}}}  // namespace neutra::NEUTRA_ABI::nn::detail
