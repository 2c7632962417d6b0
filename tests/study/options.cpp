// The command line of extend: every option reaches the run, the others keep their defaults, and invalid ones are
// refused.
#include "neutra/program/extend_options.hpp"
#include "neutra/study/options_json.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <sstream>

using namespace neutra;
using scratch::says;
using study::Options;

namespace {

struct Mine : gate::Relu {
  static constexpr std::string_view name = "mine";
};

Options parse(std::vector<std::string> words) {
  words.insert(words.begin(), {"extend", "--original", "a", "--target", "b", "--out", "o"});
  std::vector<const char*> arguments;
  for (const auto& word : words) arguments.push_back(word.c_str());
  return program::parse_options(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

namespace {

const study::Method& method(const Options& o, std::string_view label) {
  for (const study::Method& one : o.methods)
    if (one.label == label) return one;
  FAIL("no method " << label);
  return o.methods.front();
}
std::vector<double> rates(const Options& o, std::string_view label) { return o.rates_of(method(o, label)); }
std::vector<std::string> labels(const Options& o) {
  std::vector<std::string> all;
  for (const study::Method& one : o.methods) all.push_back(one.label);
  return all;
}
std::string setting(const Options& o, std::string_view label, const std::string& key) {
  return text_of(method(o, label).all_settings().at(key));
}

}  // namespace

TEST_CASE("options: --help shows default rates, what a scale means, and the alpha of a shorthand") {
  const adapter::Registry registry = adapter::Registry::with<gate::All>();
  program::detail::ExtendParser parser(registry);
  const auto about = [&](const char* option) { return parser.app().get_option(option)->get_description(); };
  CHECK(about("--lr").find("default 0.001,0.003,0.01 for adapters and 3e-04,0.001,0.003 for finetuning") !=
        std::string::npos);
  CHECK(about("--scales").find("from 0 ") == std::string::npos);
  CHECK(parser.app().get_footer().find("layers=upper, penalty=domain_cross_entropy, penalty.original_weight=9, "
                                       "alpha=0.1\n") != std::string::npos);
}

TEST_CASE("options: --methods names each known method once") {
  const std::string told = message([] { parse({"--methods", "nothing"}); });
  const std::size_t first = told.find(" lora,");
  REQUIRE(first != std::string::npos);
  CHECK(told.find(" lora,", first + 1) == std::string::npos);
}

TEST_CASE("options: the defaults of options.hpp hold") {
  const Options o = parse({}), page;
  CHECK(o.original == std::vector<io::Path>{"a"});
  CHECK(o.out == "o");
  CHECK(labels(o) == study::shorthand_names());
  CHECK(o.baseline_label() == "adapter");
  CHECK(o.steps == page.steps);
  CHECK(o.alphas == std::vector<double>{0.01});
  CHECK(o.share == 0.1);
  CHECK(setting(o, "lora", "targets") == "q|k|v|o|gate|up|down");
  CHECK(setting(o, "neutral", "gate") == "relu");
  CHECK((setting(o, "adapter", "gate") == "open" && setting(o, "adapter", "penalty") == "none" &&
         setting(o, "adapter", "init") == "he"));
  CHECK(setting(o, "finetune", "trains") == "model");
  CHECK(o.whole_curve);
  CHECK_FALSE(o.resume);
  CHECK(rates(o, "finetune") == std::vector<double>{3e-4, 1e-3, 3e-3});
  CHECK(rates(o, "lora") == std::vector<double>{1e-3, 3e-3, 1e-2});
  CHECK(o.warmup_of(1000) == 50);
}

TEST_CASE(
    "options: every option is read, and all are recorded but the folder, the threads and those that change no number") {
  const std::vector<std::vector<std::string>> remembered = {{"--original", "c"},
                                                            {"--target", "c"},
                                                            {"--eval-original", "c"},
                                                            {"--eval-target", "c"},
                                                            {"--pretrain-steps", "9000"},
                                                            {"--dim", "96"},
                                                            {"--layers", "3"},
                                                            {"--heads", "12"},
                                                            {"--kv-heads", "3"},
                                                            {"--ffn", "320"},
                                                            {"--vocab", "999"},
                                                            {"--pretrain-lr", "0.5"},
                                                            {"--tokenizer", "byte"},
                                                            {"--tied"},
                                                            {"--methods", "lora"},
                                                            {"--method", "residue(gate=elu)"},
                                                            {"--baseline", "lora"},
                                                            {"--steps", "999"},
                                                            {"--seeds", "5"},
                                                            {"--share", "0.5"},
                                                            {"--alpha", "0.02"},
                                                            {"--capacity", "0.3"},
                                                            {"--lr", "1e-4"},
                                                            {"--lr", "lora=1e-4"},
                                                            {"--chosen-rate-only"},
                                                            {"--batch", "32"},
                                                            {"--sequence", "64"},
                                                            {"--accumulate", "4"},
                                                            {"--warmup", "7"},
                                                            {"--weight-decay", "0.2"},
                                                            {"--clip", "2"},
                                                            {"--precision", "bf16"},
                                                            {"--base-precision", "int8"},
                                                            {"--lora-targets", "q,v"},
                                                            {"--gate", "elu"},
                                                            {"--body", "bottleneck"},
                                                            {"--penalty", "l2"},
                                                            {"--init", "he"},
                                                            {"--placement", "after"}};
  const io::Json defaults = study::to_json(parse({}));
  for (const auto& words : remembered) {
    INFO(words[0]);
    auto given = words;
    if (words[0] == "--original" || words[0] == "--target")
      given.insert(given.begin() + 1, words[0] == "--original" ? "a" : "b");
    std::vector<std::string> line = {"extend"};
    for (const auto& [option, value] : {std::pair{"--original", "a"}, {"--target", "b"}, {"--out", "o"}})
      if (words[0] != option) line.insert(line.end(), {option, value});
    line.insert(line.end(), given.begin(), given.end());
    std::vector<const char*> arguments;
    for (const auto& word : line) arguments.push_back(word.c_str());
    CHECK(study::to_json(program::parse_options(static_cast<int>(arguments.size()), arguments.data())) != defaults);
  }
  for (const auto& words : std::vector<std::vector<std::string>>{{"--threads", "3"}, {"--recompute"}, {"--resume"}})
    CHECK(study::to_json(parse(words)) == defaults);
  CHECK(parse({"--threads", "3"}).threads == 3);
  CHECK(parse({"--recompute"}).recompute);
  CHECK(parse({"--resume"}).resume);
  CHECK(study::to_json(parse({"--model", "m"})).at("model") == "m");
  CHECK_FALSE(study::to_json(parse({"--model", "m"})).contains("dim"));
}

TEST_CASE("options: the base is quantised by the name of a format, and recorded if it is") {
  CHECK(parse({}).base_precision == Quantisation());
  CHECK_FALSE(study::to_json(parse({})).contains("base_precision"));
  CHECK_FALSE(study::to_json(parse({"--base-precision", "none"})).contains("base_precision"));
  for (const char* name : {"int8", "q4"}) {
    CHECK(parse({"--base-precision", name}).base_precision == Quantisation(name));
    CHECK(study::to_json(parse({"--base-precision", name})).at("base_precision") == name);
  }
  CHECK(says([] { parse({"--base-precision", "int4"}); }, "--base-precision must be none or int8 or q4, got 'int4'"));
}

TEST_CASE("options: a precision is float or bf16") {
  CHECK(parse({}).precision == DType::f32);
  CHECK(parse({"--precision", "bf16"}).precision == DType::bf16);
  CHECK(study::to_json(parse({"--precision", "bf16"})).at("precision") == "bf16");
  for (const char* other : {"half", "double"})
    CHECK(says([&] { parse({"--precision", other}); }, concat("--precision must be float or bf16, got '", other, "'")));
  CHECK(says([] { parse({"--precision", "bf16", "--precision", "float"}); }, "--precision was given twice"));
  Options o = parse({});
  o.precision = DType::f64;
  CHECK(says([&] { o.check(); }, "--precision must be float or bf16, got 'double'"));
}

TEST_CASE("options: --quick changes only options that were not given") {
  const Options quick = parse({"--quick", "--steps", "77"}), page;
  CHECK(quick.steps == 77);
  CHECK(quick.pretrain_steps < page.pretrain_steps);
  CHECK(quick.dim < page.dim);
  CHECK(parse({"--dim", "48", "--heads", "4", "--quick"}).dim == 48);
}

TEST_CASE("options: rates for all methods replace every default, rates for one replace its own") {
  const Options all = parse({"--lr", "1e-3,3e-3"});
  CHECK(rates(all, "finetune") == std::vector<double>{1e-3, 3e-3});
  const Options one = parse({"--lr", "lora=1e-2"});
  CHECK(rates(one, "lora") == std::vector<double>{1e-2});
  CHECK(rates(one, "finetune") == std::vector<double>{3e-4, 1e-3, 3e-3});
  CHECK(rates(one, "neutral") == std::vector<double>{1e-3, 3e-3, 1e-2});
  const Options both = parse({"--lr", "1e-3", "finetune=1e-4,2e-4"});
  CHECK(rates(both, "neutral") == std::vector<double>{1e-3});
  CHECK(rates(both, "finetune") == std::vector<double>{1e-4, 2e-4});
}

TEST_CASE("options: lists of numbers are read whole or refused by name") {
  CHECK(program::numbers_of("1,2.5,-3e-2", "x") == std::vector<double>{1, 2.5, -3e-2});
  for (const char* list : {"", "1,", ",1", "1 2", "1x", "0x1", "1e999", "--", "1,,2"}) {
    INFO(list);
    CHECK(says([&] { program::numbers_of(list, "alpha"); }, "--alpha must be a number or a list", list));
  }
}

TEST_CASE("options: zero is refused only where it makes no sense") {
  const Options o =
      parse({"--alpha", "0", "--warmup", "0", "--weight-decay", "0", "--clip", "0", "--share", "0", "--threads", "0"});
  CHECK(o.alphas == std::vector<double>{0});
  CHECK(o.warmup_of(1000) == 0);
  for (const char* option : {"--steps", "--seeds", "--batch", "--sequence", "--accumulate", "--capacity", "--lr",
                             "--pretrain-lr", "--dim", "--layers", "--heads", "--vocab"}) {
    INFO(option);
    CHECK(says([&] { parse({option, "0"}); }, option, "got 0"));
  }
}

TEST_CASE("options: an empty value of any option, and a number in another form than its digits, are refused by name") {
  const std::string help = message([] { parse({"--help"}); });
  int options = 0, integers = 0, numbers = 0;
  std::istringstream lines(help.substr(0, help.find("\nMethods:")));
  for (std::string line, name, type; std::getline(lines, line);) {
    std::istringstream words(line);
    if (!(words >> name >> type) || !name.starts_with("--")) continue;
    const auto refused = [&](const std::string& value, const std::string& rule) {
      INFO(name << " '" << value << "'");
      const bool told = says([&] { parse({name, value}); }, name, rule);
      CHECK(told);
    };
    const bool integer = type.starts_with("INT"), number = type.starts_with("FLOAT");
    if (!integer && !number && !type.starts_with("TEXT")) continue;  // a flag
    if (name == "--out") continue;                                   // parse() gives it
    ++options;
    integers += integer;
    numbers += number;
    refused("", "");
    if (!number && !integer) CHECK(says([&] { parse({name, ""}); }, name + " must not be empty"));
    if (integer)
      for (const char* value : {"010", "0x10", "+5", " 5", "-0", "99999999999999999999", "-99999999999999999999"})
        refused(value, value[0] == '-' && name == "--warmup" ? "" : "must be a whole number");
    if (number)
      for (const char* value : {"0x1p-3", " 0.5", "+0.5", "1e999", "1e-999"}) refused(value, "must be a number");
  }
  CHECK(options >= 30);
  CHECK(integers >= 12);
  CHECK(numbers >= 5);
  CHECK(says([] { parse({"--steps", "many"}); }, "--steps must be a whole number", "got many"));
  CHECK(says([] { parse({"--ffn", "-5"}); }, "--ffn", "got -5"));
  CHECK(says([] { parse({"--kv-heads", "-1"}); }, "--kv-heads", "got -1"));
  CHECK(says([] { parse({"--share", "0.1", "--clip", ""}); }, "--clip must not be empty"));
}

TEST_CASE("options: shares outside 0 .. 1 and numbers that are none are refused") {
  for (const char* share : {"1.0001", "-0.0001", "nan", "inf"})
    CHECK(says([&] { parse({"--share", share}); }, "--share must lie in [0, 1]"));
  CHECK(parse({"--share", "1"}).share == 1);
  for (const char* option : {"--alpha", "--weight-decay", "--clip", "--capacity", "--lr", "--pretrain-lr"})
    for (const char* value : {"nan", "inf", "-1"}) {
      INFO(option << ' ' << value);
      CHECK(says([&] { parse({option, value}); }, option, value));
    }
}

TEST_CASE("options: p and original text must go together") {
  Options o = parse({});
  o.original.clear();
  CHECK(says([&] { o.check(); }, "--original is missing", "is pretrained on"));
  o.model = "m";
  CHECK(says([&] { o.check(); }, "--original is missing", "--share 0"));
  o.share = 0;
  CHECK(says([&] { o.check(); }, "--eval-original is missing", "forgetting is measured"));
  o.eval_original = {"e"};
  CHECK_NOTHROW(o.check());
  o.alphas = {0.1, 1};
  CHECK(says([&] { o.check(); }, "--alpha with several values needs --original"));
  o.alphas = {0.1};
  o.share = std::numeric_limits<double>::quiet_NaN();
  CHECK(says([&] { o.check(); }, "--"));
}

TEST_CASE("options: rates given in several words are all tried") {
  using Rates = std::vector<double>;
  CHECK(rates(parse({"--lr", "1e-3", "3e-3"}), "neutral") == Rates{1e-3, 3e-3});
  CHECK(rates(parse({"--lr", "1e-3", "--lr", "3e-3,1e-2"}), "neutral") == Rates{1e-3, 3e-3, 1e-2});
  CHECK(rates(parse({"--lr", "lora=1e-3", "--lr", "lora=3e-3"}), "lora") == Rates{1e-3, 3e-3});
  CHECK(says([] { parse({"--lr", "1e-3", "--lr", "1e-3"}); }, "--lr must not name anything twice"));
}

TEST_CASE("options: one that has no effect with the others is refused") {
  CHECK(says([] { parse({"--methods", "adapter,lora", "--alpha", "0.1"}); }, "--alpha has no effect without a method"));
  for (const char* option : {"--gate", "--penalty", "--init"})
    CHECK(says(
        [&] {
          parse({"--methods", "adapter,lora", option, "0.1"});
        },
        option, "no effect without neutral among --methods"));
  CHECK(says([] { parse({"--methods", "lora", "--placement", "after"}); }, "--placement", "neutral or adapter"));
  CHECK(says([] { parse({"--methods", "neutral", "--lora-targets", "q"}); }, "--lora-targets", "lora among --methods"));
  CHECK(says([] { parse({"--tokenizer", "byte", "--vocab", "512"}); }, "--vocab", "--tokenizer sentencepiece"));
  CHECK(says([] { parse({"--penalty", "none", "--alpha", "0.1"}); }, "--alpha", "a method that has a local loss"));
  CHECK(says([] { parse({"--method", "residue", "--gate", "elu"}); }, "--gate", "neutral among --methods"));
  CHECK_NOTHROW(parse({"--methods", "neutral", "--alpha", "0.1", "--gate", "tanh"}));
}

TEST_CASE("options: the paper's alpha is tried first if one is selected") {
  const auto tried = [](const std::vector<std::string>& words) {
    const Options o = parse(words);
    CHECK(o.tried_alphas(method(o, "lora")).empty());
    return o.tried_alphas(method(o, "neutral"));
  };
  CHECK(tried({"--alpha", "0.5"}) == std::vector<double>{0.5});
  CHECK(tried({"--alpha", "1,0.1"}) == std::vector<double>{0.01, 1, 0.1});
  CHECK(tried({"--alpha", "1,0.01"}) == std::vector<double>{0.01, 1});
}

TEST_CASE("options: whether anything is tuned") {
  CHECK(parse({}).chooses());
  CHECK_FALSE(parse({"--lr", "1e-3"}).chooses());
  CHECK(parse({"--lr", "1e-3,2e-3"}).chooses());
  CHECK_FALSE(parse({"--methods", "neutral", "--lr", "1e-3", "--lr", "lora=1e-3,2e-3"}).chooses());
  CHECK(parse({"--alpha", "0.1,1"}).chooses());
  CHECK(parse({}).holds_out());
  Options one = parse({"--lr", "1e-3"});
  CHECK_FALSE(one.holds_out());
  one.held_out_before = true;
  CHECK((one.holds_out() && !one.chooses()));
}

TEST_CASE("options: on resume a method may be left out while its options stay") {
  for (const auto& [option, value] : {std::pair{"--gate", "elu"},
                                      {"--penalty", "none"},
                                      {"--init", "he"},
                                      {"--alpha", "0.1"},
                                      {"--body", "bottleneck"}}) {
    INFO(option);
    CHECK_NOTHROW(parse({"--methods", "lora", option, value, "--resume"}));
    CHECK(says(
        [&, option = option, value = value] {
          parse({"--methods", "lora", option, value});
        },
        option, "has no effect without "));
  }
  CHECK_NOTHROW(parse({"--methods", "neutral", "--lora-targets", "q", "--resume"}));
  CHECK(says([] { parse({"--tokenizer", "byte", "--vocab", "300", "--resume"}); }, "--vocab has no effect"));
}

TEST_CASE("options: help names the policies that each option accepts, a user's own included") {
  adapter::Registry registry = adapter::Registry::with<gate::All>();
  registry.add<Mine>();
  const std::vector<const char*> words = {"extend", "--help"};
  const std::string help = message([&] { program::parse_options(2, words.data(), registry); });
  const auto line_of = [&](const std::string& option) {
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);)
      if (line.find("  " + option + " ") != std::string::npos) return line;
    return std::string();
  };
  for (const auto& [option, names] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"--gate", {"relu", "jump_relu", "open", "mine"}},
           {"--body", {"gated_unit", "bottleneck"}},
           {"--penalty", {"l1", "none", "domain_cross_entropy"}},
           {"--init", {"he", "low_variance"}},
           {"--placement", {"parallel", "after", "attention"}},
           {"--lora-targets", {"q", "down"}},
           {"--methods", {"neutral", "finetune"}},
           {"--method", {"residue(gate=elu)"}},
           {"--precision", {"float", "bf16"}},
           {"--base-precision", {"none", "int8", "q4"}}})
    for (const std::string& name : names) {
      INFO(option << ": " << line_of(option));
      CHECK(line_of(option).find(name) != std::string::npos);
    }
}

TEST_CASE("options: one that takes a single value is given once") {
  CHECK(says([] { parse({"--steps", "5", "--steps", "6"}); }, "--steps was given twice: 5 and 6; give it once"));
  CHECK(says(
      [] {
        parse({"--gate", "relu", "--gate", "elu", "--gate", "relu"});
      },
      "--gate was given 3 times: relu, elu and relu"));
  CHECK(says([] { parse({"--out", "p"}); }, "--out was given twice: o and p"));
  CHECK_NOTHROW(parse({"--quick", "--quick"}));
  CHECK(says([] { parse({"--steps", "5", "6"}); }, "unexpected argument '6'"));
}

TEST_CASE("options: a decimal comma is refused, with the number as it should be") {
  CHECK(says(
      [] {
        parse({"--share", "0,8"});
      },
      "--share must be a number such as 0.1 or 1e-3, got 0,8; write 0.8 with a point"));
  CHECK(says([] { parse({"--lr", "0,001"}); }, "--lr must be a number or a list", "'0,001'; write 0.001 with a point"));
  CHECK(says([] { parse({"--alpha", "0,01,0,1"}); }, "--alpha must be a number or a list"));
}

TEST_CASE("options: no absurd bound is printed") {
  for (const char* option : {"--warmup", "--steps", "--threads", "--kv-heads", "--clip", "--share", "--capacity"}) {
    const std::string told = message([&] { parse({option, "-2"}); });
    INFO(told);
    CHECK(told.find("-2") != std::string::npos);
    CHECK(told.size() < 120);
  }
}

TEST_CASE("options: paths that are not UTF-8 are recorded by their bytes") {
  const io::Json json = study::to_json(parse({"--eval-target", "dansk-\xe6.txt", "--model", "m\xff"}));
  CHECK(json.at("eval_target").at(0) == "dansk-\\xe6.txt");
  CHECK(json.at("model") == "m\\xff");
  CHECK_NOTHROW(io::dump(json, "t"));
  CHECK_NOTHROW(io::dump(study::to_json(parse({"--tokenizer", "t\xff"})), "t"));
}

TEST_CASE("suggestions: a name that begins with the word is suggested") {
  CHECK(neutra::suggestion("--temp", {"--help", "--temperature"}) == " (did you mean '--temperature'?)");
  CHECK(neutra::suggestion("--orig", {"--help", "--original", "--eval-original"}) == " (did you mean '--original'?)");
  CHECK(neutra::suggestion("--eval", {"--eval-original", "--eval-target"}) ==
        " (did you mean '--eval-original' or '--eval-target'?)");
  CHECK(neutra::suggestion("--", {"--eval-original"}).empty());
  CHECK(says([] { parse({"-steps", "5"}); }, "did you mean '--steps'?)"));
}

TEST_CASE("suggestions: a near name is suggested, and none if there is none") {
  CHECK(neutra::edit_distance("kitten", "sitting") == 3);
  CHECK(neutra::edit_distance("", "abc") == 3);
  CHECK(neutra::edit_distance("relu", "relu") == 0);
  CHECK(neutra::suggestion("tanhh", {"relu", "tanh"}) == " (did you mean 'tanh'?)");
  CHECK(neutra::suggestion("something else", {"relu", "tanh"}).empty());
  CHECK(neutra::suggestion("x", {}).empty());
}

TEST_CASE(
    "options: methods of --methods and --method are compared together, and options set what shorthands leave open") {
  const Options o = parse({"--methods", "neutral,finetune", "--method", "elu: residue(gate=elu, alpha=0.1, lr=1e-3)",
                           "--method", "lora(rank=8, targets=q|v)", "--gate", "tanh", "--capacity", "0.1"});
  CHECK(labels(o) == std::vector<std::string>{"neutral", "finetune", "elu", "lora"});
  CHECK((setting(o, "neutral", "gate") == "tanh" && setting(o, "elu", "gate") == "elu"));
  CHECK((setting(o, "neutral", "capacity") == "0.1" && setting(o, "elu", "capacity") == "0.1"));
  CHECK((setting(o, "lora", "rank") == "8" && setting(o, "lora", "targets") == "q|v"));
  CHECK((rates(o, "elu") == std::vector<double>{1e-3} && o.alphas_of(method(o, "elu")) == std::vector<double>{0.1}));
  CHECK(o.alphas_of(method(o, "neutral")) == std::vector<double>{0.01});
  CHECK(labels(parse({"--method", "finetune"})) == std::vector<std::string>{"finetune"});
  CHECK(says([] { parse({"--methods", "neutral", "--method", "neutral"}); }, "the method 'neutral' was given twice"));
  CHECK(says([] { parse({"--gate", "relo"}); }, "--gate: there is no gate called 'relo' (did you mean 'relu'?)"));
  CHECK(says([] { parse({"--placement", "before"}); }, "--placement must be parallel, after or attention"));
  CHECK(says([] { parse({"--lora-targets", "q,x"}); }, "--lora-targets must be among q k v o gate up down, got 'x'"));
}

TEST_CASE(
    "options: rates of a spec precede those of its label, these those of its name, and these those of all methods") {
  const Options o = parse({"--method", "a: lora(lr=1)", "--method", "b: lora", "--method", "c: lora", "--method",
                           "neutral", "--lr", "4", "lora=3", "b=2"});
  CHECK(rates(o, "a") == std::vector<double>{1});
  CHECK(rates(o, "b") == std::vector<double>{2});
  CHECK(rates(o, "c") == std::vector<double>{3});
  CHECK(rates(o, "neutral") == std::vector<double>{4});
  CHECK(says([] { parse({"--lr", "finetun=1e-3"}); }, "--lr: there is no method 'finetun' (did you mean 'finetune'?)"));
}

TEST_CASE("options: on top of an adapter the default methods are those that leave the model as it is") {
  const std::string lora = NEUTRA_SOURCE_DIR "/tests/golden/peft/llama";
  const Options o = parse({"--model", "m", "--adapter", lora});
  CHECK(labels(o) == std::vector<std::string>{"neutral", "adapter", "lora", "evidence"});
  CHECK(says(
      [&] {
        parse({"--model", "m", "--adapter", lora, "--methods", "lora,finetune"});
      },
      "--adapter: the method finetune trains the weights of the model",
      "would no longer fit; name other methods with --methods or --method, or leave --adapter out"));
}

TEST_CASE("options: a baseline is one of the methods") {
  CHECK(parse({"--baseline", "lora"}).baseline_label() == "lora");
  CHECK(parse({"--methods", "neutral"}).baseline_label().empty());
  CHECK(parse({"--method", "adapter(capacity={0.1,0.2})"}).baseline_label() == "adapter");
  CHECK(says([] { parse({"--baseline", "lorra"}); }, "--baseline: there is no method 'lorra' (did you mean 'lora'?)"));
  CHECK(says(
      [] {
        parse({"--methods", "neutral", "--alpha", "0.1,1"});
      },
      "--alpha with several values needs a baseline", "--methods adapter"));
}
