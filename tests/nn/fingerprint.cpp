// The fingerprint is a SHA-256 of names, shapes and float32 values, and detects a change of each of them.
#include "neutra/nn/fingerprint.hpp"

#include "tests/catch.hpp"
#include "tests/nn/models.hpp"

#include <limits>

using namespace neutra;

namespace {

/// A tiny model with one element of one weight (by index) changed.
std::string changed(std::size_t weight, Index element) {
  const auto base = models::random();
  std::size_t place = 0;
  const nn::Backbone<float, Cpu> model(base->config(), [&](const nn::Weight& made) {
    auto value = base->weight(made.name).copy();
    if (place++ == weight) value.data()[element] = std::nextafter(value.data()[element], 2.0f);
    return value;
  });
  return nn::fingerprint(model);
}

}  // namespace

TEST_CASE("fingerprint: SHA-256 of the configuration, then of names, shapes and values in order") {
  for (const bool tied : {false, true}) {
    const auto model = models::random(models::tiny(tied));
    std::string bytes =
        "vocabulary=11\ndim=12\nffn=10\nlayers=2\nheads=4\nkv_heads=2\nhead_width=4\ncontext=16\nnorm_epsilon=2e-"
        "05\nrope_theta=5000\n";
    bytes += tied ? "tied=true\nbos=1\n" : "tied=false\nbos=1\n";
    for (const auto& weight : model->weights()) {
      bytes += weight.name + '\0' + to_string(weight.shape()) + '\0';
      const auto values = weight.copy();
      bytes.append(reinterpret_cast<const char*>(values.data()), static_cast<std::size_t>(values.size()) * 4);
    }
    CHECK(nn::fingerprint(*model) == io::sha256_hex(bytes));
  }
}

TEST_CASE("fingerprint: any weight changes it, the scalar does not") {
  const auto model = models::random();
  const std::string base = nn::fingerprint(*model);
  CHECK(base == nn::fingerprint(*models::random()));
  CHECK(base != nn::fingerprint(*models::random(models::tiny(), 8)));
  for (std::size_t weight = 0; weight < model->weights().size(); ++weight) {
    CHECK(changed(weight, 0) != base);
    CHECK(changed(weight, model->weights()[weight].shape().size() - 1) != base);
  }
  CHECK(changed(1000, 0) == base);
  const nn::Backbone<double, Cpu> wide(model->config(), [&](const nn::Weight& made) {
    Tensor<double, Cpu> value(made.kind.shape);
    const auto narrow = model->weight(made.name).copy();
    std::copy_n(narrow.data(), narrow.size(), value.data());
    return value;
  });
  CHECK(nn::fingerprint(wide) == base);
}

TEST_CASE("fingerprint: every setting that determines the function changes it, end-of-text tokens do not") {
  const auto model = models::random();
  const auto with = [&](const auto& change) {
    nn::Config config = model->config();
    change(config);
    return nn::fingerprint(
        nn::Backbone<float, Cpu>(config, [&](const nn::Weight& made) { return model->weight(made.name).copy(); }));
  };
  const std::string base = nn::fingerprint(*model);
  CHECK(with([](nn::Config& c) { c.norm_epsilon = 0.1; }) != base);
  CHECK(with([](nn::Config& c) { c.norm_epsilon = std::nextafter(c.norm_epsilon, 1.0); }) != base);
  CHECK(with([](nn::Config& c) { c.numbers["rope_theta"] = 10000.0; }) != base);
  CHECK(with([](nn::Config& c) {
          c.heads = 8;
          c.kv_heads = 4;
          c.head_width = 2;
        }) != base);  // another split of the same weights
  CHECK(with([](nn::Config& c) { c.context = 32; }) != base);
  CHECK(with([](nn::Config& c) { c.bos = 3; }) != base);
  CHECK(with([](nn::Config& c) { c.eos = {3}; }) == base);
}

TEST_CASE("fingerprint: weights longer than a block are read to their end") {
  nn::Config config{.vocabulary = 3000, .dim = 16, .ffn = 4, .layers = 1, .heads = 2, .context = 4, .tied = true};
  const auto sum = [&](Index element) {
    const nn::Backbone<float, Cpu> model(config, [&](const nn::Weight& made) {
      Tensor<float, Cpu> value(made.kind.shape);
      if (made.name == "model.embed_tokens.weight" && element < value.size()) value.data()[element] = 1;
      return value;
    });
    return nn::fingerprint(model);
  };
  const std::string base = sum(std::numeric_limits<Index>::max());
  for (const Index element : {0, 16383, 16384, 32768, 47999}) CHECK(sum(element) != base);
}
