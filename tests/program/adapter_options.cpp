// The adapters of evaluate and generate by name: which are applied, and how much of each.
#include "neutra/program/adapter_options.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using program::detail::AdapterOptions;
using program::detail::NamedAdapter;
using scratch::says;

namespace {

AdapterOptions parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "evaluate");
  CLI::App app;
  AdapterOptions options;
  options.add_to(app);
  program::parse_command_line(app, static_cast<int>(words.size()), words.data());
  options.check(app);
  return options;
}

/// A residue, and a list of a residue and a LoRA that was trained on top of it.
std::vector<train::SavedAdapter> two() {
  nn::AdapterFile residue{{.kind = "residue", .settings = {{"gate", std::string("relu")}}}, {}, {}};
  nn::AdapterFile list{
      {.kind = "list",
       .settings = {{"0", std::string("residue")}, {"0.gate", std::string("relu")}, {"1", std::string("lora")}}},
      {},
      {std::string(64, 'a')}};
  return {{"danish.safetensors", residue, adapter::None{}}, {"both.safetensors", list, adapter::None{}}};
}
adapter::Attenuation attenuation(std::vector<const char*> words) {
  words.insert(words.begin(), {"--adapter", "danish.safetensors", "both.safetensors"});
  return parsed(words).attenuation(two());
}

}  // namespace

TEST_CASE("adapter options: an adapter has the name of its file or its folder, or the one it is given") {
  const auto name = [](const std::string& text) { return NamedAdapter(text).name; };
  CHECK(name("danish.safetensors") == "danish");
  CHECK(name("runs/neutral-lr0.01-seed1/adapter.safetensors") == "neutral-lr0.01-seed1");
  for (const char* path : {"adapter.safetensors", "./adapter.safetensors", "../adapter.safetensors"})
    CHECK(name(path) == "adapter");
  CHECK(name("hub/lora") == "lora");
  CHECK(name("hub/lora/") == "lora");
  CHECK(name("hub/lora/adapter_model.safetensors") == "lora");
  CHECK(name("mine=hub/lora") == "mine");
  CHECK(NamedAdapter("mine=hub/lora").path == "hub/lora");
  CHECK(name("hub/a=b/adapter.safetensors") == "a=b");
  const scratch::Folder folder;
  CHECK(name((folder / "x=y.safetensors").string()) == "x=y");
}

TEST_CASE("adapter options: adapters and members of lists are scaled and switched off by name") {
  const adapter::Attenuation whole = attenuation({});
  CHECK(whole == adapter::Attenuation{.members = {{}, {.members = {{}, {}}}}});
  CHECK(attenuation({"--without", "danish"}) == adapter::Attenuation{.members = {{0}, {.members = {{}, {}}}}});
  CHECK(attenuation({"--without", "danish", "both"}) == adapter::Attenuation{.members = {{0}, {0, 0, {{}, {}}}}});
  CHECK(attenuation({"--without", "both.1", "--scale", "danish=0.25", "--scale", "0.5"}) ==
        adapter::Attenuation{.scale = 0.5, .members = {{0.25}, {.members = {{}, {0}}}}});

  const AdapterOptions one = parsed({"--adapter", "both.safetensors", "--scale", "0.5", "--scale", "both.0=0.1"});
  CHECK(one.attenuation({two().back()}) == adapter::Attenuation{.scale = 0.5, .members = {{0.1}, {}}});
  CHECK(one.scales_of(one.attenuation({two().back()})) ==
        std::map<std::string, double>{{"both", 0.5}, {"both.0", 0.05}, {"both.1", 0.5}});
  CHECK(one.tells_apart());
  CHECK_FALSE(parsed({"--adapter", "both.safetensors", "--scale", "0.5"}).tells_apart());
  CHECK(parsed({"--adapter", "a.safetensors", "b.safetensors"}).tells_apart());
  CHECK(parsed({}).attenuation({}) == adapter::Attenuation{});
}

TEST_CASE("adapter options: what they refuse") {
  CHECK(says(
      [] {
        attenuation({"--without", "danisch"});
      },
      "--without: there is no adapter called danisch (did you mean 'danish'?)",
      "the adapters are danish, both, both.0, both.1"));
  CHECK(says(
      [] {
        attenuation({"--without", "danish", "--scale", "danish=1"});
      },
      "--scale: that of danish was given twice"));
  CHECK(says(
      [] {
        attenuation({"--without", "both", "--scale", "danisch=0.5"});
      },
      "--scale: there is no adapter called danisch"));
  CHECK(says([] { attenuation({"--scale", "1", "--scale", "0.5"}); }, "--scale: that of all adapters was given twice"));
  CHECK(says(
      [] {
        attenuation({"--scale", "danish=much"});
      },
      "--scale must be a number such as 0.5, or NAME=0.5", "got danish=much"));
  CHECK(says([] { attenuation({"--scale", "0,5"}); }, "write 0.5 with a point"));
  CHECK(says([] { attenuation({"--scale", "danish=-1"}); }, "the scale must be 0 or more, got -1"));
  CHECK(says([] { parsed({"--without", "danish"}); }, "--without attenuates an adapter, but there is none"));
  CHECK(says(
      [] {
        parsed({"--adapter", "a=danish.safetensors", "a=both.safetensors"}).attenuation(two());
      },
      "every adapter needs a name of its own, got two called a", "--adapter NAME=PATH"));
}
