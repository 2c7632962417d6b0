// Every gate, body, penalty and initialisation in a tiny model on the emulated device.
#include "tests/cuda/emulated/models.hpp"

#include "neutra/body/all.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/gate/causal_mean.hpp"
#include "neutra/init/all.hpp"
#include "neutra/penalty/all.hpp"

using namespace neutra;

namespace {

template <Backend D, class P> testing::AnyResidue<float, D> residue_of(const P& policy) {
  testing::AnyResidue<float, D> residue{
      .gate = gate::Relu{}, .body = body::GatedUnit{}, .penalty = penalty::L1{}, .init = init::He{}, .width = 5};
  if constexpr (Gate<P>)
    residue.gate = policy;
  else if constexpr (Penalty<P>)
    residue.penalty = policy;
  else if constexpr (Body<P>)
    residue.body = policy;
  else
    residue.init = policy;
  return residue;
}

template <class P> void check_policy_on_device(bool skip = true) {
  CAPTURE(P::name, skip);
  emulated_models::check_history([&]<class D>() {
    auto residue = residue_of<D>(P{});
    residue.skip = skip;
    nn::Transformer<testing::AnyResidue<float, D>, float, D> model(testing::tiny_backbone<float, D>(), residue, 1);
    return emulated_models::history_of(model, 2, true);
  });
}

}  // namespace

TEST_CASE("emulated: gates") {
  for_each_type(gate::All{}, []<class G>() { check_policy_on_device<G>(); });
  check_policy_on_device<gate::CausalMean<gate::Relu>>();
  check_policy_on_device<gate::Relu>(false);
}
TEST_CASE("emulated: bodies") {
  for_each_type(body::All{}, []<class B>() { check_policy_on_device<B>(); });
}
TEST_CASE("emulated: penalties") {
  for_each_type(penalty::All{}, []<class P>() { check_policy_on_device<P>(); });
}
TEST_CASE("emulated: initialisations") {
  for_each_type(init::All{}, []<class I>() { check_policy_on_device<I>(); });
}
