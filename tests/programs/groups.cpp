// Parameter groups of a method, from the command line to the weights of its runs.
#include "neutra/io/safetensors.hpp"

#include "tests/programs/study.hpp"

using namespace neutra;
using programs::Study;

TEST_CASE("extend: parameter groups are compared by their settings, recorded, and train what they say", "[programs]") {
  const Study study;
  const programs::Words methods = {"--method", "neutral(rate_factor.gate={1,0.1}, weight_decay.down_proj=0)",
                                   "--method",
                                   "top: finetune(frozen.model=true, frozen.layers.1=false, rate_factor.mlp=0.5)"};
  const auto ended = programs::run(study.command(Study::small(methods)));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = study::read_results(study.out() / "results.json");
  const auto row = [&](const std::string& label) {
    for (const auto& one : results.rows)
      if (one.label == label) return one;
    return study::RunResult{};
  };
  const auto usual = row("neutral, rate_factor.gate 1"), slow = row("neutral, rate_factor.gate 0.1"), top = row("top");
  CHECK(slow.settings.at("rate_factor.gate") == Setting(0.1));
  CHECK(slow.settings.at("weight_decay.down_proj") == Setting(0.0));
  CHECK_FALSE(slow.settings.contains("rate_factor.down_proj"));
  CHECK(slow.trainable_weights == usual.trainable_weights);
  CHECK(slow.target.after != usual.target.after);

  CHECK(top.settings.at("frozen.model") == Setting(true));
  const auto weights =
      io::Safetensors::open((study.out() / "runs" / top.name() / "model" / "model.safetensors").string());
  const auto before = io::Safetensors::open((study.out() / "backbone" / "model.safetensors").string());
  Index trained = 0;
  for (const auto& entry : weights.entries()) {
    const std::string& name = entry.name;
    const auto now = weights.read<float>(name), then = before.read<float>(name);
    const bool moved = !std::equal(now.data(), now.data() + now.size(), then.data());
    CAPTURE(name);
    CHECK(moved == (name.find(".layers.1.") != std::string::npos || name.starts_with("lm_head")));
    trained += moved ? now.size() : 0;
  }
  CHECK(trained == top.trainable_weights);

  const auto refused =
      programs::run(study.command(Study::small({"--method", "adapter(rate_factor.gate=0.1)"}), "wrong"));
  CHECK(refused.status == 1);
  CHECK(refused.err.find("the method adapter: the parameter group 'gate' must contain a parameter") !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(study.out("wrong")));
}
