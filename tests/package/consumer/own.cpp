// The library's program with a gate of one's own.
#include "neutra/program/extend.hpp"

namespace {

struct Mine : neutra::gate::Relu {
  static constexpr std::string_view name = "mine";
};

}  // namespace

int main() {
  const char* const command[] = {"own", "--help"};
  return neutra::program::extend_main<neutra::gate::All, Mine>(2, command);
}
