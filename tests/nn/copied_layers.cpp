// Layers copied behind themselves: a deeper model with the same logits.
#include "neutra/nn/copied_layers.hpp"

#include "neutra/nn/model_folder.hpp"

#include "tests/adapter/model.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

using scratch::says;

namespace {

std::vector<double> logits(const std::shared_ptr<const nn::Backbone<double, Cpu>>& backbone) {
  nn::Transformer<adapter::None, double, Cpu> model(backbone);
  const TinyBatch batch;
  Tape<double, Cpu> tape;
  tape.start(false);
  const auto value = model.logits(tape, batch.tokens()).value();
  return {value.data, value.data + value.size()};
}

}  // namespace

TEST_CASE("copied layers: the copies stand behind their layers and change no logit, in each family") {
  for (const nn::Config& config : tiny_configs()) {
    const auto backbone = tiny_backbone<double>(config);
    const auto grown = nn::with_copied_layers(*backbone, {1, 0});
    CHECK(grown.copies == std::vector<Index>{1, 3});
    REQUIRE(grown.backbone->config().layers == 4);
    for (Index index = 0; index < grown.backbone->list().count(); ++index) {
      const nn::Weight weight = grown.backbone->list().at(index);
      const auto now = grown.backbone->weight(weight.name).copy();
      std::string name = weight.name;
      if (weight.layer >= 0) name.replace(backbone->list().layer_prefix.size(), 1, concat(weight.layer / 2));
      CAPTURE(weight.name, name);
      const bool zero = grown.copied(weight) && (name.find("o_proj") != name.npos || name.find("c_proj") != name.npos ||
                                                 name.find("down_proj") != name.npos);
      if (zero)
        CHECK(std::all_of(now.data(), now.data() + now.size(), [](double x) { return x == 0; }));
      else
        CHECK(models::same_bits<double>(now, backbone->weight(name).copy()));
    }
    CHECK(logits(grown.backbone) == logits(backbone));
  }
}

TEST_CASE("copied layers: a grown model is saved and loaded as one of its depth") {
  const scratch::Folder folder;
  nn::save_model(folder / "small", *models::random());
  const auto small = nn::load_model<float, Cpu>(folder / "small");
  const auto grown = nn::with_copied_layers(*small, {0}, {nn::Purpose::finetuning});
  nn::save_model(folder / "grown", *grown.backbone);
  CHECK(models::same(*nn::load_model<float, Cpu>(folder / "grown"), *grown.backbone));
}

TEST_CASE("copied layers: layers that do not exist, or none, are Errors") {
  const auto backbone = tiny_backbone<float>();
  const auto refused = [&](const std::vector<Index>& layers, const auto&... parts) {
    return says([&] { nn::with_copied_layers(*backbone, layers); }, "with_copied_layers: ", parts...);
  };
  CHECK(refused({}, "at least one layer must be copied, got none"));
  CHECK(refused({0, 2}, "each layer must be a number from 0 to 1, given once, got 2"));
  CHECK(refused({-1}, "got -1"));
  CHECK(refused({1, 0, 1}, "got 1 twice"));
}
