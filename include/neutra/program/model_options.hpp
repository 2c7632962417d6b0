/// The options of a model, for evaluate and generate.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/load.hpp"

#include <CLI/CLI.hpp>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// The options of a model, for evaluate and generate.
struct ModelOptions {
  io::Path model, adapter;
  DType precision = DType::f32;
  Index threads = 0;

  train::LoadedModel load(const adapter::Registry& registry, nn::Purpose purpose) const {
    return train::load_model(model, adapter, registry, {purpose, precision});
  }
  void add_to(CLI::App& app) {
    app.add_option("--model", model, "a Hugging Face folder of a model")->required();
    app.add_option("--adapter", adapter, "an adapter for this model: NAME.safetensors");
    add_precision(app, precision);
    app.add_option("--threads", threads, "number of threads; 0: all")->capture_default_str();
  }
  /// Error: an invalid value.
  void check() const {
    DefaultDevice::matmul_units(precision);  // reports an invalid NEUTRA_BF16_UNIT before the weights are read
    study::detail::check_threads(threads);
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
