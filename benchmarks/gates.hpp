// The cost of a gate, measured by Google Benchmark. A program with a gate of one's own:
//     #include "gates.hpp"
//     #include "mine.hpp"
//     int main(int argc, char** argv) { return gates::gates_main<neutra::gate::All, Mine>(argc, argv); }
#pragma once

#include "neutra/gate/all.hpp"
#include "neutra/program/program.hpp"

#include "gates_options.hpp"
#include "gates_table.hpp"
#include "gates_trial.hpp"

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gates {

namespace detail {

/// With one thread its CPU time, from which other programs take nothing; otherwise the elapsed time.
inline double now() { return roof::seconds(omp_get_max_threads()); }

/// A scalar whose gradient with respect to y is dy. `start` is set to the time when dy is in place.
inline Var ending(Var y, View<const float> dy, double* start) {
  const auto end = y.tape().make({});
  *y.tape().out(end).data = 0;
  y.tape().record(end, {y}, {}, [=](Tape& tape) {
    std::copy(dy.data, dy.data + dy.size(), tape.into(y).view.data);
    *start = now();
  });
  return end;
}

inline void count(benchmark::State& state, Index tokens, Index bytes_per_token) {
  using benchmark::Counter;
  state.counters["per_token"] =
      Counter(static_cast<double>(tokens), Counter::kIsIterationInvariantRate | Counter::kInvert);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * tokens * bytes_per_token);
}

/// Measures the forward pass, or the backward pass alone. f(tape) computes the result from what it captures.
template <class F> void measure(benchmark::State& state, bool backward, View<const float> dy, const F& f) {
  Tape tape;
  const auto once = [&] {
    double start = now();
    tape.start(backward);
    const Var y = f(tape);
    if (backward) tape.backward(ending(y, dy, &start));
    return now() - start;
  };
  once();  // allocates memory
  for (auto _ : state) state.SetIterationTime(once());
}

inline void gate_alone(benchmark::State& state, const Gate& chosen, bool backward) {
  const bool per_channel = chosen.per_channel;
  const Index tokens = per_channel ? 128 : 65536, values = per_channel ? sizes.dim : 1;
  const Shape shape{tokens, values};
  const auto logits = normal(shape, "logits"), dy = normal(shape, "dy");
  Tensor<float, Cpu> gradient(shape);
  measure(state, backward, dy.view(),
          [&](Tape& tape) { return chosen.value(tape.input(logits.view(), gradient.data()), {}); });
  count(state, tokens, values * (backward ? 16 : 8));  // backward reads logit, gate and dy and writes one gradient
}

inline void residue_behind(benchmark::State& state, const Gate& chosen, Index open_percent, bool skip, bool backward) {
  Trial setting(chosen, open_percent, skip);
  measure(state, backward, setting.dy.view(), [&](Tape& tape) { return setting.run(tape); });
  count(state, setting.tokens, sizes.dim * (backward ? 16 : 12));  // x, y and the sum; dy, x and two gradients
}

/// The gates that are measured, and what their benchmarks are called.
class Registered {
 public:
  /// Error: another gate of that name.
  template <class G> void add() {
    const Gate chosen = G{};
    const std::string gate(G::name);
    for (const Line& line : costs.lines)
      require(line.gate != gate, "the gate '", gate, "' is there twice; give yours another name");
    costs.lines.push_back({gate});
    for (std::size_t direction = 0; direction < directions.size(); ++direction) {
      const bool backward = direction == 1;
      if (!chosen.open && chosen.logit_weights(sizes.dim).size() == 1)
        start(concat("gate/", gate, "/", directions[direction]),
              [=](benchmark::State& state) { gate_alone(state, chosen, backward); });
      for (std::size_t mode = 0; mode < (gate::may_skip<G> ? modes.size() : 1); ++mode) {
        constexpr std::array<Index, modes.size()> open{100, 0, 10, 50, 100};
        const std::string name = concat("residue/", gate, "/", modes[mode], "/", directions[direction]);
        start(name, [=](benchmark::State& state) { residue_behind(state, chosen, open[mode], mode > 0, backward); });
        places_[name] = {costs.lines.size() - 1, direction, mode};
      }
    }
  }
  /// Adds the time of one benchmark to the costs.
  void record(const std::string& name, double seconds_per_token) {
    const auto found = places_.find(name);
    if (found == places_.end()) return;
    const auto [line, direction, mode] = found->second;
    costs.lines[line].seconds[direction][mode].push_back(seconds_per_token);
  }

  Costs costs{.lines = {}, .dim = sizes.dim, .tokens = default_model::tokens()};

 private:
  struct Place {
    std::size_t line = 0, direction = 0, mode = 0;
  };
  template <class F> static void start(const std::string& name, const F& body) {
    benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime();
  }
  std::map<std::string, Place> places_;
};

/// Keeps the times and prints nothing.
class Recorder final : public benchmark::BenchmarkReporter {
 public:
  explicit Recorder(Registered& registered) : registered_(registered) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) registered_.record(run.run_name.function_name, run.counters.at("per_token").value);
  }

 private:
  Registered& registered_;
};

}  // namespace detail

/// main() of the benchmark, with the gates of a list and a user's own. Prints a table with a line per gate: the time of
/// a residue relative to one with the open gate, forward and backward, dense and with skipped tokens. Rounds alternate
/// between all gates, so that a slow minute of the machine is shared by all.
template <class Gates = gate::All, class... Own> int gates_main(int argc, char** argv) {
  static_assert((check_gate<Own>() && ...));
  return program::run_program("gates", [&] {
    const detail::Asked asked(argc, argv);
    detail::Registered registered;
    const auto add = [&]<class G>() { registered.add<G>(); };
    add.template operator()<gate::Open>();
    for_each_type(Gates{}, [&]<class G>() {
      if constexpr (!std::is_same_v<G, gate::Open>) add.template operator()<G>();
    });
    for_each_type(Types<Own...>{}, add);
    detail::initialise(asked, argv[0]);
    if (asked.plain()) {
      benchmark::RunSpecifiedBenchmarks();
      return;
    }
    detail::Recorder recorder(registered);
    Costs& costs = registered.costs;
    costs.rounds = asked.rounds;
    costs.threads = omp_get_max_threads();
    for (Index round = 0; round < asked.rounds; ++round) benchmark::RunSpecifiedBenchmarks(&recorder);
    for (const auto& times : costs.open().seconds)
      require(!times[0].empty(), "--benchmark_filter must leave residue/open/, to which the others are compared");
    std::erase_if(costs.lines, [](const Line& line) { return line.seconds == Line{}.seconds; });
    if (!asked.json.empty()) io::write_json(asked.json, to_json(costs));
    if (!asked.svg.empty()) io::write_file(asked.svg, picture(costs));
    std::fputs(table(costs).c_str(), stdout);
  });
}

}  // namespace gates
