#include "neutra/backend/cpu/instruction_set.hpp"

#include "tests/catch.hpp"

#include <typeinfo>

using namespace neutra;

TEST_CASE("config: the inline namespace and the results name one instruction set") {
  const std::string mangled = typeid(Error).name(), set(cpu::instruction_set());
  CAPTURE(mangled, set);
  CHECK(mangled.find("_" + set + "5Error") != mangled.npos);
}
