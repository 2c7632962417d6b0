// A gate of the user's own takes part in extend like the library's.
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
  CHECK(row.gate == "saturating");
  REQUIRE(row.gate_open.has_value());  // it says exact_zero
  CHECK(row.gate_open->target > 0);
  CHECK(scratch::get(study.out() / "report.html").find("saturating") != std::string::npos);
  CHECK(
      scratch::get(study.out() / "runs" / "neutral-lr0.002-alpha0.01-seed1" / "adapter.json").find("\"saturating\"") !=
      std::string::npos);

  const auto wrong = programs::run(study.command(Study::small({"--gate", "saturatin"}), "wrong", NEUTRA_OWN_GATE));
  CHECK(wrong.status == 1);
  CHECK(wrong.err.find("did you mean 'saturating'?") != std::string::npos);
  const auto adapter = (study.out() / "runs" / "neutral-lr0.002-alpha0.01-seed1" / "adapter.safetensors").string();
  CHECK(programs::refuses({programs::path_of("evaluate"), "--model", (study.out() / "backbone").string(), "--adapter",
                           adapter, "--text", study.text("first.valid")},
                          "saturating"));  // the library's own program does not know it
}
