// Ids beside those of the tokenizers library, and every fault of a file.
#include "neutra/data/tokenizer_json.hpp"

#include "tests/catch.hpp"
#include "tests/data/samples.hpp"

#include <memory>
#include <string>
#include <vector>

namespace {

using namespace neutra;

const io::Path golden = NEUTRA_SOURCE_DIR "/tests/golden/tokenizers";
const std::vector<std::string> names = {"gpt2",   "neox",  "llama3",    "qwen2", "smollm",
                                        "llama2", "llama", "metaspace", "gemma"};

io::Json file_of(const std::string& name) { return io::read_json(golden / (name + ".json")); }
std::shared_ptr<const data::Tokenizer> read(const io::Json& file, const std::string& bos = "<|endoftext|>") {
  return data::read_tokenizer_json(file.dump(), "tokenizer.json", bos);
}

/// The reference maps U+2581 in a text to the token of a space, which loses it.
bool lossy(const std::string& line) { return line.find(data::space_sign) != line.npos; }

}  // namespace

TEST_CASE("a tokenizer.json gives the ids of the tokenizers library", "[data]") {
  for (const std::string& name : names) {
    const auto tokenizer = read(file_of(name));
    const io::Json expected = io::read_json(golden / (name + ".ids.json"));
    CHECK(tokenizer->bos() == expected["bos"].get<std::int32_t>());
    for (std::size_t k = 0; k < expected["lines"].size(); ++k) {
      const auto line = expected["lines"][k].get<std::string>();
      const bool byte_level = file_of(name)["decoder"]["type"] == "ByteLevel";
      if (!byte_level && lossy(line)) continue;
      INFO(name << ", line " << k << ": " << line);
      CHECK(tokenizer->encode(line) == expected["ids"][k].get<std::vector<std::int32_t>>());
    }
  }
}
