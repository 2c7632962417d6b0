/// The options of a model, for evaluate and generate.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/load.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// The options of a model, for evaluate and generate.
struct ModelOptions {
  io::Path model, adapter;
  std::string precision = "float";
  Index threads = 0;

  train::LoadedModel load(const adapter::Registry& registry, nn::Purpose purpose) const {
    return train::load_model(model, adapter, registry, {purpose, dtype_named(precision)});
  }
  void add_to(CLI::App& app) {
    app.add_option("--model", model, "a Hugging Face folder of a model")->required();
    app.add_option("--adapter", adapter, "an adapter for this model: NAME.safetensors");
    app.add_option("--precision", precision, "matmul input precision: float or bf16; sums are float32")
        ->capture_default_str();
    app.add_option("--threads", threads, "number of threads; 0: all")->capture_default_str();
  }
  /// Error: an invalid value.
  void check() const {
    study::detail::check_precision(precision);
    if (precision == "bf16") cpu::bf16_unit();  // reports an invalid NEUTRA_BF16_UNIT before the weights are read
    study::detail::check_threads(threads);
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
