// The speed of text generation: a text token by token, with a past.      ./generation [--threads N] [--layers N] ...
//     [--precision float bf16] [--base-precision none int8 q4]
//
// A new token needs one pass over the weights of the blocks and of the head; their bytes over the bandwidth of one pass
// over memory, which alternates with the tokens, is the floor. Medians over rounds. Also the tokens per second at which
// a prompt is read in one pass, and the time of a token behind a long past beside one behind a short one.
#include "neutra/neutra.hpp"
#include "neutra/nn/continuation.hpp"
#include "neutra/program/program.hpp"

#include "roof.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <vector>

using namespace neutra;

namespace {

struct Options {
  int threads = 2;
  Index dim = 768, layers = 12, heads = 12, ffn = 2048, vocabulary = 32000, prompt = 128, longer = 896;
  int tokens = 8, rounds = 7;
};

/// Seconds per token of `count` tokens behind those of `text`, which they are added to.
double per_token(nn::Continuation<>& continuation, std::vector<std::int32_t>& text, int count, int threads) {
  const double start = roof::seconds(threads);
  for (int i = 0; i < count; ++i) {
    text.push_back(static_cast<std::int32_t>(text.size() % 97));
    continuation.next(text);
  }
  return (roof::seconds(threads) - start) / count;
}

/// The bytes of all weights of a backbone that one token reads, the embedding being the head.
double bytes_of(const nn::Backbone<float, Cpu>& backbone) {
  double bytes = 0;
  for (const auto& weight : backbone.weights())
    bytes += weight.quantised()
                 ? static_cast<double>(weight.quantised()->bytes())
                 : static_cast<double>(weight.shape().size()) * static_cast<double>(size_of(backbone.use().precision));
  return bytes;
}

void measure(const Options& o, DType precision, Quantisation base) {
  nn::Config config{.vocabulary = o.vocabulary,
                    .dim = o.dim,
                    .ffn = o.ffn,
                    .layers = o.layers,
                    .heads = o.heads,
                    .context = 2 * o.longer + 64 * o.rounds,
                    .tied = true};
  config.complete();
  nn::Transformer<> model(nn::Backbone<float, Cpu>::random(
      config, 1, {.purpose = nn::Purpose::generation, .precision = precision, .base = base}));
  const double bytes = bytes_of(*model.backbone());
  nn::Continuation<> shorter(model, 1), longer(model, 1);
  std::vector<std::int32_t> text(static_cast<std::size_t>(o.prompt), 5),
      long_text(static_cast<std::size_t>(o.longer), 5);
  longer.next(long_text);
  const double start = roof::seconds(o.threads);
  shorter.next(text);
  const double prompt = static_cast<double>(o.prompt) / (roof::seconds(o.threads) - start);
  per_token(shorter, text, 2, o.threads);
  std::vector<double> near, far, roofs, shares;
  for (int round = 0; round < o.rounds; ++round) {
    roofs.push_back(roof::bandwidth<roof::Pass::read>(Index{64} << 20, o.threads));
    near.push_back(per_token(shorter, text, o.tokens, o.threads));
    far.push_back(per_token(longer, long_text, o.tokens, o.threads));
    shares.push_back(bytes / near.back() / roofs.back());
  }
  const auto middle = [](const std::vector<double>& values) { return roof::quantile(values, 0.5); };
  std::printf(
      "%-5s %-4s %5.0f MB a token  %6.1f tokens/s  %5.1f GB/s of %5.1f: %3.0f %% (%.0f..%.0f)   behind %d tokens %.2f "
      "times as long   prompt %6.0f tokens/s\n",
      std::string(to_string(precision)).c_str(), to_string(base).c_str(), 1e-6 * bytes, 1 / middle(near),
      1e-9 * bytes / middle(near), 1e-9 * middle(roofs), 100 * middle(shares), 100 * roof::quantile(shares, 0.25),
      100 * roof::quantile(shares, 0.75), static_cast<int>(o.longer), middle(far) / middle(near), prompt);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app("Measure text generation, token by token.");
  app.add_option("--threads", o.threads)->check(CLI::Range(1, 1024))->capture_default_str();
  for (const auto& [option, value] : {std::pair{"--dim", &o.dim},
                                      {"--layers", &o.layers},
                                      {"--heads", &o.heads},
                                      {"--ffn", &o.ffn},
                                      {"--vocab", &o.vocabulary},
                                      {"--prompt", &o.prompt},
                                      {"--past", &o.longer}})
    app.add_option(option, *value)->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_option("--tokens", o.tokens, "tokens in each of the rounds")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  std::vector<std::string> precisions = {"float", "bf16"}, bases = {"none"};
  app.add_option("--precision", precisions)->check(CLI::IsMember({"float", "bf16"}))->capture_default_str();
  app.add_option("--base-precision", bases)->check(CLI::IsMember(Quantisation::names()))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(o.threads);
  std::printf("%d thread(s), %d x %d, vocabulary %d\n", o.threads, static_cast<int>(o.layers), static_cast<int>(o.dim),
              static_cast<int>(o.vocabulary));
  return program::run_program("generation", [&] {
    for (const auto& precision : precisions)
      for (const auto& base : bases) measure(o, dtype_named(precision), Quantisation(base));
  });
}
