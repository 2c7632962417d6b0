// The examples published with FIPS 180-4; and the digest does not depend on how the bytes are split.
#include "neutra/io/sha256.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("sha256 gives the published digests") {
  CHECK(io::sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(io::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(io::sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(io::sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqr"
                       "smnopqrstnopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(io::sha256_hex(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256 does not depend on how the bytes were cut") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += static_cast<char>(i * 7);
  for (std::size_t step : {1, 3, 55, 56, 63, 64, 65, 128}) {
    io::Sha256 sum;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      sum.update(std::string_view(bytes).substr(at, step));
      CHECK(sum.hex() ==
            io::sha256_hex(std::string_view(bytes).substr(0, at + step)));  // hex() does not change the state
    }
    CHECK(sum.hex() == io::sha256_hex(bytes));
  }
}
