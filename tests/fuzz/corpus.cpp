// Each fuzz target reads its corpus (tests/fuzz/corpus/TARGET), and the same inputs cut short: files as this library
// and others write them, and inputs by which faults were found. tools/fuzz looks for new ones.
#include "tests/fuzz/programs.hpp"
#include "tests/fuzz/targets.hpp"

#include "tests/catch.hpp"

using namespace neutra;

namespace {

const io::Path golden = io::Path(NEUTRA_SOURCE_DIR) / "tests/golden/tokenizers",
               corpora = io::Path(NEUTRA_SOURCE_DIR) / "tests/fuzz/corpus";

void replay(const fuzz::Target& target, const io::Path& corpus) {
  int inputs = 0;
  for (const auto& file : std::filesystem::directory_iterator(corpus)) {
    const std::string input = scratch::get(file.path());
    for (const std::size_t part : {0, 1, 3, 7, 13, 15, 16}) {
      INFO(target.name << ": " << file.path().string() << " cut to " << part << "/16");
      CHECK_NOTHROW(target.read(std::string_view(input).substr(0, input.size() * part / 16)));
    }
    ++inputs;
  }
  CHECK(inputs > 0);
}

}  // namespace

TEST_CASE("fuzz: readers return or throw an Error for every input of their corpus") {
  for (const fuzz::Target& target : fuzz::targets) replay(target, corpora / target.name);
  replay({"tokenizer_json", fuzz::tokenizer_json}, golden);
}

TEST_CASE("fuzz: so do programs, of what readers accept") {
  for (const fuzz::Target& target : fuzz::program_targets) replay(target, corpora / target.name);
}
