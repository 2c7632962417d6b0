// evaluate and generate on what extend left: the same bits per byte, text that follows the seed, and what they refuse.
#include "neutra/data/train_sentencepiece.hpp"

#include "tests/programs/study.hpp"
#include "tests/train/chain.hpp"

#include <cmath>
#include <numbers>

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

/// A study of all methods, made once; long enough that its model says words.
const Study& the_study() {
  static const Study made({"--pretrain-steps", "300", "--steps", "40"});
  return made;
}
std::string backbone() { return the_study().backbone(); }
std::string adapter_of(const std::string& method) { return the_study().adapter_of(method); }

io::Json evaluated(const Words& more, const std::string& text) {
  Words command = {path_of("evaluate"), "--json", "--text", the_study().text(text)};
  command.insert(command.end(), more.begin(), more.end());
  const auto ended = run(command);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.err.empty());
  return io::parse(ended.out, "evaluate --json");
}

std::string generated(const Words& more) {
  Words command = {path_of("generate"), "--model", backbone()};
  command.insert(command.end(), more.begin(), more.end());
  const auto ended = run(command);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  return ended.out;
}

}  // namespace

TEST_CASE("evaluate: backbone, adapters and the finetuned model have the bits per byte of results.json", "[programs]") {
  const auto results = study::read_results(the_study().out() / "results.json");
  REQUIRE(results.rows.size() == 5);
  for (const auto& row : results.rows) {
    INFO(row.label);
    const Words model =
        row.label == "finetune"
            ? Words{"--model", (the_study().out() / "runs" / "finetune-lr5e-04-seed1" / "model").string()}
            : Words{"--model", backbone(), "--adapter", adapter_of(row.label)};
    CHECK(evaluated(model, "first.valid").at("bits_per_byte").get<double>() ==
          Approx(row.original.after).epsilon(1e-6));
    CHECK(evaluated(model, "second.valid").at("bits_per_byte").get<double>() == Approx(row.target.after).epsilon(1e-6));
    CHECK(row.target.after < row.target.before);
  }
  CHECK(evaluated({"--model", backbone()}, "first.valid").at("bits_per_byte").get<double>() ==
        Approx(results.rows[0].original.before).epsilon(1e-6));
  CHECK(evaluated({"--model", backbone()}, "second.valid").at("bits_per_byte").get<double>() ==
        Approx(results.rows[0].target.before).epsilon(1e-6));
}

TEST_CASE("evaluate: documents end with the token that a model pretrained on documents has", "[programs]") {
  const Study study;
  const auto made = run(study.command(
      Study::small({"--methods", "lora", "--tokenizer", "sentencepiece", "--vocab", "300", "--document-per-line"})));
  INFO(made.err);
  REQUIRE(made.status == 0);
  CHECK(io::read_json(study.backbone() + "/config.json").at("eos_token_id") == 2);
  const auto results = study::read_results(study.out() / "results.json");
  CHECK(results.config.at("options").at("documents") == "by line");
  const auto bits = [&](const Words& more) {
    Words command = {path_of("evaluate"), "--json", "--model", study.backbone(), "--text", study.text("first.valid")};
    command.insert(command.end(), more.begin(), more.end());
    return io::parse(run(command).out, "evaluate --json").at("bits_per_byte").get<double>();
  };
  const double before = results.rows.at(0).original.before;
  CHECK(bits({"--document-per-line", "--sequence", "16"}) == Approx(before).epsilon(1e-6));
  CHECK(bits({"--sequence", "16"}) != Approx(before).epsilon(1e-6));
  CHECK(refuses({path_of("evaluate"), "--model", study.backbone(), "--text", study.text("first.valid"), "--documents",
                 "--document-per-line"},
                "--document-per-line", "--documents"));
}

TEST_CASE("evaluate: an adapter scaled from nothing to the whole, and its gates closed", "[programs]") {
  const Words trained = {"--model", backbone(), "--adapter", adapter_of("neutral")};
  const auto attenuated = [&](Words more) {
    more.insert(more.begin(), trained.begin(), trained.end());
    return evaluated(more, "second.valid");
  };
  const auto bare = evaluated({"--model", backbone()}, "second.valid").at("bits_per_byte");
  const auto whole = evaluated(trained, "second.valid");
  CHECK_FALSE(whole.contains("scale"));
  CHECK(attenuated({"--scale", "0"}).at("bits_per_byte") == bare);
  CHECK(attenuated({"--scale", "1"}).at("bits_per_byte") == whole.at("bits_per_byte"));
  const auto closed = attenuated({"--threshold", "1000"});
  CHECK(closed.at("bits_per_byte") == bare);
  CHECK(closed.at("gate_open") == 0);
  CHECK(closed.at("threshold") == 1000);
  CHECK(attenuated({"--scale", "0.5"}).at("gate_open") > 0);
  const Words text = {path_of("evaluate"), "--text", the_study().text("second.valid"), "--model", backbone()};
  const auto with = [&](const Words& more) {
    Words command = text;
    command.insert(command.end(), more.begin(), more.end());
    return command;
  };
  CHECK(refuses(with({"--without", "lora"}), "--without attenuates an adapter, but there is none"));
  CHECK(refuses(with({"--scale", "0.5"}), "--scale attenuates an adapter, but there is none"));
  CHECK(refuses(with({"--adapter", adapter_of("lora"), "--threshold", "0.5"}), "--threshold closes gates"));
  CHECK(refuses(with({"--adapter", adapter_of("lora"), "--scale", "-1"}), "the scale must be 0 or more, got -1"));
}

TEST_CASE("evaluate: tokens, nats and bits agree, and batches and threads change nothing", "[programs]") {
  const auto plain = evaluated({"--model", backbone()}, "first.valid");
  const auto bytes = std::filesystem::file_size(the_study().text("first.valid"));
  CHECK(plain.at("tokens") == bytes);  // one token a byte, the first and the last included
  CHECK(plain.at("nats_per_token").get<double>() / std::numbers::ln2 ==
        Approx(plain.at("bits_per_byte").get<double>()).epsilon(1e-12));
  CHECK(evaluated({"--model", backbone(), "--batch", "1"}, "first.valid").at("bits_per_byte").get<double>() ==
        Approx(plain.at("bits_per_byte").get<double>()).epsilon(1e-6));
  CHECK(evaluated({"--model", backbone(), "--threads", "2"}, "first.valid") == plain);
  CHECK(evaluated({"--model", backbone(), "--sequence", "1"}, "first.valid").at("bits_per_byte").get<double>() >
        plain.at("bits_per_byte").get<double>());
  const auto line = run({path_of("evaluate"), "--model", backbone(), "--text", the_study().text("first.valid")});
  CHECK(line.out.starts_with(concat(bytes, " tokens, ")));
  const auto two = run({path_of("evaluate"), "--model", backbone(), "--text", the_study().text("first.valid"),
                        the_study().text("second.valid"), "--json"});
  CHECK(io::parse(two.out, "two").at("tokens") == bytes + std::filesystem::file_size(the_study().text("second.valid")));
}

TEST_CASE("evaluate and generate: several adapters, each switched off by its name", "[programs]") {
  const std::string neutral = adapter_of("neutral"), lora = adapter_of("lora");
  const Words both = {"--model", backbone(), "--adapter", "gated=" + neutral, "low=" + lora};
  const auto bits = [&](Words words, const Words& more = {}) {
    words.insert(words.end(), more.begin(), more.end());
    return evaluated(words, "second.valid");
  };
  const auto value = [](const io::Json& told) { return told.at("bits_per_byte"); };
  const auto of_one = [&](const std::string& path) { return bits({"--model", backbone(), "--adapter", path}); };
  CHECK(value(bits(both)) != value(of_one(neutral)));
  CHECK(value(bits(both, {"--without", "low"})) == value(of_one(neutral)));
  CHECK(value(bits(both, {"--without", "gated"})) == value(of_one(lora)));
  CHECK(value(bits(both, {"--without", "gated", "low"})) == value(bits({"--model", backbone()})));
  const io::Json told = bits(both, {"--scale", "low=0.5", "--scale", "0.5"});
  CHECK(told.at("adapters") == io::Json{{"gated", 0.5}, {"low", 0.25}});
  CHECK(told.at("scale") == 0.5);
  CHECK(told.at("gate_open") > 0);

  const auto text = [&](const Words& adapters) {
    Words all = {"--prompt", "the river", "--tokens", "20"};
    all.insert(all.end(), adapters.begin(), adapters.end());
    return generated(all);
  };
  CHECK(text({"--adapter", neutral, lora, "--scale", "0"}) == text({}));
  CHECK(text({"--adapter", "a=" + neutral, "b=" + lora, "--without", "a"}) == text({"--adapter", lora}));
  CHECK(refuses({path_of("generate"), "--model", backbone(), "--adapter", "a=" + neutral, "--without", "b"},
                "there is no adapter called b", "the adapters are a"));
}

TEST_CASE("evaluate: what it refuses", "[programs]") {
  const Words base = {path_of("evaluate"), "--model", backbone(), "--text", the_study().text("first.valid")};
  const auto with = [&](Words more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  CHECK(refuses({path_of("evaluate"), "--text", the_study().text("first")}, "--model"));
  CHECK(refuses({path_of("evaluate"), "--model", backbone()}, "--text"));
  CHECK(refuses(with({"--jsno"}), "--jsno", "'--json'"));
  CHECK(refuses(with({"--sequence", "17"}), "--sequence", "context of 16"));
  CHECK(refuses(with({"--batch", "0"}), "--batch"));
  CHECK(refuses(with({"--batch", "010"}), "--batch", "plain decimal digits"));
  CHECK(refuses(with({"--adapter", ""}), "--adapter must not be empty"));
  CHECK(refuses(with({"--adapter", "none.safetensors"}), "none.safetensors: there is no such file"));
  CHECK(refuses(with({"--adapter", (the_study().out() / "backbone" / "model.safetensors").string()}), "model.json"));
  CHECK(refuses({path_of("evaluate"), "--model", backbone(), "--text", "none.txt"}, "none.txt"));
  CHECK(refuses(
      {path_of("evaluate"), "--model", (the_study().out() / "runs").string(), "--text", the_study().text("first")},
      "is this a model folder?"));
}

TEST_CASE("evaluate: text that is not UTF-8 is evaluated, and remarked upon", "[programs]") {
  scratch::put(the_study().folder / "bytes.txt", "the river \xff\n");
  const auto ended = run({path_of("evaluate"), "--model", backbone(), "--text", the_study().text("bytes")});
  CHECK(ended.status == 0);
  CHECK(ended.out.starts_with("12 tokens, "));
  CHECK(ended.err == "note: text file " + the_study().text("bytes") +
                         ": is not UTF-8 from byte 10 on; these bytes are kept and become byte tokens\n");
}

TEST_CASE("evaluate: how much of a text the tokenizer loses is remarked upon once", "[programs]") {
  const scratch::Folder model;
  chain::write(model.path(), 700, {}, 0, io::Json::object());
  const io::Path t5 = NEUTRA_SOURCE_DIR "/tests/golden/tokenizers/t5.json";
  std::filesystem::copy_file(t5, model / "tokenizer.json");
  const auto evaluate = [&](const char* text) {
    scratch::put(model / "text.txt", text);
    return run({path_of("evaluate"), "--model", model.path().string(), "--text", (model / "text.txt").string()});
  };
  const auto whole = evaluate("the cat and the dog"), lost = evaluate("the cat \xf0\x9f\x91\x8d and the dog");
  CHECK(whole.status == 0);
  CHECK(whole.err.empty());
  CHECK(lost.status == 0);
  CHECK(lost.err.starts_with("note: the tokenizer has no tokens for 4 of 24 bytes of text (16.7 %), and no byte "));
  CHECK(lost.err.find('\n') == lost.err.size() - 1);
}

TEST_CASE("evaluate: Ctrl-C ends it with one line and no number", "[programs]") {
  scratch::put(the_study().folder / "long.txt", programs::salad(programs::first_words, 3000000, 1));
  programs::Process process({path_of("evaluate"), "--model", backbone(), "--text", the_study().text("long"),
                             "--sequence", "2", "--batch", "1"});
  REQUIRE(programs::wait_for(process, [&] { return process.holds_interrupts(); }));
  process.send(SIGINT);
  const auto ended = process.wait();
  INFO(ended.err);
  CHECK(ended.status == 130);
  CHECK(ended.out.empty());
  CHECK(programs::messages(ended.err, "evaluate").size() == 1);
}

TEST_CASE("evaluate: an adapter of another base, half a saving and a damaged one are refused", "[programs]") {
  const Study other({"--methods", "neutral", "--pretrain-steps", "21"});
  const auto check = [&](const std::string& adapter, const auto&... parts) {
    return refuses(
        {path_of("evaluate"), "--model", backbone(), "--text", the_study().text("first.valid"), "--adapter", adapter},
        parts...);
  };
  const auto run_folder = other.out() / "runs" / "neutral-lr0.002-alpha0.01-seed1";
  const std::string path = (run_folder / "adapter.safetensors").string();
  CHECK(check(path, "fingerprint"));
  const std::string json = scratch::get(run_folder / "adapter.json");
  scratch::put(run_folder / "adapter.json", json + "\n");
  CHECK(check(path, "saved together"));
  std::string huge = json;
  huge.replace(huge.find("\"width\": ") + 9, 1, "99999999999");
  scratch::put(run_folder / "adapter.json", huge);
  CHECK(check(path, "width must be a whole number below 2^31"));
  std::string unknown = json;
  unknown.replace(unknown.find("\"relu\""), 6, "\"mine\"");
  scratch::put(run_folder / "adapter.json", unknown);
  CHECK(check(path, "evaluate: " + path + ": gate: there is no gate called 'mine'"));
  scratch::put(run_folder / "adapter.json", json);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK(check(path, "adapter.safetensors", "1"));
}

TEST_CASE("evaluate and generate: a tokenizer larger than the model is refused", "[programs]") {
  const auto model = the_study().folder / "larger";
  std::filesystem::copy(backbone(), model);
  io::write_file(model / "tokenizer.model",
                 data::train_sentencepiece(programs::salad(programs::first_words, 5000, 1), {.vocab = 280}));
  CHECK(refuses({path_of("evaluate"), "--model", model.string(), "--text", the_study().text("first")},
                "the tokenizer has 280 tokens, the model only 257"));
  CHECK(refuses({path_of("generate"), "--model", model.string()}, "the tokenizer has 280 tokens, the model only 257"));
  CHECK(
      refuses(the_study().command(
                  {"--quick", "--steps", "3", "--batch", "4", "--sequence", "16", "--model", model.string()}, "never"),
              "--model: the tokenizer has 280 tokens, the model only 257"));
  CHECK_FALSE(std::filesystem::exists(the_study().out("never")));
}

TEST_CASE("evaluate: a second run takes the tokens of the first, and makes damaged ones again", "[programs]") {
  const scratch::Folder folder;
  const Words plain = {path_of("evaluate"), "--json", "--model", backbone(), "--text", the_study().text("first.valid")};
  Words cached = plain;
  cached.insert(cached.end(), {"--token-cache", (folder / "cache").string()});
  const std::string expected = run(plain).out;
  const auto file = [&] { return *std::filesystem::directory_iterator(folder / "cache"); };
  const auto check = [&] {
    const auto ended = run(cached);
    CHECK(ended.status == 0);
    CHECK(ended.out == expected);
    CHECK(ended.err.empty());
    CHECK(std::distance(std::filesystem::directory_iterator(folder / "cache"), {}) == 1);
  };
  const auto full = run(cached, 300);
  CHECK(full.status == 1);
  CHECK(full.out.empty());
  CHECK(programs::messages(full.err, "evaluate").size() == 1);
  CHECK(full.err.find(".bin: cannot be written: File too large") != std::string::npos);
  CHECK(std::filesystem::is_empty(folder / "cache"));
  check();
  const auto written = file().last_write_time();
  check();
  CHECK(file().last_write_time() == written);
  std::filesystem::resize_file(file(), file().file_size() / 2);
  const std::string name = file().path().string();
  const auto ended = run(cached);
  CHECK(ended.out == expected);
  CHECK(ended.err.starts_with("note: --token-cache: " + name + " has "));
  CHECK(ended.err.ends_with("; it is made again\n"));
  check();
}

TEST_CASE("programs: what cannot be printed is told, and streams that are closed harm nothing", "[programs]") {
  const auto in_shell = [](const std::string& redirection, const Words& command) {
    Words all = {"/bin/sh", "-c", "exec \"$@\" " + redirection, "sh"};
    all.insert(all.end(), command.begin(), command.end());
    return run(all);
  };
  const Words evaluate = {path_of("evaluate"), "--model", backbone(), "--text", the_study().text("first.valid")};
  const Words generate = {path_of("generate"), "--model", backbone(), "--tokens", "3"};
  for (const Words& command : {evaluate, generate, Words{path_of("extend"), "--help"}})
    for (const char* redirection : {">/dev/full", ">&-"}) {
      const auto ended = in_shell(redirection, command);
      INFO(command[0] << redirection);
      CHECK(ended.status == 1);
      CHECK(ended.err.find(": standard output cannot be written") != std::string::npos);
    }
  const auto expected = run(evaluate);
  CHECK(in_shell("<&- 2>&-", evaluate).out == expected.out);
  CHECK(in_shell("2>/dev/full", evaluate).out == expected.out);

  const auto command = the_study().command(Study::small({"--methods", "finetune"}), "closed");
  CHECK(in_shell("<&- >&- 2>&-", command).status == 1);  // the table went nowhere
  auto open = command;
  *(std::find(open.begin(), open.end(), "--out") + 1) = the_study().out("open").string();
  REQUIRE(run(open).status == 0);
  CHECK(programs::differences(the_study().out("open"), the_study().out("closed")) == Words{});
}

TEST_CASE("extend: a reader of its messages that ends does not end it", "[programs]") {
  Words all = {"/bin/sh", "-c", "\"$@\" 2>&1 | head -n 1", "sh"};
  const auto command = the_study().command(Study::small({"--methods", "lora"}), "head");
  all.insert(all.end(), command.begin(), command.end());
  run(all);
  CHECK(study::read_results(the_study().out("head") / "results.json").rows.size() == 1);
}

TEST_CASE("generate: one seed gives one text, and temperature 0 is greedy whatever the seed", "[programs]") {
  const Words warm = {"--prompt", "the river", "--tokens", "60", "--temperature", "1", "--seed"};
  const auto seeded = [&](const char* seed) {
    Words all = warm;
    all.push_back(seed);
    return generated(all);
  };
  const std::string text = seeded("7");
  CHECK(text.starts_with("the river"));
  CHECK(text.size() == 9 + 60 + 1);  // a byte a token, and the newline
  CHECK(seeded("7") == text);
  CHECK(seeded("8") != text);
  const std::string greedy = generated({"--prompt", "the river", "--tokens", "30"});
  CHECK(greedy == generated({"--prompt", "the river", "--tokens", "30", "--seed", "5", "--temperature", "0"}));
  CHECK(greedy == generated({"--prompt", "the river", "--tokens", "30", "--seed", "6", "--temperature", "1e-6"}));
  CHECK(generated({"--prompt", "the river", "--tokens", "30", "--adapter", adapter_of("adapter")}) ==
        generated({"--prompt", "the river", "--tokens", "30", "--adapter", adapter_of("adapter")}));
}

TEST_CASE("generate: empty prompts, prompts longer than the context and bytes that are no text work", "[programs]") {
  CHECK(generated({"--tokens", "5"}).size() == 6);
  CHECK(generated({"--tokens", "5", "--prompt", ""}).size() == 6);
  const std::string prompt = programs::salad(programs::first_words, 200, 9);
  const std::string tail = prompt.substr(prompt.size() - 15);  // the context of 16 less its bos
  const std::string from_long = generated({"--prompt", prompt, "--tokens", "20"}),
                    from_tail = generated({"--prompt", tail, "--tokens", "20"});
  CHECK(from_long.substr(prompt.size()) == from_tail.substr(tail.size()));
  CHECK(generated({"--prompt", "\xff\xfe", "--tokens", "3"}).starts_with("\xff\xfe"));
}

TEST_CASE("generate: what it refuses", "[programs]") {
  const auto refused = [&](const char* option, const char* value) {
    return refuses({path_of("generate"), "--model", backbone(), option, value}, option);
  };
  CHECK(refused("--tokens", "0"));
  CHECK(refused("--temperature", "-1"));
  CHECK(refused("--temperature", "nan"));
  CHECK(refused("--temperature", "inf"));
  CHECK(refused("--seed", "-1"));
  CHECK(refused("--seed", "99999999999999999999"));
  CHECK(refused("--temperature", "1e-999"));
  CHECK(refused("--sed", "1"));
  CHECK(refuses({path_of("generate")}, "--model"));
}

TEST_CASE("evaluate: equal bits for 1, 2 and 3 threads in a program built as users build it", "[programs]") {
  // Wide enough that loops are shared out. Optimised code is what differed: a * b + c was fused in one copy of a loop
  // and not in another.
  const Study wide;
  const Words sizes = {"--dim",     "96",  "--heads",          "2", "--sequence", "64",
                       "--batch",   "16",  "--pretrain-steps", "3", "--steps",    "1",
                       "--methods", "lora"};
  REQUIRE(run(wide.command(Study::small(sizes))).status == 0);
  const auto told = [&](const char* threads) {
    return run({path_of("evaluate"), "--json", "--model", (wide.out() / "backbone").string(), "--text",
                wide.text("first"), "--threads", threads})
        .out;
  };
  const std::string one = told("1");
  CHECK(one.find("bits_per_byte") != std::string::npos);
  CHECK(told("2") == one);
  CHECK(told("3") == one);
}
