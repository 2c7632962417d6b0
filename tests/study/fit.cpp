// What a study refuses before it begins: options, texts and models that do not fit together.
#include "neutra/study/fit.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

using namespace neutra;

TEST_CASE("several alphas are refused if no step of the run draws text that the penalty counts", "[train]") {
  study::Options options;
  options.methods = small::methods({"neutral", "adapter"});
  options.alphas = {0.01, 1};
  options.batch = 4;
  const auto check = [&](double share, Index steps) {
    options.share = share;
    options.steps = steps;
    const data::Mix mix(small::windows(small::letters('a', 5, 900, 1)), small::windows(small::letters('n', 5, 1100, 2)),
                        share, 1);
    study::detail::check_alphas(options, mix);
  };
  const std::string told =
      "--alpha must be one value with --share 1e-09, got 2 of them: the local loss of neutral counts original text "
      "alone, of which "
      "the 100 "
      "steps of 4 sequences draw none";
  CHECK(scratch::says([&] { check(1e-9, 100); }, told, "a larger --share"));
  CHECK(scratch::says([&] { check(0, 100); }, "with --share 0, got 2"));
  CHECK_NOTHROW(check(0.1, 100));
  CHECK_NOTHROW(check(1e-9, 2000000000));  // 2^32 slots and more: one is drawn
  options.methods = small::methods({"neutral(penalty=domain_cross_entropy)"});
  CHECK_NOTHROW(check(1e-9, 100));
  options.methods = small::methods({"neutral"});
  options.alphas = {1};
  CHECK_NOTHROW(check(1e-9, 100));
  options.alphas = {0.01, 1};
  options.methods = small::methods({"adapter"});
  CHECK_NOTHROW(check(1e-9, 100));
}

TEST_CASE("a method trains an adapter with weights, or the whole model without one", "[train]") {
  const auto check = [&](const std::string& spec) {
    study::detail::check_adapter_fits(small::method(spec), small::config());
  };
  for (const char* fits : {"neutral", "lora", "finetune", "none(trains=model)"}) CHECK_NOTHROW(check(fits));
  CHECK(scratch::says([&] { check("none"); }, "the method none trains nothing", "trains=model"));
  CHECK(scratch::says([&] { check("neutral(trains=model)"); }, "must train the whole model without an adapter"));
  CHECK(scratch::says([&] { check("mine: residue(capacity=1e-9)"); }, "mine: residue: a capacity of 1e-09"));
  CHECK(message([&] { check("lora(capacity=1e-9)"); }).starts_with("lora: a capacity of 1e-09"));
}

TEST_CASE("an adapter that would not start as a model that has one extends none", "[train]") {
  const auto check = [&](const std::string& spec) { study::detail::check_extends(small::method(spec)); };
  for (const char* fits : {"neutral", "lora", "oplora", "llama_pro", "finetune"}) CHECK_NOTHROW(check(fits));
  for (const char* first : {"dora", "control_llm", "moe_lpr", "list(lora, dora)"})
    CHECK(scratch::says([&] { check(first); }, "must extend a model without an adapter"));
}

TEST_CASE("parameter groups of a method contain parameters of it, and leave some to train", "[train]") {
  const auto check = [&](const std::string& spec) {
    study::detail::check_groups(small::method(spec), small::config());
  };
  for (const char* fits : {"neutral(rate_factor.gate=0.1)", "lora(frozen.0=true)", "dora(frozen.magnitude=true)",
                           "llama_pro(blocks=1, rate_factor.self_attn=0.1)", "finetune(frozen.embed_tokens=true)",
                           "finetune(frozen.model=true, frozen.layers.1=false)"})
    CHECK_NOTHROW(check(fits));
  CHECK(
      scratch::says([&] { check("mine: adapter(rate_factor.gate=0.1)"); },
                    "the method mine: the parameter group 'gate' must contain a parameter, but does not; the first of "
                    "the 6 is adapter.0.gate_proj"));
  CHECK(scratch::says([&] { check("finetune(weight_decay.gate=0.1)"); }, "the first of the 21 is model.layers.0."));
  CHECK(scratch::says([&] { check("neutral(frozen.adapter=true)"); },
                      "the method neutral trains nothing; all of its 8 parameters are frozen"));
  study::Method twice = small::method("neutral");
  twice.groups = {{.name = "gate", .rate_factor = 0.1}, {.name = "gate", .weight_decay = 0}};
  CHECK(scratch::says([&] { study::check_groups_named(twice); }, "must have different names, got 'gate' twice"));
  twice.groups.clear();
  twice.regularisers = {train::regulariser::L2Sp{}, train::regulariser::L2Sp{.weight = 2}};
  CHECK(scratch::says([&] { study::check_groups_named(twice); }, "must have different names, got 'l2_sp' twice"));
}

TEST_CASE("regularisers of a method have what they need", "[train]") {
  const auto check = [&](const std::string& spec, bool text, double share = 0.1, std::vector<double> shares = {}) {
    study::Options options;
    options.methods = small::methods({spec});
    options.share = share;
    options.shares = std::move(shares);
    study::detail::check_regularisers(options, text ? small::windows(small::letters('a', 5, 900, 1)) : data::Windows());
  };
  for (const char* fits : {"finetune(l2_sp=1)", "finetune(ewc=1)", "finetune(ssu=0.5)"})
    CHECK_NOTHROW(check(fits, true));
  CHECK_NOTHROW(check("finetune(l2_sp=1)", false));
  CHECK_NOTHROW(check("neutral(kl=1)", true));
  CHECK_NOTHROW(check("finetune(ewc=1)", true, 0));
  CHECK_NOTHROW(check("neutral(kl=1)", true, 0.1, {0, 0.1}));
  CHECK(scratch::says([&] { check("neutral(kl=1)", true, 0); },
                      "the method neutral: kl acts on original-domain sequences, of which training draws none",
                      "a --share above 0"));
  CHECK(scratch::says([&] { check("mine: neutral(l2_sp=0.5)", true); },
                      "the method mine: l2_sp acts on trained weights of the backbone, of which the method has none; "
                      "use it as in finetune(l2_sp=0.5)"));
  CHECK(scratch::says([&] { check("finetune(ewc=1)", false); },
                      "ewc needs training text of the original domain, got none; give files (--original)"));
}
