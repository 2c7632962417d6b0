// Residues and LoRA of both layouts together on one model: each switched off in turn, and what does not go together.
#include "neutra/adapter/dora.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/nn/save_peft.hpp"
#include "neutra/train/load.hpp"

#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"
#include "tests/train/small.hpp"

using namespace neutra;

namespace {

std::vector<float> attenuated_logits(train::Model& model, const adapter::Attenuation& attenuation = {}) {
  const std::vector<std::int32_t> tokens = {1, 2, 3, 4, 5};
  model.attenuation = attenuation;
  Tape<float, Cpu> tape;
  tape.start(false);
  const auto value = model.logits(tape, {1, 5, tokens}).value();
  return {value.data, value.data + value.size()};
}

/// A model and, beside it, two residues, a LoRA in each layout, and a DoRA.
struct Saved {
  scratch::Folder folder;
  std::shared_ptr<const train::Backbone> backbone;

  explicit Saved(std::uint64_t seed = 7) {
    nn::Config config = models::tiny();
    config.vocabulary = 259;
    nn::save_model(folder / "model", *models::random(config, seed), {{"neutra_tokenizer", "byte"}});
    backbone = nn::load_model<float, Cpu>(folder / "model");
    save("danish", adapter::Residue<>{.width = 3});
    save("hungarian", adapter::Residue<>{.placement = adapter::Placement::attention, .width = 2});
    save("lora", adapter::Lora{.rank = 2});
    save("dora", adapter::Dora{{.rank = 2}});
    train::Model lora(backbone, adapter::Lora{.sites = {adapter::Site::q, adapter::Site::up}, .rank = 3});
    fill(lora);
    nn::save_peft(folder / "peft", lora.adapter().weight_changes(), config, "model");
  }
  io::Path path(const std::string& name) const { return folder / (name == "peft" ? name : name + ".safetensors"); }
  train::SavedAdapter read(const std::string& name) const {
    return train::saved_adapter(path(name), small::registry());
  }
  std::unique_ptr<train::Model> load(const std::vector<std::string>& names) const {
    std::vector<train::SavedAdapter> all;
    for (const std::string& name : names) all.push_back(read(name));
    return std::move(train::load_model(folder / "model", all).model);
  }
  static void fill(train::Model& model) {
    for (auto* parameter : model.parameters()) {
      const Philox random(11, parameter->name);
      for (Index i = 0; i < parameter->value.size(); ++i)
        parameter->value.data()[i] += static_cast<float>(0.3 * random.normal(0, static_cast<std::uint64_t>(i)));
    }
  }
  void save(const std::string& name, const train::Adapter& adapter, const std::vector<std::string>& trained_on = {}) {
    train::Model model(backbone, adapter, 1);
    fill(model);
    nn::save_adapter(path(name), model.parameters(), adapter.describe(backbone->config().sizes()),
                     nn::base_of(*backbone), trained_on);
  }
};

}  // namespace

TEST_CASE("several adapters: each subset computes what it computes when it alone is loaded, none of them the backbone",
          "[train]") {
  const Saved saved;
  const std::vector<std::string> names = {"danish", "lora", "peft", "hungarian"};
  const auto all = saved.load(names);
  const auto bare = attenuated_logits(*saved.load({}));
  for (unsigned on = 0; on < 16; ++on) {
    CAPTURE(on);
    std::vector<std::string> some;
    adapter::Attenuation attenuation{.members = {{}, {}, {}, {}}};
    for (std::size_t i = 0; i < names.size(); ++i)
      if (on >> i & 1u)
        some.push_back(names[i]);
      else
        attenuation.members[i].scale = 0;
    CHECK(attenuated_logits(*all, attenuation) == attenuated_logits(*saved.load(some)));
    CHECK((attenuated_logits(*all, attenuation) == bare) == some.empty());
  }
  CHECK(attenuated_logits(*all) == attenuated_logits(*all, {.members = {{}, {}, {}, {}}}));
  CHECK(attenuated_logits(*all, {.scale = 0}) == bare);
}

TEST_CASE("several adapters: the fingerprint of the model is asked for once, and only if an adapter needs it",
          "[train]") {
  const Saved saved;
  const auto asked = [&](const std::vector<std::string>& names) {
    std::vector<train::SavedAdapter> all;
    for (const std::string& name : names) all.push_back(saved.read(name));
    int times = 0;
    train::load_model(saved.folder / "model", all, {}, [&](const train::Backbone& backbone) {
      ++times;
      return nn::fingerprint(backbone);
    });
    return times;
  };
  CHECK(asked({}) == 0);
  CHECK(asked({"peft"}) == 0);
  CHECK(asked({"danish"}) == 1);
  CHECK(asked({"peft", "danish", "lora", "hungarian"}) == 1);
  CHECK(scratch::says(
      [&] {
        train::load_model(saved.folder / "model", {saved.read("danish")}, {},
                          [](const train::Backbone&) { return std::string(64, '0'); });
      },
      "danish.safetensors: the adapter must fit the model", "fingerprint"));
}

TEST_CASE("several adapters: what does not go together is refused, and the message names the file", "[train]") {
  Saved saved;
  const auto load = [&](const std::vector<std::string>& names) { return [&, names] { saved.load(names); }; };
  CHECK(scratch::says(load({"danish", "lora", "danish"}), "danish.safetensors: every adapter must be given once"));
  std::filesystem::copy(saved.path("danish"), saved.path("copy"));
  std::filesystem::copy(saved.folder / "danish.json", saved.folder / "copy.json");
  CHECK(scratch::says(load({"danish", "copy"}), "copy.safetensors: every adapter must be given once, but",
                      "danish.safetensors holds the same"));
  CHECK(message(load({"dora", "danish"})).empty());
  CHECK(scratch::says(load({"danish", "dora"}), "dora.safetensors: dora must come before any other adapter",
                      "danish.safetensors; name it first"));
  const Saved other(8);
  for (const char* name : {"danish", "lora"}) {
    std::filesystem::copy(other.path(name), saved.folder / concat("other_", name, ".safetensors"));
    std::filesystem::copy(other.folder / concat(name, ".json"), saved.folder / concat("other_", name, ".json"));
  }
  CHECK(scratch::says(load({"danish", "other_lora"}), "other_lora.safetensors: the adapter must fit the model",
                      "fingerprint"));
  CHECK(scratch::says(load({"other_danish", "lora"}), "other_danish.safetensors: the adapter must fit the model"));
}

TEST_CASE("several adapters: one that was trained on top of another holds it, and they are not applied twice",
          "[train]") {
  Saved saved;
  const std::string danish = io::file_sha256(saved.path("danish"));
  const train::Adapter both = adapter::AnyList<float, Cpu>{{saved.read("danish").adapter, adapter::Lora{.rank = 2}}};
  saved.save("second", both, {danish});
  CHECK(saved.read("second").file.trained_on == std::vector<std::string>{danish});
  CHECK(saved.read("danish").file.trained_on.empty());
  const auto load = [&](const std::vector<std::string>& names) { return [&, names] { saved.load(names); }; };
  for (const auto& names : {std::vector<std::string>{"danish", "second"}, {"second", "hungarian", "danish"}})
    CHECK(scratch::says(load(names), "second.safetensors: was trained on top of", "danish.safetensors and holds it",
                        "leave out"));
  CHECK(message(load({"second", "hungarian"})).empty());
  saved.save("third", adapter::AnyList<float, Cpu>{{both, adapter::Lora{.rank = 1}}},
             {danish, io::file_sha256(saved.path("second"))});
  CHECK(scratch::says(load({"third", "danish"}), "third.safetensors: was trained on top of"));
  CHECK(scratch::says(load({"third", "second"}), "third.safetensors: was trained on top of"));
}
