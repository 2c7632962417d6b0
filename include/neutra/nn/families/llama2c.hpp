/// Models of llama2.c, version 0.      github.com/karpathy/llama2.c, export.py (legacy_export) and run.c
///     seven int32:  dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size (negative: separate head), seq_len
///     float32:      embedding
///                   for each kind, all layers: attention norm, q, k, v, o, FFN norm, gate, down, up
///                   final norm, two RoPE tables, head
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/finite.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/half_split.hpp"
#include "neutra/nn/host.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

namespace detail {

/// A version-0 file: its sizes and the position of each weight. Opening validates the whole layout.
class Llama2cFile {
 public:
  explicit Llama2cFile(const io::Path& path) : file_(path) {
    static_assert(std::endian::native == std::endian::little,
                  "neutra: llama2.c files are little-endian, and so must the machine be");
    read_header();
    lay_out();
  }

  const Config& config() const { return config_; }

  /// Reads a weight; rows that RoPE rotates are put in half-split order.
  /// Error: NaN or infinity (with the index in file order).
  Tensor<float> read(const Weight& weight) const {
    const Shape& shape = weight.kind.shape;
    Tensor<float> values(shape);
    const Index first = begin_.at(weight.kind.name) + (weight.layer < 0 ? 0 : weight.layer) * shape.size();
    file_.read(static_cast<std::uint64_t>(header_bytes + 4 * first), values.data(),
               static_cast<std::size_t>(shape.size()) * sizeof(float));
    const Index bad = io::first_not_finite(values.data(), shape.size());
    if (bad < shape.size())
      fail(file_.name(), ": ", weight.name, ": values must be finite, got ", values.data()[bad], " at index ", bad,
           " of ", shape, "; the training that made it diverged, or the file is damaged");
    return is_rotated(weight.kind) ? half_split(values, config_.head_width) : std::move(values);
  }

 private:
  static constexpr Index header_bytes = 28;

  void read_header() {
    char first[header_bytes] = {};
    const std::size_t have = file_.read_some(0, first, sizeof first);
    // The first bytes of another format are only a hint: a dim of 640 has the first bytes of a pickle.
    const FileFormat* other = io::other_format(file_, FileKind::other);
    hint_ = other ? concat("; it is ", *other) : "; it is not a llama2.c model of version 0, or is damaged";
    require(!other || !other->name.starts_with("a llama2.c file"), file_.name(),
            ": must have version 0, got a later version (magic ak42); export it with --version 0");
    require(have == sizeof first, file_.name(), ": a llama2.c model must begin with 28 bytes of header, got ", have,
            " bytes", hint_);
    const auto header = std::bit_cast<std::array<std::int32_t, 7>>(first);
    const auto positive = [&](std::size_t at, std::string_view key, Index most) {
      const Index value = header[at];
      require(value >= 1 && value <= most, file_.name(), ": header: ", key, " must be in 1 .. ", most, ", got ", value,
              hint_);
      return value;
    };
    config_ = {.dim = positive(0, "dim", Limits::width),
               .ffn = positive(1, "hidden_dim", Limits::width),
               .layers = positive(2, "n_layers", Limits::layers),
               .heads = positive(3, "n_heads", Limits::heads),
               .kv_heads = positive(4, "n_kv_heads", Limits::heads),
               .context = positive(6, "seq_len", Limits::context),
               .norm_epsilon = 1e-5,
               .tied = header[5] > 0,
               .bos = 1,
               .eos = {2, 1}};
    config_.vocabulary = std::abs(Index{header[5]});
    require(config_.vocabulary > 0 && config_.vocabulary <= Limits::vocabulary, file_.name(),
            ": header: vocab_size must not be zero, or below -", Limits::vocabulary, ", got ", header[5], hint_);
    const auto divides = [&](Index whole, Index part, std::string_view rule) {
      require(whole % part == 0, file_.name(), ": header: ", rule, ", got ", whole, " and ", part);
    };
    divides(config_.dim, config_.heads, "dim must be a multiple of n_heads");
    divides(config_.heads, config_.kv_heads, "n_heads must be a multiple of n_kv_heads");
    config_.head_width = config_.dim / config_.heads;
    require(config_.head_width % 2 == 0, file_.name(),
            ": header: the head size dim / n_heads must be even for RoPE, got ", config_.head_width);
    if (config_.vocabulary <= 2) {
      config_.bos = -1;
      config_.eos.clear();
    }
    config_.complete();
  }

  /// Computes the position of each weight. The limits on sizes keep the sum far below 2^63.
  void lay_out() {
    using family::Llama;
    const WeightList list = Llama::weights(config_);
    Index numbers = 0;
    const auto place = [&](const WeightKind& kind, Index copies) {
      begin_[kind.name] = numbers;
      numbers += kind.shape.size() * copies;
    };
    place(list.of_all[0], 1);
    for (const std::string_view name :
         {"input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
          "self_attn.o_proj.weight", "post_attention_layernorm.weight", "mlp.gate_proj.weight", "mlp.down_proj.weight",
          "mlp.up_proj.weight"})
      place(list.of_layer[static_cast<std::size_t>(list.kind_named(name))], config_.layers);
    place(list.of_all[1], 1);
    numbers += config_.context * config_.head_width;  // cosine and sine, half a head each: recomputed, not read
    if (!config_.tied) place(list.of_all.back(), 1);
    const auto expected = static_cast<std::uint64_t>(header_bytes + 4 * numbers), size = file_.size();
    require(size == expected, file_.name(), ": a llama2.c model of these sizes (dim ", config_.dim, ", hidden_dim ",
            config_.ffn, ", n_layers ", config_.layers, ", n_heads ", config_.heads, ", n_kv_heads ", config_.kv_heads,
            ", vocab_size ", config_.vocabulary, config_.tied ? "" : " with a head", ", seq_len ", config_.context,
            ") must have ", expected, " bytes, got ", size, ": ", size < expected ? expected - size : size - expected,
            size < expected ? " are missing" : " too many", hint_);
  }

  io::InputFile file_;
  std::string hint_;  // advice for an invalid header
  Config config_;
  std::map<std::string_view, Index> begin_;  // per kind of weight: the index of its first element after the header
};

}  // namespace detail

/// Loads a llama2.c file of version 0. Settings that the file does not contain are those of llama2.c: RoPE base 10000,
/// epsilon 1e-5, SiLU, bos 1, eos 2. The rows of q and k are reordered to half-split order, so that save_model writes a
/// folder that transformers reads.
/// Error: another format or version; a header value out of range; heads that do not divide; an odd head width; a file
/// size that does not match; NaN or infinity.
template <Scalar S, Backend D>
std::shared_ptr<const Backbone<S, D>> load_llama2c(const io::Path& path, const Use<S>& use = {}) {
  const auto file = std::make_shared<const detail::Llama2cFile>(path);
  const auto read = [file](const Weight& weight) {
    const Tensor<float> values = file->read(weight);
    Tensor<S> host(values.shape());
    std::copy_n(values.data(), values.size(), host.data());
    return to_device<S, D>(std::move(host));
  };
  return backbone_of<S, D>(file->config(), read, use);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
