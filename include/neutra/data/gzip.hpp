/// Unpacks gzip (RFC 1952) with zlib.
#pragma once

#include "neutra/data/byte_source.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// The bytes of a gzip file. Members that follow each other are one text, as for gzip itself; zeros between them and
/// at the end are padding.      Errors: damaged or incomplete data.
class Gzip final : public ByteSource {
 public:
  static constexpr std::string_view name_ending = ".gz";
  static bool opens(std::string_view head) { return head.starts_with("\x1f\x8b"); }

  explicit Gzip(std::unique_ptr<ByteSource> packed) : ByteSource(packed->name()), packed_(std::move(packed)) {
    constexpr int largest_window = 15, gzip_alone = 16;
    if (inflateInit2(&stream_, largest_window + gzip_alone) != Z_OK) throw std::bad_alloc();
  }
  ~Gzip() override { inflateEnd(&stream_); }

  std::size_t read(char* into, std::size_t count) override {
    const auto wanted = static_cast<uInt>(std::min(count, read_block));
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted && next_member()) {
      require(stream_.avail_in > 0, name(), ": must be a whole gzip file, but ends inside its data, after ", done_,
              " bytes of text; fetch it again");
      inflate_some();
    }
    done_ += wanted - stream_.avail_out;
    return wanted - stream_.avail_out;
  }

 private:
  /// Sees that there is input if there is any left. False between members if nothing but zeros follows.
  bool next_member() {
    for (;;) {
      if (stream_.avail_in == 0) refill();
      if (inside_ || stream_.avail_in == 0) return inside_;
      if (*stream_.next_in != 0) {
        inflateReset(&stream_);
        return inside_ = true;
      }
      ++stream_.next_in;
      --stream_.avail_in;
    }
  }
  void refill() {
    stream_.next_in = reinterpret_cast<Bytef*>(block_);
    stream_.avail_in = static_cast<uInt>(packed_->read(block_, sizeof block_));
  }
  void inflate_some() {
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    inside_ = status != Z_STREAM_END;
    require(status == Z_OK || !inside_, name(), ": must be a gzip file, but its data is damaged after ", done_,
            " bytes of text (", stream_.msg ? stream_.msg : "unknown", "); fetch it again");
  }

  std::unique_ptr<ByteSource> packed_;
  z_stream stream_{};
  bool inside_ = true;  // a member
  std::uint64_t done_ = 0;
  char block_[read_block];
};

}}}  // namespace neutra::NEUTRA_ABI::data
