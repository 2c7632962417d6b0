/// SHA-256, which identifies texts and weights in results.      FIPS 180-4
#pragma once

#include "neutra/core/error.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <new>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace io {

/// An incremental SHA-256:   Sha256 sum; sum.update(a); sum.update(b); sum.hex();
/// By OpenSSL, which uses the processor's instructions for it: the fingerprint of a model takes a pass over its
/// weights.
class Sha256 {
 public:
  Sha256() { check(EVP_DigestInit_ex(state_.get(), EVP_sha256(), nullptr)); }

  void update(std::string_view bytes) { check(EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size())); }

  /// 64 lower-case hexadecimal digits for the bytes so far. More may follow.
  std::string hex() const {
    const State last = make();
    std::array<unsigned char, 32> digest{};
    check(EVP_MD_CTX_copy_ex(last.get(), state_.get()));
    check(EVP_DigestFinal_ex(last.get(), digest.data(), nullptr));
    std::string text;
    for (const unsigned byte : digest) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* state) const { EVP_MD_CTX_free(state); }
  };
  using State = std::unique_ptr<EVP_MD_CTX, Free>;

  static State make() {
    State state(EVP_MD_CTX_new());
    if (!state) throw std::bad_alloc();
    return state;
  }
  static void check(int status) {
    require(status == 1,
            "sha256: OpenSSL does not provide SHA-256; check its configuration (openssl list "
            "-digest-algorithms)");
  }

  State state_ = make();
};

/// 64 lower-case hexadecimal digits.
inline std::string sha256_hex(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

}}}  // namespace neutra::NEUTRA_ABI::io
