// Saves tiny models with residues of every gate, body and placement, and their logits, for residues.py:
//   neutra_residues FOLDER      writes FOLDER/MODEL/, FOLDER/MODEL/CASE.safetensors and .json, FOLDER/MODEL/CASE.logits
#include "neutra/adapter/registry.hpp"
#include "neutra/nn/adapter_file.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/train/model.hpp"

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace neutra;

namespace {

const std::vector<std::int32_t> tokens = {3, 9, 4, 17, 11, 5, 5, 2, 18, 7, 12, 8, 6, 3};  // two sequences

nn::Config config_of(const std::string& family) {
  nn::Config config{.family = family,
                    .vocabulary = 19,
                    .dim = 8,
                    .ffn = 12,
                    .layers = 2,
                    .heads = 2,
                    .context = 16,
                    .tied = family == "gemma" || family == "gpt2"};
  config.complete();
  return config;
}

/// Values as after training, when no matrix is zero and gates are open for some tokens.
void fill(const std::vector<Parameter<float, Cpu>*>& parameters) {
  for (auto* parameter : parameters) {
    const Philox random(1, parameter->name);
    for (Index i = 0; i < parameter->value.size(); ++i)
      parameter->value.data()[i] = static_cast<float>(0.5 * random.normal(0, static_cast<std::uint64_t>(i)));
  }
}

void save(const io::Path& folder, const std::shared_ptr<const train::Backbone>& backbone, const std::string& name,
          const train::Adapter& adapter) {
  train::Model model(backbone, adapter, 1);
  fill(model.parameters());
  nn::save_adapter(folder / (name + ".safetensors"), model.parameters(), adapter.describe(backbone->config().sizes()),
                   nn::base_of(*backbone));
  Tape<float, Cpu> tape;
  tape.start(false);
  const View<const float> logits = model.logits(tape, {2, static_cast<Index>(tokens.size()) / 2, tokens}).value();
  io::write_safetensors<float>(folder / (name + ".logits"), {{"logits", logits}});
}

}  // namespace

int main(int, char** argv) {
  const adapter::Registry registry = adapter::Registry::with<gate::All>();
  const auto residue = [&](const std::string& gate, const std::string& body, const std::string& placement,
                           Settings more = {}) {
    more.merge(Settings{{"gate", gate},
                        {"body", body},
                        {"placement", placement},
                        {"width", Index{3}},
                        {"penalty", std::string("none")}});
    return registry.make("residue", more);
  };
  for (const std::string family : {"llama", "gpt2", "gemma", "olmo2", "gpt_neox"}) {
    const io::Path folder = io::Path(argv[1]) / family;
    nn::Transformer<adapter::None> random(nn::Backbone<float, Cpu>::random(config_of(family), 7));
    random.thaw();
    fill(random.parameters());
    nn::save_model(folder, random);
    const auto backbone = nn::load_model<float, Cpu>(folder);
    for (const std::string placement : {"parallel", "after", "attention"})
      save(folder, backbone, placement, residue("relu", "gated_unit", placement));
    if (family != "llama") continue;
    for (const std::string& gate : registry.gates.names())
      if (gate.find('(') == gate.npos) save(folder, backbone, gate, residue(gate, "bottleneck", "parallel"));
    for (const std::string wrapper : {"per_channel_", "two_layer_", "causal_mean_", "contextual_", "biased_"})
      save(folder, backbone, wrapper + "tanh", residue(wrapper + "tanh", "gated_unit", "parallel"));
    save(folder, backbone, "decay", residue("causal_mean_two_layer_elu", "gated_unit", "after", {{"gate.decay", 0.7}}));
    save(folder, backbone, "sum",
         residue("biased_contextual_relu", "gated_unit", "parallel",
                 {{"gate.hidden", Index{3}}, {"gate.sum", Index{1}}, {"layers", std::string("upper")}}));
    adapter::AnyList<float, Cpu> list{
        {residue("sigmoid", "gated_unit", "after"), residue("open", "bottleneck", "after")}};
    save(folder, backbone, "list", list);
  }
}
