// Every op, forward and backward, on a device whose memory faults when touched. The log shows the calls to the device.
#include "neutra/backend/record/record.hpp"

#include "neutra/adapter/control_llm.hpp"
#include "neutra/adapter/dora.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/llama_pro.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/moe_lpr.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/op/all.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/optim/anchor.hpp"
#include "neutra/optim/frozen_columns.hpp"

#include "tests/cases/message.hpp"
#include "tests/cases/penalty.hpp"
#include "tests/cases/pointwise.hpp"
#include "tests/cases/pointwise_trained.hpp"
#include "tests/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

using namespace neutra;

static_assert(Backend<Recorder>);

namespace {

using Lines = std::vector<std::string>;
using Weight = Parameter<float, Recorder>;
using Constant = Frozen<float, Recorder>;
using Tapes = Tape<float, Recorder>;

Weight weight(const Shape& shape) { return Weight("w", Tensor<float, Recorder>(shape)); }
Lines taken() { return std::exchange(Recorder::log, {}); }

/// The log of an op's backward pass. The loss is a penalty on y, whose own two lines are dropped.
template <class V> Lines backward_of(V y) {
  auto& tape = y.tape();
  const auto loss = residue_penalty(cases::RowPenalty{}, y, tape.stop_gradient(y), Counted<float>{}, 1);
  taken();
  tape.backward(loss);
  Lines lines = taken();
  REQUIRE(lines.size() >= 2);
  CHECK(lines[0] == "upload 1");
  CHECK(lines[1] == concat("rows ", y.shape().rows()));
  return {lines.begin() + 2, lines.end()};
}

}  // namespace

TEST_CASE("record: add, gated, scale_rows, pointwise, activation") {
  auto x = weight({5, 7}), y = weight({5, 7}), g = weight({5, 1});
  Tapes tape;
  tape.start();
  taken();
  CHECK(backward_of(add(tape.leaf(x), tape.leaf(y))) == Lines{"rows 5", "rows 5"});
  tape.start();
  CHECK(backward_of(gated(tape.leaf(x), tape.leaf(y))) == Lines{"rows 5"});
  tape.start();
  CHECK(backward_of(scale_rows(tape.leaf(x), tape.leaf(g))) == Lines{"rows 5"});
  tape.start();
  CHECK(backward_of(pointwise(tape.leaf(x), cases::LogNorm{})) == Lines{"rows 5"});
  tape.start();
  CHECK(backward_of(pointwise(tape.leaf(g), cases::LogNorm{})) == Lines{"elements 5"});
  tape.start();
  CHECK(backward_of(activation(tape.leaf(x), Activation::gelu)) == Lines{"rows 5"});
  tape.start();
  const auto a = tape.leaf(x);
  CHECK(taken() == Lines{});
  pointwise(a, cases::Softplus{});
  CHECK(taken() == Lines{"rows 5"});
}

TEST_CASE("record: columns, scale_columns, softmax, kl_divergence, sums, causal_mean, pointwise_trained") {
  auto x = weight({6, 7}), v = weight({7}), a = weight({1}), b = weight({1});
  Tapes tape;
  const auto walked = [&](const auto& f) {
    tape.start();
    return backward_of(f(tape.leaf(x)));
  };
  CHECK(walked([](auto at) { return columns(at, 2, 3); }) == Lines{"rows 6"});
  CHECK(walked([&](auto at) { return scale_columns(at, tape.leaf(v)); }) == Lines{"rows 6", "column_sums 6 x 7"});
  CHECK(walked([](auto at) { return softmax(at); }) == Lines{"rows 6"});
  CHECK(walked([](auto at) { return top_softmax(at, 2); }) == Lines{"rows 6"});
  CHECK(walked([](auto at) { return kl_divergence(at, at, static_cast<const float*>(nullptr), 1); }) ==
        Lines{"rows 6"});
  CHECK(walked([](auto at) { return row_sum(at); }) == Lines{"rows 6"});
  CHECK(walked([](auto at) { return row_mean(at); }) == Lines{"rows 6"});
  CHECK(walked([](auto at) { return sum(at); }) == Lines{"rows 6"});
  CHECK(walked([](auto at) { return causal_mean(at, 3); }) == Lines{"rows 2"});
  CHECK(walked([&](auto at) {
          const Var<float, Recorder> w[] = {tape.leaf(a), tape.leaf(b)};
          return pointwise_trained(at, cases::Affine{}, w);
        }) == Lines{"rows 6", "rows 6", "sum 42", "sum 42"});
}

TEST_CASE("record: magnitude_factors forms no updated weight, and gives a gradient to the magnitudes alone") {
  auto m = weight({9}), a = weight({2, 7}), b = weight({9, 2});
  const Constant w("w", Tensor<float, Recorder>({9, 7}), {.packed = true});
  const Tensor<float, Recorder> squares({9});
  Tapes tape;
  tape.start();
  taken();
  const auto c = magnitude_factors(tape.leaf(m), tape.constant(w), tape.leaf(a), tape.leaf(b), squares.view());
  CHECK(taken() ==
        Lines{"packed product (2,7) (7,9)", "product (2,7) (7,2)", "product (9,2) (2,2)", "rows 9", "rows 1"});
  CHECK(backward_of(c) == Lines{"rows 1"});
}

TEST_CASE("record: linear with trained and frozen weights, few and many rows") {
  auto few = weight({5, 7}), many = weight({8, 7}), w = weight({9, 7}), addend = weight({5, 9}), bias = weight({9});
  const Constant frozen("w", Tensor<float, Recorder>({9, 7}), {.packed = true});
  Tapes tape;
  tape.start();
  CHECK(taken() == Lines{"pack (7,9)"});
  auto y = linear(tape.leaf(few), tape.leaf(w), tape.leaf(addend));
  CHECK(taken() == Lines{"product (5,7) (7,9) addend"});
  CHECK(backward_of(y) == Lines{"product (5,9) (9,7)", "product (9,5) (5,7)", "rows 5"});
  tape.start();
  y = linear(tape.leaf(few), tape.leaf(w), tape.leaf(bias));
  CHECK(taken() == Lines{"product (5,7) (7,9) addend"});
  CHECK(backward_of(y) == Lines{"product (5,9) (9,7) adds", "product (9,5) (5,7) adds", "column_sums 5 x 9"});
  tape.start();
  y = linear(tape.leaf(few), tape.leaf(w));  // the second micro-batch
  CHECK(backward_of(y) == Lines{"product (5,9) (9,7) adds", "product (9,5) (5,7) adds"});
  tape.start();
  y = linear(tape.leaf(many), tape.constant(frozen));
  CHECK(taken() == Lines{"packed product (8,7) (7,9)"});
  CHECK(backward_of(y) == Lines{"packed product (8,9) (9,7)"});
  tape.start(false);
  linear(tape.leaf(many), tape.constant(frozen));
  CHECK(taken() == Lines{"packed product (8,7) (7,9)"});
  linear(tape.leaf(few), tape.constant(frozen));
  CHECK(taken() == Lines{"packed product (5,7) (7,9)"});
}

TEST_CASE("record: linear with a quantised weight never has it whole") {
  auto x = weight({5, 7});
  const Constant w("w", Tensor<float, Recorder>({9, 7}), {.packed = true, .format = Quantisation("q4")});
  CHECK(w.rows() == nullptr);
  CHECK(taken() == Lines{"quantise q4 (9,7)"});
  Tapes tape;
  tape.start();
  const auto y = linear(tape.leaf(x), tape.constant(w));
  CHECK(taken() == Lines{"quantised product (5,7) (7,9)"});
  CHECK(backward_of(y) == Lines{"quantised product (5,9) (9,7)"});
}

TEST_CASE("record: a weight whose row-major copy is freed") {
  auto x = weight({8, 7});
  Recorder::exact = true;
  const Constant frozen("w", Tensor<float, Recorder>({9, 7}), {.packed = true});
  Recorder::exact = false;
  Tapes tape;
  tape.start();
  CHECK(taken() == Lines{"pack (7,9)"});
  const auto y = linear(tape.leaf(x), tape.constant(frozen));
  CHECK(taken() == Lines{"packed product (8,7) (7,9)"});
  CHECK(backward_of(y) == Lines{"packed product (8,9) (9,7)"});
  std::deque<Tensor<float>> copies;
  CHECK(nn::on_host(frozen, copies).shape == Shape{9, 7});
  CHECK(taken() == Lines{"unpack (9,7)", "download 63"});
}

TEST_CASE("record: scores of a head that is packed in parts take these, a gradient of its input does not") {
  auto x = weight({2, 7});
  const Constant head("head", Tensor<float, Recorder>({2050, 7}), {.packed = true, .in_chunks = true});
  Tapes tape;
  tape.start();
  taken();
  const auto y = linear(tape.leaf(x), tape.constant(head));
  CHECK(taken() ==
        Lines{"packed product (2,7) (7,683)", "packed product (2,7) (7,683)", "packed product (2,7) (7,684)"});
  CHECK(backward_of(y) == Lines{"product (2,2050) (2050,7)"});
}

TEST_CASE("record: norms, embedding, rope") {
  auto x = weight({6, 8}), w = weight({8}), b = weight({8}), table = weight({11, 40});
  taken();
  const RopeTable<float, Recorder> rope_table(3, 4, 1e4);
  const std::vector<std::int32_t> tokens{1, 10, 1};
  Tapes tape;
  tape.start();
  CHECK(taken() == Lines{"upload 6", "upload 6"});
  CHECK(backward_of(rms_norm(tape.leaf(x), tape.leaf(w))) == Lines{"rows 6", "column_sums 6 x 8"});
  tape.start();
  CHECK(backward_of(layer_norm(tape.leaf(x), tape.leaf(w), tape.leaf(b))) ==
        Lines{"rows 6", "column_sums 6 x 8 adds", "column_sums 6 x 8"});
  tape.start();
  CHECK(backward_of(embedding(tape.leaf(table), std::span<const std::int32_t>(tokens))) == Lines{"add_rows 3 into 11"});
  tape.start();
  taken();
  embedding(tape.leaf(table), std::span<const std::int32_t>(tokens));
  CHECK(taken() == Lines{"upload 3", "rows 3"});
  tape.start();
  CHECK(backward_of(rope(tape.leaf(x), rope_table, 3)) == Lines{"rows 6"});
}

TEST_CASE("record: attention, with gradients wanted for all and for some") {
  auto q = weight({6, 16}), k = weight({6, 8}), v = weight({6, 8});
  const AttentionSizes z{2, 3, 4, 2, 4};
  Tapes tape;
  tape.start();
  taken();
  auto y = attention(tape.leaf(q), tape.leaf(k), tape.leaf(v), z);
  CHECK(taken() == Lines{"attention_forward 2 x 3"});
  CHECK(backward_of(y) == Lines{"attention_backward 2 x 3 q k v"});
  tape.start();
  CHECK(backward_of(attention(tape.leaf(q), tape.input(k.value.view()), tape.input(v.value.view()), z)) ==
        Lines{"attention_backward 2 x 3 q"});
}

TEST_CASE("record: values stored as bf16") {
  auto x = weight({6, 16}), wide = weight({16, 16}), narrow = weight({8, 16}), out = weight({5, 16});
  const RopeTable<float, Recorder> table(3, 4, 1e4);
  Tapes tape;
  tape.start(true, DType::bf16);
  taken();
  const auto from = tape.leaf(x);
  const auto q = rope(linear(from, tape.leaf(wide)), table, 3, DType::bf16);
  const auto k = rope(linear(from, tape.leaf(narrow)), table, 3, DType::bf16);
  const auto v = linear(from, tape.leaf(narrow), DType::bf16);
  const auto y = attention(q, k, v, {2, 3, 4, 2, 4});
  const auto z = linear(gated(y, linear(from, tape.leaf(wide), DType::bf16)), tape.leaf(out));
  CHECK(taken() == Lines{"product (6,16) (16,16) bf16", "rows 6", "product (6,16) (16,8) bf16", "rows 6",
                         "product (6,16) (16,8) bf16 rounded", "attention_forward 2 x 3",
                         "product (6,16) (16,16) bf16 rounded", "rows 6", "product (6,16) (16,5) bf16"});
  const Lines back = backward_of(z);
  // The gradient of the last product's input.
  CHECK(std::count(back.begin(), back.end(), "product (6,5) (5,16) bf16 rounded") == 1);
  CHECK(std::count(back.begin(), back.end(), "attention_backward 2 x 3 q k v") == 1);
}

TEST_CASE("record: attention of operands that are rounded and others that are not") {
  const Tensor<float, Recorder> q({6, 16}), k({6, 8});
  Tensor<float, Recorder> out({6, 16}), lse({24});
  const Operand<float> rounded{q.view(), false, DType::bf16}, exact{k.view()};
  CHECK_THROWS_AS(Recorder::attention_forward<float>({2, 3, 4, 2, 4}, rounded, exact, exact, out.view(), lse.data()),
                  Error);
}

TEST_CASE("record: cross_entropy, in chunks, with and without a trained head") {
  auto x = weight({300, 7}), w = weight({11, 7});
  const Constant frozen("w", Tensor<float, Recorder>({2048, 7}), {.packed = true, .in_chunks = true});  // two chunks
  const std::vector<std::int32_t> targets(300, 3);
  Tapes tape;
  tape.start();
  taken();
  auto loss = cross_entropy(tape.leaf(x), tape.leaf(w), targets, 1);
  CHECK(taken() == Lines{"upload 300", "product (256,7) (7,11)", "rows 256", "product (256,11) (11,7)",
                         "product (11,256) (256,7)", "product (44,7) (7,11)", "rows 44", "product (44,11) (11,7)",
                         "product (11,44) (44,7) adds", "sum 300"});
  tape.backward(loss);
  CHECK(taken() == Lines{"upload 1", "rows 300", "rows 11"});
  tape.start();
  loss = cross_entropy(tape.leaf(x), tape.constant(frozen), targets, 1);
  Lines expected = {"upload 300"};
  for (const Index rows : {256, 44})
    for (const char* adds : {"", " adds"}) {
      expected.insert(expected.end(), {concat("packed product (", rows, ",7) (7,1024)"), concat("rows ", rows)});
      expected.push_back(concat("packed product (", rows, ",1024) (1024,7)", adds));
      if (*adds) expected.push_back(concat("rows ", rows));
    }
  expected.push_back("sum 300");
  CHECK(taken() == expected);
  tape.backward(loss);
  CHECK(taken() == Lines{"upload 1", "rows 300"});
  tape.start();
  cross_entropy(tape.leaf(x), tape.constant(frozen), targets, 1, 30);  // a cap adds no pass over the scores
  CHECK(taken() == expected);
}

TEST_CASE("record: sparse rows with none, some and all open") {
  auto x = weight({6, 5}), g = weight({6, 1}), slope = weight({6, 1});
  for (const Index open : {0, 2, 6}) {
    CAPTURE(open);
    Recorder::open = open;
    Tapes tape;
    tape.start();
    taken();
    const RowSet set = open_rows(tape.leaf(g), View<const float>(slope.value));
    CHECK(taken() == Lines{"open_rows 6 slopes"});
    CHECK(set.count == open);
    const auto v = tape.leaf(x), few = gather_rows(v, set), y = scatter_add(v, few, set);
    CHECK(taken() == Lines{concat("rows ", open), "rows 6"});
    CHECK(backward_of(y) == Lines{concat("rows ", open), "rows 6", "rows 6"});
  }
  Recorder::open = 1;
}

TEST_CASE("record: penalties of a residue and of a gate") {
  auto r = weight({5, 7}), y = weight({5, 7}), g = weight({5, 1}), s = weight({5, 1});
  Tapes tape;
  tape.start();
  taken();
  auto loss = residue_penalty(cases::RowPenalty{}, tape.leaf(r), tape.leaf(y), Counted<float>{}, 1);
  CHECK(taken() == Lines{"rows 5", "sum 5"});
  tape.backward(loss);
  CHECK(taken() == Lines{"upload 1", "rows 5"});
  tape.start();
  loss = gate_penalty(cases::LogitPenalty{}, tape.leaf(g), tape.leaf(s), Counted<float>{}, 1);
  CHECK(taken() == Lines{"rows 5", "sum 5"});
  tape.backward(loss);
  CHECK(taken() == Lines{"upload 1", "rows 5"});
}

namespace {

/// One training step of a whole model on the device.
template <class A> void train(const A& adapter, bool thaw) {
  const nn::Config config{
      .vocabulary = 19, .dim = 12, .ffn = 10, .layers = 2, .heads = 2, .kv_heads = 1, .head_width = 6, .context = 8};
  nn::Transformer<A, float, Recorder> model(nn::Backbone<float, Recorder>::random(config, 1), adapter);
  if (thaw) model.thaw();
  optim::AdamW<float, Recorder> adamw(model.parameters(), {});
  const std::vector<std::int32_t> inputs(15, 3), targets(15, 4);
  const std::vector<std::uint8_t> domains{0, 1, 0};
  Tapes tape;
  tape.start();
  taken();
  tape.backward(model.loss(tape, {3, 5, inputs, targets, domains}, {15, 10}).total(0.1f));
  for (const std::string& line : taken()) {  // the host waits for nothing within a step
    CAPTURE(line);
    CHECK((line != "read" && line.rfind("download", 0) != 0 && line.rfind("open_rows", 0) != 0));
  }
  CHECK(adamw.gradient_norm() > 0);
  adamw.step(1e-3, 1);
  CHECK(adamw.steps == 1);
}

}  // namespace

TEST_CASE("record: models with each adapter, and a thawed one, train without a touch of the device's memory") {
  train(adapter::Residue<>{}, false);
  train(adapter::Residue<>{}, true);
  train(adapter::Lora{}, false);
  train(adapter::Dora{}, false);
  train(adapter::LlamaPro{.blocks = 1}, false);
  train(adapter::ControlLlm{.blocks = 1}, false);
  train(adapter::MoeLpr{.experts = {{2}}}, false);
  train(adapter::None{}, true);
  taken();
}

TEST_CASE("record: adapters that are switched off ask the device for nothing") {
  nn::Config config{.vocabulary = 9, .dim = 8, .ffn = 6, .layers = 2, .heads = 2, .context = 6};
  const auto backbone = nn::Backbone<float, Recorder>::random(config, 1);
  const adapter::Residue<> residue{.width = 3};
  const adapter::Lora lora{.rank = 2};
  const std::vector<std::int32_t> inputs(12, 3);
  const auto log_of = [&]<class A>(const A& adapter, const adapter::Attenuation& attenuation) {
    nn::Transformer<A, float, Recorder> model(backbone, adapter);
    model.attenuation = attenuation;
    Tapes tape;
    tape.start(false);
    taken();
    model.logits(tape, {2, 6, inputs});
    return taken();
  };
  const adapter::List both(residue, lora);
  const Lines bare = log_of(adapter::None{}, {}), first = log_of(residue, {}), second = log_of(lora, {});
  CHECK(log_of(both, {.scale = 0}) == bare);
  CHECK(log_of(both, {.members = {{.scale = 0}, {.scale = 0}}}) == bare);
  CHECK(log_of(both, {.members = {{}, {.scale = 0}}}) == first);
  CHECK(log_of(both, {.members = {{.scale = 0}, {}}}) == second);
  CHECK(log_of(both, {}).size() > std::max(first.size(), second.size()));
  CHECK(std::min(first.size(), second.size()) > bare.size());
}

TEST_CASE("record: anchors and frozen columns wait for nothing in a step") {
  auto p = weight({5, 7});
  const Constant start("w", Tensor<float, Recorder>({5, 7}), {.rows = true});
  const std::vector<float> trained(7, 1.0f);
  optim::Anchor<float, Recorder> anchor({p, start}, Tensor<float, Recorder>({5, 7}));
  optim::FrozenColumns<float, Recorder> columns({p, start}, trained);
  taken();
  p.has_gradient = true;
  anchor.add_gradient(1);
  columns.clear_gradient();
  columns.restore();
  CHECK(taken() == Lines{"rows 5", "rows 5", "rows 5"});
}

TEST_CASE("record: shapes that do not fit and memory of the host are refused") {
  const Tensor<float, Recorder> a({2, 3}), b({4, 5});
  Tensor<float, Recorder> c({2, 5});
  const Tensor<float> host({3, 5});
  const auto product = [&](View<const float> left, View<const float> right) {
    return message(
        [&] { Recorder::product<float>(Operand<float>{left}, Operand<float>{right}, Into<float>{c.view()}); });
  };
  CHECK(product(a, b) == "record: product of (2,3) and (4,5) into (2,5)");
  CHECK(product(a, host) == "record: product was given 15 elements that are not within one block of device memory");
  CHECK(product(a, View<const float>(b.data() + 6, Shape{3, 5})) ==  // begins inside a block, ends outside
        "record: product was given 15 elements that are not within one block of device memory");
  CHECK(product(a, View<const float>(b.data() + 5, Shape{3, 5})) == "");
}

TEST_CASE("record: touching its memory ends the program") {
  const Tensor<float, Recorder> x({2, 3});
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    std::signal(SIGBUS, SIG_DFL);
    const volatile float read = *static_cast<const volatile float*>(x.data());
    _exit(read == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
}
