/// The program `generate`: text that continues a prompt.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/train/evaluate.hpp"

namespace neutra::inline NEUTRA_ABI::train {

/// A token from softmax(logits / temperature); the likeliest at temperature 0. `uniform` lies in [0, 1).
inline std::int32_t sample(View<const float> logits, double temperature, double uniform) {
  const auto best = std::max_element(logits.data, logits.data + logits.size());
  if (temperature == 0) return static_cast<std::int32_t>(best - logits.data);
  double total = 0;
  const auto weight = [&](Index i) { return std::exp((static_cast<double>(logits.data[i]) - static_cast<double>(*best)) / temperature); };
  for (Index i = 0; i < logits.size(); ++i) total += weight(i);
  double left = uniform * total;
  for (Index i = 0; i < logits.size(); ++i)
    if ((left -= weight(i)) < 0) return static_cast<std::int32_t>(i);
  return static_cast<std::int32_t>(best - logits.data);  // rounding used up the last share
}

/// main() of generate. Each token reads the last tokens anew, as many as the model's context holds: plain, and quadratic in the context.
template <class Gates = gate::All, class... Own> int generate_main(int argc, const char* const* argv) {
  static_assert((Registry::check<Own>() && ...));
  StopOnSignal signals;
  return run_program("generate", [&] {
    CLI::App app("Text that continues a prompt.", "generate");
    detail::ModelOptions options;
    options.add_to(app);
    std::string prompt;
    Index tokens = 100;
    double temperature = 0;
    std::uint64_t seed = 1;
    app.add_option("--prompt", prompt, "text to continue; empty starts a new one");
    app.add_option("--tokens", tokens, "tokens to add")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--temperature", temperature, "0: always the likeliest token")->check(CLI::NonNegativeNumber)->capture_default_str();
    app.add_option("--seed", seed, "of the draws")->check(CLI::NonNegativeNumber)->capture_default_str();
    parse_command_line(app, argc, argv, "--prompt");
    require(std::isfinite(temperature), "--temperature must be a number from 0 up, got ", temperature);
    set_threads(options.threads);
    const LoadedModel loaded = options.load(Registry::with<Gates, Own...>());
    std::vector<std::int32_t> text = loaded.tokenizer->encode(prompt), window;
    const auto room = static_cast<std::size_t>(loaded.model->config().context);
    const Philox random(seed, "sample");
    Tape<float, Cpu> tape;
    for (Index t = 0; t < tokens && !signals.token().stop_requested(); ++t) {
      window.assign(1, loaded.tokenizer->bos());
      window.insert(window.end(), text.size() < room ? text.begin() : text.end() - static_cast<std::ptrdiff_t>(room - 1), text.end());
      tape.start(false);
      text.push_back(sample(loaded.model->next_logits(tape, window).value(), temperature, random.uniform(static_cast<std::uint64_t>(t), 0)));
      if (text.back() == loaded.model->config().eos) break;
    }
    std::printf("%s\n", loaded.tokenizer->decode(text).c_str());
    if (signals.token().stop_requested()) throw Stopped("stopped before all tokens were made");
  });
}

}  // namespace neutra::inline NEUTRA_ABI::train
