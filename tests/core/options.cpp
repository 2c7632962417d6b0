#include "neutra/core/options.hpp"

#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/gate/jump_relu.hpp"
#include "neutra/gate/per_channel.hpp"
#include "neutra/gate/two_layer.hpp"

#include "tests/cases/message.hpp"
#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("options: read and set by one function, through wrappers and through Any") {
  using Wrapped = gate::TwoLayer<gate::JumpRelu>;
  const Wrapped set = with_options(Wrapped{}, {{"hidden", 3}, {"threshold", 0.5}});
  CHECK(set.hidden == 3);
  CHECK(set.gate.threshold == 0.5f);
  CHECK(options_of(set) == PolicyOptions{{"hidden", 3}, {"threshold", 0.5}});
  const gate::Any<float, Cpu> any = gate::PerChannel<gate::JumpRelu>{}, other = any.with({{"threshold", 2}});
  CHECK(other.options == PolicyOptions{{"threshold", 2}});
  CHECK(any.options == PolicyOptions{{"threshold", double{0.1f}}});
  CHECK(options_of(other) == other.options);
}

TEST_CASE("options: what cannot be set is an Error that says what to do") {
  const auto told = [](const PolicyOptions& options) {
    return message([&] { with_options(gate::TwoLayer<gate::JumpRelu>{}, options); });
  };
  CHECK(told({{"treshold", 1}}) == "two_layer_jump_relu has no option 'treshold'; it has hidden, threshold");
  CHECK(told({{"hidden", 2.5}}) == "two_layer_jump_relu: the option hidden must be a whole number, got 2.5");
  CHECK(told({{"threshold", std::nan("")}}) == "two_layer_jump_relu: the option threshold must be finite, got nan");
}
