// What must end in one clear line, exit status 1 and no file: options, texts, models and places that cannot be meant.
#include "tests/programs/study.hpp"

#include <algorithm>

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::Study;
using programs::Words;

namespace {

/// The study with other options is refused with these words, and its folder is not made.
template <class... Parts> bool refused(const Study& study, const Words& more, const Parts&... parts) {
  const bool told = refuses(study.command(Study::small(more)), parts...);
  const bool made = std::filesystem::exists(study.out());
  if (made) UNSCOPED_INFO("the folder was made");
  return told && !made;
}

}  // namespace

TEST_CASE("extend: options that mean nothing are refused by name", "[programs]") {
  const Study study;
  CHECK(refused(study, {"--stpes", "3"}, "--stpes", "did you mean '--steps'?)"));
  CHECK(refused(study, {"--seed=3"}, "unknown option --seed", "'--seeds'"));
  CHECK(refused(study, {"--steps"}, "--steps"));
  CHECK(refused(study, {"--steps", "many"}, "--steps", "many"));
  CHECK(refused(study, {"--steps", "1.5"}, "--steps", "1.5"));
  CHECK(refused(study, {"--share", "half"}, "--share", "half"));
  for (const char* count : {"0", "-1", "99999999999999999999"})
    for (const char* option : {"--steps", "--seeds", "--batch", "--sequence", "--accumulate", "--dim", "--layers",
                               "--heads", "--pretrain-steps"}) {
      INFO(option << ' ' << count);
      CHECK(refused(study, {option, count}, option));
    }
  for (const char* value : {"nan", "inf", "-1"})
    for (const char* option :
         {"--alpha", "--weight-decay", "--clip", "--capacity", "--share", "--lr", "--pretrain-lr"}) {
      INFO(option << ' ' << value);
      CHECK(refused(study, {option, value}, option, value));
    }
  for (const char* option : {"--capacity", "--lr", "--pretrain-lr"})
    CHECK(refused(study, {option, "0"}, option, "must be a positive number, got 0"));
  CHECK(refused(study, {"--share", "1.01"}, "--share must lie in [0, 1], got 1.01"));
  CHECK(refused(study, {"--alpha", "1e999"}, "--alpha", "1e999"));
  CHECK(refused(study, {"--alpha", "0.1,,1"}, "--alpha", "0.1,,1"));
  CHECK(refused(study, {"--lr", "finetune=x"}, "--lr", "x"));
  CHECK(refused(study, {"--warmup", "13"}, "--warmup", "12 steps", "got 13"));
  CHECK(refused(study, {"--warmup", "15", "--steps", "30", "--pretrain-steps", "14"}, "--warmup",
                "pretraining of 14 steps"));
  CHECK(refused(study, {"--warmup", "-2"}, "--warmup must be a whole number from 0 up and below 2^31, got -2\n"));
  CHECK(refused(study, {"--eval", "x"}, "unknown option --eval (did you mean '--eval-original' or '--eval-target'?)"));
  CHECK(refused(study, {"--steps", "5", "--steps", "6"}, "--steps was given twice: 5 and 6"));
  CHECK(refused(study, {"--share", "0,8"}, "--share must be a number", "got 0,8; write 0.8 with a point"));
  CHECK(refused(study, {"stray"}, "unexpected argument 'stray'"));
  CHECK(refused(study, {"--threads", "-1"}, "--threads"));
  CHECK(refused(study, {"--capacity", "1e300"}, "capacity", "1e+300"));
  CHECK(refused(study, {"--capacity", "1e-9"}, "capacity"));
  for (const char* option : {"--dim", "--layers", "--heads", "--kv-heads", "--ffn"})
    CHECK(refused(study, {option, "2147483648"}, option, "below 2^31", "got 2147483648"));
  CHECK(refused(study, {"--tokenizer", "sentencepiece", "--vocab", "2147483648"}, "--vocab", "below 2^31"));
  CHECK(refused(study, {"--dim", "2147483648", "--heads", "1"}, "--dim", "below 2^31"));
  CHECK(refused(study, {"--dim", "500000000", "--heads", "1"}, "at most 2^40 weights"));
  CHECK(refused(study, {"--layers", "2147483647"}, "at most 2^40 weights"));
  CHECK(refused(study, {"--ffn", "2147483647", "--layers", "1000"}, "at most 2^40 weights"));
  CHECK(refused(study, {"--batch", "2147483647", "--sequence", "2147483647"}, "--batch times --sequence"));
}

TEST_CASE("extend: options that contradict each other are refused", "[programs]") {
  const Study study;
  CHECK(refused(study, {"--accumulate", "3"}, "--accumulate must divide --batch (4), got 3"));
  CHECK(refused(study, {"--dim", "33"}, "dim (33) must be a multiple of heads (2)"));
  CHECK(refused(study, {"--heads", "4", "--kv-heads", "3"}, "heads (4)", "kv_heads (3)"));
  CHECK(refused(study, {"--kv-heads", "-1"}, "--kv-heads", "got -1"));
  CHECK(refused(study, {"--ffn", "-5"}, "--ffn", "got -5"));
  CHECK(refused(study, {"--methods", "neutral,neutral"}, "--methods", "twice"));
  CHECK(refused(study, {"--lr", "1e-3,1e-3"}, "--lr", "twice"));
  CHECK(refused(study, {"--alpha", "1,1"}, "--alpha", "twice"));
  CHECK(refused(study, {"--methods", "neutral", "--alpha", "0.1,1"}, "--alpha", "--methods adapter"));
  CHECK(refused(study, {"--gate", "open", "--penalty", "domain_cross_entropy"}, "domain_cross_entropy", "gate"));
  CHECK(refused(study, {"--gate", "open", "--penalty", "gate_l1"}, "gate_l1", "gate"));
  CHECK(refused(study, {"--model", study.folder.path().string(), "--layers", "3"}, "contradicts --model"));
  CHECK(refuses({path_of("extend"), "--target", study.text("second"), "--out", study.out().string()},
                "--original is missing"));
  CHECK(refuses({path_of("extend"), "--original", study.text("first"), "--out", study.out().string()},
                "--target is missing"));
  CHECK(refuses({path_of("extend"), "--original", study.text("first"), "--target", study.text("second")},
                "--out is missing"));
}

TEST_CASE("extend: names of policies, methods and places that are not there give the nearest", "[programs]") {
  const Study study;
  CHECK(refused(study, {"--methods", "nuetral"}, "no method 'nuetral'", "did you mean 'neutral'?)"));
  for (const char* option : {"--methods", "--alpha", "--lora-targets", "--lr", "--gate"})
    CHECK(refused(study, {option, ""}, option));
  CHECK(refused(study, {"--lr", "finetun=1e-3"}, "no method 'finetun'", "'finetune'"));
  CHECK(refused(study, {"--gate", "relo"}, "no gate called 'relo'", "'relu'"));
  CHECK(refused(study, {"--body", "gated_unt"}, "'gated_unit'"));
  CHECK(refused(study, {"--penalty", "hoyerr"}, "'hoyer'"));
  CHECK(refused(study, {"--init", "hee"}, "'he'"));
  CHECK(refused(study, {"--placement", "before"}, "--placement must be parallel, after or attention, got 'before'"));
  CHECK(refused(study, {"--lora-targets", "q,x"}, "--lora-targets", "'x'"));
  CHECK(refused(study, {"--gate", "a\nb"}, "no gate called 'a\\x0ab'"));
}

TEST_CASE("extend: texts that are missing, empty, short or no text are refused by name", "[programs]") {
  const Study study;
  const auto with_target = [&](const std::string& path) {
    Words all = study.command(Study::small());
    *(std::find(all.begin(), all.end(), "--target") + 1) = path;
    return all;
  };
  const auto file = [&](const char* name, std::string_view bytes) {
    scratch::put(study.folder / name, bytes);
    return (study.folder / name).string();
  };
  CHECK(refuses(with_target((study.folder / "none").string()), "none", "no such file"));
  CHECK(refuses(with_target(study.folder.path().string()), "each text may be given only once, got the same file as"));
  std::filesystem::create_directory(study.folder / "empty folder");
  CHECK(
      refuses(with_target((study.folder / "empty folder").string()), "empty folder: must hold files whose names end"));
  CHECK(refuses(with_target(file("empty", "")), "empty", "is empty"));
  CHECK(refuses(with_target(file("zip", "PK\x03\x04xxxx")), "zip"));
  CHECK(refuses(with_target(file("short", "a b\nc d\n")), "at least one sequence of target text", "length of 16",
                "give more text (--target)", "--sequence"));
  const auto lfs = file("lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  const auto jsonl = file("t", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n");
  CHECK(refuses(with_target(lfs), "lfs", "a Git LFS pointer", "git lfs pull"));
  CHECK(refuses(with_target(jsonl), "t: ", "JSON Lines", "to end in .jsonl"));
  CHECK(refuses(study.command(Study::small({"--tokenizer", lfs})), "lfs", "a Git LFS pointer"));
  Words empty_validation = study.command(Study::small());
  *(std::find(empty_validation.begin(), empty_validation.end(), "--eval-target") + 1) = file("empty", "");
  CHECK(refuses(empty_validation, "empty", "is empty"));
  *(std::find(empty_validation.begin(), empty_validation.end(), "--eval-target") + 1) = lfs;
  CHECK(refuses(empty_validation, "lfs", "a Git LFS pointer"));
  CHECK_FALSE(std::filesystem::exists(study.out()));

  scratch::put(study.text("second"), programs::salad(programs::second_words, 5000, 1) + "\xff\xfe not UTF-8\n" +
                                         programs::salad(programs::second_words, 5000, 2));
  const auto kept = programs::run(study.command(Study::small({"--methods", "lora"})));
  INFO(kept.err);
  CHECK(kept.status == 0);
  CHECK(kept.err.find("note: text file " + study.text("second") + ": is not UTF-8 from byte ") != std::string::npos);
}

TEST_CASE("extend: one text in two roles is refused, lines in two roles are told in every place that shows results",
          "[programs]") {
  const Study study;
  const auto with = [&](const std::string& option, const std::string& path) {
    Words all = study.command(Study::small({"--methods", "lora"}));
    *(std::find(all.begin(), all.end(), option) + 1) = path;
    return all;
  };
  std::filesystem::create_symlink("second.txt", study.folder / "link");
  scratch::put(study.folder / "copy", scratch::get(study.text("first")));
  CHECK(refuses(with("--eval-target", (study.folder / "link").string()), "--eval-target",
                "--target " + study.text("second"), "the same file"));
  CHECK(refuses(with("--target", (study.folder / "copy").string()), "--target", "--original " + study.text("first"),
                "the same bytes"));
  CHECK(refuses(with("--eval-target", study.text("first.valid")), "--eval-target", "--eval-original"));
  CHECK_FALSE(std::filesystem::exists(study.out()));

  const std::string known = "a line of more than fifty characters, and both texts have it\n";
  scratch::put(study.text("second"), scratch::get(study.text("second")) + known);
  scratch::put(study.folder / "mixed", known + std::string(60, 'x') + "\n" + std::string(60, 'y') + "\n");
  const auto ended = programs::run(with("--eval-target", (study.folder / "mixed").string()));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.err.find(
            "note: evaluation lines of at least 50 characters that are also in the training text: original ") !=
        std::string::npos);
  CHECK(ended.err.find("target 1 of 3 (33 %)") != std::string::npos);
  CHECK(ended.out.find("target 1 of 3 (33 %)") != std::string::npos);
  const auto overlap = study::read_results(study.out() / "results.json").config.at("evaluation_overlap").at("target");
  CHECK(overlap == io::Json({{"lines", 3}, {"in_training", 1}, {"shorter", false}}));
  const std::string page = scratch::get(study.out() / "report.html");
  CHECK(page.find("target 1 of 3 (33 %)") != std::string::npos);
}

TEST_CASE("extend: places that cannot be written are refused", "[programs]") {
  const Study study;
  const auto with_out = [&](const std::string& out) {
    Words all = study.command(Study::small());
    *(std::find(all.begin(), all.end(), "--out") + 1) = out;
    return all;
  };
  CHECK(refuses(with_out(study.text("first")), "first.txt", "no folder"));
  CHECK(refuses(with_out(study.text("first") + "/below"), "below"));
  CHECK(refuses(with_out("/proc/nowhere/out"), "/proc/nowhere/out"));
  std::filesystem::create_symlink("nowhere", study.folder / "link");
  CHECK(refuses(with_out((study.folder / "link").string()), "it is a link to nowhere, which is not there"));
  CHECK(refuses(with_out(study.folder.path().string()),
                "holds first.txt, first.valid.txt, link and 2 more but no options.json"));
  if (geteuid() != 0) {
    std::filesystem::create_directory(study.folder / "locked");
    std::filesystem::permissions(study.folder / "locked",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    CHECK(refuses(with_out((study.folder / "locked" / "out").string()), "locked"));
  }
}

TEST_CASE("extend: models and tokenizers that do not fit are refused before the folder is claimed", "[programs]") {
  const Study study;
  const auto with_model = [&](const Words& more) {
    Words all = study.command({"--quick", "--steps", "3", "--batch", "2", "--methods", "neutral", "--model"});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  CHECK(refuses(with_model({(study.folder / "none").string()}), "none"));
  CHECK(refuses(with_model({study.text("first")}), "first.txt"));
  CHECK(refuses(study.command(Study::small({"--tokenizer", (study.folder / "none.model").string()})), "none.model"));
  CHECK(refuses(study.command(Study::small({"--tokenizer", study.text("first")})), "first.txt"));
  CHECK(refuses(study.command({"--quick", "--vocab", "100"}), "260", "100"));
  CHECK(refuses(study.command({"--quick", "--vocab", "100000"}), "100000"));
  CHECK(refuses(study.command(Study::small({"--sequence", "100000"})), "at least one sequence of original text"));

  REQUIRE(programs::run(study.command(Study::small({"--methods", "lora"}), "model")).status == 0);
  const auto backbone = study.out("model") / "backbone";
  CHECK(refuses(with_model({backbone.string(), "--sequence", "17"}), "--sequence", "context of 16", "got 17"));
  const std::string weights = scratch::get(backbone / "model.safetensors");
  std::filesystem::resize_file(backbone / "model.safetensors",
                               std::filesystem::file_size(backbone / "model.safetensors") - 3);
  CHECK(refuses(with_model({backbone.string(), "--sequence", "16"}), "model.safetensors", "3"));
  scratch::put(backbone / "model.safetensors", weights);
  scratch::put(backbone / "config.json", "{\"model_type\": \"mamba\"}");
  CHECK(refuses(with_model({backbone.string(), "--sequence", "16"}), "config.json", "mamba"));
  CHECK_FALSE(std::filesystem::exists(study.out()));
}

TEST_CASE("extend: a loss that is not finite stops with the step and the largest gradient, and --resume tells the same",
          "[programs]") {
  const Study study;
  const auto command = [&](const Words& more) {
    Words all = {"--methods", "finetune", "--lr", "1e38", "--clip", "0"};
    all.insert(all.end(), more.begin(), more.end());
    return study.command(Study::small(all));
  };
  const auto ended = programs::run(command({}));
  INFO(ended.err);
  CHECK(ended.status == 1);
  const auto messages = programs::messages(ended.err, "extend");
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].find("extend: finetune-lr1e+38-seed1: training: step ") != std::string::npos);
  CHECK(messages[0].find("largest in ") != std::string::npos);
  CHECK(messages[0].find("lower the learning rate") != std::string::npos);
  CHECK(messages[0].find("of 1 run none came to a result") != std::string::npos);
  CHECK(study::read_results(study.out() / "results.json").failed.size() == 1);
  CHECK(std::filesystem::exists(study.out() / "backbone" / "model.safetensors"));
  CHECK(programs::messages(programs::run(command({"--resume"})).err, "extend") == messages);
}

TEST_CASE("extend: weights that came out unusable are told with the run they are of", "[programs]") {
  const Study study;
  REQUIRE(programs::run(study.command(Study::small({"--methods", "lora"}), "model")).status == 0);
  const auto weights = study.out("model") / "backbone" / "model.safetensors";
  std::string bytes = scratch::get(weights);
  for (std::size_t i = bytes.size() - 400; i + 4 <= bytes.size(); i += 4)
    bytes.replace(i, 4, "\xff\xff\x7f\x7f");  // the largest float
  scratch::put(weights, bytes);
  const auto ended =
      programs::run(study.command({"--quick", "--steps", "3", "--batch", "2", "--sequence", "16", "--methods", "lora",
                                   "--model", (study.out("model") / "backbone").string()}));
  CHECK(ended.status == 1);
  const auto messages = programs::messages(ended.err, "extend");
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].find("extend: backbone: evaluation: the loss is ") != std::string::npos);
}
