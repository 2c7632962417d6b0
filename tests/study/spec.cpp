// Methods as text: what each form means, and that text that is no method is refused_at with the column in which it goes
// wrong.
#include "neutra/study/spec.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;
using study::parse_spec;

namespace {

/// "name key=setting ..." of every combination.
std::vector<std::string> told(const std::string& text) {
  std::vector<std::string> all;
  for (const study::Term& term : parse_spec(text).terms) {
    std::string& one = all.emplace_back(term.name);
    for (const auto& [key, setting] : term.settings) one += concat(" ", key, "=", text_of(setting));
  }
  return all;
}
using Lines = std::vector<std::string>;

bool refused_at(const std::string& text, std::size_t column, const std::string& rule) {
  return says([&] { parse_spec(text); }, concat("column ", column, ": ", rule));
}

}  // namespace

TEST_CASE("spec: a name, a label, settings, and optional spaces") {
  CHECK(told("neutral") == Lines{"neutral"});
  CHECK(told(" neutral ( ) ") == Lines{"neutral"});
  CHECK(parse_spec("neutral").label.empty());
  CHECK(parse_spec(" my elu : residue(gate=elu)").label == "my elu");
  CHECK(told("elu: residue( gate = elu , capacity=0.1)") == Lines{"residue capacity=0.1 gate=elu"});
  CHECK(told("lora(rank=8, targets=q|v)") == Lines{"lora rank=8 targets=q|v"});
  CHECK(told("\nelu:\r\n residue(gate=elu,\n\tcapacity=0.1\n)\r\n") == Lines{"residue capacity=0.1 gate=elu"});
  CHECK(parse_spec("\nelu\t\n: lora").label == "elu");
  const Settings settings = parse_spec("x(a=8, b=-0.5, c=1e-3, d=true, e=q|v, f=8x, g=1e999, h=inf)").terms[0].settings;
  CHECK(settings == Settings{{"a", Index{8}},
                             {"b", -0.5},
                             {"c", 1e-3},
                             {"d", true},
                             {"e", "q|v"},
                             {"f", "8x"},
                             {"g", "1e999"},
                             {"h", "inf"}});
}

TEST_CASE("spec: options of policies, and wrappers") {
  CHECK(told("residue(gate=jump_relu(threshold=0.2))") == Lines{"residue gate=jump_relu gate.threshold=0.2"});
  CHECK(told("residue(gate=per_channel(tanh))") == Lines{"residue gate=per_channel_tanh"});
  CHECK(told("residue(gate=two_layer(jump_relu(threshold=0.2), hidden=64))") ==
        Lines{"residue gate=two_layer_jump_relu gate.hidden=64 gate.threshold=0.2"});
  CHECK(told("residue(gate=causal_mean(two_layer(relu)))") == Lines{"residue gate=causal_mean_two_layer_relu"});
}

TEST_CASE("spec: a list names its members by position") {
  CHECK(told("list(lora, residue)") == Lines{"list 0=lora 1=residue"});
  CHECK(told("list(lora(rank=4), list(none, residue(gate=jump_relu(threshold=0.2))))") ==
        Lines{"list 0=lora 0.rank=4 1=list 1.0=none 1.1=residue 1.1.gate=jump_relu 1.1.gate.threshold=0.2"});
  CHECK(told("list({lora,none})") == Lines{"list 0=lora", "list 0=none"});
  CHECK(refused_at("list(0=lora, residue)", 14, "0 must be given once"));
  CHECK(refused_at("list(lora", 10, "a comma or ) must stand here, got the end; ( was opened in column 5"));
}

TEST_CASE("spec: a sweep makes every combination, wherever it stands") {
  CHECK(told("residue(gate={relu,elu}, capacity={0.1,0.2})") ==
        Lines{"residue capacity=0.1 gate=relu", "residue capacity=0.2 gate=relu", "residue capacity=0.1 gate=elu",
              "residue capacity=0.2 gate=elu"});
  CHECK(told("residue(gate={relu, jump_relu(threshold={0.1,0.2})})") ==
        Lines{"residue gate=relu", "residue gate=jump_relu gate.threshold=0.1",
              "residue gate=jump_relu gate.threshold=0.2"});
  CHECK(told("residue(gate=per_channel({tanh,relu}))") ==
        Lines{"residue gate=per_channel_tanh", "residue gate=per_channel_relu"});
}

TEST_CASE("spec: rates and alphas belong to one method") {
  const auto spec = parse_spec("neutral(lr={1e-3,3e-3}, alpha=0.1)");
  REQUIRE(spec.terms.size() == 1);
  CHECK(spec.terms[0].rates == std::vector<double>{1e-3, 3e-3});
  CHECK(spec.terms[0].alphas == std::vector<double>{0.1});
  CHECK(spec.terms[0].settings.empty());
  CHECK(refused_at("neutral(lr=fast)", 12, "lr must be a number, got 'fast'"));
  CHECK(refused_at("neutral(lr=1, lr=2)", 15, "lr must be given once"));
}

TEST_CASE("spec: text that is no method is refused_at with the column") {
  CHECK(refused_at("", 1, "the name of a method must stand here, got the end"));
  CHECK(refused_at("  ", 3, "the name of a method must stand here, got the end"));
  CHECK(refused_at(": lora", 1, "a label must stand before the colon"));
  CHECK(refused_at("a:", 3, "the name of a method must stand here"));
  CHECK(refused_at("residue(gate=elu", 17, "a comma or ) must stand here, got the end; ( was opened in column 8"));
  CHECK(refused_at("residue(gate=elu))", 18, "nothing may follow the method, got ')'"));
  CHECK(refused_at("residue(gate={elu,relu)", 23, "a comma or } must stand here, got ')'; { was opened in column 14"));
  CHECK(refused_at("residue(gate=elu} ", 17, "a comma or ) must stand here, got '} '"));
  CHECK(refused_at("residue(gate)", 9, "a setting is written gate=VALUE"));
  CHECK(refused_at("residue(gate=)", 14, "a value must stand here, got ')'"));
  CHECK(refused_at("residue(=elu)", 9, "a setting must stand here, got '=elu)'"));
  CHECK(refused_at("residue(,)", 9, "a setting must stand here"));
  CHECK(refused_at("residue(gate=elu,)", 18, "a setting must stand here"));
  CHECK(refused_at("residue(gate={})", 15, "a value must stand here"));
  CHECK(refused_at("residue(gate={{a}})", 15, "a value must stand here"));
  CHECK(refused_at("residue(gate=elu, gate=relu)", 19, "gate must be given once"));
  CHECK(refused_at("residue(gate=per_channel(tanh, relu))", 32, "a wrapper takes one policy"));
  CHECK(refused_at("lora adapter", 6, "nothing may follow the method, got 'adapter'"));
  CHECK(refused_at("a: b: c", 5, "nothing may follow the method"));
  CHECK(says([] { parse_spec("lora(\x1b[2J\n=1"); }, "lora(\\x1b[2J\\x0a=1"));
}

TEST_CASE("spec: sweeps, nesting and texts have limits") {
  std::string sweep = "residue(a={0", deep = "x(a=";
  for (int i = 1; i < 40; ++i) sweep += concat(",", i);
  sweep += "}";
  std::string cube = sweep;
  for (const char* key : {"b", "c"}) cube += concat(", ", key, "=", sweep.substr(sweep.find('{')));
  CHECK(told(sweep + ")").size() == 40);
  CHECK(says([&] { parse_spec(cube + ")"); }, "a sweep must make at most 1000 methods"));
  for (int i = 0; i < 500; ++i) deep += "b(";
  CHECK(says([&] { parse_spec(deep); }, "brackets must not be nested deeper than 16 levels"));
  CHECK(says([] { parse_spec(std::string(5000, 'a')); }, "at most 4096 bytes"));
  CHECK(says([] { parse_spec(std::string(4000, '(')); }, "column 1: the name of a method must stand here"));
}
