/// The program `generate`: continues a prompt.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/evaluate.hpp"

#include <set>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Draws a token of `among` from softmax(logits / temperature) over these tokens; temperature 0 takes the most likely
/// one. `uniform` is in [0, 1).
inline std::int32_t sample(View<const float> logits, std::span<const std::int32_t> among, double temperature,
                           double uniform) {
  const auto logit = [&](std::int32_t id) { return static_cast<double>(logits.data[id]); };
  const std::int32_t best = *std::max_element(among.begin(), among.end(),
                                              [&](std::int32_t a, std::int32_t b) { return logit(a) < logit(b); });
  if (temperature == 0) return best;
  double total = 0;
  const auto weight = [&](std::int32_t id) { return std::exp((logit(id) - logit(best)) / temperature); };
  for (const std::int32_t id : among) total += weight(id);
  double left = uniform * total;
  for (const std::int32_t id : among)
    if ((left -= weight(id)) < 0) return id;
  return best;  // rounding used up the last probability
}

/// The tokens that may be generated: those that decode to text, and those that end a text. The vocabulary may have more
/// rows, as padding.
inline std::vector<std::int32_t> sayable(const data::Tokenizer& tokenizer, Index vocabulary,
                                         const std::set<Index>& ends) {
  std::vector<std::int32_t> ids;
  for (Index id = 0; id < vocabulary; ++id)
    if (tokenizer.knows(static_cast<std::int32_t>(id)) || ends.contains(id))
      ids.push_back(static_cast<std::int32_t>(id));
  return ids;
}

/// The text that the last token adds to the tokens before it. begun: whether those have any text. If so, the last token
/// is decoded alone behind a letter, since a tokenizer may drop a space at the start of a text.
inline std::string last_decoded(const data::Tokenizer& tokenizer, std::span<const std::int32_t> ids, bool begun) {
  if (!begun) return tokenizer.decode(ids);
  std::vector<std::int32_t> behind_letter = tokenizer.encode("a");
  behind_letter.push_back(ids.back());
  return tokenizer.decode(behind_letter).substr(1);
}

/// Streams text to standard output while it is generated. The bytes of an incomplete character are held back until it
/// is complete. Whatever ends the text, even an error, leaves what was generated and a newline.
class TextStream {
 public:
  TextStream() = default;
  TextStream(const TextStream&) = delete;
  ~TextStream() {
    write(text_.size());
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }

  bool empty() const { return text_.empty(); }
  /// Appends text. False if the output can no longer be read by anyone.
  bool append(std::string_view more) {
    text_ += more;
    return write(text_.size() - data::utf8_unfinished(text_));
  }

 private:
  bool write(std::size_t end) {
    written_ += std::fwrite(text_.data() + written_, 1, end - written_, stdout);
    return std::fflush(stdout) == 0 && written_ == end;
  }
  std::string text_;
  std::size_t written_ = 0;
};

/// main() of generate. Recomputes the last tokens, up to the model's context, for each new token: simple, and quadratic
/// in the context.
template <class Gates = gate::All, class... Own> int generate_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
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
    const train::LoadedModel loaded = options.load(adapter::Registry::with<Gates, Own...>());
    const data::Tokenizer& tokenizer = *loaded.tokenizer;
    const nn::Config& config = loaded.model->config();
    const std::set<Index> ends = nn::ends_of_text(*loaded.model->backbone());
    const std::vector<std::int32_t> among = sayable(tokenizer, config.vocabulary, ends);
    std::vector<std::int32_t> text = tokenizer.encode(prompt), window;
    const auto room = static_cast<std::size_t>(config.context);
    const Philox random(seed, "sample");
    Tape<float, Cpu> tape;
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
