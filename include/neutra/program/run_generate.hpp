/// The implementation of the program `generate`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/nn/continuation.hpp"
#include "neutra/program/model_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/sampler.hpp"
#include "neutra/program/text_stream.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// The options of generate.
struct GenerateOptions {
  ModelOptions model;
  std::string prompt;
  Index tokens = 100;
  Sampling sampling;
  std::vector<std::string> stops;
  std::uint64_t seed = 1;
  std::map<std::string, CLI::Option*> given;  // the settings of sampling by their keys in a generation_config.json

  void add_to(CLI::App& app) {
    model.add_to(app);
    app.add_option("--prompt", prompt, "text to continue; empty: start a new text");
    app.add_option("--tokens", tokens, "number of tokens to generate")->capture_default_str();
    const auto sampled = [&](const char* key, const char* option, auto& value, const char* what) {
      given[key] = app.add_option(option, value, concat(what, "; default: the model's, or ", value));
    };
    sampled("temperature", "--temperature", sampling.temperature,
            "sampling temperature; 0: always the most likely token");
    sampled("top_k", "--top-k", sampling.top_k, "draw from the k most likely tokens; 0: from all");
    sampled("top_p", "--top-p", sampling.top_p, "draw from the fewest tokens that are likely with p together");
    sampled("min_p", "--min-p", sampling.min_p, "draw from tokens at least min-p times as likely as the likeliest");
    sampled("repetition_penalty", "--repetition-penalty", sampling.repetition_penalty,
            "divide the logits of tokens that the text has already; 1: none");
    app.add_option("--stop", stops, "end before this text; may be given several times");
    app.add_option("--seed", seed, "seed of the random numbers")->capture_default_str();
  }
  /// Error: an invalid value.
  void check() const {
    model.check();
    study::detail::check_count(tokens, "tokens");
    sampling.check();
    require(std::find(stops.begin(), stops.end(), "") == stops.end(), "--stop must not be empty; leave it out");
  }
  /// Adds what a generation_config.json says and the command line does not: its temperature and cuts if do_sample is
  /// true (with the defaults of transformers, which has a top_k of 50), its repetition penalty in any case. Returns a
  /// note that names them, empty if there are none.
  std::string add_defaults(const io::Reader& file) {
    std::string note;
    const auto take = [&](const char* key, auto& value, auto wanted) {
      if (given.at(key)->count() > 0 || wanted == value) return;
      value = wanted;
      note += concat(note.empty() ? "" : ", ", key, " ", value);
    };
    if (file.flag("do_sample", false)) {
      take("temperature", sampling.temperature, file.number("temperature", 1.0));
      take("top_k", sampling.top_k, file.integer("top_k", 50, 0, nn::Limits::vocabulary));
      take("top_p", sampling.top_p, file.number("top_p", 1.0));
      take("min_p", sampling.min_p, file.number("min_p", 0.0));
    }
    take("repetition_penalty", sampling.repetition_penalty, file.number("repetition_penalty", 1.0));
    return note;
  }
  /// Error: a cut that was asked for and has no effect.
  void check_effects() const {
    for (const auto& [key, option] : given)
      require(sampling.temperature > 0 || option->count() == 0 || key == "temperature" || key == "repetition_penalty",
              option->get_name(),
              " has no effect at temperature 0, which takes the most likely token; add --temperature 1");
  }
};

/// Adds the settings of sampling that come with the model. Error: those are out of range.
inline void add_defaults_of_model(GenerateOptions& options, const nn::Backbone<float, DefaultDevice>& backbone) {
  const std::string name = "generation_config.json";
  const auto found = backbone.documents().find(name);
  if (found == backbone.documents().end()) return;
  const io::Json json = io::parse(found->second, name);
  if (const std::string note = options.add_defaults(io::Reader(json, name)); !note.empty())
    print_line(concat("note: ", note, ", as ", name, " says; --temperature 0 takes the most likely token"));
  try {
    options.sampling.check();
  } catch (const Error& error) {
    fail(name, ": ", error.what(), "; mend it, or say otherwise on the command line");
  }
}

}  // namespace detail

/// Runs generate. The policies are created inside, so that their errors are reported. Each token is read once (see
/// nn::Continuation).
NEUTRA_ONCE int run_generate(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("generate", [&](std::stop_token stop) {
    CLI::App app("Continue a prompt.", "generate");
    detail::GenerateOptions options;
    options.add_to(app);
    parse_command_line(app, argc, argv, "--prompt");
    options.check();
    options.model.adapters.check(app);
    set_threads(options.model.threads);
    const train::LoadedModel loaded = options.model.load(policies(), nn::Purpose::generation);
    detail::add_defaults_of_model(options, *loaded.model->backbone());
    options.check_effects();
    const data::Tokenizer& tokenizer = *loaded.tokenizer;
    const std::set<Index> ends = nn::ends_of_text(*loaded.model->backbone());
    Sampler sampler(options.sampling, sayable(tokenizer, loaded.model->config().vocabulary, ends));
    nn::Continuation continuation(*loaded.model, tokenizer.bos());
    std::vector<std::int32_t> text = tokenizer.encode(options.prompt);
    const Philox random(options.seed, "sample");
    TextStream stream(options.stops);
    bool open = stream.begin(options.prompt);
    for (Index t = 0; t < options.tokens && open && !stop.stop_requested(); ++t) {
      text.push_back(sampler.draw(continuation.next(text), text, random.uniform(static_cast<std::uint64_t>(t), 0)));
      if (!tokenizer.knows(text.back())) break;  // an end token that has no text
      open = stream.append(last_decoded(tokenizer, text, !stream.empty()));
      if (ends.contains(text.back())) break;
    }
    if (stop.stop_requested()) throw train::Stopped("stopped before all tokens were generated");
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
