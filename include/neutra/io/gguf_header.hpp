/// Reads the part of a GGUF file in front of its data, within limits of memory.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/utf8.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace neutra { inline namespace NEUTRA_ABI { namespace io { namespace detail {

static_assert(std::endian::native == std::endian::little,
              "neutra: GGUF data is little-endian, and so must the machine be");

/// Reads numbers, strings and values from the start of a file on. Every length is compared with the bytes that remain
/// before memory is allocated; so are the limits below, which no real file comes near.
class GgufHeader {
 public:
  static constexpr std::uint64_t max_bytes = 64'000'000;  // a vocabulary of 256 thousand tokens has about 10 MB
  static constexpr std::uint64_t max_items = 4'000'000;   // keys, items of arrays and tensors together

  explicit GgufHeader(const InputFile& file) : file_(file) {}

  /// The bytes read so far.
  std::uint64_t position() const { return begin_ + at_; }

  /// Counts items that are about to be read, each of at least `bytes` bytes. Error: more than the file can hold.
  void expect(std::uint64_t count, std::uint64_t bytes, std::string_view what) {
    require(count <= (file_.size() - position()) / bytes, file_.name(), ": header: ", what, " must fit in the ",
            file_.size() - position(), " bytes that follow, got a count of ", count,
            "; the file is truncated or damaged");
    items_ += count;
    require(items_ <= max_items, file_.name(), ": header: must hold at most ", max_items, " items, got ", items_,
            " with ", what, "; is this a model?");
  }
  template <class T> T number(std::string_view what) {
    T value{};
    take(reinterpret_cast<char*>(&value), sizeof value, what);
    return value;
  }
  std::string text(std::string_view what) {
    const auto length = number<std::uint64_t>(what);
    check(length, what);
    std::string bytes(static_cast<std::size_t>(length), '\0');
    take(bytes.data(), bytes.size(), what);
    return bytes;
  }
  /// A value of a type of the format. Error: an unknown type, an array of arrays, a bool that is neither 0 nor 1.
  Json value(std::uint32_t type, std::string_view what) {
    switch (type) {
      case 0:
        return number<std::uint8_t>(what);
      case 1:
        return number<std::int8_t>(what);
      case 2:
        return number<std::uint16_t>(what);
      case 3:
        return number<std::int16_t>(what);
      case 4:
        return number<std::uint32_t>(what);
      case 5:
        return number<std::int32_t>(what);
      case 6:
        return number<float>(what);
      case 7:
        return flag(what);
      case 8:
        return text(what);
      case array_type:
        return array(what);
      case 10:
        return number<std::uint64_t>(what);
      case 11:
        return number<std::int64_t>(what);
      case 12:
        return number<double>(what);
      default:
        fail(file_.name(), ": header: ", what, ": the type of a value must be in 0 .. 12, got ", type,
             "; the file is damaged, or newer than this program");
    }
  }

 private:
  static constexpr std::uint32_t array_type = 9;

  bool flag(std::string_view what) {
    const auto byte = number<std::uint8_t>(what);
    require(byte <= 1, file_.name(), ": header: ", what, " must be 0 or 1 (bool), got ", int{byte},
            "; the file is damaged");
    return byte == 1;
  }
  Json array(std::string_view what) {
    const auto type = number<std::uint32_t>(what);
    require(type != array_type, file_.name(), ": header: ", what,
            " must not be an array of arrays; the file is damaged, or newer than this program");
    const auto count = number<std::uint64_t>(what);
    expect(count, 1, what);
    Json items = Json::array();
    for (std::uint64_t k = 0; k < count; ++k) items.push_back(value(type, what));
    return items;
  }
  /// Error: `count` bytes go beyond the file or the limit.
  void check(std::uint64_t count, std::string_view what) const {
    const std::uint64_t left = file_.size() - position();
    require(count <= left, file_.name(), ": header: ", what, " must have ", count, " bytes, but only ", left,
            " are left; the file is truncated or damaged");
    require(count <= max_bytes && position() + count <= max_bytes, file_.name(), ": header: must have at most ",
            max_bytes, " bytes, got more with ", what, "; is this a model?");
  }
  void take(char* into, std::size_t count, std::string_view what) {
    check(count, what);
    while (count > 0) {
      if (at_ == block_.size()) fill();
      const std::size_t step = std::min(count, block_.size() - at_);
      std::copy_n(block_.data() + at_, step, into);
      into += step;
      at_ += step;
      count -= step;
    }
  }
  void fill() {
    begin_ += block_.size();
    at_ = 0;
    block_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(1 << 16, file_.size() - begin_)));
    file_.read(begin_, block_.data(), block_.size());
  }

  const InputFile& file_;
  std::string block_;  // the bytes from begin_ on
  std::size_t at_ = 0;
  std::uint64_t begin_ = 0, items_ = 0;
};

}}}}  // namespace neutra::NEUTRA_ABI::io::detail
