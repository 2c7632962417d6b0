// Adapters as files: weights bit for bit, with their description; another base model, incomplete saves and damaged
// files give one message.
#include "neutra/nn/adapter_file.hpp"

#include "neutra/adapter/list.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/gate/jump_relu.hpp"
#include "neutra/nn/fingerprint.hpp"

#include "tests/catch.hpp"
#include "tests/io/file_size_limit.hpp"
#include "tests/io/scratch.hpp"
#include "tests/nn/models.hpp"

#include <limits>

using namespace neutra;
using scratch::says;

namespace {

const adapter::Sizes sizes = models::tiny().sizes();
const nn::Base tiny_base{models::tiny(), std::string(64, 'a'), std::string(64, 'c')};

adapter::Lora lora(Index rank = 3) {
  adapter::Lora lora;
  lora.sites = {adapter::Site::q, adapter::Site::down};
  lora.rank = rank;
  lora.scale = 0.1;
  return lora;
}

template <class A, Scalar S = float> struct Attached {
  A adapter;
  adapter::AttachedInstance<A, S, Cpu> attached;

  explicit Attached(const A& a, std::uint64_t seed = 1, const adapter::Sizes& of = sizes)
      : adapter(a), attached(a, of, seed, nullptr) {
    for (auto* parameter : parameters())
      for (Index i = 0; i < parameter->value.size(); ++i)
        parameter->value.data()[i] += static_cast<S>(0.01 * static_cast<double>(i + 1) + static_cast<double>(seed));
  }
  std::vector<Parameter<S, Cpu>*> parameters() { return attached.parameters(); }
  void save(const io::Path& path) { nn::save_adapter(path, parameters(), adapter.describe(sizes), tiny_base); }
  auto load(const io::Path& path, const nn::Base& of = tiny_base) {
    return [=, this] { nn::load_adapter_weights(path, parameters(), of); };
  }
};

template <class A, Scalar S> bool same(Attached<A, S>& a, Attached<A, S>& b) {
  const auto x = a.parameters(), y = b.parameters();
  bool equal = x.size() == y.size();
  for (std::size_t i = 0; equal && i < x.size(); ++i)
    equal = x[i]->name == y[i]->name && models::same_bits<S>(x[i]->value, y[i]->value);
  return equal;
}

template <Scalar S, class A> void check_round_trip(const A& adapter) {
  const scratch::Folder folder;
  Attached<A, S> saved(adapter, 1), loaded(adapter, 2);
  saved.save(folder / "a.safetensors");
  CHECK_FALSE(same(saved, loaded));
  CHECK(message(loaded.load(folder / "a.safetensors")).empty());
  CHECK(same(saved, loaded));
  CHECK(folder.count() == 2);
}

/// A saved LoRA whose JSON can be changed together with its hash in the weights.
struct SavedLora {
  scratch::Folder folder;
  io::Path path = folder / "a.safetensors", beside = folder / "a.json";
  Attached<adapter::Lora> adapter{lora()};
  io::Json json;

  SavedLora() {
    adapter.save(path);
    json = io::read_json(beside);
  }
  auto with(const io::Json& changes, const std::string& without = "") const {
    return [=, this] {
      io::Json changed = json;
      changed.update(changes);
      if (!without.empty()) changed.erase(without);
      io::write_json(beside, changed);
      return nn::read_adapter_json(path);
    };
  }
};

}  // namespace

TEMPLATE_TEST_CASE("adapter file: weights come back bit for bit", "", float, double) {
  check_round_trip<TestType>(adapter::Residue<gate::JumpRelu>{.width = 5});
  check_round_trip<TestType>(lora());
  check_round_trip<TestType>(adapter::List(adapter::Residue<>{.width = 2}, lora()));
}

TEST_CASE("adapter file: the JSON describes the adapter") {
  const scratch::Folder folder;
  const adapter::Residue<gate::JumpRelu> residue{
      .gate = {.threshold = 0.3f}, .placement = adapter::Placement::after, .width = 5};
  Attached attached(residue);
  attached.save(folder / "x.safetensors");
  const Index weights = sizes.layers * (12 + 3 * 5 * 12);
  CHECK(io::read_json(folder / "x.json") == io::Json{{"schema", "neutra.adapter/3"},
                                                     {"kind", "residue"},
                                                     {"settings",
                                                      {{"gate", "jump_relu"},
                                                       {"gate.threshold", double{0.3f}},
                                                       {"body", "gated_unit"},
                                                       {"penalty", "l1"},
                                                       {"init", "low_variance"},
                                                       {"placement", "after"},
                                                       {"layers", "all"},
                                                       {"capacity", 0.2},
                                                       {"width", 5}}},
                                                     {"weights", weights},
                                                     {"fingerprint", tiny_base.fingerprint},
                                                     {"tokenizer", tiny_base.tokenizer},
                                                     {"model",
                                                      {{"vocabulary", 11},
                                                       {"dim", 12},
                                                       {"ffn", 10},
                                                       {"layers", 2},
                                                       {"heads", 4},
                                                       {"kv_heads", 2},
                                                       {"head_width", 4},
                                                       {"context", 16},
                                                       {"norm_epsilon", 2e-5},
                                                       {"rope_theta", 5000.0},
                                                       {"tied", false},
                                                       {"bos", 1}}}});
  const auto file = nn::read_adapter_json(folder / "x.safetensors");
  const auto& d = file.description;
  CHECK((d.kind == "residue" && d.settings == residue.describe(sizes).settings && d.weights == weights));
  nn::Config expected = tiny_base.config;
  expected.eos.clear();  // changes no logit
  CHECK(file.base.config == expected);
  CHECK((file.base.fingerprint == tiny_base.fingerprint && file.base.tokenizer == tiny_base.tokenizer));

  const SavedLora saved;
  const auto other = nn::read_adapter_json(saved.path);
  CHECK((other.description.kind == "lora" && other.description.settings == lora().describe(sizes).settings));
}

TEST_CASE("adapter file: it names the files that the adapter was trained on top of") {
  const scratch::Folder folder;
  const io::Path path = folder / "x.safetensors";
  Attached attached(lora());
  attached.save(path);
  CHECK_FALSE(io::read_json(folder / "x.json").contains("trained_on"));
  CHECK(nn::read_adapter_json(path).trained_on.empty());
  const std::vector<std::string> below = {std::string(64, 'b'), std::string(64, 'd')};
  nn::save_adapter(path, attached.parameters(), lora().describe(sizes), tiny_base, below);
  CHECK(nn::read_adapter_json(path).trained_on == below);
  io::Json json = io::read_json(folder / "x.json");
  json["trained_on"] = {"danish.safetensors"};
  io::write_json(folder / "x.json", json);
  CHECK(says([&] { nn::read_adapter_json(path); }, "trained_on must be 64 hexadecimal digits"));
  json["trained_on"] = 3;
  io::write_json(folder / "x.json", json);
  CHECK(says([&] { nn::read_adapter_json(path); }, "trained_on must be an array"));
}

TEST_CASE("adapter file: one of the schema before is read as what it says today") {
  const SavedLora saved;
  io::Json old = saved.json;
  for (const char* key : {"kind", "settings"}) old.erase(key);
  old.update({{"schema", "neutra.adapter/2"},
              {"method", "residue"},
              {"gate", "jump_relu"},
              {"body", "gated_unit"},
              {"penalty", "l1"},
              {"init", "he"},
              {"placement", "after"},
              {"sites", nullptr},
              {"width", 5},
              {"rank", nullptr},
              {"scale", 1.0},
              {"gate_options", {{"threshold", 0.25}}}});
  const auto read = [&](const io::Json& json) {
    io::write_json(saved.beside, json);
    return nn::read_adapter_json(saved.path).description;
  };
  const auto residue = read(old);
  CHECK((residue.kind == "residue" && residue.weights == saved.json["weights"]));
  CHECK(residue.settings == Settings{{"gate", "jump_relu"},
                                     {"gate.threshold", 0.25},
                                     {"body", "gated_unit"},
                                     {"penalty", "l1"},
                                     {"init", "he"},
                                     {"placement", "after"},
                                     {"width", Index{5}}});
  io::Json low_rank = old;
  low_rank.update({{"method", "lora"}, {"sites", "q,down"}, {"rank", 3}, {"scale", 0.5}, {"width", nullptr}});
  for (const char* key : {"gate", "body", "penalty", "init", "placement"}) low_rank[key] = nullptr;
  low_rank["gate_options"] = io::Json::object();
  CHECK(read(low_rank).settings == Settings{{"targets", "q|down"}, {"rank", Index{3}}, {"scale", 0.5}});
  const std::string name = saved.beside.string() + ": ";
  const auto refused = [&](const io::Json& changes, const std::string& words) {
    io::Json bad = old;
    bad.update(changes);
    return says([&] { read(bad); }, name, words);
  };
  CHECK(refused({{"alpha", 1}}, "alpha is not a known key"));
  CHECK(refused({{"gate", 3}}, "gate must be a string, got 3"));
  CHECK(refused({{"width", -1}}, "width must be an integer, zero or more, got -1"));
  CHECK(refused({{"rank", 1.5}}, "rank must be an integer, zero or more, got 1.5"));
  CHECK(refused({{"scale", "1"}}, "scale must be a number"));
  CHECK(refused({{"gate_options", {{"threshold", "low"}}}}, "gate_options.threshold must be a number, got \"low\""));
  CHECK(refused({{"method", ""}}, "kind must not be empty"));
}

TEST_CASE("adapter file: invalid adapters are not saved") {
  const scratch::Folder folder;
  Attached attached(lora());
  const auto path = folder / "a.safetensors";
  const auto description = lora().describe(sizes);
  for (const char* name : {"a", "a.json", "a.bin", ".safetensors"})
    CHECK(says([&] { attached.save(folder / name); }, "must be named NAME.safetensors"));
  CHECK(says([&] { nn::save_adapter<float, Cpu>(path, {}, description, tiny_base); }, "no parameters to save",
             "save_model"));
  CHECK(says(
      [&] {
        nn::save_adapter(path, attached.parameters(), description, {tiny_base.config, "abc", ""});
      },
      "a.json: fingerprint must be 64 hexadecimal digits, got \"abc\""));
  CHECK(says(
      [&] {
        nn::save_adapter(path, attached.parameters(), description, {tiny_base.config, tiny_base.fingerprint, "abc"});
      },
      "a.json: tokenizer must be 64 hexadecimal digits, got \"abc\""));
  CHECK(says([&] { nn::save_adapter(path, attached.parameters(), {}, tiny_base); }, "must name the kind of adapter"));
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(says(
      [&] {
        nn::save_adapter(path, attached.parameters(), {.kind = "mine", .settings = {{"gate.threshold", infinity}}},
                         tiny_base);
      },
      "settings: gate.threshold must be finite, got inf"));
  auto twice = attached.parameters();
  twice.push_back(twice[0]);
  CHECK(says([&] { nn::save_adapter(path, twice, description, tiny_base); }, "must not be given twice"));
  CHECK(folder.count() == 0);
}

TEST_CASE("adapter file: a failed save leaves the old adapter intact") {
  SavedLora saved;
  Attached other(lora(), 3), loaded(lora(), 4);
  const auto unharmed = [&] {
    CHECK(message(loaded.load(saved.path)).empty());
    CHECK(same(loaded, saved.adapter));
    CHECK(saved.folder.count() == 2);
  };
  other.parameters().back()->value.data()[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(says([&] { other.save(saved.path); }, "a.safetensors", "adapter.1.down.lora_b", "finite"));
  unharmed();
  other.parameters().back()->value.data()[1] = 0;

  // A full disk, first for the JSON, then only for the weights.
  for (const rlim_t bytes : {rlim_t{100}, rlim_t{1200}}) {
    REQUIRE(std::filesystem::file_size(saved.beside) < 1200);
    REQUIRE(std::filesystem::file_size(saved.path) > 1200);
    const std::string told = scratch::message_at_limit(bytes, [&] { other.save(saved.path); });
    CHECK(told.find(bytes == 100 ? "a.json: cannot be written" : "a.safetensors: cannot be written") != told.npos);
    unharmed();
  }
  other.save(saved.path);
  CHECK(message(loaded.load(saved.path)).empty());
  CHECK(same(loaded, other));
}

TEST_CASE("adapter file: an incomplete save is detected") {
  SavedLora saved;
  Attached loaded(lora(), 2), untouched(lora(), 2);
  const std::string old = scratch::get(saved.beside);
  const auto changed = lora(4);
  Attached<adapter::Lora>(changed).save(saved.path);  // new weights, old JSON: killed between the two
  scratch::put(saved.beside, old);
  CHECK(says(loaded.load(saved.path), "a.safetensors: must have been saved together with a.json", "interrupted"));
  std::filesystem::remove(saved.beside);
  CHECK(says(loaded.load(saved.path), "a.json: cannot be opened"));
  CHECK(says([&] { nn::read_adapter_json(saved.path); }, "a.json: cannot be opened"));
  saved.adapter.save(saved.path);
  const auto file = io::Safetensors::open(saved.path);
  const auto value = file.read<float>(file.entries()[0].name);
  io::write_safetensors<float>(saved.path, {{file.entries()[0].name, value.view()}}, {{"format", "pt"}});
  CHECK(says(loaded.load(saved.path), "neutra_adapter_json_sha256", "not written by save_adapter"));
  std::filesystem::remove(saved.path);
  CHECK(says(loaded.load(saved.path), "a.safetensors: cannot be opened"));
  CHECK(same(loaded, untouched));
}

TEST_CASE("adapter file: all mismatches with the model in one message") {
  SavedLora saved;
  nn::Config config{.vocabulary = 13,
                    .dim = 14,
                    .ffn = 22,
                    .layers = 3,
                    .heads = 3,
                    .kv_heads = 1,
                    .head_width = 6,
                    .context = 20,
                    .tied = true};
  config.complete();
  const adapter::Sizes other = config.sizes();
  const nn::Base other_base{config, std::string(64, 'b'), std::string(64, 'd')};
  adapter::Lora different = lora(2);
  different.sites = {adapter::Site::q, adapter::Site::v};
  Attached attached(different, 1, other), untouched(different, 1, other);
  CHECK(says(attached.load(saved.path, other_base), saved.path.string() + ": the adapter must fit the model",
             "; vocabulary: made for 11, the model has 13", "; dim: made for 12, the model has 14",
             "; layers: made for 2, the model has 3", "; heads: made for 4, the model has 3",
             "; kv_heads: made for 2, the model has 1", "; head_width: made for 4, the model has 6",
             "; ffn: made for 10, the model has 22", "; context: made for 16, the model has 20",
             "; norm_epsilon: made for 2e-05, the model has 1e-06", "; rope_theta: made for 5000, the model has 10000",
             "; tied: made for false, the model has true", "; bos: made for 1, the model has -1",
             "; fingerprint of configuration and weights: made for aaaaaaaaaaaa..., the model's is bbbbbbbbbbbb...",
             "; SHA-256 of the tokenizer: made for cccccccccccc..., the model's is dddddddddddd...",
             "; missing: adapter.2.q.lora_a, adapter.2.q.lora_b, adapter.0.v.lora_a",
             "; of the wrong shape: adapter.0.q.lora_a must be (2,14), got (3,12)",
             "; not of this adapter: adapter.0.down.lora_a, adapter.0.down.lora_b, adapter.1.down.lora_a"));
  CHECK(same(attached, untouched));
  Attached fits(lora(), 2);
  const std::string alone =
      message(fits.load(saved.path, {tiny_base.config, std::string(64, 'b'), tiny_base.tokenizer}));
  CHECK(alone.find("fingerprint") != alone.npos);
  CHECK(alone.find("made for 1") == alone.npos);
  CHECK(alone.find("missing") == alone.npos);
  const std::string tokenizer =
      message(fits.load(saved.path, {tiny_base.config, tiny_base.fingerprint, std::string(64, 'd')}));
  CHECK(tokenizer.find("SHA-256 of the tokenizer") != tokenizer.npos);
  CHECK(tokenizer.find("fingerprint") == tokenizer.npos);
  CHECK(message(fits.load(saved.path, {tiny_base.config, tiny_base.fingerprint, ""}))
            .empty());  // a base model with an unknown tokenizer
  CHECK(message(fits.load(saved.path)).empty());
}

TEST_CASE("adapter file: the fingerprint is that of the base model") {
  const scratch::Folder folder;
  const auto model = models::random(), other = models::random(models::tiny(), 8);
  Attached attached(lora());
  nn::save_adapter(folder / "a.safetensors", attached.parameters(), lora().describe(sizes), nn::base_of(*model));
  CHECK(message(attached.load(folder / "a.safetensors", nn::base_of(*model))).empty());
  CHECK(says(attached.load(folder / "a.safetensors", nn::base_of(*other)),
             "fingerprint of configuration and weights: made for"));
}

TEST_CASE("adapter file: damaged weights leave the parameters unchanged") {
  SavedLora saved;
  std::string bytes = scratch::get(saved.path);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - 4, &nan, 4);
  scratch::put(saved.path, bytes);
  Attached loaded(lora(), 2), untouched(lora(), 2);
  CHECK(says(loaded.load(saved.path), "a.safetensors", "adapter.1.q.lora_b", "finite"));
  CHECK(same(loaded, untouched));
  scratch::put(saved.path, bytes.substr(0, bytes.size() - 1));
  CHECK(says(loaded.load(saved.path), "a.safetensors", "1 are missing"));
}

TEST_CASE("adapter file: a JSON that is not an adapter") {
  const SavedLora saved;
  const std::string name = saved.beside.string() + ": ";
  CHECK(message(saved.with(io::Json::object())).empty());
  CHECK(says(saved.with({{"schema", "neutra.adapter/4"}}), name,
             "schema must be \"neutra.adapter/3\", got \"neutra.adapter/4\"", "the version of neutra"));
  CHECK(says(saved.with({{"schema", "neutra.adapter/1"}}), name, "was saved by an older version (neutra.adapter/1)",
             "train it again"));
  CHECK(says(saved.with({{"alpha", 1}}), name, "alpha is not a known key"));
  CHECK(says(saved.with({{"kind", ""}}), name, "kind must not be empty"));
  CHECK(says(saved.with({{"settings", 3}}), name, "settings must be an object, got 3"));
  CHECK(
      says(saved.with({{"settings", {{"rank", io::Json::array()}}}}), name, "settings.rank must be a string, got []"));
  CHECK(says(saved.with({{"weights", -1}}), name, "weights must be an integer, zero or more, got -1"));
  CHECK(says(saved.with({{"fingerprint", std::string(64, 'G')}}), name, "fingerprint must be 64 hexadecimal digits"));
  CHECK(says(saved.with({{"model", 1}}), name, "model must be an object"));
  CHECK(says(saved.with({{"model", io::Json::object()}}), name, "model.vocabulary is missing"));
  for (const char* key : {"vocabulary", "dim", "ffn", "layers", "heads", "kv_heads", "head_width", "context"}) {
    io::Json model = saved.json["model"];
    model[key] = 0;
    CHECK(says(saved.with({{"model", model}}), name, concat("model.", key, " must be a positive integer, got 0")));
  }
  io::Json model = saved.json["model"];
  model["eos"] = 1;
  CHECK(says(saved.with({{"model", model}}), name, "model.eos is not a known key"));
  for (const char* key : {"schema", "kind", "settings", "weights", "fingerprint", "model"})
    CHECK(says(saved.with(io::Json::object(), key), name, concat(key, " is missing")));
  for (const char* text : {"", "[]", "{", "\xff"}) {
    scratch::put(saved.beside, text);
    CHECK_FALSE(message([&] { nn::read_adapter_json(saved.path); }).empty());
  }
  scratch::put(saved.beside, std::string(1'000'001, ' '));
  CHECK(says([&] { nn::read_adapter_json(saved.path); }, name, "at most 1000000 bytes"));
}
