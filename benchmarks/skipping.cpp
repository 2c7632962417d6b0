// Does a closed token cost nothing?      ./skipping [--model tiny|stories15M|small] [--bf16] [--threads N] [--rounds N]
// A forward pass and a training step with 0, 10, 50 and 100 percent of the tokens open, closed ones skipped, beside every token computed ("dense")
// and, forward, beside the backbone alone; all take turns. Each is shown as its time over that of the first line, as medians over rounds with their
// quartiles, and as the share of the dense adapter's extra that it costs.
#include "roof.hpp"
#include "runner.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>

using namespace neutra;
using small_models::Mode;
using small_models::Runner;

namespace {

struct Contender {
  const char* name;
  std::function<double()> seconds;
};

template <class A> Contender contender(const char* name, const auto& backbone, Mode mode, const A& adapter, int open, bool bf16) {
  const auto runner = std::make_shared<Runner<A>>(backbone, mode, adapter, open, bf16);
  return {name, [runner] { return runner->timed().first; }};
}

void show(const char* title, const std::vector<Contender>& all, int rounds) {
  for (const auto& c : all) c.seconds(), c.seconds();
  std::vector<std::vector<double>> ratios(all.size());
  std::vector<double> first;
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> took;
    for (const auto& c : all) took.push_back(c.seconds());
    first.push_back(took.front());
    for (std::size_t i = 0; i < all.size(); ++i) ratios[i].push_back(took[i] / took.front());
  }
  const double dense = roof::quantile(ratios.back(), 0.5) - 1;
  std::printf("%s; %s takes %.1f ms\n", title, all.front().name, 1e3 * roof::quantile(first, 0.5));
  for (std::size_t i = 1; i < all.size(); ++i) {
    const double ratio = roof::quantile(ratios[i], 0.5);
    std::printf("  %-14s %.3f (%.3f..%.3f) of that, %3.0f %% of the dense extra\n", all[i].name, ratio, roof::quantile(ratios[i], 0.25),
                roof::quantile(ratios[i], 0.75), 100 * (ratio - 1) / dense);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string model = "small";
  bool bf16 = false;
  int threads = 2, rounds = 15;
  std::vector<std::string> models;
  for (const auto& known : small_models::all) models.emplace_back(known.name);
  CLI::App app("Does a closed token cost nothing?");
  app.add_option("--model", model, "which of the three models")->check(CLI::IsMember(models))->capture_default_str();
  app.add_flag("--bf16", bf16, "products of bf16");
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--rounds", rounds, "rounds to time")->check(CLI::Range(1, 1000000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(threads);
  const auto& named = *std::find_if(small_models::all.begin(), small_models::all.end(), [&](const auto& m) { return m.name == model; });
  const auto backbone = small_models::backbone_for(named.config(small_models::length));
  std::printf("%s, %s, %d thread(s), %d rounds\n", model.c_str(), bf16 ? "bf16" : "float", threads, rounds);
  for (const Mode mode : {Mode::forward, Mode::adapter}) {
    std::vector<Contender> all;
    if (mode == Mode::forward) all.push_back(contender("the backbone", backbone, mode, adapter::None{}, 100, bf16));
    for (const auto& [name, open] : {std::pair{"0 % open", 0}, {"10 % open", 10}, {"50 % open", 50}, {"100 % open", 100}})
      all.push_back(contender(name, backbone, mode, adapter::Residue<>{}, open, bf16));
    all.push_back(contender("dense", backbone, mode, adapter::Residue<>{.skip = false}, 100, bf16));
    show(mode == Mode::forward ? "a forward pass" : "a training step", all, rounds);
  }
}
