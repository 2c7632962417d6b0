/// How the bytes of a text file become text.
#pragma once

#include "neutra/data/documents.hpp"
#include "neutra/data/text_memory.hpp"
#include "neutra/io/file_memory.hpp"
#include "neutra/io/memory_limit.hpp"
#include "neutra/train/text_template.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Half of the memory that this process may use, in bytes: a text and its tokens are both held there.
inline std::uint64_t half_of_memory() { return io::memory_limit() / 2; }

/// The format of all text files of a program.
///   field: the field of a JSON Lines file that holds the text; "text" if empty
///   documents: whether they are separated by the model's end of text, and where a plain text has them; of JSON Lines,
///          each line is one
///   templates: how the records of JSON Lines become text of which a part is scored. Each is a document then, as is
///   each
///          plain text that is not separated into documents; a record that has the field `field` is text of that field
///   most:  the largest text of one file in bytes; a small file may unpack to any size
///   token_cache, memory: the folder of a TokenCache, and where texts lie; see cache_in
struct TextFormat {
  std::optional<std::string> field{};
  data::Documents documents = data::Documents::joined;
  RecordTemplates templates{};
  std::uint64_t most = half_of_memory();
  io::Path token_cache{};
  data::TextMemory memory{};

  /// Keeps texts and tokens in files of a folder, so that they may be larger than memory.
  void cache_in(const io::Path& folder) {
    token_cache = folder;
    memory = std::make_shared<io::FileMemory>(folder, "--token-cache");
    most = std::numeric_limits<std::uint64_t>::max();
  }

  /// Whether texts are separated into documents.
  bool separates() const { return documents != data::Documents::joined || !templates.empty(); }
};

}}}  // namespace neutra::NEUTRA_ABI::train
