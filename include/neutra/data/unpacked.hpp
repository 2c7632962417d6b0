/// Opens a file that may be packed: gzip and zstd are unpacked while they are read.
#pragma once

#include "neutra/core/file_format.hpp"
#include "neutra/core/types.hpp"
#include "neutra/data/byte_source.hpp"
#include "neutra/data/gzip.hpp"
#include "neutra/data/zstd.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The formats that are unpacked. Each has the ending of its names, `opens` to know it by its first bytes, and a
/// constructor from the packed bytes.
using Packings = Types<Gzip, Zstd>;

/// The name of a file without the ending of a packing: a.jsonl for a.jsonl.gz.
inline std::filesystem::path unpacked_name(std::filesystem::path path) {
  bool packed = false;
  for_each_type(Packings{}, [&]<class P>() { packed |= path.extension() == P::name_ending; });
  return packed ? path.replace_extension() : path;
}

/// The unpacked bytes of a file or pipe. Errors: as FileBytes; a name that promises a packing which the file has not.
inline std::unique_ptr<ByteSource> open_unpacked(const std::filesystem::path& path) {
  auto file = std::make_unique<FileBytes>(path);
  const std::string head(file->head()), name = file->name();
  std::unique_ptr<ByteSource> unpacked;
  for_each_type(Packings{}, [&]<class P>() {
    if (P::opens(head)) {
      unpacked = std::make_unique<P>(std::move(file));
    } else if (path.extension() == P::name_ending && !head.empty()) {
      const FileFormat* const other = other_format(head, FileKind::text);
      fail(name, ": must be packed, as the ending ", P::name_ending, " of its name says, got ",
           other ? to_string(*other) : "something else; rename it, or fetch it again");
    }
  });
  if (unpacked) return unpacked;
  return file;
}

}}}  // namespace neutra::NEUTRA_ABI::data
