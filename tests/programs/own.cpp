// A gate and an adapter of the user's own take part in the programs like the library's.
#include "tests/programs/study.hpp"

using namespace neutra;
using programs::Study;

TEST_CASE("extend_main: a user's own gate appears in the results, the report and the list of names", "[programs]") {
  const Study study;
  const auto command = [&](const char* gate) {
    return study.command(Study::small({"--methods", "neutral", "--gate", gate}), "out", NEUTRA_OWN_GATE);
  };
  const auto ended = programs::run(command("saturating"));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto row = study::read_results(study.out() / "results.json").rows.at(0);
  CHECK(row.settings.at("gate") == Setting("saturating"));
  REQUIRE(row.gate_open.has_value());  // it says exact_zero
  CHECK(row.gate_open->target > 0);
  CHECK(scratch::get(study.out() / "report.html").find("saturating") != std::string::npos);
  CHECK(
      scratch::get(study.out() / "runs" / "neutral-lr0.002-alpha0.01-seed1" / "adapter.json").find("\"saturating\"") !=
      std::string::npos);

  const auto wrong = programs::run(study.command(Study::small({"--gate", "saturatin"}), "wrong", NEUTRA_OWN_GATE));
  CHECK(wrong.status == 1);
  CHECK(wrong.err.find("did you mean 'saturating'?)") != std::string::npos);
  const auto adapter = (study.out() / "runs" / "neutral-lr0.002-alpha0.01-seed1" / "adapter.safetensors").string();
  CHECK(programs::refuses({programs::path_of("evaluate"), "--model", (study.out() / "backbone").string(), "--adapter",
                           adapter, "--text", study.text("first.valid")},
                          "saturating"));  // the library's own program does not know it
}

TEST_CASE("extend_main: a user's own adapter is compared, saved, loaded and swept by its name and settings",
          "[programs]") {
  const Study study;
  const auto command = [&](const programs::Words& more, const char* out = "out") {
    return study.command(Study::small(more), out, NEUTRA_OWN_GATE);
  };
  const auto ended = programs::run(command({"--methods", "adapter", "--method", "scaled(start={0.5,1})", "--method",
                                            "wrapped: residue(gate=two_layer(saturating, hidden=3))"}));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = study::read_results(study.out() / "results.json");
  REQUIRE(results.rows.size() == 4);
  const auto& row = results.rows.at(1);
  CHECK((row.label == "scaled, start 0.5" && row.kind == "scaled" && row.settings.at("start") == Setting(0.5)));
  CHECK((!row.alpha && row.extra_weights == 2 * 16 && row.extra_weights == row.trainable_weights));
  CHECK(results.rows.at(3).settings.at("gate") == Setting("two_layer_saturating"));
  CHECK(ended.out.find("\nAgainst adapter, seed by seed:\n") != std::string::npos);
  CHECK(ended.out.find("\n  scaled, start 0.5 forgets ") != std::string::npos);

  const auto folder = study.out() / "runs" / "scaled, start 0.5-lr0.002-seed1";
  const io::Json json = io::read_json(folder / "adapter.json");
  CHECK((json.at("kind") == "scaled" && json.at("settings") == io::Json{{"start", 0.5}} && json.at("weights") == 32));
  const programs::Words evaluate = {"--model", (study.out() / "backbone").string(), "--adapter",
                                    (folder / "adapter.safetensors").string()};
  programs::Words own = {NEUTRA_OWN_GATE, "evaluate"}, library = {programs::path_of("evaluate")};
  for (programs::Words* words : {&own, &library}) {
    words->insert(words->end(), evaluate.begin(), evaluate.end());
    words->insert(words->end(), {"--text", study.text("second.valid"), "--json"});
  }
  const auto scored = programs::run(own);
  INFO(scored.err);
  REQUIRE(scored.status == 0);
  CHECK(io::parse(scored.out, "evaluate").at("bits_per_byte").get<double>() == Approx(row.target.after).epsilon(1e-5));
  CHECK(programs::refuses(library, "there is no adapter called 'scaled'",
                          "known: control_llm, dora, list, llama_pro, lora, moe_lpr, none, oplora, residue"));
  programs::Words generate = {NEUTRA_OWN_GATE, "generate"};
  generate.insert(generate.end(), evaluate.begin(), evaluate.end());
  generate.insert(generate.end(), {"--prompt", "vand", "--tokens", "3"});
  CHECK(programs::run(generate).status == 0);

  const auto help = programs::run({NEUTRA_OWN_GATE, "--help"});
  CHECK(help.out.find("\n  scaled(start=1)\n") != std::string::npos);
  CHECK(help.out.find("\n  residue(body=gated_unit, capacity=0.2, gate=relu") != std::string::npos);
  const auto wrong = programs::run(command({"--method", "scaled(strat=2)"}, "wrong"));
  CHECK(wrong.err.find("column 14: strat is no setting of scaled (did you mean 'start'?); known: start") !=
        std::string::npos);
}
