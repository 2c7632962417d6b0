/// The options of a model, for evaluate, generate and choices.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/io/folder_kind.hpp"
#include "neutra/program/adapter_options.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/device_option.hpp"
#include "neutra/program/program.hpp"
#include "neutra/study/known_fingerprint.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/load.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// Gives the fingerprint of a model: the one that the run of an adapter keeps, if it is of these files, or a new one.
/// Called before the model is read.
inline train::Fingerprint fingerprint_of(const io::Path& model, const std::vector<train::SavedAdapter>& adapters) {
  for (const train::SavedAdapter& saved : adapters)
    if (const io::Path file = study::fingerprint_beside(saved.path); io::is_there(file))
      return [known = std::make_shared<study::KnownFingerprint>(file, model)](const train::Backbone& backbone) {
        return known->get(backbone.config(), [&] { return nn::fingerprint(backbone); });
      };
  return nn::fingerprint<float, DefaultDevice>;
}

/// The options of a model and its adapters.
struct ModelOptions {
  io::Path model;
  AdapterOptions adapters;
  DType precision = DType::f32;
  Quantisation base_precision;
  Index threads = 0;

  train::LoadedModel load(const adapter::Registry& registry, nn::Purpose purpose) const {
    const std::vector<train::SavedAdapter> saved = adapters.read(registry);
    const adapter::Attenuation attenuation = adapters.attenuation(saved);
    const train::Fingerprint fingerprint = fingerprint_of(model, saved);
    train::LoadedModel loaded = train::load_model(model, saved, {purpose, precision, base_precision}, fingerprint);
    loaded.model->attenuation = attenuation;
    return loaded;
  }
  void add_to(CLI::App& app) {
    add_model_to(app)->required();
    adapters.add_to(app);
  }
  /// All of them but those of adapters. Returns --model.
  CLI::Option* add_model_to(CLI::App& app) {
    CLI::Option* const option = app.add_option("--model", model, about_models);
    add_device(app);
    add_precision(app, precision);
    add_base_precision(app, base_precision);
    app.add_option("--threads", threads, "number of threads; 0: all")->capture_default_str();
    return option;
  }
  /// Error: an invalid value.
  void check() const {
    DefaultDevice::matmul_units(precision);  // reports an invalid NEUTRA_BF16_UNIT before the weights are read
    study::detail::check_threads(threads);
  }
};

/// The tokens of a window, as --sequence asks; 0: the model's context, at most 4096, with a note if that is less.
/// Error: more than the context.
inline Index window_length(Index asked, Index context) {
  // The default limit: attention over the millions that a config.json may claim would take
  // days and more memory than there is.
  constexpr Index most = 4096;
  if (asked == 0 && context > most)
    print_line(concat("note: windows have ", most, " tokens although the model's context is ", context,
                      "; --sequence sets their length"));
  require(asked <= context, "--sequence must not exceed the model's context of ", context, ", got ", asked);
  return asked > 0 ? asked : std::min(context, most);
}

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
