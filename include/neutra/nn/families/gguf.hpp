/// Llamas as GGUF files.      github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py (LlamaModel) and llama-arch.cpp
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/gguf.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"
#include "neutra/nn/backbone.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/half_split.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/items.hpp"
#include "neutra/nn/rope_tables.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  explicit GgufModel(const io::Path& path) : file_(io::Gguf::open(path)), keys_(file_.metadata(), file_.name()) {
    refuse_others();
    read_sizes();
    read_rope();
    read_biases();
    read_ends();
    config_.complete();
    check_tensors();
  }
  GgufModel(const GgufModel&) = delete;  // keys_ refers to file_
  GgufModel& operator=(const GgufModel&) = delete;

  const Config& config() const { return config_; }

  /// The values of a weight; rows that RoPE rotates are put in half-split order.
  template <Scalar S> Tensor<S> read(const Weight& weight) const {
    Tensor<S> values = file_.template read<S>(*file_.find(gguf_name(weight)));
    return is_rotated(weight.kind) ? half_split(values, config_.head_width) : std::move(values);
  }

 private:
  static constexpr const char* rope_divisors = "rope_freqs.weight";

  std::string no(std::string_view what) const {
    return concat(file_.name(), ": ", what, "; take the model's safetensors folder, if its family is supported");
  }

  double positive(const char* key, std::optional<double> fallback = {}) const {
    const double value = keys_.number(key, fallback);
    require(value > 0 && std::isfinite(value), file_.name(), ": ", key, " must be positive, got ", value);
    return value;
  }

  /// Error: other architectures, adapters, parts of a model, and keys of a llama that ask for what it does not have.
  void refuse_others() const {
    const std::string architecture = keys_.text("general.architecture"), kind = keys_.text("general.type", "model");
    require(kind == "model", no(concat("general.type must be \"model\", got \"", io::printable(kind), '"')));
    require(architecture == "llama",
            no(concat("general.architecture must be \"llama\", got \"", io::printable(architecture), '"')));
    require(keys_.integer("split.count", 1) <= 1, file_.name(), ": must be a whole model, got one of ",
            keys_.integer("split.count", 1), " files; join them with llama-gguf-split --merge");
    static const std::set<std::string_view> known = {"vocab_size",
                                                     "context_length",
                                                     "embedding_length",
                                                     "block_count",
                                                     "feed_forward_length",
                                                     "use_parallel_residual",
                                                     "tensor_data_layout",
                                                     "expert_count",
                                                     "expert_used_count",
                                                     "attention.head_count",
                                                     "attention.head_count_kv",
                                                     "attention.layer_norm_rms_epsilon",
                                                     "attention.key_length",
                                                     "attention.value_length",
                                                     "rope.dimension_count",
                                                     "rope.freq_base",
                                                     "rope.scaling.type",
                                                     "rope.scaling.factor",
                                                     "rope.scaling.original_context_length",
                                                     "rope.scaling.finetuned",
                                                     "rope.scale_linear"};
    for (const auto& member : keys_.json().items())
      if (member.key().starts_with("llama.") && !known.contains(std::string_view(member.key()).substr(6)))
        fail(no(concat("the key ", io::printable(member.key()), " is not supported")));
    require(keys_.integer("llama.expert_count", 0) == 0, no("mixtures of experts are not supported"));
    require(!keys_.flag("llama.use_parallel_residual", false), no("parallel residuals are not supported"));
  }

  void read_sizes() {
    const io::GgufEntry* const embedding = file_.find("token_embd.weight");
    require(embedding != nullptr && embedding->shape.rank() == 2, file_.name(),
            ": token_embd.weight must be a matrix, got ", embedding ? concat(embedding->shape) : "none");
    const auto size = [&](const char* key, Index most) { return keys_.integer(key, {}, 1, most); };
    config_.vocabulary = embedding->shape.rows();
    const Index named = keys_.integer("llama.vocab_size", config_.vocabulary);
    require(named == config_.vocabulary && named <= Limits::vocabulary, file_.name(),
            ": llama.vocab_size must be the rows of token_embd.weight, ", config_.vocabulary, ", got ", named);
    config_.dim = size("llama.embedding_length", Limits::width);
    config_.ffn = size("llama.feed_forward_length", Limits::width);
    config_.layers = size("llama.block_count", Limits::layers);
    config_.heads = size("llama.attention.head_count", Limits::heads);
    config_.kv_heads = keys_.integer("llama.attention.head_count_kv", config_.heads, 1, Limits::heads);
    config_.context = size("llama.context_length", Limits::context);
    config_.norm_epsilon = positive("llama.attention.layer_norm_rms_epsilon");
    config_.tied = file_.find("output.weight") == nullptr;
    require(config_.heads % config_.kv_heads == 0, file_.name(),
            ": llama.attention.head_count must be a multiple of head_count_kv, got ", config_.heads, " and ",
            config_.kv_heads);
    const bool divides = config_.dim % config_.heads == 0;
    require(divides || keys_.has("llama.attention.key_length"), file_.name(),
            ": llama.embedding_length must be a multiple of attention.head_count if attention.key_length is absent, "
            "got ",
            config_.dim, " and ", config_.heads);
    const Index width = keys_.integer("llama.attention.key_length", config_.dim / config_.heads, 1, Limits::width);
    config_.head_width = width;
    require(width % 2 == 0, file_.name(), ": the head size must be even for RoPE, got ", width);
    for (const char* key : {"llama.attention.value_length", "llama.rope.dimension_count"})
      require(keys_.integer(key, width) == width,
              no(concat(key, " must be the head size, ", width, ", got ", keys_.integer(key, width))));
  }

  void read_rope() {
    config_.numbers["rope_theta"] = positive("llama.rope.freq_base", 10000.0);
    double factor = positive("llama.rope.scale_linear", 1.0);  // of old files
    const std::string kind = keys_.text("llama.rope.scaling.type", "none");
    require(kind == "none" || kind == "linear",
            no(concat("llama.rope.scaling.type must be none or linear, got ", io::printable(kind))));
    if (kind == "linear") factor = positive("llama.rope.scaling.factor");
    if (factor != 1) {
      config_.choices["rope_scaling"] = "linear";
      config_.numbers["rope_factor"] = factor;
    }
    if (const io::GgufEntry* const divisors = file_.find(rope_divisors)) read_llama3(*divisors);
  }

  /// The scaling `llama3`: a file holds what it divides each frequency by, and not its four settings. The factor is the
  /// last divisor; the others are equal in all published models.
  void read_llama3(const io::GgufEntry& entry) {
    const Index width = config_.head_width;
    require(entry.shape == Shape{width / 2}, file_.name(), ": ", rope_divisors, " must be ", Shape{width / 2}, ", got ",
            entry.shape);
    const Tensor<double> divisors = file_.read<double>(entry);
    const double factor = divisors.data()[width / 2 - 1];
    if (std::all_of(divisors.data(), divisors.data() + width / 2, [](double d) { return d == 1; })) return;
    require(config_.choices.empty(), no(concat(rope_divisors, " must be absent beside linear scaling")));
    config_.choices["rope_scaling"] = "llama3";
    config_.numbers.merge(std::map<std::string, double>{
        {"rope_factor", factor}, {"rope_trained_context", 8192}, {"rope_low_factor", 1}, {"rope_high_factor", 4}});
    const auto plain = rope_frequencies(width, config_.numbers.at("rope_theta")),
               scaled = scaled_frequencies(config_, width, 1);
    for (std::size_t p = 0; p < plain.size(); ++p) {
      const double got = divisors.data()[p];
      require(got > 0 && std::abs(plain[p] / scaled[p] - got) <= 1e-4 * got,
              no(concat(rope_divisors,
                        " must be the divisors of Llama 3.1 (low_freq_factor 1, high_freq_factor 4, "
                        "original context 8192), got ",
                        got, " for pair ", p, " in place of ", plain[p] / scaled[p])));
    }
  }

  void read_biases() {
    for (const auto& [tensor, setting] :
         {std::pair{"blk.0.attn_q.bias", "attention_bias"}, std::pair{"blk.0.ffn_gate.bias", "mlp_bias"}})
      if (file_.find(tensor) != nullptr) config_.numbers[setting] = 1;
  }

  /// bos, and the tokens that end a text or a turn.
  void read_ends() {
    const auto id = [&](const char* key) { return keys_.integer(key, -1, 0, config_.vocabulary - 1); };
    config_.bos = id("tokenizer.ggml.bos_token_id");
    for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
      if (const Index end = id(key);
          end >= 0 && std::find(config_.eos.begin(), config_.eos.end(), end) == config_.eos.end())
        config_.eos.push_back(end);
  }

  /// Error: in one message, tensors that are missing, of another shape, or not part of the model.
  void check_tensors() const {
    const WeightList list = weight_list(config_);
    Items missing("missing"), wrong("of the wrong shape"), extra("not of a llama");
    std::set<std::string> known = {rope_divisors};
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
  io::Reader keys_;
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
