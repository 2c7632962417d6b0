// Training computes the same bits as when tests/golden/bits.json was recorded.
// tests/golden/README.md says what is held, and when and how it is recorded anew.
#include "neutra/io/sha256.hpp"

#include "tests/programs/study.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>

using namespace neutra;
using programs::Path;
using programs::Study;
using programs::Words;

namespace {

const Path record = Path(NEUTRA_SOURCE_DIR) / "tests/golden/bits.json";

/// SHA-256 of the values of all tensors of a safetensors file, in the order of their names. The header may change.
std::string hash_of_tensors(const std::string& file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const io::Json header = io::parse(file.substr(sizeof length, length), "header");
  const std::string data = file.substr(sizeof length + length);
  io::Sha256 sum;
  for (const auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    const std::size_t begin = tensor.at("data_offsets").at(0), end = tensor.at("data_offsets").at(1);
    sum.update(data.substr(begin, end - begin));
  }
  return sum.hex();
}

void add_log(io::Json& bits, const std::string& name, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const io::Json step = io::parse(line, name);
    for (const std::string quantity : {"lm", "local", "gradient_norm"})
      bits[name + " " + quantity].push_back(step.at(quantity));
  }
}

/// "neutral-lr0.01-alpha1-seed2": a run, from its row or from its entry in the list of scores that rates are chosen by.
std::string name_of(const io::Json& run) {
  const io::Json& alpha = run.at("alpha");
  const std::string label = run.at("label"), weight = alpha.is_null() ? "" : concat("-alpha", alpha.get<double>());
  return concat(label, "-lr", run.at("lr").get<double>(), weight, "-seed", run.at("seed").get<int>());
}

constexpr std::array row_numbers = {
    "original",      "target",      "gate_open",         "gate_open_by_layer", "residue_ratio_by_layer",
    "extra_weights", "extra_share", "trainable_weights", "train_tokens"};

void add_results(io::Json& bits, const std::string& study, const io::Json& results) {
  bits["xsimd"] = results.at("machine").at("xsimd");
  for (const io::Json& row : results.at("rows"))
    for (const std::string number : row_numbers)
      if (const io::Json value = row.value(number, io::Json()); !value.is_null())
        bits[concat(study, " row ", name_of(row), " ", number)] = value;
  for (const io::Json& choice : results.at("choices")) {
    if (choice.at("tried").empty()) continue;  // there was nothing to choose
    io::Json run = choice;
    bits.emplace(concat(study, " chosen lr ", choice.at("label").get<std::string>()), choice.at("lr"));
    if (choice.at("alpha_chosen") == true) bits[study + " chosen alpha"] = choice.at("alpha");
    for (const io::Json& tried : choice.at("tried"))
      for (const std::string number : {"forgetting", "learning"}) {
        run["lr"] = tried.at("lr");
        bits[concat(study, " tuning ", name_of(run), " ", number)] = tried.at(number);
      }
  }
}

/// Words between spaces.
Words words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

/// Runs extend and adds to `bits` every number of it that must not change.
void add_study(io::Json& bits, const std::string& name, const Study& study, const std::string& options) {
  const auto ended = programs::run(study.command(words_of(options), name, NEUTRA_BITS_EXTEND));
  INFO(name << ": " << ended.err);
  REQUIRE(ended.status == 0);
  for (const auto& [file, bytes] : programs::files_of(study.out(name))) {
    if (file.ends_with(".safetensors")) bits[name + " " + file] = hash_of_tensors(bytes);
    if (file.ends_with("log.jsonl")) add_log(bits, name + " " + file, bytes);
  }
  add_results(bits, name, io::read_json(study.out(name) / "results.json"));
}

/// Every method with several rates, alphas and seeds, in both precisions. Width, head width and length of a sequence
/// are no multiples of a vector's; key/value heads are shared; each batch is cut into micro-batches.
void add_methods(io::Json& bits, const Study& study) {
  for (const std::string precision : {"float", "bf16"})
    add_study(bits, precision, study,
              "--quick --tokenizer byte --dim 36 --kv-heads 1 --pretrain-steps 12 --steps 6 --batch 4 --accumulate 2 "
              "--sequence 25 --share 0.25 --seeds 2 --lr 3e-3,1e-2 --alpha 0.01,1 --precision " +
                  precision);
}

/// Every gate, penalty, body, initialisation and placement takes part in one run at least.
void add_policies(io::Json& bits, const Study& study) {
  const std::string sizes = "--quick --methods neutral --steps 4 --batch 4 --sequence 25 --share 0.5 ";
  const std::string model = "--model " + (study.out("float") / "backbone").string();
  for (const char* policies : {
           "--gate open --penalty l1 --body bottleneck --init he --placement after ",
           "--gate sigmoid --penalty l2 --body gated_unit --init xavier --placement attention ",
           "--gate tanh --penalty gate_l1 --body bottleneck --init low_variance --placement parallel ",
           "--gate elu --penalty group_lasso --body gated_unit --init he --placement attention ",
           "--gate softplus --penalty hoyer --body bottleneck --init xavier --placement after ",
           "--gate hard_sigmoid --penalty relative --body gated_unit --init low_variance --placement parallel ",
           "--gate jump_relu --penalty domain_cross_entropy --body bottleneck --init he --placement attention ",
           "--gate per_channel_relu --penalty l1 --body gated_unit --init xavier --placement after ",
           "--gate per_channel_sigmoid --penalty group_lasso --body bottleneck --init he --placement attention ",
           "--gate two_layer_relu --penalty none --body gated_unit --init he --placement parallel ",
       })
    add_study(bits, words_of(policies).at(1), study, sizes + policies + model);
}

/// What was recorded and is not there now, or not the same, one line each. What is new does not count.
Words moved_bits(const io::Json& recorded, const io::Json& now) {
  Words moved;
  for (const auto& [name, value] : recorded.items()) {
    if (!now.contains(name))
      moved.push_back(name + ": missing");
    else if (now.at(name) != value)
      moved.push_back(name + ": recorded " + value.dump() + ", now " + now.at(name).dump());
  }
  return moved;
}

/// JSON with one line for each name, so that a diff of two versions shows what has moved.
std::string text_of(const io::Json& bits) {
  std::string text;
  for (const auto& [name, value] : bits.items())
    text += (text.empty() ? "{\n" : ",\n") + io::Json(name).dump() + ": " + value.dump();
  return text + "\n}\n";
}

}  // namespace

TEST_CASE("bits: training computes what was recorded, to the last bit", "[programs]") {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    WARN("left out: this processor has no AVX2");
    return;
  }
  const Study study;
  io::Json now = io::Json::object();
  add_methods(now, study);
  add_policies(now, study);
  if (std::getenv("NEUTRA_RECORD_BITS")) scratch::put(record, text_of(now));
  const io::Json recorded = io::read_json(record);
  if (recorded.at("xsimd") != now.at("xsimd")) {  // exp, log1p and tanh of vectors are xsimd's
    WARN("left out: recorded with xsimd " << recorded.at("xsimd") << ", this is " << now.at("xsimd"));
    return;
  }
  const Words moved = moved_bits(recorded, now);
  constexpr std::size_t most = 20;
  for (std::size_t i = 0; i < std::min(most, moved.size()); ++i) UNSCOPED_INFO(moved[i]);
  if (moved.size() > most) UNSCOPED_INFO("and " << moved.size() - most << " more");
  INFO("if a bit was meant to move, see tests/golden/README.md");
  CHECK(moved.empty());
}
