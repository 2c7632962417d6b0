// The cost of a gate.      ./gates [--benchmark_filter=relu] [other options of Google Benchmark]
// Threads: OMP_NUM_THREADS.
//
//   gate/NAME/forward, backward             the gate function and its derivative, on the logits of 65536 tokens
//                                           (per channel: 128 tokens)
//   residue/NAME/dense/forward, backward    the residue with this gate, all tokens computed;
//                                           residue/open is the body without a gate
//   residue/NAME/open:Q/forward, backward   closed tokens are skipped (gates with an exact zero only);
//                                           Q percent of the tokens are open
//
// forward is inference; backward is the backward pass alone, with the gradients of the weights. per_token is the time
// per token. bytes_per_second counts the necessary traffic: logits, gates and their gradients; for a residue, its input
// and the output it is added to (read) and their sum (written), and in the backward pass their gradients. The model is
// the one that `extend` pretrains by default, with one batch and 20 % extra weights.
#include "neutra/adapter/residue.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/init/he.hpp"
#include "neutra/penalty/family.hpp"

#include "default_model.hpp"

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <string>

using namespace neutra;

namespace {

using Gate = gate::Any<float, Cpu>;
using Residue = adapter::Residue<Gate, body::GatedUnit, penalty::None, init::He>;
using Var = neutra::Var<float, Cpu>;
using Tape = neutra::Tape<float, Cpu>;
using Clock = std::chrono::steady_clock;

const adapter::Sizes sizes = default_model::sizes();

Tensor<float, Cpu> normal(const Shape& shape, std::string_view name) {
  return adapter::normal_tensor<float, Cpu>(shape, 1, 1, name);
}

/// A scalar whose gradient with respect to y is dy. `start` is set to the time when dy is in place.
Var ending(Var y, View<const float> dy, Clock::time_point* start) {
  const auto end = y.tape().make({});
  *y.tape().out(end).data = 0;
  y.tape().record(end, {y}, {}, [=](Tape& tape) {
    std::copy(dy.data, dy.data + dy.size(), tape.into(y).view.data);
    *start = Clock::now();
  });
  return end;
}

void report(benchmark::State& state, Index tokens, Index bytes_per_token) {
  using benchmark::Counter;
  state.counters["per_token"] =
      Counter(static_cast<double>(tokens), Counter::kIsIterationInvariantRate | Counter::kInvert);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * tokens * bytes_per_token);
}

/// Measures the forward pass, or the backward pass alone. f(tape) computes the result from what it captures.
template <class F> void measure(benchmark::State& state, bool backward, View<const float> dy, const F& f) {
  Tape tape;
  const auto once = [&] {
    auto start = Clock::now();
    tape.start(backward);
    const Var y = f(tape);
    if (backward) tape.backward(ending(y, dy, &start));
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  once();  // allocates memory
  for (auto _ : state) state.SetIterationTime(once());
}

void gate_alone(benchmark::State& state, const Gate& chosen, bool backward) {
  const bool per_channel = chosen.per_channel;
  const Index tokens = per_channel ? 128 : 65536, values = per_channel ? sizes.dim : 1;
  const Shape shape{tokens, values};
  const auto logits = normal(shape, "logits"), dy = normal(shape, "dy");
  Tensor<float, Cpu> gradient(shape);
  measure(state, backward, dy.view(),
          [&](Tape& tape) { return chosen.value(tape.input(logits.view(), gradient.data()), {}); });
  report(state, tokens, values * (backward ? 16 : 8));  // backward reads logit, gate and dy and writes one gradient
}

/// The residue of one layer. Its gate looks only at the first channel, which decides which tokens are open.
struct Trial {
  Trial(const Gate& gate, Index open_percent, bool skip) : residue(Residue{.gate = gate, .skip = skip}, sizes, 1) {
    for (auto* parameter : residue.parameters()) {
      Tensor<float, Cpu>& w = parameter->value;
      const Index cols = w.shape().cols();
      if (parameter->name.ends_with(".gate_hidden") || parameter->name.ends_with(".gate"))
        for (Index i = 0; i < w.size(); ++i) w.data()[i] = i % cols == 0 ? 4.0f : 0.0f;
      else if (parameter->name.ends_with(".down_proj"))
        w = normal(w.shape(), "out");
    }
    const Permutation order(tokens, Philox(1, "open tokens"), 0);
    for (Index n = 0; n < tokens; ++n) x.data()[n * sizes.dim] = 100 * order(n) < open_percent * tokens ? 1.0f : -1.0f;
  }
  Var run(Tape& tape) {
    if (tape.recording())
      for (auto* parameter : residue.parameters()) parameter->has_gradient = false;
    Pass<float, Cpu> pass{.tape = tape};
    return residue.apply(adapter::Site::ffn, 0, tape.input(x.view(), dx.data()), tape.input(y.view(), dresult.data()),
                         pass);
  }

  const Index tokens = default_model::tokens();
  Residue::Instance<float, Cpu> residue;
  Tensor<float, Cpu> x = normal({tokens, sizes.dim}, "x"), y = normal({tokens, sizes.dim}, "y"),
                     dy = normal({tokens, sizes.dim}, "dy");
  Tensor<float, Cpu> dx{Shape{tokens, sizes.dim}}, dresult{Shape{tokens, sizes.dim}};
};

void residue_behind(benchmark::State& state, const Gate& chosen, Index open_percent, bool skip, bool backward) {
  Trial setting(chosen, open_percent, skip);
  measure(state, backward, setting.dy.view(), [&](Tape& tape) { return setting.run(tape); });
  report(state, setting.tokens, sizes.dim * (backward ? 16 : 12));  // x, y and the sum; dy, x and two gradients
}

template <class F> void add(const std::string& name, const F& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime();
}

template <class G> void add_gate() {
  const Gate chosen = G{};
  for (const bool backward : {false, true}) {
    const std::string way = backward ? "/backward" : "/forward";
    if (!chosen.open && chosen.logit_weights(sizes.dim).size() == 1)
      add(concat("gate/", G::name, way), [=](benchmark::State& state) { gate_alone(state, chosen, backward); });
    add(concat("residue/", G::name, "/dense", way),
        [=](benchmark::State& state) { residue_behind(state, chosen, 100, false, backward); });
    if (!gate::may_skip<G>) continue;
    for (const Index open : {0, 10, 50, 100})
      add(concat("residue/", G::name, "/open:", open, way),
          [=](benchmark::State& state) { residue_behind(state, chosen, open, true, backward); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  for_each_type(gate::All{}, []<class G>() { add_gate<G>(); });
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("threads", concat(omp_get_max_threads()));
  benchmark::RunSpecifiedBenchmarks();
}
