// A temporary folder for each test, and helpers for tests of files.
#pragma once

#include "neutra/core/error.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace scratch {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "neutra-test-XXXXXX").string();
    neutra::require(mkdtemp(name.data()) != nullptr, "no scratch folder can be made");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  int count() const {
    int files = 0;
    for ([[maybe_unused]] const auto& item : std::filesystem::directory_iterator(path_)) ++files;
    return files;
  }

 private:
  std::filesystem::path path_;
};

// Does not use the code under test.
inline void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
inline std::string get(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Whether the Error that f throws contains all parts. Shows the message if not.
template <class F, class... Parts> bool says(F&& f, const Parts&... parts) {
  const std::string text = message(f);
  const bool all = !text.empty() && ((text.find(parts) != text.npos) && ...);
  if (!all) UNSCOPED_INFO("the message was: " << (text.empty() ? "(no Error)" : text));
  return all;
}

// A safetensors file with any content: 8 bytes of length, the header, the data.
inline std::string safetensors(std::string_view header, std::string_view data = {}) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift);
  return bytes.append(header).append(data);
}

}  // namespace scratch
