// Saves tiny models with a tokenizer of each kind, the ids of a text and logits, for saved_models.py:
//   neutra_saved_models FOLDER      writes FOLDER/CASE/, FOLDER/CASE.json and FOLDER/CASE.logits
#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/study/pretraining.hpp"
#include "neutra/train/load.hpp"
#include "neutra/train/model.hpp"

#include "tests/data/samples.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

using namespace neutra;

namespace {

const io::Path golden = NEUTRA_SOURCE_DIR "/tests/golden/tokenizers";

/// The lines of the golden text that the tokenizers library encodes without loss, and that spell no special token.
std::vector<std::string> lines() {
  std::vector<std::string> kept;
  const io::Json recorded = io::read_json(golden / "gpt2.ids.json");
  for (const io::Json& item : recorded["lines"]) {
    const auto line = item.get<std::string>();
    if (line.find(data::space_sign) == line.npos && line.find('\0') == line.npos && line.find("<s>") == line.npos)
      kept.push_back(line);
  }
  return kept;
}

std::shared_ptr<const train::Backbone> random(const data::Tokenizer& tokenizer) {
  nn::Config config{.vocabulary = tokenizer.vocab() + 3,  // padded, as many are
                    .dim = 8,
                    .ffn = 12,
                    .layers = 2,
                    .heads = 2,
                    .context = 16,
                    .bos = tokenizer.bos()};
  config.complete();
  return train::Backbone::random(config, 7);
}

/// Saves a model with its tokenizer, what it gives, and whether transformers puts bos in front.
void save(const io::Path& folder, const std::string& name, const std::shared_ptr<const train::Backbone>& backbone,
          const data::Tokenizer& tokenizer, bool begins) {
  train::Model model(backbone, adapter::None{});
  study::save_model(folder / name, model, tokenizer);
  io::Json ids = io::Json::array();
  for (const std::string& line : lines()) {
    io::Json line_ids = begins ? io::Json::array({tokenizer.bos()}) : io::Json::array();
    for (const std::int32_t id : tokenizer.encode(line)) line_ids.push_back(id);
    ids.push_back(std::move(line_ids));
  }
  io::write_json(folder / (name + ".json"), {{"lines", lines()}, {"ids", ids}});
  const std::vector<std::int32_t> tokens = {3, 9, 4, 17, 11, 5, 5, 2};
  Tape<float, Cpu> tape;
  tape.start(false);
  const View<const float> logits = model.logits(tape, {1, static_cast<Index>(tokens.size()), tokens}).value();
  io::write_safetensors<float>(folder / (name + ".logits"), {{"logits", logits}});
}

/// Loads a folder with the files of a golden tokenizer that `put` writes, and saves what it holds.
template <class Put>
void save_loaded(const io::Path& folder, const std::string& name, const std::string& bos, bool begins, const Put& put) {
  const io::Path base = folder / (name + ".base");
  const auto tokenizer = train::read_tokenizer_json(io::read_file(golden / (name + ".json"), 1'000'000), name, bos);
  nn::save_model(base, *random(*tokenizer));
  put(base);
  const auto loaded = train::tokenizer_of(base);
  save(folder, name, nn::load_model<float, Cpu>(base), *loaded, begins);
  std::filesystem::remove_all(base);
}

}  // namespace

int main(int, char** argv) {
  const io::Path folder = argv[1];
  const data::ByteTokenizer bytes;
  save(folder, "bytes", random(bytes), bytes, true);
  const data::SentencePiece pieces(data::train_sentencepiece(std::string(samples::five_languages), {.vocab = 500}));
  save(folder, "sentencepiece", random(pieces), pieces, true);
  const auto json = [&](const std::string& name, const std::string& bos, bool begins) {
    save_loaded(folder, name, bos, begins, [&](const io::Path& base) {
      std::filesystem::copy_file(golden / (name + ".json"), base / "tokenizer.json");
      io::write_json(base / "tokenizer_config.json",
                     {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"bos_token", bos}});
    });
  };
  json("llama3", "<|begin_of_text|>", true);
  json("llama2", "<s>", true);
  json("gpt2", "<|endoftext|>", false);
  json("unigram", "<s>", true);
  json("unigram_words", "<s>", true);
  save_loaded(folder, "smollm", "<|endoftext|>", false, [&](const io::Path& base) {
    const io::Json file = io::read_json(golden / "smollm.json");
    std::string merges = "#version: 0.2\n";
    for (const io::Json& merge : file["model"]["merges"])
      merges += merge[0].get<std::string>() + ' ' + merge[1].get<std::string>() + '\n';
    io::write_file(base / "merges.txt", merges);
    io::write_json(base / "vocab.json", file["model"]["vocab"]);
  });
}
