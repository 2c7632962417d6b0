// What does it take to write a gate of your own?      ./02_gate      a few seconds
//
// One struct: a name, a value, a derivative, and whether the gate has an exact zero. From these the library derives
// SIMD loops, the backward pass and the skipping of closed tokens. Saturating has an exact zero like the paper's gate,
// but never exceeds 1. Prints value and derivative of the new gate beside those of the paper's gate and of a sigmoid;
// the faults that the policy check finds (none); and for each gate the loss of a small random model before and after
// sixty training steps, with the share of open tokens.
#include "neutra/neutra.hpp"
#include "neutra/testing/check_policy.hpp"

#include <cstdio>

using namespace neutra;

/// g = r / (1 + r), r = max(0, s)
struct Saturating {
  static constexpr std::string_view name = "saturating";
  static constexpr bool exact_zero = true;  // g == 0 means that the token's body may be skipped
  template <class V> NEUTRA_HD V f(V s) const {
    const V r = math::relu(s);
    return r / (V(1) + r);
  }
  template <class V> NEUTRA_HD V df(V s, V g) const { return math::select(s > V(0), (V(1) - g) * (V(1) - g), V(0)); }
};

namespace {

using Gates = Types<gate::Relu, gate::Sigmoid, Saturating>;

/// The loss before and after sixty steps on one batch, and the share of open tokens afterwards.
template <Gate G> void train() {
  const adapter::Residue<G> residue{.width = 8};
  nn::Transformer<adapter::Residue<G>> model(testing::tiny_backbone<float>(), residue, 1);
  const testing::TinyBatch batch({0, 1, 1, 1}, 7, 8);
  const auto losses = testing::train_on(model, batch, 60, 1e-2, 0.01f);
  adapter::Probe<float, Cpu> probe(model.config().layers);
  Tape<float, Cpu> tape;
  tape.start(false);  // an evaluation: nothing is recorded
  model.loss(tape, batch.tokens(), batch.counts(), &probe);
  double open = 0, gates = 0;
  for (const auto& layer : probe.counts(0)) {
    open += layer.open;
    gates += layer.gates;
  }
  std::printf("%-12s %10.4f %10.4f ", std::string(G::name).c_str(), losses.front(), losses.back());
  if (gates > 0)
    std::printf("%9.0f %%\n", 100 * open / gates);
  else
    std::printf("%11s\n", "always");
}

}  // namespace

int main() {
  std::printf("%6s", "logit");
  for_each_type(Gates{}, []<class G>() { std::printf("%12s  slope", std::string(G::name).c_str()); });
  for (double s = -2; s <= 2; s += 0.5) {
    std::printf("\n%6.1f", s);
    for_each_type(Gates{}, [&]<class G>() { std::printf("%12.4f %6.3f", G{}.f(s), G{}.df(s, G{}.f(s))); });
  }

  const auto faults = testing::check_policy<Saturating>();
  std::printf("\n\ncheck_policy<Saturating>: %zu faults\n", faults.size());
  for (const auto& fault : faults) std::printf("  %s\n", fault.c_str());

  std::printf("\n%-12s %10s %10s %11s\n", "gate", "loss", "after 60", "open");
  for_each_type(Gates{}, []<class G>() { train<G>(); });
  return faults.empty() ? 0 : 1;
}
