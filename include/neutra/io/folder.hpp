/// The weights of a model folder, in one file or in shards.
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
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// The named tensors of a folder: from model.safetensors if it exists, otherwise from the shards listed in
/// model.safetensors.index.json. Tensors of a shard that are missing from the index are included, so that a caller can
/// report unexpected names.
class WeightSource {
 public:
  /// Error: not a folder; a dangling link; no weights in it (the message says what it holds and what to do); whatever
  /// Safetensors::open rejects; a malformed index; a shard that is missing or whose name has a path in it; tensors that
  /// their shard lacks (all in one message).
  static WeightSource open(const Path& folder) { return WeightSource(folder); }

  /// All names, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, file] : files_) result.push_back(name);
    return result;
  }
  bool contains(std::string_view name) const { return files_.find(name) != files_.end(); }

  /// Name, dtype and shape of a tensor.      Error: no such tensor, here and below.
  const Entry& entry(std::string_view name) const { return file(name).entry(name); }
  const Shape& shape(std::string_view name) const { return entry(name).shape; }

  /// As Safetensors::read and lend.
  template <Scalar S> void read(std::string_view name, View<S> into) const { file(name).read(name, into); }
  template <Scalar S> Tensor<S> read(std::string_view name) const { return file(name).template read<S>(name); }

  template <Storage T> std::optional<Lent<T>> lend(std::string_view name) const {
    return file(name).template lend<T>(name);
  }

  /// The files that hold the weights.
  const std::vector<Safetensors>& files() const { return shards_; }

 private:
  explicit WeightSource(const Path& folder) : folder_(folder) {
    std::error_code error;
    if (!is_there(folder))
      fail(folder.string(), ": there is no such file or folder; ", detail::describe_missing(folder));
    if (!std::filesystem::is_directory(folder, error)) {
      const std::string received = detail::describe_weights(folder);
      const bool model = holds_gguf(folder) || holds_llama2c(folder);  // which other functions read
      fail(folder.string(), ": must be a ", model ? "folder with model.safetensors in it" : any_model, ", got ",
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

  static constexpr const char* any_model = "model folder, a GGUF file or a llama2.c file";
  static constexpr const char* single = "model.safetensors";
  static constexpr const char* index = "model.safetensors.index.json";

  const Safetensors& file(std::string_view name) const {
    const auto found = files_.find(name);
    if (found != files_.end()) return shards_[found->second];
    fail(folder_.string(), ": tensor ", printable(name), " is missing; the folder has ", files_.size(), " tensors in ",
         shards_.size(), " files");
  }

  void add(const std::string& name) {
    shards_.push_back(Safetensors::open(folder_ / name));
    for (const Entry& entry : shards_.back().entries()) files_.try_emplace(entry.name, shards_.size() - 1);
  }

  void read_index() {
    const Path path = folder_ / index;
    const Json json = read_json(path, 32'000'000);  // about a hundred bytes per tensor
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
        lacking += concat(count == 1 ? "" : ", ", printable(name), " (", shard, ")");
    }
    require(count == 0, path.string(), ": each tensor must be in the shard that weight_map names, but ", count,
            " are not: ", lacking, count > 20 ? ", ..." : "", "; index and shards come from different versions");
  }

  std::map<std::string, std::size_t> open_shards(const Path& path, const std::map<std::string, std::string>& wanted) {
    std::map<std::string, std::size_t> numbers;
    for (const auto& [tensor, shard] : wanted) numbers.emplace(shard, 0);
    std::string missing;
    for (const auto& [shard, ignored] : numbers) {
      const bool plain = !shard.empty() && shard != "." && shard != ".." && shard.find_first_of("/\\:") == shard.npos &&
                         shard.find('\0') == shard.npos;
      if (!plain)
        fail(path.string(), ": a shard must be named by a plain file name in the same folder, got \"", printable(shard),
             "\"");
      if (!is_there(folder_ / shard)) missing += concat(missing.empty() ? "" : ", ", printable(shard));
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
         kind.empty() ? "neither; is this a model folder?" : kind);
  }

  Path folder_;
  std::vector<Safetensors> shards_;
  std::map<std::string, std::size_t, std::less<>> files_;  // tensor -> index in shards_
};

}}}  // namespace neutra::NEUTRA_ABI::io
