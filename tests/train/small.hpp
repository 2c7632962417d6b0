// Models, mixes and texts small enough for tests to train hundreds of times.
#pragma once

#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/study/job.hpp"
#include "neutra/study/methods.hpp"
#include "neutra/train/trainer.hpp"

#include "tests/catch.hpp"

#include <omp.h>

#include <map>

namespace small {

using namespace neutra;

inline nn::Config config() {
  nn::Config config{
      .vocabulary = 257, .dim = 16, .ffn = 24, .layers = 2, .heads = 2, .kv_heads = 1, .context = 12, .bos = 256};
  config.complete();
  return config;
}

/// Letters drawn from a range: two ranges stand for two languages.
inline std::string letters(char first, int count, std::size_t bytes, std::uint64_t seed) {
  const Philox random(seed, "letters");
  std::string text;
  for (std::uint64_t n = 0; text.size() < bytes; ++n)
    text += static_cast<char>(first + static_cast<int>(random.uniform(0, n) * count));
  return text;
}

inline data::Windows windows(const std::string& text, Index length = 12) {
  return {data::ByteTokenizer(), text, length};
}

inline data::Mix mix(double share = 0.3) {
  return {windows(letters('a', 5, 900, 1)), windows(letters('n', 5, 1100, 2)), share, 3};
}

inline const adapter::Registry& registry() {
  static const adapter::Registry all = adapter::Registry::with<gate::All>();
  return all;
}

/// Methods as extend reads them.
inline std::vector<study::Method> methods(const std::vector<std::string>& specs,
                                          const adapter::Registry& known = registry()) {
  return study::methods_of(specs, known);
}
inline study::Method method(const std::string& spec) { return methods({spec}).at(0); }

/// A model of one method as `extend` builds it: a shared backbone and a fresh adapter of the seed.
struct Trained {
  train::Model model;

  explicit Trained(const std::string& spec, std::uint64_t seed = 1) : model(backbone(), method(spec).adapter, seed) {
    const study::Method made = method(spec);
    if (made.trains == study::Trains::model)
      model.thaw([&](const nn::Weight& weight) { return !made.freezes(weight.name, weight.kind.shape); });
  }
  static std::shared_ptr<const train::Backbone> backbone() {
    static const auto made = train::Backbone::random(config(), 5);
    return made;
  }
  /// The values and moments of all trainable parameters.
  std::string bits() {
    std::string bytes;
    for (const auto* p : model.parameters())
      for (const auto* tensor : {&p->value, &p->mean, &p->variance})
        bytes.append(reinterpret_cast<const char*>(tensor->data()),
                     static_cast<std::size_t>(tensor->size()) * sizeof(float));
    return bytes;
  }
};

inline train::TrainingOptions training(Index steps, Index batch = 8, Index accumulate = 1, double alpha = 1) {
  return {.batch = batch,
          .accumulate = accumulate,
          .alpha = alpha,
          .schedule = {.rate = 1e-2, .steps = steps, .warmup = 2},
          .adamw = {}};
}
/// With the regularisers of a method.
inline train::TrainingOptions training_of(const std::string& spec, Index steps) {
  train::TrainingOptions options = training(steps);
  options.regularisers = method(spec).regularisers;
  return options;
}

/// A trained neutral model, so that gates and residues differ from token to token.
inline Trained& learnt() {
  static Trained trained("neutral");
  static const bool done = [] {
    const auto texts = mix();
    train::Trainer trainer(trained.model, texts, training(30, 8, 1, 0.01));
    while (!trainer.done()) trainer.advance();
    return true;
  }();
  REQUIRE(done);
  return trained;
}

/// Sets the number of threads within a scope.
class Threads {
 public:
  explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~Threads() { omp_set_num_threads(before_); }
  Threads(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace small
