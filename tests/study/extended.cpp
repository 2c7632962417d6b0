// extend on a model that is extended already: its adapter stays as it is, and a new one is trained beside it.
#include "neutra/program/extend_options.hpp"
#include "neutra/study/options_json.hpp"
#include "neutra/study/study.hpp"

#include "tests/study/texts.hpp"

#include <cmath>
#include <sstream>

using namespace neutra;

namespace {

/// An extended model, and the options that extend it again.
struct Extended : small::Texts {
  study::RunResult first;

  explicit Extended(const std::string& spec = "neutral") {
    study::Options o = options("first");
    o.methods = small::methods({spec});
    first = study::Study(o, config(o)).run().rows.at(0);
  }
  io::Path adapter() const { return folder / "first/runs" / first.name() / "adapter.safetensors"; }
  study::Options again(const std::string& out, const std::vector<std::string>& specs) const {
    study::Options o = options(out);
    o.model = folder / "first/backbone";
    o.adapter = train::saved_adapter(adapter(), small::registry());
    o.methods = small::methods(specs);
    return o;
  }
  static io::Json config(const study::Options& o) { return {{"options", study::to_json(o)}}; }
  study::Results run(const study::Options& o) const {
    o.check();
    return study::Study(o, config(o)).run();
  }
};

}  // namespace

TEST_CASE("extended: scores before are those of the extended model, extra weights those of the new adapter",
          "[train]") {
  const Extended extended;
  const study::Options o = extended.again("second", {"neutral", "lora"});
  const study::Results results = extended.run(o);
  REQUIRE(results.rows.size() == 2);
  for (const study::RunResult& row : results.rows) {
    CHECK(row.original.before == extended.first.original.after);
    CHECK(row.target.before == extended.first.target.after);
    CHECK_FALSE(row.builds_on);
  }
  CHECK(results.rows[0].extra_weights == extended.first.extra_weights);
  CHECK(results.rows[0].trainable_weights == extended.first.extra_weights);
  CHECK(results.config.at("base").at("adapter") == io::file_sha256(extended.adapter()));

  // The file of the result says what it was trained on, as does what is trained on top of that.
  CHECK(train::saved_adapter(extended.adapter(), small::registry()).file.trained_on.empty());
  const std::string first = io::file_sha256(extended.adapter());
  const train::SavedAdapter second = train::saved_adapter(
      extended.folder / "second/runs" / results.rows[0].name() / "adapter.safetensors", small::registry());
  CHECK(second.file.trained_on == std::vector<std::string>{first});
  study::Start third{.backbone = nn::load_model<float, DefaultDevice>(o.model)};
  third.base = nn::base_of(*third.backbone, second.file.base.tokenizer);
  third.add(second);
  CHECK(third.trained_on == std::vector<std::string>{first, second.sha256()});

  // The file of the result holds both adapters, the first bit for bit; evaluate and generate load it like any other.
  const io::Path file = extended.folder / "second/runs" / results.rows[0].name() / "adapter.safetensors";
  const auto before = io::Safetensors::open(extended.adapter()), after = io::Safetensors::open(file);
  CHECK(after.entries().size() == 2 * before.entries().size());
  for (const auto& entry : before.entries()) {
    const auto was = before.read<float>(entry.name), is = after.read<float>("0." + entry.name);
    CHECK(std::equal(was.data(), was.data() + was.size(), is.data(), is.data() + is.size()));
  }
  const auto loaded = train::load_model(o.model, file, small::registry());
  const train::Corpus corpus(o.texts(), false);
  const auto valid = train::evaluation_text(*loaded.tokenizer, corpus.target.valid, std::nullopt, o.sequence);
  Tape<float, DefaultDevice> tape;
  CHECK(train::evaluate(*loaded.model, tape, valid, data::Domain::target, o.batch).bits_per_byte() ==
        results.rows[0].target.after);

  study::Options resumed = o;
  resumed.resume = true;
  CHECK(extended.run(resumed).rows.at(0).target.after == results.rows[0].target.after);
  resumed.adapter = train::saved_adapter(file, small::registry());
  CHECK(scratch::says([&] { extended.run(resumed); }, "was started with adapter"));
}

TEST_CASE("extended: an adapter for another base, a damaged one and finetuning are refused in one sentence",
          "[train]") {
  const Extended extended;
  CHECK(scratch::says([&] { extended.run(extended.again("out", {"finetune"})); },
                      "--adapter: the method finetune trains the weights of the model",
                      "name other methods with --methods or --method"));
  CHECK(scratch::says([&] { extended.run(extended.again("out", {"dora"})); },
                      "the method dora: dora must extend a model without an adapter"));
  study::Options o = extended.again("out", {"lora"});
  o.model.clear();
  CHECK(scratch::says([&] { extended.run(o); }, "--adapter needs --model"));
  o.model = extended.folder / "other";
  nn::Config other = nn::load_model<float, DefaultDevice>(extended.folder / "first/backbone")->config();
  nn::save_model(o.model, *train::Backbone::random(other, 7), {{"neutra_tokenizer", "byte"}});
  CHECK(scratch::says([&] { extended.run(o); }, "adapter.safetensors: the adapter must fit the model",
                      "fingerprint of configuration and weights"));
  CHECK_FALSE(std::filesystem::exists(extended.folder / "out"));
  std::string bytes = scratch::get(extended.adapter());
  scratch::put(extended.adapter(), bytes.substr(0, bytes.size() - 9));
  CHECK(scratch::says([&] { extended.run(extended.again("out", {"lora"})); }, "adapter.safetensors"));
  scratch::put(extended.adapter(), bytes);
  io::Path json = extended.adapter();
  scratch::put(json.replace_extension(".json"), "{}");
  CHECK(scratch::says([&] { extended.again("out", {"lora"}); }, "adapter.json: schema is missing"));
}

TEST_CASE("extended: KL is that to the extended model, of which a new adapter starts as a copy", "[train]") {
  const Extended extended;
  study::Options o = extended.again("second", {"lora(kl=1)"});
  o.share = 0.5;
  const study::RunResult row = extended.run(o).rows.at(0);
  std::istringstream log(scratch::get(extended.folder / "second/runs" / row.name() / "log.jsonl"));
  std::vector<double> kl;
  for (std::string line; std::getline(log, line);) kl.push_back(io::parse(line, "log").value("regularisation", 0.0));
  REQUIRE(kl.size() == 4);
  CHECK(std::abs(kl.front()) < 1e-7);
  CHECK(kl.back() > 1e-7);
}

TEST_CASE("extended: --adapter names one file of this library") {
  const Extended extended;
  const std::string model = (extended.folder / "first/backbone").string(), adapter = extended.adapter().string();
  const auto parse = [&](const std::string& file) {
    const std::vector<const char*> words = {"extend",  "--original",  "a",         "--target",   "b",
                                            "--model", model.c_str(), "--adapter", file.c_str(), "--out",
                                            "o",       "--methods",   "neutral"};
    return program::parse_options(static_cast<int>(words.size()), words.data(), small::registry());
  };
  CHECK(parse(adapter).adapter->adapter.kind() == "residue");
  CHECK(study::to_json(parse(adapter)).at("adapter") == adapter);
  CHECK(scratch::says([&] { parse((extended.folder / "first").string()); },
                      "must be a file NAME.safetensors or a LoRA folder of PEFT, got a folder"));
  CHECK_FALSE(message([&] { parse((extended.folder / "nothing.safetensors").string()); }).empty());
}

TEST_CASE("a row scores parts of its adapter: scale 0 is the backbone, scale 1 the row, thresholds need gates",
          "[train]") {
  const small::Texts texts;
  study::Options o = texts.options("parts");
  o.methods = small::methods({"neutral", "lora"});
  o.scales = {0, 1};
  o.thresholds = {1e9};
  o.check();
  const study::Results results = study::Study(o, {{"options", study::to_json(o)}}).run();
  REQUIRE(results.rows.size() == 2);
  for (const study::RunResult& row : results.rows) {
    REQUIRE(row.attenuated);
    CHECK(row.attenuated->size() == (row.label == "neutral" ? 3u : 2u));
    CHECK(row.attenuated->at(0).after.original == row.original.before);
    CHECK(row.attenuated->at(0).after.target == row.target.before);
    CHECK(row.attenuated->at(1).after.original == row.original.after);
    CHECK(row.attenuated->at(1).after.target == row.target.after);
  }
  const study::Attenuated& closed = results.rows[0].attenuated->at(2);
  CHECK(closed.threshold == 1e9);
  CHECK(closed.after.target == results.rows[0].target.before);  // every gate is closed
}
