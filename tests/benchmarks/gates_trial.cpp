// The residue that benchmarks/gates measures, with every gate of the library.
#include "benchmarks/gates_trial.hpp"

#include "neutra/gate/all.hpp"

#include "tests/catch.hpp"

using namespace neutra;

TEST_CASE("benchmarks/gates: the residue of every gate runs, and adds to the asked share of tokens", "[benchmarks]") {
  for_each_type(gate::All{}, []<class G>() {
    INFO(G::name);
    for (const bool backward : {false, true}) {
      constexpr Index percent = 10;
      gates::detail::Trial trial(G{}, percent, gate::may_skip<G>, {.sequences = 2, .length = 50});
      Tape<float, Cpu> tape;
      tape.start(backward);
      const View<const float> sum = trial.run(tape).value(), y = trial.y.view();
      Index open = 0;
      for (Index n = 0; n < trial.tokens; ++n) open += !std::equal(y.row(n), y.row(n) + y.cols(), sum.row(n));
      if (gate::may_skip<G>)
        CHECK(open == percent * trial.tokens / 100);
      else
        CHECK(open > 0);
    }
  });
}
