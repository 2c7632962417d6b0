// Text files: plain, JSON Lines, and packed ones.
#pragma once

#include "neutra/train/texts.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void text_file(const char* name, std::string_view bytes) {
  const scratch::Folder folder;
  scratch::put(folder / name, bytes);
  for (const auto documents : {data::Documents::joined, data::Documents::by_line, data::Documents::by_empty_line})
    attempt([&] {
      const data::Text text =
          train::read_texts({folder / name}, "--text", {.documents = documents, .most = std::uint64_t{1} << 20});
      claim(!text.bytes.empty() && text.bytes.size() <= std::uint64_t{1} << 21, "a text must keep to its limit");
      claim(std::is_sorted(text.ends.begin(), text.ends.end()), "documents must end one after the other");
      for (const std::size_t end : text.ends) claim(text.bytes.at(end) == '\n', "a document must end with its line");
      for (const std::string& remark : text.remarks)
        claim(io::utf8_prefix(remark) == remark.size(), "remarks are UTF-8");
    });
}
inline void plain_text(std::string_view bytes) { text_file("text.txt", bytes); }
inline void json_lines(std::string_view bytes) { text_file("text.jsonl", bytes); }
/// gzip and zstd are known by their first bytes.
inline void packed_text(std::string_view bytes) { text_file("text", bytes); }

}  // namespace fuzz
