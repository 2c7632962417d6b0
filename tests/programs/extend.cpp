// extend from end to end: what it leaves behind, that a finished run is not touched again, and the options that change
// what is run.
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/io/sha256.hpp"

#include "tests/programs/study.hpp"

#include <algorithm>
#include <set>

using namespace neutra;
using programs::Path;
using programs::run;
using programs::Study;
using programs::Words;

TEST_CASE("extend: all methods leave results, a report, models, adapters and logs", "[programs]") {
  const Study study;
  const auto ended = run(study.command(Study::small()));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.out.find("report: " + (study.out() / "report.html").string()) != std::string::npos);

  const auto results = study::read_results(study.out() / "results.json");
  std::set<std::string> methods;
  for (const auto& row : results.rows) {
    methods.insert(row.label);
    CHECK(ended.out.find("\n" + row.label) != std::string::npos);  // its line of the table
    CHECK(row.steps == 12);
    CHECK(row.train_tokens == 12 * 4 * 16);
    CHECK(row.original.before > 0);
    CHECK(row.target.after < row.target.before);
    const auto folder =
        study.out() / "runs" /
        neutra::concat(row.label, "-lr", row.lr, row.alpha ? neutra::concat("-alpha", *row.alpha) : "", "-seed1");
    CHECK(programs::lines_of(folder / "log.jsonl") == 12);
    CHECK_FALSE(std::filesystem::exists(folder / "checkpoint.safetensors"));
    if (row.label == "finetune")
      CHECK(std::filesystem::exists(folder / "model" / "model.safetensors"));
    else
      CHECK(std::filesystem::exists(folder / "adapter.safetensors"));
  }
  CHECK(methods == std::set<std::string>{"neutral", "adapter", "lora", "finetune", "evidence"});
  CHECK(results.rows.size() == 5);
  for (const auto& method : methods)
    CHECK(std::any_of(results.choices.begin(), results.choices.end(),
                      [&](const auto& choice) { return choice.run.label == method; }));
  CHECK(results.text_sha256.at("target.valid") == io::sha256_hex(scratch::get(study.text("second.valid"))));
  CHECK(programs::lines_of(study.out() / "runs" / "pretrain" / "log.jsonl") == 20);
  CHECK(scratch::get(study.out() / "report.html").find("<svg") != std::string::npos);
  for (const auto& [name, bytes] : programs::files_of(study.out())) CHECK(name.find(".tmp-") == std::string::npos);

  const auto drawn = run({programs::path_of("report"), (study.out() / "results.json").string(), "--out",
                          (study.folder / "again").string()});
  CHECK(drawn.status == 0);
  CHECK(ended.out.starts_with(drawn.out));
  for (const auto* name : {"report.html", "learning.svg"})
    CHECK(scratch::get(study.folder / "again" / name) == scratch::get(study.out() / name));
  CHECK(programs::refuses({programs::path_of("report"), study.text("first")}, study.text("first"), "JSON"));

  const std::string file = (study.out() / "results.json").string();  // a study joined with itself has no run twice
  const auto joined = run({programs::path_of("report"), file, file, "--out", (study.folder / "again").string()});
  CHECK(joined.out == drawn.out);
  CHECK(run({programs::path_of("report"), file, "--markdown", "--out", (study.folder / "again").string()})
            .out.find("| neutral |") != std::string::npos);
  CHECK(programs::refuses({programs::path_of("report"), file, file}, "--out is missing", "2 results"));
  CHECK(programs::refuses({programs::path_of("report"), file, "--out", file}, "--out " + file, "cannot be created"));
}

TEST_CASE("extend: methods that cannot be trained in one layer are no defaults", "[programs]") {
  const Study study({"--layers", "1"});
  for (const auto& row : neutra::study::read_results(study.out() / "results.json").rows) CHECK(row.label != "evidence");
}

TEST_CASE("extend: --recompute changes no number", "[programs]") {
  const Study kept, recomputed;
  REQUIRE(run(kept.command(Study::small({"--methods", "neutral,finetune"}))).status == 0);
  REQUIRE(run(recomputed.command(Study::small({"--methods", "neutral,finetune", "--recompute"}))).status == 0);
  for (const char* run_of :
       {"neutral-lr0.002-alpha0.01-seed1/adapter.safetensors", "finetune-lr5e-04-seed1/model/model.safetensors"}) {
    const std::string weights = scratch::get(kept.out() / "runs" / run_of);
    CHECK_FALSE(weights.empty());
    CHECK(scratch::get(recomputed.out() / "runs" / run_of) == weights);
  }
}

TEST_CASE("extend: --resume after the end changes no file, and without it the folder is refused", "[programs]") {
  const Study study({"--methods", "neutral,lora"});
  const auto before = programs::files_of(study.out());
  const auto again = run(study.command(Study::small({"--methods", "neutral,lora", "--resume"})));
  INFO(again.err);
  CHECK(again.status == 0);
  CHECK(again.out.find("lora") != std::string::npos);
  CHECK(programs::files_of(study.out()) == before);
  CHECK(
      programs::refuses(study.command(Study::small({"--methods", "neutral,lora"})), "holds a run already", "--resume"));
  CHECK(programs::files_of(study.out()) == before);
}

TEST_CASE("extend: --resume with other options, texts or models names what differs", "[programs]") {
  const Study study({"--methods", "neutral"});
  const auto before = programs::files_of(study.out());
  CHECK(programs::refuses(study.command(Study::small({"--methods", "neutral", "--resume", "--share", "0.2"})),
                          "share = 0.1", "now it is 0.2"));
  CHECK(programs::refuses(study.command(Study::small({"--methods", "neutral", "--resume", "--gate", "tanh"})),
                          "gate = \"relu\"", "\"tanh\""));
  scratch::put(study.text("second"), programs::salad(programs::second_words, 20000, 5));
  CHECK(programs::refuses(study.command(Study::small({"--methods", "neutral", "--resume"})), "text target.",
                          "use the same options, texts, model and program"));
  CHECK(programs::files_of(study.out()) == before);

  const std::string model = (study.out() / "backbone").string();
  const Words with_model = {"--quick", "--steps",   "3",       "--batch", "4",  "--sequence",
                            "16",      "--methods", "neutral", "--model", model};
  REQUIRE(run(study.command(with_model, "second")).status == 0);
  auto resumed = with_model;
  resumed.push_back("--resume");
  std::string weights = scratch::get(study.out() / "backbone" / "model.safetensors");
  weights[weights.size() - 1] = static_cast<char>(weights[weights.size() - 1] ^ 1);  // the last sign or exponent
  scratch::put(study.out() / "backbone" / "model.safetensors", weights);
  CHECK(programs::refuses(study.command(resumed, "second"), "model weights = "));
  weights[weights.size() - 1] = static_cast<char>(weights[weights.size() - 1] ^ 1);
  scratch::put(study.out() / "backbone" / "model.safetensors", weights);
  const std::string config = scratch::get(study.out() / "backbone" / "config.json");
  std::string changed = config;
  scratch::put(study.out() / "backbone" / "config.json", changed.replace(changed.find("1e-05"), 5, "0.1"));
  CHECK(programs::refuses(study.command(resumed, "second"), "model norm_epsilon = 1e-05, now it is 0.1"));
  const std::string adapter =
      (study.out("second") / "runs/neutral-lr0.002-alpha0.01-seed1/adapter.safetensors").string();
  const Words evaluate = {programs::path_of("evaluate"), "--model", model, "--adapter", adapter, "--text",
                          study.text("second.valid")};
  CHECK(programs::refuses(evaluate, "norm_epsilon: made for 1e-05, the model has 0.1"));
  scratch::put(study.out() / "backbone" / "config.json", config);
  CHECK(run(study.command(resumed, "second")).status == 0);
  CHECK(run(evaluate).status == 0);
}

TEST_CASE("extend: --resume with another tokenizer beside the model, or another tokenizer file, is refused",
          "[programs]") {
  const Study study;
  const auto tokenizer = [&](std::uint64_t seed) {
    return std::string(data::train_sentencepiece(programs::salad(programs::second_words, 20000, seed), {.vocab = 300}));
  };
  const Path file = study.folder / "own.model";
  scratch::put(file, tokenizer(1));
  const Words sizes = {"--quick", "--dim",      "16", "--pretrain-steps", "5",   "--steps", "4", "--batch",
                       "4",       "--sequence", "16", "--methods",        "lora"};
  auto pretrained = sizes;
  pretrained.insert(pretrained.end(), {"--tokenizer", file.string()});
  REQUIRE(run(study.command(pretrained)).status == 0);
  const Path model = study.folder / "model";
  std::filesystem::copy(study.out() / "backbone", model);
  auto given = Words{"--quick", "--steps",   "4",    "--batch", "4",           "--sequence",
                     "16",      "--methods", "lora", "--model", model.string()};
  REQUIRE(run(study.command(given, "given")).status == 0);
  const std::string adapter = (study.out("given") / "runs/lora-lr0.002-seed1/adapter.safetensors").string();

  scratch::put(file, tokenizer(9));
  scratch::put(model / "tokenizer.model", tokenizer(9));
  pretrained.push_back("--resume");
  given.push_back("--resume");
  CHECK(programs::refuses(study.command(pretrained), "tokenizer sha256 = "));
  CHECK(programs::refuses(study.command(given, "given"), "tokenizer sha256 = "));
  CHECK(programs::refuses({programs::path_of("evaluate"), "--model", model.string(), "--adapter", adapter, "--text",
                           study.text("second.valid")},
                          "SHA-256 of the tokenizer: made for "));
}

TEST_CASE("extend: of several rates one diverges, and the others come to their table, the rate may be dropped",
          "[programs]") {
  const Study study;
  const auto command = [&](const char* rates, const Words& more = {}) {
    Words all = {"--methods", "adapter,finetune", "--lr", rates};
    all.insert(all.end(), more.begin(), more.end());
    return study.command(Study::small(all));
  };
  for (const Words& more : {Words{}, Words{"--resume"}}) {
    const auto ended = run(command("1e-3,1e30", more));
    INFO(ended.err);
    CHECK(ended.status == 0);
    CHECK(programs::messages(ended.err, "extend").empty());
    CHECK(ended.err.find("note: adapter-lr1e+30-seed1: training: step ") != std::string::npos);
    CHECK(ended.err.find("delete " + (study.out() / "runs" / "finetune-lr1e+30-seed1").string()) != std::string::npos);
    CHECK(ended.out.find("\n  finetune, rate 1e30, seed 1: diverged at step ") != std::string::npos);
    CHECK(study::read_results(study.out() / "results.json").failed.size() == 2);
  }
  const std::string file = (study.out() / "results.json").string();
  const Words drawn = {programs::path_of("report"), file, "--markdown", "--out", (study.folder / "again").string()};
  CHECK(run(drawn).out.find("- adapter, rate 1e30, seed 1: diverged at step ") != std::string::npos);
  const auto dropped = run(command("1e-3", {"--resume"}));
  CHECK(dropped.status == 0);
  CHECK(dropped.out.find("diverged") == std::string::npos);
  CHECK(study::read_results(study.out() / "results.json").failed.empty());
  const auto added = run(command("1e-3,2e-3", {"--resume"}));
  CHECK(added.status == 0);
  CHECK(study::read_results(study.out() / "results.json").rows.size() == 4);
}

TEST_CASE("extend: --resume with a pretrained model, tokenizer or record that was changed is refused by its name",
          "[programs]") {
  const Study study;
  const Words sizes = {"--quick", "--vocab", "300", "--dim",      "16", "--pretrain-steps", "20",     "--steps",
                       "12",      "--batch", "4",   "--sequence", "16", "--methods",        "neutral"};
  REQUIRE(run(study.command(sizes)).status == 0);
  auto resumed = sizes;
  resumed.push_back("--resume");
  const auto refused = [&](const Path& file, const std::string& bytes, const auto&... parts) {
    const std::string before = scratch::get(study.out() / file);
    scratch::put(study.out() / file, bytes);
    const auto ended = run(study.command(resumed));
    const bool kept = scratch::get(study.out() / file) == bytes;
    scratch::put(study.out() / file, before);
    const auto messages = programs::messages(ended.err, "extend");
    const bool told =
        ended.status == 1 && messages.size() == 1 && ((messages.at(0).find(parts) != std::string::npos) && ...);
    if (!told) UNSCOPED_INFO(ended.err);
    return told && kept;
  };
  std::string weights = scratch::get(study.out() / "backbone" / "model.safetensors");
  weights[weights.size() - 4] = static_cast<char>(weights[weights.size() - 4] ^ 1);
  CHECK(refused("backbone/model.safetensors", weights,
                "backbone/model.safetensors: must be unchanged since it was saved", "restore the files"));
  const auto other = data::train_sentencepiece(programs::salad(programs::second_words, 20000, 9), {.vocab = 300});
  CHECK(refused("backbone/tokenizer.model", std::string(other),
                "backbone/tokenizer.model: must be unchanged since it was saved"));
  std::string record = scratch::get(study.out() / "pretrain.json");
  const auto digit = record.find_first_of("0123456789", record.find("\"final_nats_per_token\""));
  record[digit] = record[digit] == '9' ? '8' : '9';
  CHECK(refused("pretrain.json", record, "pretrain.json: must hold content that matches its hash",
                "start a run in another --out"));
  CHECK(refused("pretrain.json", record.substr(1), "pretrain.json"));
  CHECK(refused("options.json", "{", "options.json"));
  const std::string run_name = "runs/neutral-lr0.002-alpha0.01-seed1/";
  for (const char* name : {"outcome.json", "adapter.json", "adapter.safetensors"})
    CHECK(refused(
        run_name + name, "{}", name,
        "or delete " + (study.out() / run_name).string().substr(0, (study.out() / run_name).string().size() - 1)));
  scratch::put(study.out() / "runs" / "pretrain" / "checkpoint.safetensors", "left by a kill");
  CHECK(run(study.command(resumed)).status == 0);
  CHECK_FALSE(std::filesystem::exists(study.out() / "runs" / "pretrain" / "checkpoint.safetensors"));
}

TEST_CASE("extend: a folder with results but without the options they are of is left alone", "[programs]") {
  const Study study;
  std::filesystem::create_directories(study.out());
  scratch::put(study.out() / "results.json", "mine");
  CHECK(programs::refuses(study.command(Study::small()), "holds results.json but no options.json"));
  CHECK(programs::refuses(study.command(Study::small({"--resume"})), "holds results.json but no options.json"));
  CHECK(programs::files_of(study.out()) == std::map<std::string, std::string>{{"results.json", "mine"}});
}

TEST_CASE("extend: a model of an earlier run gives the same backbone scores", "[programs]") {
  const Study study({"--methods", "neutral"});
  const Words sizes = {"--quick", "--steps", "12", "--batch", "4", "--sequence", "16", "--methods", "neutral"};
  auto given = sizes;
  given.insert(given.end(), {"--model", (study.out() / "backbone").string()});
  const auto ended = run(study.command(given, "again"));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(programs::rows_without_times(study.out()) == programs::rows_without_times(study.out("again")));
  CHECK_FALSE(std::filesystem::exists(study.out("again") / "backbone"));
}

TEST_CASE("extend: p = 0 needs no original text to train on, but some to measure forgetting on", "[programs]") {
  const Study study({"--methods", "adapter"});
  const double before = study::read_results(study.out() / "results.json").rows.at(0).original.before;
  const auto command = [&](const char* share, bool measured) {
    Words all = {programs::path_of("extend"),
                 "--quick",
                 "--steps",
                 "5",
                 "--batch",
                 "4",
                 "--sequence",
                 "16",
                 "--methods",
                 "neutral,finetune",
                 "--model",
                 (study.out() / "backbone").string(),
                 "--target",
                 study.text("second"),
                 "--share",
                 share,
                 "--out",
                 study.out("new").string()};
    if (measured) all.insert(all.end(), {"--eval-original", study.text("first.valid")});
    return all;
  };
  CHECK(programs::refuses(command("0", false), "--eval-original is missing", "forgetting"));
  CHECK(programs::refuses(command("0.1", true), "--original is missing", "--share 0"));
  CHECK_FALSE(std::filesystem::exists(study.out("new")));
  REQUIRE(run(command("0", true)).status == 0);
  for (const auto& row : study::read_results(study.out("new") / "results.json").rows) {
    CHECK(row.original.before == Approx(before).epsilon(1e-9));
    CHECK(row.original.after != row.original.before);
  }
}

TEST_CASE("extend: zero is taken where it means something, and the last tenths are held out without evaluation files",
          "[programs]") {
  const Study study;
  const auto ended = run({programs::path_of("extend"),
                          "--original",
                          study.text("first"),
                          "--target",
                          study.text("second"),
                          "--out",
                          study.out().string(),
                          "--quick",
                          "--vocab",
                          "300",
                          "--dim",
                          "16",
                          "--pretrain-steps",
                          "5",
                          "--steps",
                          "4",
                          "--batch",
                          "2",
                          "--sequence",
                          "16",
                          "--methods",
                          "neutral",
                          "--alpha",
                          "0",
                          "--warmup",
                          "0",
                          "--weight-decay",
                          "0",
                          "--clip",
                          "0",
                          "--share",
                          "0"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = study::read_results(study.out() / "results.json");
  CHECK(results.rows.at(0).alpha == 0);
  const std::string text = scratch::get(study.text("second"));
  const auto held = text.size() - text.rfind('\n', text.size() * 9 / 10) - 1;
  CHECK(held > text.size() / 20);
  CHECK(results.text_sha256.size() ==
        4);  // a training and a validation text of each domain, since there is one rate and one alpha
  CHECK(std::filesystem::exists(study.out() / "backbone" / "tokenizer.model"));
}

TEST_CASE("extend: rates, alphas and seeds are tried and chosen as documented", "[programs]") {
  const Study study;
  const auto ended = run(study.command(
      Study::small({"--methods", "neutral,adapter", "--lr", "1e-4,1e-2", "--alpha", "0.01,1", "--seeds", "2"})));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = study::read_results(study.out() / "results.json");
  CHECK(results.rows.front().label == "adapter");  // the choice of alpha looks at it
  const auto count = [&](const std::string& method, std::uint64_t seed, double lr) {
    return std::count_if(results.rows.begin(), results.rows.end(),
                         [&](const auto& row) { return row.label == method && row.seed == seed && row.lr == lr; });
  };
  for (const double lr : {1e-4, 1e-2})
    for (const std::uint64_t seed : {1, 2}) CHECK(count("adapter", seed, lr) == 1);
  std::size_t scored = 0;
  double alpha = 0;
  for (const auto& choice : results.choices) {
    CHECK(choice.run.lr == 1e-2);  // a hundred times the other: it learns more in twelve steps
    scored += choice.tried.size();
    if (choice.alpha_chosen == true) alpha = choice.run.alpha.value();
  }
  CHECK(count("neutral", 1, 1e-2) == 2);  // both alphas
  CHECK(count("neutral", 1, 1e-4) == (alpha == 0.01 ? 1 : 2));
  CHECK(count("neutral", 2, 1e-2) == (alpha == 0.01 ? 1 : 2));
  CHECK(scored == (alpha == 0.01 ? 5 : 6));
}
