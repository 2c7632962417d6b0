// A training step relative to the products that it needs at least.
//   ./step [--model tiny|stories15M|small] [--mode adapter|lora|full|forward] [--precision float|bf16]
//          [--open PERCENT] [--dense] [--threads N] [--recompute] [--rounds N]
//   ./step ... --peer FOLDER      writes model and batch to FOLDER, then runs a step for every line of input and
//                                 answers with a line of JSON
//
// A step is forward, loss, backward and update over 8 sequences of 256 tokens, the first of the original domain;
// `forward` is a forward pass with its loss. The residue is the paper's, with 20 % extra weights; the first channel of
// a token decides whether its gates are open. LoRA has the same number of weights. The floor is the time of those
// products at 92 % of the multiply-add peak, measured by bursts that alternate with the steps.
#include "roof.hpp"
#include "runner.hpp"

#include "neutra/io/json.hpp"
#include "neutra/io/safetensors_writer.hpp"
#include "neutra/nn/model_folder.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>

using namespace neutra;
using small_models::Mode;
using small_models::Runner;

namespace {

struct Asked {
  std::string model = "small", mode = "adapter", precision = "float", peer;
  int open = 100, threads = 2, rounds = 15;
  bool dense = false, recompute = false;
};

/// VmHWM or VmRSS of this process, in MB.
double resident_mb(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(what + ":")) return 1.024e-3 * std::strtod(line.c_str() + what.size() + 1, nullptr);
  return 0;
}

/// Writes the model, its adapter and the batch for another program.
template <class A> void write(const io::Path& folder, Runner<A>& runner) {
  nn::save_model(folder, *runner.model().backbone());
  std::vector<io::NamedView<float>> weights;
  for (const auto* parameter : runner.model().adapter().parameters())
    weights.push_back({parameter->name, parameter->value.view()});
  if (!weights.empty()) io::write_safetensors<float>(folder / "adapter.safetensors", std::move(weights));
  const auto& [inputs, targets, domains] = runner.batch();
  const io::Json batch = {{"sequences", small_models::sequences},
                          {"length", small_models::length},
                          {"alpha", small_models::alpha},
                          {"rate", small_models::rate},
                          {"inputs", inputs},
                          {"targets", targets},
                          {"domains", domains}};
  io::write_file(folder / "batch.json", batch.dump());
}

template <class A> void serve(Runner<A>& runner, double at_start_mb) {
  for (std::string line; std::getline(std::cin, line);) {
    const auto [seconds, loss] = runner.timed();
    std::cout << io::Json{{"seconds", seconds}, {"loss", loss}, {"peak_mb", resident_mb("VmHWM") - at_start_mb}}.dump()
              << std::endl;
  }
}

template <class A> void measure(const Asked& settings, Runner<A>& runner, double at_start_mb) {
  const int warm_up = 2;
  for (int i = 0; i < warm_up; ++i) runner.step();
  std::vector<double> seconds, peaks;
  for (int i = 0; i < settings.rounds; ++i) {
    peaks.push_back(roof::multiply_adds(settings.precision == "bf16", settings.threads));
    seconds.push_back(runner.timed().first);
  }
  const double floor = runner.multiply_adds() / (0.92 * roof::quantile(peaks, 0.75)),
               took = roof::quantile(seconds, 0.5);
  std::printf(
      "%-10s %-8s %-5s %3d %% open%s, %d thread(s): %7.1f ms (%.1f..%.1f), floor %7.1f ms at %3.0f GFLOP/s: %.2f of "
      "it; %.0f tokens/s, %.0f MB\n",
      settings.model.c_str(), settings.mode.c_str(), settings.precision.c_str(), settings.open,
      settings.dense ? ", dense" : "", settings.threads, 1e3 * took, 1e3 * roof::quantile(seconds, 0),
      1e3 * roof::quantile(seconds, 1), 1e3 * floor, 2e-9 * roof::quantile(peaks, 0.75), took / floor,
      static_cast<double>(small_models::tokens) / took, resident_mb("VmHWM") - at_start_mb);
}

template <class A> void run(const Asked& settings, Mode mode, const nn::Config& config, const A& adapter) {
  const double at_start_mb = resident_mb("VmRSS");
  const nn::Purpose purpose = mode == Mode::full      ? nn::Purpose::finetuning
                              : mode == Mode::forward ? nn::Purpose::evaluation
                                                      : nn::Purpose::training;
  Runner<A> runner(small_models::backbone_for(config, {purpose, dtype_named(settings.precision)}), mode, adapter,
                   settings.open);
  runner.model().recompute_layers = settings.recompute;
  if (!settings.peer.empty()) write(settings.peer, runner);
  settings.peer.empty() ? measure(settings, runner, at_start_mb) : serve(runner, at_start_mb);
}

template <std::size_t N, class Name> std::size_t place_of(const std::array<Name, N>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find_if(names.begin(), names.end(), [&](const auto& n) { return n == name; }) -
                                  names.begin());
}

}  // namespace

int main(int argc, char** argv) try {
  Asked settings;
  std::vector<std::string> models, modes(small_models::mode_names.begin(), small_models::mode_names.end());
  for (const auto& known : small_models::all) models.emplace_back(known.name);
  CLI::App app("Measure a training step relative to the products that it needs at least.");
  app.add_option("--model", settings.model, "which of the three models")
      ->check(CLI::IsMember(models))
      ->capture_default_str();
  app.add_option("--mode", settings.mode, "what is trained")->check(CLI::IsMember(modes))->capture_default_str();
  app.add_option("--precision", settings.precision, "matmul input precision")
      ->check(CLI::IsMember({"float", "bf16"}))
      ->capture_default_str();
  app.add_option("--open", settings.open, "percentage of tokens with open gates")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_flag("--dense", settings.dense, "compute closed tokens too");
  app.add_option("--threads", settings.threads, "threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_flag("--recompute", settings.recompute, "recompute layers in the backward pass, to save memory");
  app.add_option("--rounds", settings.rounds, "steps to time")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--peer", settings.peer,
                 "write model and batch to this folder for another program, then run a step for every line of input");
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(settings.threads);
  const auto mode = static_cast<Mode>(place_of(small_models::mode_names, settings.mode));
  const nn::Config config = std::find_if(small_models::all.begin(), small_models::all.end(), [&](const auto& m) {
                              return m.name == settings.model;
                            })->config(small_models::length);
  if (mode == Mode::full) run(settings, mode, config, adapter::None{});
  if (mode == Mode::lora) run(settings, mode, config, adapter::Lora{});
  if (mode == Mode::adapter || mode == Mode::forward)
    run(settings, mode, config, adapter::Residue<>{.skip = !settings.dense});
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
