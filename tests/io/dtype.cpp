// Names and sizes of element types.
#include "neutra/io/dtype.hpp"

#include "tests/catch.hpp"

#include <cstdint>

using namespace neutra;

namespace {

template <class S> bool fits(std::string_view name) {
  const io::Dtype dtype = io::dtype_of<S>();
  return dtype.name == name && dtype.bits == Index{8} * sizeof(S) && io::find_dtype(name) == dtype;
}

}  // namespace

TEST_CASE("each storage type has its name and size in the format's list") {
  CHECK(fits<float>("F32"));
  CHECK(fits<double>("F64"));
  CHECK(fits<bf16>("BF16"));
  CHECK(fits<f16>("F16"));
  CHECK(fits<bool>("BOOL"));
  CHECK(fits<std::int8_t>("I8"));
  CHECK(fits<std::uint8_t>("U8"));
  CHECK(fits<std::int16_t>("I16"));
  CHECK(fits<std::uint16_t>("U16"));
  CHECK(fits<std::int32_t>("I32"));
  CHECK(fits<std::uint32_t>("U32"));
  CHECK(fits<std::int64_t>("I64"));
  CHECK(fits<std::uint64_t>("U64"));
}

TEST_CASE("an unknown name is no type") {
  CHECK_FALSE(io::find_dtype("F33"));
  CHECK_FALSE(io::find_dtype("f32"));
  CHECK_FALSE(io::find_dtype(""));
  CHECK(io::find_dtype("F6_E2M3")->bits == 6);
}
