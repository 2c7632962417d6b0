#include "tests/cases/sparse_rows.hpp"

#include "neutra/op/add.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/scale_rows.hpp"

#include "tests/cases/message.hpp"

using namespace cases;

TEST_CASE("sparse_rows: value, gradients, SIMD and scalar") { check_all<cases::SparseRows>(); }

TEST_CASE("open_rows: a row is open if its gate or its slope is not zero") {
  Tape<float, Cpu> tape;
  Tensor<float> g({6, 1}), slope({6, 1});
  const float gates[] = {0, 2, -0.0f, 0, -1, 0}, slopes[] = {0, 0, 0, 1, 1, -0.0f};
  std::copy_n(gates, 6, g.data());
  std::copy_n(slopes, 6, slope.data());
  const auto members = [](const RowSet& set) { return std::vector<std::int32_t>(set.index, set.index + set.count); };
  const auto places = [](const RowSet& set) { return std::vector<std::int32_t>(set.place, set.place + set.total); };
  const RowSet at_inference = open_rows(tape.input(g)),
               in_training = open_rows(tape.input(g), View<const float>(slope));
  CHECK(members(at_inference) == std::vector<std::int32_t>{1, 4});
  CHECK(places(at_inference) == std::vector<std::int32_t>{-1, 0, -1, -1, 1, -1});
  CHECK(members(in_training) == std::vector<std::int32_t>{1, 3, 4});
  CHECK(places(in_training) == std::vector<std::int32_t>{-1, 0, -1, 1, 2, -1});
  CHECK_FALSE(in_training.all());
}

namespace {

/// x + g (silu(x A^T)) B^T, over all rows or only the open ones, with the gradients of x, g, A and B.
template <Scalar S> Outcome unit(const std::string& open, bool skip) {
  using D = Dirty<Cpu>;
  const Index rows = static_cast<Index>(open.size()), cols = 21, width = 13;
  Parameter<S, D> parts[] = {{"x", numbers<S, D>({rows, cols}, "x")},
                             {"g", cases::SparseRows{1, open}.inputs<S, D>().back().clone()},
                             {"a", numbers<S, D>({width, cols}, "a")},
                             {"b", numbers<S, D>({cols, width}, "b")}};
  Tape<S, D> tape;
  tape.start();
  const auto x = tape.leaf(parts[0]), g = tape.leaf(parts[1]), a = tape.leaf(parts[2]), b = tape.leaf(parts[3]);
  const RowSet set = open_rows(g);
  const auto few = skip ? gather_rows(x, set) : x, gate = skip ? gather_rows(g, set) : g;
  const auto hidden = linear(few, a);
  const auto r = scale_rows(linear(gated(hidden, hidden), b), gate);
  const auto y = skip ? scatter_add(x, r, set) : add(x, r);
  Outcome outcome{as_doubles(y.value()), {}};
  tape.backward(testing::weighted_sum(y, numbers<S, D>({rows, cols}, "projection")));
  for (const auto& part : parts) outcome.gradients.push_back(as_doubles(View<const S>(part.gradient)));
  return outcome;
}

}  // namespace

TEST_CASE("sparse_rows: the forward pass is bit-equal to the dense computation, gradients of weights agree") {
  for (const std::string open :
       {"......", "oooooooooooo", "o..o.oo...o.ooo....o....o.", ".o", "ooooooooooooooooooooooooooo.o"}) {
    CAPTURE(open);
    const Outcome dense = unit<float>(open, false), sparse = unit<float>(open, true);
    CHECK(dense.value == sparse.value);
    const Outcome exact = unit<double>(open, false), skipped = unit<double>(open, true);
    CHECK(exact.value == skipped.value);
    for (const std::size_t part :
         {0u, 2u, 3u}) {  // a skipped token gives its gate no gradient, which the slope must allow
      CHECK(difference(sparse.gradients[part], dense.gradients[part]) < 1e-6);
      CHECK(difference(skipped.gradients[part], exact.gradients[part]) < 1e-13);
    }
  }
}

TEST_CASE("sparse_rows: the capacity is all rows, however many are open") {
  Tape<float, Cpu> tape;
  const auto held = [&](const std::string& open) {
    const auto inputs = cases::SparseRows{16, open}.inputs<float, Cpu>();
    tape.start(false);
    cases::SparseRows{16, open}.run(tape, {tape.input(inputs[0].view()), tape.input(inputs[1].view()),
                                           tape.input(inputs[2].view()), tape.input(inputs[3].view())});
    return tape.memory_held();
  };
  const auto first = held("........");
  CHECK(held("oooooooo") == first);
  CHECK(held("o..o.o..") == first);
}

TEST_CASE("sparse_rows: sets and shapes that do not agree are an Error") {
  Tape<float, Cpu> tape;
  const Tensor<float> g({4, 1}), wide({4, 2}), x({3, 5}), base({4, 5}), r({2, 5});
  CHECK(message([&] { open_rows(tape.input(wide)); }) == "open_rows: the gate must be one number per token, got (4,2)");
  const RowSet set = open_rows(tape.input(g));
  CHECK(message([&] { gather_rows(tape.input(x), set); }) == "gather_rows: the set is of 4 rows, but x has 3");
  CHECK(message([&] { scatter_add(tape.input(base), tape.input(r), set); }) ==
        "scatter_add: r must be (0,5) and base have 4 rows, got (2,5) and (4,5)");
  const Tensor<float> none({0, 5});
  CHECK(message([&] { scatter_add(tape.input(x), tape.input(none), set); }) ==
        "scatter_add: r must be (0,5) and base have 4 rows, got (0,5) and (3,5)");
}
