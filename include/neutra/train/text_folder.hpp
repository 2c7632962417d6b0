/// The text files of a folder.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/data/unpacked.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

/// What the names of text files in a folder end in, packed or not. Parquet is among them because leaving it out would
/// leave out text: it is refused when it is read.
inline constexpr std::array<std::string_view, 3> text_endings{".txt", ".jsonl", ".parquet"};

inline bool is_text_name(const std::filesystem::path& path) {
  return std::count(text_endings.begin(), text_endings.end(), data::unpacked_name(path).extension()) > 0;
}

/// All files below a folder, in the order of their names. Hidden files and folders are left out, links to folders not
/// followed.
inline std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code problem;
  std::filesystem::recursive_directory_iterator item(folder, problem);
  for (; !problem && item != std::filesystem::recursive_directory_iterator(); item.increment(problem)) {
    const bool hidden = item->path().filename().native().starts_with('.');
    if (hidden) item.disable_recursion_pending();
    std::error_code dangling;
    const auto type = item->status(dangling).type();
    if (!hidden && (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found))
      files.push_back(item->path());  // a link to nothing too: refused when it is read
  }
  require(!problem, "text folder ", folder.string(), ": cannot be read (", problem.message(),
          "); check its permissions");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace detail

/// The files that `paths` name: each folder is replaced by the text files below it, in the order of their names.
/// `option` opens the remark on files that are left out.      Error: a folder that cannot be read, or has no text file.
inline std::vector<std::filesystem::path> text_files(const std::vector<std::filesystem::path>& paths,
                                                     const std::string& option, std::vector<std::string>& remarks) {
  std::vector<std::filesystem::path> files;
  for (const auto& path : paths) {
    std::error_code absent;
    if (!std::filesystem::is_directory(path, absent)) {
      files.push_back(path);
      continue;
    }
    auto all = detail::files_below(path);
    const std::size_t count = all.size();
    const auto others = std::stable_partition(all.begin(), all.end(), detail::is_text_name);
    require(others != all.begin(), "text folder ", path.string(),
            ": must hold files whose names end in .txt or .jsonl, or in these and .gz or .zst, got none among ", count,
            " files; name the files themselves");
    if (others != all.end())
      remarks.push_back(concat("note: ", option, ' ', path.string(), ": ", all.end() - others, " of ", count,
                               " files are left out, the first ", others->string(),
                               "; their names end in neither .txt nor .jsonl"));
    files.insert(files.end(), all.begin(), others);
  }
  return files;
}

}}}  // namespace neutra::NEUTRA_ABI::train
