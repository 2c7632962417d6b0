/// Error texts for a path that is not a model folder: what it is instead, and how to get a model from it.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// Whether a path exists. Error: a dangling link,
/// as remains when a download cache was cleared or copied without its blobs.
inline bool is_there(const Path& path) {
  const std::string link = dangling(path);
  if (!link.empty())
    fail(path.string(), ": must be a file or folder", link,
         "; download it again, or copy it with links followed (cp -rL)");
  std::error_code error;
  return std::filesystem::exists(path, error);
}

namespace detail {

/// Whether these first bytes are those of a llama2.c model: seven consistent sizes, or the magic number of a later
/// version. A dim of 640 has the first bytes of a pickle, but no pickle continues with such sizes.
inline bool begins_llama2c(std::string_view first) {
  if (first.starts_with("24ka")) return true;
  std::array<std::int32_t, 7> header{};  // dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
  if (first.size() < sizeof header) return false;
  std::copy_n(first.data(), sizeof header, reinterpret_cast<char*>(header.data()));
  const auto [dim, hidden, layers, heads, kv_heads, vocabulary, length] = header;
  const auto size = [](std::int32_t value) { return value > 0 && value <= 1 << 20; };
  return size(dim) && size(hidden) && size(layers) && size(heads) && size(kv_heads) && size(length) &&
         vocabulary != 0 && dim % heads == 0 && heads % kv_heads == 0;
}

/// What a weight file is, and what to do with it; empty if its first bytes are not recognised.
inline std::string describe_weights(const Path& path) {
  const InputFile file(path);
  char bytes[28] = {};
  const std::string_view first{bytes, file.read_some(0, bytes, sizeof bytes)};
  const FileFormat* format = other_format(file, FileKind::other);
  const std::string_view kind = format ? format->name : std::string_view();
  if (begins_llama2c(first)) return "a llama2.c model: name the file itself (in C++, nn::load_llama2c reads it)";
  if (kind.starts_with("a zip archive") || kind.starts_with("a Python pickle"))
    return "a PyTorch file, which can run code when it is loaded and is not read; convert it with save_pretrained(..., "
           "safe_serialization=True)";
  if (kind.starts_with("a GGUF")) return "a GGUF file: name the file itself (in C++, nn::load_gguf reads it)";
  if (kind.ends_with("llm.c"))
    return "a model of llm.c, which is not read; write it as a Hugging Face folder with its dev/eval/export_hf.py";
  return std::string(kind);
}

/// The first bytes of a regular file; empty for anything else.
inline std::string first_bytes(const Path& path) {
  std::error_code error;
  if (!is_there(path) || !std::filesystem::is_regular_file(path, error)) return {};
  char bytes[28] = {};
  return {bytes, InputFile(path).read_some(0, bytes, sizeof bytes)};
}

/// Whether a path that does not exist looks like org/name on the Hugging Face hub rather than like a local folder.
inline bool looks_like_hub_id(const Path& path) {
  const std::string text = path.string();
  const std::size_t slash = text.find('/');
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  const auto part = [&](std::string_view name) {
    return !name.empty() && name[0] != '.' && name.find_first_not_of(letters) == name.npos;
  };
  std::error_code error;
  constexpr std::array files = {".gguf", ".bin", ".safetensors"};
  if (std::find(files.begin(), files.end(), path.extension()) != files.end()) return false;
  return slash != text.npos && part(text.substr(0, slash)) && part(text.substr(slash + 1)) &&
         !std::filesystem::exists(text.substr(0, slash), error);
}

/// What to do about a path that does not exist.
inline std::string describe_missing(const Path& path) {
  const std::string text = path.string();
  if (text.find("://") != text.npos) return "models are not downloaded; download this one's folder, and name it";
  if (!looks_like_hub_id(path)) return "check the path";
  const std::string name = path.filename().string();
  return concat("a model of the Hugging Face hub must be downloaded first: huggingface-cli download ", text,
                " --local-dir ", name, ", then name ", name);
}

/// What a folder without model.safetensors contains, and what to do; empty if nothing is recognised.
inline std::string describe_folder(const Path& folder) {
  std::error_code error;
  const auto has = [&](const char* name) { return is_there(folder / name); };
  if (has("adapter_config.json") && has("adapters.safetensors"))
    return "an mlx-lm adapter, not a model: fuse it with its base (mlx_lm.fuse --dequantize) and take that folder";
  if (has("adapter_config.json"))
    return "a PEFT adapter, not a model: give its base as --model and this folder as --adapter";
  if (has("adapter.safetensors") && has("adapter.json"))
    return "an adapter made by neutra: give its base as --model, and --adapter .../adapter.safetensors";
  if (has("backbone/model.safetensors")) return "the output folder of a run: its model is in backbone/";
  if (has("model/model.safetensors")) return "the output folder of finetuning: its model is in model/";
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = item.path().filename().string(), ending = item.path().extension().string();
    constexpr std::array endings = {".bin", ".pt", ".pth", ".ckpt", ".gguf", ".safetensors"};
    if (!item.is_regular_file(error) || std::find(endings.begin(), endings.end(), ending) == endings.end()) continue;
    if (const std::string kind = describe_weights(item.path()); !kind.empty())
      return concat(printable(name), ": ", kind);
  }
  for (const char* name : {"tokenizer.model", "tokenizer.json", "vocab.json"})
    if (has(name))
      return concat("a tokenizer (", name,
                    ") without a model's weights: download the model.safetensors that belong to it");
  return {};
}

}  // namespace detail

/// Whether a path is a file that is to be read as GGUF or llama2.c: by its first bytes, or by its ending if these show
/// no other format, so that the reader says what is wrong with it. Error: a dangling link.
inline bool holds_gguf(const Path& path) {
  const std::string first = detail::first_bytes(path);
  return first.starts_with("GGUF") ||
         (!first.empty() && path.extension() == ".gguf" && detail::describe_weights(path).empty());
}
inline bool holds_llama2c(const Path& path) {
  const std::string first = detail::first_bytes(path);
  return detail::begins_llama2c(first) ||
         (!first.empty() && path.extension() == ".bin" && detail::describe_weights(path).empty());
}

}}}  // namespace neutra::NEUTRA_ABI::io
