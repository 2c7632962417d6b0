// Texts packed by the libraries that unpack them.
#pragma once

#include "neutra/core/error.hpp"

#include <zlib.h>
#include <zstd.h>

#include <string>
#include <string_view>

namespace packed {

inline std::string gzip(std::string_view text) {
  z_stream stream{};
  neutra::require(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib: no memory");
  std::string bytes(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  neutra::require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib: text cannot be packed");
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return bytes;
}

inline std::string zstd(std::string_view text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* const packer = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);  // as the program zstd does
  const std::size_t size = ZSTD_compress2(packer, bytes.data(), bytes.size(), text.data(), text.size());
  ZSTD_freeCCtx(packer);
  neutra::require(!ZSTD_isError(size), "zstd: text cannot be packed");
  bytes.resize(size);
  return bytes;
}

}  // namespace packed
