/// What a run leaves in its folder: the adapter or the model that it trained.
#pragma once

#include "neutra/nn/adapter_file.hpp"
#include "neutra/study/pretraining.hpp"
#include "neutra/study/shared.hpp"
#include "neutra/study/start.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The files of a run with what it trained.
struct TrainedFiles {
  io::Path folder;
  Trains trains = Trains::adapter;

  /// Within the folder; a model need not have each of its files.
  std::vector<std::string> names() const {
    if (trains == Trains::adapter) return {"adapter.json", "adapter.safetensors"};
    std::vector<std::string> all;
    for (const std::string& name : model_files()) all.push_back(concat("model/", name));
    return all;
  }
  Index bytes() const {
    Index sum = 0;
    for (const std::string& name : names())
      if (const io::Path path = folder / name; std::filesystem::exists(path))
        sum += static_cast<Index>(std::filesystem::file_size(path));
    return sum;
  }
  /// Writes them.      description: of the adapter    start: what the run started from
  void save(train::Model& model, const adapter::Description& description, const Start& start,
            const Shared& shared) const {
    if (trains == Trains::model)
      save_model(folder / "model", model, *shared.corpus.tokenizer, shared.options.model);
    else
      nn::save_adapter(folder / "adapter.safetensors", model.parameters(), description, start.base, start.trained_on);
  }
};

}}}  // namespace neutra::NEUTRA_ABI::study
