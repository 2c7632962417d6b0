/// Unpacks Zstandard (RFC 8878) with libzstd.
#pragma once

#include "neutra/data/byte_source.hpp"

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The bytes of a zstd file; its frames are one text, as for zstd itself. The library allocates what a frame asks for
/// as its window, at most 128 MiB.      Errors: damaged or incomplete data; a larger window.
class Zstd final : public ByteSource {
 public:
  static constexpr std::string_view name_ending = ".zst";
  /// A frame, or one of those that hold no data, which pzstd begins with.
  static bool opens(std::string_view head) {
    using namespace std::string_view_literals;
    return head.starts_with("\x28\xb5\x2f\xfd"sv) ||
           (head.size() >= 4 && (head[0] & '\xf0') == '\x50' && head.substr(1).starts_with("\x2a\x4d\x18"sv));
  }

  explicit Zstd(std::unique_ptr<ByteSource> packed) : ByteSource(packed->name()), packed_(std::move(packed)) {
    if (!stream_) throw std::bad_alloc();
  }

  std::size_t read(char* into, std::size_t count) override {
    ZSTD_outBuffer out{into, count, 0};
    while (out.pos == 0) {
      if (input_.pos == input_.size) input_ = {block_, packed_->read(block_, sizeof block_), 0};
      const bool ended = input_.size == 0;
      if (ended && !inside_) break;
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &input_);
      require(!ZSTD_isError(left), name(), ": must be a zstd file, but its data cannot be unpacked after ", done_,
              " bytes of text (", ZSTD_isError(left) ? ZSTD_getErrorName(left) : "",
              "); fetch it again, or unpack it with zstd -d --long=31");
      inside_ = left != 0;
      require(!ended || !inside_ || out.pos > 0, name(),
              ": must be a whole zstd file, but ends inside its data, after ", done_, " bytes of text; fetch it again");
    }
    done_ += out.pos;
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ByteSource> packed_;
  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool inside_ = false;  // a frame
  std::uint64_t done_ = 0;
  char block_[read_block];
};

}}}  // namespace neutra::NEUTRA_ABI::data
