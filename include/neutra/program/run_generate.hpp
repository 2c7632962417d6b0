/// The implementation of the program `generate`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/model_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/text_stream.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Runs generate. The policies are created inside, so that their errors are reported.
/// Recomputes the last tokens, up to the model's context, for each new token: simple, and quadratic in the context.
NEUTRA_ONCE int run_generate(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("generate", [&](std::stop_token stop) {
    CLI::App app("Continue a prompt.", "generate");
    detail::ModelOptions options;
    options.add_to(app);
    std::string prompt;
    Index tokens = 100;
    double temperature = 0;
    std::uint64_t seed = 1;
    app.add_option("--prompt", prompt, "text to continue; empty: start a new text");
    app.add_option("--tokens", tokens, "number of tokens to generate")->capture_default_str();
    app.add_option("--temperature", temperature, "sampling temperature; 0: always the most likely token")
        ->capture_default_str();
    app.add_option("--seed", seed, "seed of the random numbers")->capture_default_str();
    parse_command_line(app, argc, argv, "--prompt");
    options.check();
    study::detail::check_count(tokens, "tokens");
    require(std::isfinite(temperature) && temperature >= 0, "--temperature must be a number from 0 up, got ",
            temperature);
    set_threads(options.threads);
    const train::LoadedModel loaded = options.load(policies(), nn::Purpose::generation);
    const data::Tokenizer& tokenizer = *loaded.tokenizer;
    const nn::Config& config = loaded.model->config();
    const std::set<Index> ends = nn::ends_of_text(*loaded.model->backbone());
    const std::vector<std::int32_t> among = sayable(tokenizer, config.vocabulary, ends);
    std::vector<std::int32_t> text = tokenizer.encode(prompt), window;
    const auto room = static_cast<std::size_t>(config.context);
    const Philox random(seed, "sample");
    Tape<float, DefaultDevice> tape;
    TextStream stream;
    bool open = stream.append(prompt);
    for (Index t = 0; t < tokens && open && !stop.stop_requested(); ++t) {
      window.assign(1, tokenizer.bos());
      window.insert(window.end(),
                    text.size() < room ? text.begin() : text.end() - static_cast<std::ptrdiff_t>(room - 1), text.end());
      tape.start(false);
      const View<const float> logits = loaded.model->next_logits(tape, window).value();
      text.push_back(sample(logits, among, temperature, random.uniform(static_cast<std::uint64_t>(t), 0)));
      if (!tokenizer.knows(text.back())) break;  // an end token that has no text
      open = stream.append(last_decoded(tokenizer, text, !stream.empty()));
      if (ends.contains(text.back())) break;
    }
    if (stop.stop_requested()) throw train::Stopped("stopped before all tokens were generated");
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
