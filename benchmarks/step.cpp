// How near is a training step to the products that it cannot do without?
//   ./step [--model tiny|stories15M|small] [--mode adapter|lora|full|forward] [--precision float|bf16] [--open PERCENT] [--dense] [--threads N]
//   [--rounds N]
//   ./step ... --peer FOLDER      writes the model and the batch there, then runs a step for every line it reads, and answers with a JSON line
//
// A step is forward, loss, backward and update over 8 sequences of 256 tokens, the first of the original domain; `forward` is a pass with its loss.
// The residue is the paper's, 20 % of the block weights; the first channel of every token says whether its gates are open. LoRA has as many weights.
// The floor: those products at 92 % of the multiply-add peak, a burst of which takes turns with the steps.
#include "roof.hpp"
#include "small_models.hpp"

#include "neutra/io/json.hpp"
#include "neutra/io/safetensors_writer.hpp"
#include "neutra/nn/families/llama.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>

using namespace neutra;
using small_models::Mode;

namespace {

constexpr Index sequences = 8, length = 256, tokens = sequences * length;
constexpr double alpha = 0.01, rate = 1e-3;

struct Settings {
  std::string model = "small", mode = "adapter", precision = "float", peer;
  int open = 100, threads = 2, rounds = 15;
  bool dense = false;
};

/// Random weights, but for the first channel of the embedding, by which gates tell tokens apart: positive for the first words.
std::shared_ptr<const nn::Backbone<float, Cpu>> backbone_for(const nn::Config& config) {
  const auto random = nn::Backbone<float, Cpu>::random(config, 1);
  return std::make_shared<const nn::Backbone<float, Cpu>>(config, [&](nn::Slot slot, Index layer, const std::string&, const Shape&) {
    Tensor<float, Cpu> w = random->weight(slot, layer).value.clone();
    if (slot == nn::Slot::embedding)
      for (Index word = 0; word < config.vocabulary; ++word) w.data()[word * config.dim] = 2 * word < config.vocabulary ? 0.4f : -0.4f;
    return w;
  });
}

struct Batch {
  std::vector<std::int32_t> inputs, targets;
  std::vector<std::uint8_t> domains;

  /// Words at random, of which exactly `open` percent are from the first half of the vocabulary.
  Batch(Index vocabulary, int open) : domains(sequences, 1) {
    domains[0] = 0;
    const Permutation order(tokens + 1, Philox(1, "open tokens"), 0);
    const auto words = static_cast<std::uint64_t>(vocabulary) / 2;
    for (Index n = 0; n <= tokens; ++n) {
      const auto word = static_cast<std::int32_t>(Philox(1, "text").bits(0, static_cast<std::uint64_t>(n)) % words);
      inputs.push_back(100 * order(n) < open * tokens ? word : word + static_cast<std::int32_t>(words));
    }
    targets.assign(inputs.begin() + 1, inputs.end());
    inputs.pop_back();
  }
  nn::Tokens view() const { return {sequences, length, inputs, targets, domains}; }
};

/// VmHWM or VmRSS of this process, in MB.
double resident_mb(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(what + ":")) return 1.024e-3 * std::strtod(line.c_str() + what.size() + 1, nullptr);
  return 0;
}

/// One model in one mode, ready to step.
template <class A> class Runner {
 public:
  Runner(const Settings& settings, Mode mode, const nn::Config& config, const A& adapter)
      : mode_(mode), model_(backbone_for(config), adapter, 1), batch_(config.vocabulary, settings.open) {
    model_.bf16_products = settings.precision == "bf16";
    if (mode == Mode::full) model_.thaw();
    for (auto* parameter : model_.parameters())
      if (parameter->name.ends_with(".gate"))
        for (Index i = 0; i < parameter->value.size(); ++i) parameter->value.data()[i] = i == 0 ? 1.0f : 0.0f;
    if (mode != Mode::forward) adamw_.emplace(model_.parameters(), optim::AdamWOptions{});
    if constexpr (!std::is_same_v<A, adapter::None>) {
      const auto d = adapter.describe(config.sizes());
      extra_ = static_cast<double>(d.weights) - (d.method == "residue" ? static_cast<double>(config.layers * config.dim) : 0.0);
    }
    if (!settings.peer.empty()) write(settings.peer);
  }

  /// The loss before the update.
  double step() {
    tape_.start(mode_ != Mode::forward);
    const auto losses = model_.loss(tape_, batch_.view(), {tokens, length});
    const double loss = static_cast<double>(losses.lm.item());
    if (mode_ == Mode::forward) return loss;
    tape_.backward(losses.total(static_cast<float>(alpha)));
    adamw_->step(rate, adamw_->gradient_norm());
    return loss;
  }
  double multiply_adds() const { return static_cast<double>(tokens) * small_models::multiply_adds(model_.config(), mode_, extra_); }

 private:
  void write(const io::Path& folder) {
    nn::save_llama(folder, *model_.backbone());
    std::vector<io::NamedView<float>> weights;
    for (const auto* parameter : model_.adapter().parameters()) weights.push_back({parameter->name, parameter->value.view()});
    if (!weights.empty()) io::write_safetensors<float>(folder / "adapter.safetensors", std::move(weights));
    const io::Json batch = {{"sequences", sequences},  {"length", length},          {"alpha", alpha},           {"rate", rate},
                            {"inputs", batch_.inputs}, {"targets", batch_.targets}, {"domains", batch_.domains}};
    io::write_file(folder / "batch.json", batch.dump());
  }

  Mode mode_;
  nn::Transformer<A> model_;
  Batch batch_;
  Tape<float, Cpu> tape_;
  std::optional<optim::AdamW<float, Cpu>> adamw_;
  double extra_ = 0;
};

/// Seconds of one step, and its loss.
template <class A> std::pair<double, double> timed(Runner<A>& runner) {
  const auto start = std::chrono::steady_clock::now();
  const double loss = runner.step();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), loss};
}

template <class A> void serve(Runner<A>& runner, double at_start_mb) {
  for (std::string line; std::getline(std::cin, line);) {
    const auto [seconds, loss] = timed(runner);
    std::cout << io::Json{{"seconds", seconds}, {"loss", loss}, {"peak_mb", resident_mb("VmHWM") - at_start_mb}}.dump() << std::endl;
  }
}

template <class A> void measure(const Settings& settings, Runner<A>& runner, double at_start_mb) {
  const int warm_up = 2;
  for (int i = 0; i < warm_up; ++i) runner.step();
  std::vector<double> seconds, peaks;
  for (int i = 0; i < settings.rounds; ++i) {
    peaks.push_back(settings.precision == "bf16" ? roof::multiply_adds<roof::Bf16>(settings.threads)
                                                 : roof::multiply_adds<roof::Float>(settings.threads));
    seconds.push_back(timed(runner).first);
  }
  const double floor = runner.multiply_adds() / (0.92 * roof::quantile(peaks, 0.75)), took = roof::quantile(seconds, 0.5);
  std::printf(
      "%-10s %-8s %-5s %3d %% open%s, %d thread(s): %7.1f ms (%.1f..%.1f), floor %7.1f ms at %3.0f GFLOP/s: %.2f of it; %.0f tokens/s, %.0f MB\n",
      settings.model.c_str(), settings.mode.c_str(), settings.precision.c_str(), settings.open, settings.dense ? ", dense" : "", settings.threads,
      1e3 * took, 1e3 * roof::quantile(seconds, 0), 1e3 * roof::quantile(seconds, 1), 1e3 * floor, 2e-9 * roof::quantile(peaks, 0.75), took / floor,
      static_cast<double>(tokens) / took, resident_mb("VmHWM") - at_start_mb);
}

template <class A> void run(const Settings& settings, Mode mode, const nn::Config& config, const A& adapter) {
  const double at_start_mb = resident_mb("VmRSS");
  Runner<A> runner(settings, mode, config, adapter);
  settings.peer.empty() ? measure(settings, runner, at_start_mb) : serve(runner, at_start_mb);
}

template <std::size_t N, class Name> std::size_t place_of(const std::array<Name, N>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find_if(names.begin(), names.end(), [&](const auto& n) { return n == name; }) - names.begin());
}

}  // namespace

int main(int argc, char** argv) try {
  Settings settings;
  std::vector<std::string> models, modes(small_models::mode_names.begin(), small_models::mode_names.end());
  for (const auto& known : small_models::all) models.emplace_back(known.name);
  CLI::App app("How near is a training step to the products that it cannot do without?");
  app.add_option("--model", settings.model, "which of the three models")->check(CLI::IsMember(models))->capture_default_str();
  app.add_option("--mode", settings.mode, "what trains")->check(CLI::IsMember(modes))->capture_default_str();
  app.add_option("--precision", settings.precision, "what products round to")->check(CLI::IsMember({"float", "bf16"}))->capture_default_str();
  app.add_option("--open", settings.open, "percent of the tokens whose gates are open")->check(CLI::Range(0, 100))->capture_default_str();
  app.add_flag("--dense", settings.dense, "compute closed tokens too");
  app.add_option("--threads", settings.threads, "threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--rounds", settings.rounds, "steps to time")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--peer", settings.peer, "a folder for another program that is to do the same; then a step for every line of input");
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(settings.threads);
  const auto mode = static_cast<Mode>(place_of(small_models::mode_names, settings.mode));
  const nn::Config config =
      std::find_if(small_models::all.begin(), small_models::all.end(), [&](const auto& m) { return m.name == settings.model; })->config(length);
  if (mode == Mode::full) run(settings, mode, config, adapter::None{});
  if (mode == Mode::lora) run(settings, mode, config, adapter::Lora{});
  if (mode == Mode::adapter || mode == Mode::forward) run(settings, mode, config, adapter::Residue<>{.skip = !settings.dense});
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
