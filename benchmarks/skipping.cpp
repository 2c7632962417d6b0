// What closed tokens cost.      ./skipping [--model tiny|stories15M|small] [--bf16] [--threads N] [--rounds N]
//
// A forward pass and a training step with 0, 10, 50 and 100 percent of the tokens open and closed ones skipped,
// compared with computing all tokens ("dense") and, forward, with the backbone alone; all take turns. Each is shown as
// its time relative to the first line (medians over rounds with quartiles), and as the share of the dense adapter's
// extra time that it costs.
#include "runner.hpp"
#include "turns.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

using namespace neutra;
using small_models::Mode;
using small_models::Runner;

namespace {

template <class A>
turns::Contender contender(const char* name, const auto& backbone, Mode mode, const A& adapter, int open) {
  const auto runner = std::make_shared<Runner<A>>(backbone, mode, adapter, open);
  return {name, [runner] { return runner->timed().first; }};
}

}  // namespace

int main(int argc, char** argv) try {
  std::string model = "small";
  bool bf16 = false;
  int threads = 2, rounds = 15;
  std::vector<std::string> models;
  for (const auto& known : small_models::all) models.emplace_back(known.name);
  CLI::App app("Measure what closed tokens cost.");
  app.add_option("--model", model, "which of the three models")->check(CLI::IsMember(models))->capture_default_str();
  app.add_flag("--bf16", bf16, "multiply bf16");
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--rounds", rounds, "rounds to time")->check(CLI::Range(1, 1000000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(threads);
  const auto& named =
      *std::find_if(small_models::all.begin(), small_models::all.end(), [&](const auto& m) { return m.name == model; });
  const auto backbone =
      small_models::backbone_for(named.config(small_models::length), {.precision = bf16 ? DType::bf16 : DType::f32});
  std::printf("%s, %s, %d thread(s), %d rounds\n", model.c_str(), bf16 ? "bf16" : "float", threads, rounds);
  for (const Mode mode : {Mode::forward, Mode::adapter}) {
    std::vector<turns::Contender> all;
    if (mode == Mode::forward) all.push_back(contender("the backbone", backbone, mode, adapter::None{}, 100));
    for (const auto& [name, open] :
         {std::pair{"0 % open", 0}, {"10 % open", 10}, {"50 % open", 50}, {"100 % open", 100}})
      all.push_back(contender(name, backbone, mode, adapter::Residue<>{}, open));
    all.push_back(contender("dense", backbone, mode, adapter::Residue<>{.skip = false}, 100));
    turns::show(mode == Mode::forward ? "a forward pass" : "a training step", all, rounds);
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
