/// Integrity checks by SHA-256: JSON files that contain the hash of their own content, and hashes of other files.
#pragma once

#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/output_file.hpp"
#include "neutra/io/sha256.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

namespace detail {

inline constexpr const char* seal_key = "content_sha256";
inline constexpr std::size_t digest_size = 64;

/// The offset of the digest in a sealed text; npos if it has none. With this indentation, the key can only belong to
/// the outermost object.
inline std::size_t digest_at(std::string_view text) {
  const std::string before = concat("\n  \"", seal_key, "\": \"");
  const auto at = text.find(before);
  return at == text.npos || text.size() - at < before.size() + digest_size ? text.npos : at + before.size();
}

}  // namespace detail

/// Writes a JSON object with one more key, content_sha256: the SHA-256 of the file's text in which the digits of the
/// hash itself are zeros. Error: as write_json.
inline void write_sealed(const Path& path, Json object) {
  object[detail::seal_key] = std::string(detail::digest_size, '0');
  std::string text = dump(object, path.string());
  text.replace(detail::digest_at(text), detail::digest_size, sha256_hex(text));
  write_file(path, text);
}

/// Reads the object from a file of write_sealed, without the seal.
/// Error: content that does not match its hash; no hash; no object; as read_file.
inline Json read_sealed(const Path& path) {
  std::string text = read_file(path, 100'000'000);
  const std::size_t at = detail::digest_at(text);
  require(at != text.npos, path.string(), ": must hold the hash of its own content (", detail::seal_key,
          "), got none; the file is damaged, or of another version");
  const std::string digest = text.substr(at, detail::digest_size);
  text.replace(at, detail::digest_size, detail::digest_size, '0');
  require(sha256_hex(text) == digest, path.string(), ": must hold content that matches its hash (", detail::seal_key,
          "), but does not; the file is damaged or was edited");
  Json json = parse(text, path.string());
  const Reader object(json, path.string());  // for its message: must be a JSON object
  json.erase(detail::seal_key);
  return json;
}

/// SHA-256 of a file's bytes.
inline std::string file_sha256(const Path& path) {
  const InputFile file(path);
  Sha256 sum;
  std::string block(std::size_t{1} << 20, '\0');
  std::uint64_t offset = 0;
  while (const std::size_t count = file.read_some(offset, block.data(), block.size())) {
    sum.update({block.data(), count});
    offset += count;
  }
  return sum.hex();
}

/// The SHA-256 of the named files in a folder, null for one that does not exist: {"a.json": "0123...", "b.json": null}.
inline Json hashes_of(const Path& folder, const std::vector<std::string>& names) {
  Json hashes = Json::object();
  for (const std::string& name : names)
    hashes[name] = std::filesystem::exists(folder / name) ? Json(file_sha256(folder / name)) : Json();
  return hashes;
}

/// Compares files with the result of hashes_of.      Error: the first file that is missing, new or different.
inline void check_hashes(const Path& folder, const Json& hashes) {
  for (const auto& [name, expected] : hashes.items()) {
    const std::string file = (folder / name).string();
    std::error_code ignored;
    const bool there = std::filesystem::exists(file, ignored);
    require(there || expected.is_null(), file, ": must exist as it was saved, but is missing");
    require(!there || !expected.is_null(), file, ": must not exist: no such file was saved; move it away");
    const std::string found = there ? file_sha256(file) : std::string();
    require(!there || found == expected, file, ": must be unchanged since it was saved with SHA-256 ", expected.dump(),
            ", got ", found, "; it was damaged or replaced");
  }
}

}}}  // namespace neutra::NEUTRA_ABI::io
