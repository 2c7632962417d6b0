/// The options of `extend` that say which model is extended.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/option_group.hpp"
#include "neutra/study/options.hpp"

#include <CLI/CLI.hpp>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// adapter: the path of --adapter
inline void add_backbone(CLI::App& app, study::Options& o, io::Path& adapter) {
  begin_group(app, "Backbone");
  app.add_option("--model", o.model, concat(about_models, "; default: pretrain one on the original text"));
  app.add_option(
      "--adapter", adapter,
      "an adapter of the model, NAME.safetensors or a LoRA folder of PEFT, by which it is extended already; it "
      "stays as it is");
  add_with_default(app, "--pretrain-steps", o.pretrain_steps, "steps of pretraining");
  add_with_default(app, "--dim", o.dim, "model width");
  add_with_default(app, "--layers", o.layers, "layers");
  add_with_default(app, "--heads", o.heads, "query heads");
  add_with_default(app, "--kv-heads", o.kv_heads, "key/value heads; 0: as many as heads");
  add_with_default(app, "--ffn", o.ffn, "FFN width; 0: 8/3 of dim");
  add_with_default(app, "--vocab", o.vocabulary, "vocabulary size of the trained tokenizer");
  add_with_default(app, "--pretrain-lr", o.pretrain_lr, "learning rate of pretraining");
  add_with_default(app, "--tokenizer", o.tokenizer,
                   "sentencepiece (trained on the original text), byte, or a tokenizer.model, .json or .bin");
  app.add_flag("--tied", o.tied, "share the weights of embedding and head");
}

/// Error: an option of pretraining that has no effect.
inline void check_pretraining(const CLI::App& app, const study::Options& o) {
  if (!o.model.empty())
    for (const char* option : {"--pretrain-steps", "--dim", "--layers", "--heads", "--kv-heads", "--ffn", "--vocab",
                               "--pretrain-lr", "--tokenizer", "--tied"})
      require(!given(app, option), option, " is for pretraining and contradicts --model; leave one of them out");
  require(o.tokenizer == "sentencepiece" || !given(app, "--vocab"),
          "--vocab has no effect without --tokenizer sentencepiece; add that, or leave it out");
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
