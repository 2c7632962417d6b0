/// How the bytes of a text file become text.
#pragma once

#include "neutra/data/documents.hpp"

#include <unistd.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Half of the machine's memory in bytes: a text and its tokens are both held there. No limit where the system does not
/// tell.
inline std::uint64_t half_of_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(pages) / 2 * static_cast<std::uint64_t>(page);
}

/// The format of all text files of a program.
///   field: the field of a JSON Lines file that holds the text; "text" if empty
///   documents: whether they are separated by the model's end of text, and where a plain text has them; of JSON Lines,
///          each line is one
///   most:  the largest text of one file in bytes; a small file may unpack to any size
struct TextFormat {
  std::optional<std::string> field{};
  data::Documents documents = data::Documents::joined;
  std::uint64_t most = half_of_memory();
};

}}}  // namespace neutra::NEUTRA_ABI::train
