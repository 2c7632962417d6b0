/// The implementation of the program `merge`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/io/output_file.hpp"
#include "neutra/nn/merged_model.hpp"
#include "neutra/nn/save_peft.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/program.hpp"
#include "neutra/train/load.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

struct MergeOptions {
  io::Path model, out;
  std::vector<io::Path> adapters;
  std::string to = "model";

  void add_to(CLI::App& app) {
    app.add_option("--model", model, about_models)->required();
    app.add_option("--adapter", adapters,
                   "adapters for this model: NAME.safetensors, or LoRA folders of PEFT; several are merged together")
        ->required();
    app.add_option("--out", out, "folder to write, new or empty")->required();
    app.add_option("--to", to,
                   "model: the model with the adapter in its weights; peft: a LoRA as a folder that PEFT loads")
        ->capture_default_str();
  }
  /// Error: an unknown form; a folder that holds something.
  void check() const {
    require(to == "model" || to == "peft", "--to must be model or peft, got '", to, "'");
    std::error_code error;
    require(!io::is_there(out) || std::filesystem::is_empty(out, error), out.string(),
            ": --out must be new or an empty folder, got one that holds files; name another");
  }
};

/// What the adapter adds to weights. Error: why no weights compute the same; the message names the file.
inline adapter::WeightChanges<float> changes_of(train::Model& model, const io::Path& adapter) {
  try {
    return model.adapter().weight_changes();
  } catch (const Error& error) {
    fail(adapter.string(), ": cannot be merged: ", error.what());
  }
}

inline void merge(const MergeOptions& options, const adapter::Registry& registry) {
  std::vector<train::SavedAdapter> saved;
  for (const io::Path& path : options.adapters) saved.push_back(train::saved_adapter(path, registry));
  train::check_together(saved);
  const train::LoadedModel loaded = train::load_model(options.model, {}, registry, {nn::Purpose::finetuning});
  const auto& backbone = *loaded.model->backbone();
  adapter::WeightChanges<float> changes;
  const auto models = train::load_each(loaded.model->backbone(), saved, [&] {
    return nn::base_of(backbone, train::tokenizer_sha256(*loaded.tokenizer));
  });
  for (std::size_t one = 0; one < saved.size(); ++one) changes.add(changes_of(*models[one], saved[one].path));
  if (options.to == "peft") {
    nn::save_peft(options.out, changes, backbone.config(), io::utf8_text(options.model.native()));
    return;
  }
  nn::save_merged(options.out, backbone, changes, options.model);
  if (const auto serialized = loaded.tokenizer->serialized(); !serialized.empty())
    io::write_file(options.out / loaded.tokenizer->file_name(), serialized);
}

}  // namespace detail

/// Runs merge. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_merge(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("merge", [&](std::stop_token) {
    CLI::App app("Write a model with adapters in its weights, or a LoRA in the layout of PEFT.", "merge");
    detail::MergeOptions options;
    options.add_to(app);
    parse_command_line(app, argc, argv);
    options.check();
    detail::merge(options, policies());
    std::printf("%s: %s\n", options.to.c_str(), io::printable_whole(options.out.native()).c_str());
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
