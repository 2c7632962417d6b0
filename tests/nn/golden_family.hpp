// The tiny random models of tests/golden/make_families.py.
#pragma once

#include "neutra/nn/model_folder.hpp"
#include "neutra/testing/on_device.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace golden_family {

using namespace neutra;

inline const io::Path folder = io::Path(NEUTRA_SOURCE_DIR) / "tests/golden";

inline const io::Json& facts() {
  static const io::Json json = io::read_json(folder / "families.json");
  return json;
}

inline std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& item : facts().items()) all.push_back(item.key());
  return all;
}

/// A golden model as a folder, with a config.json that can be changed.
struct Golden {
  std::string name;
  io::Json json = facts().at(name).at("config");
  io::Safetensors file = io::Safetensors::open(folder / "families.safetensors");
  scratch::Folder made{};

  template <Scalar S> Tensor<S> tensor(const std::string& of) const { return file.read<S>(name + "/" + of); }

  template <Scalar S = float, Backend D = Cpu>
  std::shared_ptr<const nn::Backbone<S, D>> load(DType precision = dtype_of<S>) const {
    std::map<std::string, Tensor<float>> tensors;
    const auto ours = [&](const std::string& key) {
      return key != "logits" && !key.starts_with("residue.") && !key.starts_with("gradient.");
    };
    for (const auto& entry : file.entries())
      if (entry.name.starts_with(name + "/"))
        if (const std::string key = entry.name.substr(name.size() + 1); ours(key))
          tensors.try_emplace(key, file.read<float>(entry.name));
    std::vector<io::NamedView<float>> views;
    for (const auto& [key, values] : tensors) views.push_back({key, values.view()});
    io::write_safetensors<float>(made / "model.safetensors", views);
    io::write_json(made / "config.json", json);
    return nn::load_model<S, D>(made.path(), {.precision = precision});
  }
  /// Loads with `changes` merged into config.json.
  auto with(const io::Json& changes) const {
    return [changes, this] {
      Golden changed{name};
      changed.json.update(changes);
      return changed.load();
    };
  }
  std::vector<std::int32_t> tokens() const {
    std::vector<std::int32_t> all;
    for (const std::vector<std::int32_t> sequence : facts().at(name).at("tokens"))
      all.insert(all.end(), sequence.begin(), sequence.end());
    return all;
  }
};

/// The logits of two sequences of equal length.
template <class A, Scalar S, Backend D>
std::vector<S> logits_of(nn::Transformer<A, S, D>& model, const std::vector<std::int32_t>& tokens) {
  Tape<S, D> tape;
  tape.start(false);
  return testing::from_device<D>(model.logits(tape, {2, static_cast<Index>(tokens.size()) / 2, tokens}).value());
}
template <Scalar S, Backend D>
std::vector<S> logits(const std::shared_ptr<const nn::Backbone<S, D>>& backbone,
                      const std::vector<std::int32_t>& tokens) {
  nn::Transformer<adapter::None, S, D> model(backbone);
  return logits_of(model, tokens);
}

template <Scalar S> double worst(const std::vector<S>& found, const Tensor<S>& right) {
  REQUIRE(static_cast<Index>(found.size()) == right.size());
  double most = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(found[i]) - static_cast<double>(right.data()[i])));
  return most;
}

}  // namespace golden_family
