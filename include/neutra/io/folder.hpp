/// The weights of a model folder, whether they lie in one file or in shards.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"
#include "neutra/core/shape.hpp"
#include "neutra/core/tensor.hpp"
#include "neutra/core/view.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/folder_kind.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors_reader.hpp"
#include "neutra/io/utf8.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Named tensors of a folder: model.safetensors if it is there, else the shards that model.safetensors.index.json
/// names. Tensors of a shard that the index does not mention are there too, so that whoever asked for other names can
/// report them.
class WeightSource {
 public:
  /// Error: not a folder; neither file in it (what it holds instead is named, with the way out); a link to nothing;
  /// everything Safetensors::open refuses; an index that is not of its form, a shard that is missing or named with a
  /// path in it, a tensor that its shard lacks (all at once).
  static WeightSource open(const Path& folder) { return WeightSource(folder); }

  /// All names, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, file] : files_) result.push_back(name);
    return result;
  }
  bool contains(std::string_view name) const { return files_.find(name) != files_.end(); }

  /// Name, dtype and shape of a tensor.      Error: no such tensor; as in the functions below.
  const Entry& entry(std::string_view name) const { return file(name).entry(name); }
  const Shape& shape(std::string_view name) const { return entry(name).shape; }

  /// As Safetensors::read.
  template <Scalar S> void read(std::string_view name, View<S> into) const { file(name).read(name, into); }
  template <Scalar S> Tensor<S> read(std::string_view name) const { return file(name).template read<S>(name); }

  /// The files that hold the weights.
  const std::vector<Safetensors>& files() const { return shards_; }

 private:
  explicit WeightSource(const Path& folder) : folder_(folder) {
    std::error_code error;
    if (!is_there(folder)) fail(folder.string(), ": there is no such folder; ", detail::describe_missing(folder));
    if (!std::filesystem::is_directory(folder, error)) {
      const std::string received = detail::describe_weights(folder);
      fail(folder.string(), ": must be a folder with model.safetensors in it, got ",
           received.empty() ? "a file" : received);
    }
    if (is_there(folder / single)) {
      add(single);
    } else if (is_there(folder / index)) {
      read_index();
    } else {
      refuse();
    }
  }

  static constexpr const char* single = "model.safetensors";
  static constexpr const char* index = "model.safetensors.index.json";

  const Safetensors& file(std::string_view name) const {
    const auto found = files_.find(name);
    if (found != files_.end()) return shards_[found->second];
    fail(folder_.string(), ": tensor ", shown(name), " is missing; the folder has ", files_.size(), " tensors in ",
         shards_.size(), " files");
  }

  void add(const std::string& name) {
    shards_.push_back(Safetensors::open(folder_ / name));
    for (const Entry& entry : shards_.back().entries()) files_.try_emplace(entry.name, shards_.size() - 1);
  }

  void read_index() {
    const Path path = folder_ / index;
    const Json json = read_json(path, 32'000'000);  // a hundred bytes a tensor
    const Reader map = Reader(json, path.string()).object("weight_map");
    require(!map.json().empty(), path.string(), ": weight_map must name at least one tensor, got none");
    std::map<std::string, std::string> wanted;  // tensor -> shard
    for (const auto& member : map.json().items()) wanted.emplace(member.key(), map.text(member.key()));
    const auto numbers = open_shards(path, wanted);
    std::string lacking;
    int count = 0;
    for (const auto& [name, shard] : wanted) {
      const std::size_t number = numbers.at(shard);
      files_.insert_or_assign(name, number);
      if (!shards_[number].contains(name) && ++count <= 20)
        lacking += concat(count == 1 ? "" : ", ", shown(name), " (", shard, ")");
    }
    require(count == 0, path.string(), ": each tensor must be in the shard that weight_map names, but ", count,
            " are not: ", lacking, count > 20 ? ", ..." : "", "; index and shards are of different versions");
  }

  std::map<std::string, std::size_t> open_shards(const Path& path, const std::map<std::string, std::string>& wanted) {
    std::map<std::string, std::size_t> numbers;
    for (const auto& [tensor, shard] : wanted) numbers.emplace(shard, 0);
    std::string missing;
    for (const auto& [shard, ignored] : numbers) {
      const bool plain = !shard.empty() && shard != "." && shard != ".." && shard.find_first_of("/\\:") == shard.npos &&
                         shard.find('\0') == shard.npos;
      if (!plain)
        fail(path.string(), ": a shard must be named by a plain file name in the same folder, got \"", shown(shard),
             "\"");
      if (!is_there(folder_ / shard)) missing += concat(missing.empty() ? "" : ", ", shown(shard));
    }
    require(missing.empty(), path.string(), ": these shards are missing: ", missing, "; copy them into ",
            folder_.string());
    for (auto& [shard, number] : numbers) {
      number = shards_.size();
      add(shard);
    }
    return numbers;
  }

  [[noreturn]] void refuse() const {
    const std::string kind = detail::describe_folder(folder_);
    fail(folder_.string(), ": must hold ", single, " or ", index, ", got ",
         kind.empty() ? "neither; is it the folder of a model?" : kind);
  }

  Path folder_;
  std::vector<Safetensors> shards_;
  std::map<std::string, std::size_t, std::less<>> files_;  // tensor -> position in shards_
};

}}}  // namespace neutra::NEUTRA_ABI::io
