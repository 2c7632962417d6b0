/// Base64, as JSON files hold bytes.      RFC 4648
#pragma once

#include "neutra/core/error.hpp"

#include <openssl/evp.h>

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// The bytes that a text of base64 stands for. `what` opens messages. Error: another text.
inline std::string from_base64(std::string_view text, std::string_view what) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes(text.size() / 4 * 3, '\0');
  const bool fits =
      text.size() % 4 == 0 && text.find('=') >= text.size() - padding && text.size() <= std::numeric_limits<int>::max();
  const int size = !fits          ? -1
                   : text.empty() ? 0
                                  : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                                    reinterpret_cast<const unsigned char*>(text.data()),
                                                    static_cast<int>(text.size()));
  require(size >= 0 && static_cast<std::size_t>(size) == bytes.size(), what, " must be base64, got ", text.size(),
          " characters that are not; the file is damaged");
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}}}  // namespace neutra::NEUTRA_ABI::io
