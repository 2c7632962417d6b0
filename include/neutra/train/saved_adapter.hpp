/// Adapters read from files.
#pragma once

#include "neutra/adapter/fixed.hpp"
#include "neutra/adapter/registry.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/peft.hpp"
#include "neutra/train/model.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// An adapter file: what its JSON says, and the adapter that it describes. Of a LoRA in the layout of PEFT, which says
/// neither, the model determines the adapter (see adapter_for).
struct SavedAdapter {
  io::Path path;
  nn::AdapterFile file;
  Adapter adapter;
  std::shared_ptr<const nn::PeftLora> peft{};

  /// The adapter in a model. Error: a LoRA of PEFT that does not fit the model.
  Adapter adapter_for(const nn::Config& config) const { return peft ? Adapter(peft->lora(config)) : adapter; }
  /// The identity of what the files hold.
  std::string sha256() const { return peft ? peft->sha256() : io::file_sha256(path); }
};

/// Error: no file; a folder or an mlx-lm adapter, in place of an adapter file of this library or a LoRA of PEFT.
inline void refuse_other_adapters(const io::Path& path) {
  require(io::is_there(path), path.string(), ": there is no such file; check the path");
  if (nn::PeftLora::folder_of(path)) return;
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  const io::Path home = folder ? path : path.parent_path();
  const bool ours = !folder && io::is_there(io::Path(path).replace_extension(".json"));
  require(
      ours || !io::is_there(home / "adapter_config.json"), path.string(),
      ": must be an adapter written by neutra or a LoRA folder of PEFT, got one of mlx-lm or a file of an adapter "
      "folder; name the folder of PEFT, or merge the adapter into its model (mlx_lm.fuse) and give that as --model");
  require(!folder, path.string(), ": must be a file NAME.safetensors or a LoRA folder of PEFT, got a folder; name ",
          io::is_there(path / "adapter.safetensors") ? "adapter.safetensors" : "the file", " in it");
}

/// Error: an adapter with more weights in this model than the file holds. Checked before memory is allocated for them.
inline void check_weights(const SavedAdapter& saved, const adapter::Sizes& sizes) {
  if (saved.peft) return;  // its ranks are bounded by the sizes of the model
  const auto weights = io::Safetensors::open(saved.path);
  const Index here = saved.adapter.describe(sizes).weights;
  Index held = 0;
  for (const auto& entry : weights.entries()) held += entry.shape.size();
  require(here <= held, saved.path.string(), ": the adapter has ", here, " weights in this model (dim ", sizes.dim,
          ", ", sizes.layers, " layers), the file has only ", held, "; it was made for dim ",
          saved.file.base.config.dim, ", ", saved.file.base.config.layers,
          " layers: load that model, or copy JSON and weights from the same save");
}

/// Error: a policy has options in this program that the file does not mention. It might compute another function.
inline void check_policy_options(const io::Path& path, const Settings& saved, const Settings& here) {
  for (const auto& [key, setting] : here)
    require(saved.contains(key) || key.find('.') == key.npos, path.string(), ": was saved without ", key,
            ", but here it has ", key, " = ", text_of(setting), "; load it in a program with the same options");
}

/// The adapter that a file describes. Error: what this program does not know; the message names the file.
inline Adapter adapter_of(const io::Path& path, const adapter::Description& saved, const adapter::Registry& registry) {
  try {
    return registry.make(saved.kind, saved.settings);
  } catch (const SettingError& error) {
    fail(path.string(), ": ", error.what());
  }
}

/// Reads the JSON of an adapter file, or the configuration of a LoRA in the layout of PEFT. Error: a file that is
/// neither; what this program does not know; the message names the file.
inline SavedAdapter saved_adapter(const io::Path& path, const adapter::Registry& registry) {
  refuse_other_adapters(path);
  if (const auto folder = nn::PeftLora::folder_of(path))
    return {path, {}, adapter::None{}, std::make_shared<const nn::PeftLora>(*folder)};
  SavedAdapter saved{path, nn::read_adapter_json(path), adapter::None{}};
  saved.adapter = adapter_of(path, saved.file.description, registry);
  check_policy_options(path, saved.file.description.settings, saved.adapter.settings());
  return saved;
}

/// The adapter of a model with the weights that it has, as a part of a model that stays as it is.
inline adapter::Fixed<float, DefaultDevice> as_fixed(const Adapter& adapter, Model& model) {
  auto weights = std::make_shared<std::vector<Tensor<float>>>();
  for (const auto* parameter : model.parameters()) {
    std::deque<Tensor<float>> copies;
    const View<const float> values = nn::on_host(*parameter, copies);
    std::copy_n(values.data, values.size(), weights->emplace_back(values.shape).data());
  }
  return {adapter, std::move(weights)};
}

/// A model on a backbone that other models may share, with a saved adapter. base(): the identity of the backbone.
/// Error: an adapter for another base; a damaged file (see nn::load_adapter_weights).
template <class Base>
std::unique_ptr<Model> load_adapter(const std::shared_ptr<const Backbone>& backbone, const SavedAdapter& saved,
                                    const Base& base) {
  check_weights(saved, backbone->config().sizes());
  auto model = std::make_unique<Model>(backbone, saved.adapter_for(backbone->config()));
  if (saved.peft)
    saved.peft->load(model->parameters(), backbone->config());
  else
    nn::load_adapter_weights(saved.path, model->parameters(), base());
  return model;
}

/// Loads the weights of a saved adapter as a part of a model that stays as it is. base: that of the backbone.
/// Errors: as load_adapter.
inline adapter::Fixed<float, DefaultDevice> load_fixed(const SavedAdapter& saved,
                                                       const std::shared_ptr<const Backbone>& backbone,
                                                       const nn::Base& base) {
  const auto model = load_adapter(backbone, saved, [&] { return base; });
  return as_fixed(saved.adapter_for(backbone->config()), *model);
}

}}}  // namespace neutra::NEUTRA_ABI::train
