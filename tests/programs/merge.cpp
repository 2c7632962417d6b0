// merge on what extend left: the merged model alone scores as the model with its adapter, the LoRA for PEFT too, and
// what it refuses.
#include "tests/programs/study.hpp"

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

const Study& merged_study() {
  static const Study made({"--method", "lora(lr=1e-2)", "--method", "open: residue(gate=open, penalty=none, lr=1e-2)",
                           "--method", "neutral"});
  return made;
}
Words merge(const std::string& adapter, const std::string& out, const Words& more = {}) {
  Words all = {path_of("merge"), "--model", merged_study().backbone(), "--adapter", adapter, "--out", out};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
double merged_bits_per_byte(const Words& model) {
  Words all = {path_of("evaluate"), "--text", merged_study().text("second.valid"), "--json"};
  all.insert(all.end(), model.begin(), model.end());
  const auto ended = run(all);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  return io::parse(ended.out, "evaluate --json").at("bits_per_byte").get<double>();
}

}  // namespace

TEST_CASE("merge: a merged model scores as the model with its adapter", "[programs]") {
  const std::string backbone = merged_study().backbone();
  for (const char* method : {"lora", "open"}) {
    CAPTURE(method);
    const std::string adapter = merged_study().adapter_of(method), out = (merged_study().folder / method).string();
    const auto ended = run(merge(adapter, out));
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(ended.out == "model: " + out + "\n");
    const double with_adapter = merged_bits_per_byte({"--model", backbone, "--adapter", adapter});
    CHECK(merged_bits_per_byte({"--model", out}) == Approx(with_adapter).epsilon(1e-5));
    CHECK(std::abs(with_adapter - merged_bits_per_byte({"--model", backbone})) > 1e-3);
  }
}

TEST_CASE("merge: a LoRA is written for PEFT and read again by every program", "[programs]") {
  const std::string adapter = merged_study().adapter_of("lora"), out = (merged_study().folder / "peft").string();
  REQUIRE(run(merge(adapter, out, {"--to", "peft"})).status == 0);
  CHECK(io::read_json(out + "/adapter_config.json").at("peft_type") == "LORA");
  CHECK(io::read_json(out + "/adapter_config.json").at("base_model_name_or_path") == merged_study().backbone());
  CHECK(merged_bits_per_byte({"--model", merged_study().backbone(), "--adapter", out}) ==
        Approx(merged_bits_per_byte({"--model", merged_study().backbone(), "--adapter", adapter})).epsilon(1e-6));
  const auto shown = run({path_of("inspect"), "--model", merged_study().backbone(), "--adapter", out});
  INFO(shown.err);
  CHECK(shown.status == 0);
  CHECK(shown.out.find("lora_a") != std::string::npos);
  CHECK(shown.out.find("that PEFT starts with by default; its own are not known") != std::string::npos);
  CHECK(refuses({path_of("inspect"), "--model", merged_study().backbone(), "--adapter", out, "--seed", "1"},
                "--seed draws the initial values of a run of neutra"));
  const auto further =
      run(merged_study().command({"--model", merged_study().backbone(), "--adapter", out, "--method", "neutral",
                                  "--steps", "4", "--quick", "--batch", "4", "--sequence", "16"},
                                 "further"));
  INFO(further.err);
  CHECK(further.status == 0);
}

TEST_CASE("merge: several adapters are merged together, and a file is merged once", "[programs]") {
  const std::string lora = merged_study().adapter_of("lora"), open = merged_study().adapter_of("open"),
                    out = (merged_study().folder / "both").string();
  const auto ended = run(merge(lora, out, {"--adapter", open}));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const double both = merged_bits_per_byte({"--model", merged_study().backbone(), "--adapter", lora, open});
  CHECK(merged_bits_per_byte({"--model", out}) == Approx(both).epsilon(1e-5));
  for (const std::string& one : {lora, open})
    CHECK(std::abs(both - merged_bits_per_byte({"--model", merged_study().backbone(), "--adapter", one})) > 1e-4);
  CHECK(refuses(merge(lora, (merged_study().folder / "never").string(), {"--adapter", lora}), "must be given once"));
}

TEST_CASE("merge: what it refuses", "[programs]") {
  const std::string lora = merged_study().adapter_of("lora"), neutral = merged_study().adapter_of("neutral"),
                    out = (merged_study().folder / "never").string();
  CHECK(refuses(merge(neutral, out), "cannot be merged: residue"));
  CHECK(refuses(merge(neutral, out), "its gate, relu, depends on the token"));
  CHECK(refuses(merge(merged_study().adapter_of("open"), out, {"--to", "peft"}), "the adapter has residues"));
  CHECK(refuses(merge(lora, out, {"--to", "gguf"}), "--to must be model or peft, got 'gguf'"));
  CHECK(refuses(merge(lora, merged_study().backbone()), "--out must be new or an empty folder"));
  CHECK(refuses({path_of("merge"), "--model", merged_study().backbone(), "--out", out}, "--adapter"));
  CHECK_FALSE(std::filesystem::exists(out));
}
