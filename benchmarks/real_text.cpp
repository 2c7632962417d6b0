// What skipping closed tokens saves on real text.
//   ./real_text --model FOLDER --adapter NAME.safetensors --text FILE... [--windows N] [--threads N] [--rounds N]
//
// A forward pass with its loss over windows of each text: the backbone alone, its neutral residues with closed tokens
// skipped, and with all tokens computed ("dense"); all take turns. The adapter must have the paper's gate, body and
// placement, the defaults of `extend`.
#include "turns.hpp"

#include "neutra/nn/fingerprint.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/load.hpp"
#include "neutra/train/texts.hpp"

#include <CLI/CLI.hpp>

#include <chrono>

using namespace neutra;

namespace {

struct Asked {
  std::string model, adapter;
  std::vector<std::string> texts;
  Index windows = 64, batch = 16;
  int threads = 2, rounds = 15;
};

class Contest {
 public:
  explicit Contest(const Asked& settings)
      : settings_(settings), backbone_(nn::load_model<float, Cpu>(settings.model, {nn::Purpose::evaluation})) {
    const auto file = nn::read_adapter_json(settings.adapter);
    const neutra::Settings& saved = file.description.settings;
    for (const auto& [key, paper] : {std::pair{"gate", "relu"}, {"body", "gated_unit"}, {"placement", "parallel"}}) {
      const auto own = saved.find(key);
      require(own != saved.end() && text_of(own->second) == paper, settings.adapter,
              ": this benchmark runs the paper's gate, body and placement, got another ", key);
    }
    const Index width = std::get<Index>(saved.at("width"));
    alone_ = std::make_unique<train::Model>(backbone_, adapter::None{});
    for (const bool skip : {true, false}) {
      auto& model = skip ? skipping_ : dense_;
      model = std::make_unique<train::Model>(backbone_, adapter::Residue<>{.width = width, .skip = skip});
      nn::load_adapter_weights(settings.adapter, model->parameters(), nn::base_of(*backbone_));
    }
  }

  void run(const std::string& path) {
    const data::Text text = train::read_texts({path});
    const data::Windows all(*train::tokenizer_of(settings_.model), text.bytes, backbone_->config().context);
    const Index first = std::max<Index>(0, (all.whole() - settings_.windows) / 2),
                count = std::min(settings_.windows, all.whole());
    std::vector<data::Batch> batches;
    for (Index w = first; w < first + count; w += settings_.batch)
      all.read(w, std::min(settings_.batch, first + count - w), data::Domain::target, batches.emplace_back());
    Tape<float, Cpu> tape;
    const auto pass = [&](train::Model& model, adapter::Probe<float, Cpu>* probe = nullptr) {
      for (const data::Batch& batch : batches) {
        tape.start(false);
        model.loss(tape, train::tokens_of(batch), {batch.tokens(), 0}, probe);
      }
    };
    const auto contender = [&](const char* name, train::Model& model) {
      return turns::Contender{name, [&] {
                                const auto start = std::chrono::steady_clock::now();
                                pass(model);
                                return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
                              }};
    };
    adapter::Probe<float, Cpu> probe(backbone_->config().layers);
    pass(*skipping_, &probe);
    std::printf("%s, %d windows; open in layers", path.c_str(), int(count));
    for (const auto& layer : probe.counts(0)) std::printf(" %.1f", 100 * layer.open_share());
    std::printf(" %%\n");
    turns::show("a forward pass",
                {contender("the backbone", *alone_), contender("skipping", *skipping_), contender("dense", *dense_)},
                settings_.rounds);
  }

 private:
  Asked settings_;
  std::shared_ptr<const nn::Backbone<float, Cpu>> backbone_;
  std::unique_ptr<train::Model> alone_, skipping_, dense_;
};

}  // namespace

int main(int argc, char** argv) try {
  Asked settings;
  CLI::App app("Measure what skipping closed tokens saves on real text.");
  app.add_option("--model", settings.model, "a Hugging Face llama folder")->required();
  app.add_option("--adapter", settings.adapter, "neutral residues for this model: NAME.safetensors")->required();
  app.add_option("--text", settings.texts, "text files, one after another")->required();
  app.add_option("--windows", settings.windows, "windows of the model's context, from the middle of a text")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--threads", settings.threads, "threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--rounds", settings.rounds, "rounds to time")->check(CLI::Range(1, 1000000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  omp_set_num_threads(settings.threads);
  Contest contest(settings);
  for (const std::string& text : settings.texts) contest.run(text);
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
