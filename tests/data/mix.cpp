#include "neutra/data/mix.hpp"

#include "tests/data/samples.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

using namespace neutra;
using data::Batch;
using data::Domain;
using data::Mix;
using data::Windows;
using samples::fails_with;

namespace {

// Window w of length 3 holds base + 3 w, base + 3 w + 1, ..., so that a sequence identifies its window. `extra` tokens
// make a short one at the end.
Windows numbered(Index windows, std::int32_t base, Index extra = 0) {
  std::vector<std::int32_t> tokens;
  for (Index k = 0; k < 3 * windows + extra; ++k) tokens.push_back(base + static_cast<std::int32_t>(k));
  return Windows(std::move(tokens), 3, 200000, 0);
}

constexpr std::int32_t target_base = 100000;
Mix mix_of(Index original, Index target, double share, std::uint64_t seed = 1) {
  return Mix(numbered(original, 1, 2), numbered(target, target_base, 1), share, seed);
}

bool same(const Batch& a, const Batch& b) {
  return a.sequences == b.sequences && a.length == b.length && a.inputs == b.inputs && a.targets == b.targets &&
         a.domains == b.domains;
}

Index originals(const Batch& batch) { return std::count(batch.domains.begin(), batch.domains.end(), Domain::original); }

}  // namespace

TEST_CASE("a batch holds whole windows with the label of their domain") {
  const Mix mix = mix_of(20, 30, 0.4);
  for (Index step = 0; step < 40; ++step) {
    const Batch batch = mix.batch(step, 7);
    REQUIRE(batch.sequences == 7);
    REQUIRE(batch.length == 3);
    for (std::size_t i = 0; i < 7; ++i) {
      const std::int32_t* targets = batch.targets.data() + 3 * i;
      const bool is_target = targets[0] >= target_base;
      CHECK(batch.domains[i] == (is_target ? Domain::target : Domain::original));
      CHECK((targets[0] - (is_target ? target_base : 1)) % 3 == 0);
      CHECK(targets[2] == targets[0] + 2);
      CHECK(batch.inputs[3 * i] == 0);
      CHECK(batch.inputs[3 * i + 1] == targets[0]);
      CHECK(batch.inputs[3 * i + 2] == targets[1]);
    }
  }
}

TEST_CASE("the share is exact within one sequence over any stretch") {
  for (const double share : {0.0, 0.001, 0.1, 1.0 / 3, 0.5, 0.73, 0.999, 1.0}) {
    for (const std::uint64_t seed : {1u, 2u, 77u}) {
      const Mix mix = mix_of(11, 13, share, seed);
      std::vector<int> before{0};  // the number of original sequences before each slot
      for (Index step = 0; step < 120; ++step) {
        const Batch batch = mix.batch(step, 10);
        CHECK(mix.original_in_step(step, 10) == originals(batch));
        for (const Domain domain : batch.domains) before.push_back(before.back() + (domain == Domain::original));
      }
      double worst = 0;
      for (std::size_t first = 0; first < before.size(); first += 7) {
        for (std::size_t last = first + 1; last < before.size(); ++last) {
          worst = std::max(worst, std::abs(before[last] - before[first] - share * static_cast<double>(last - first)));
        }
      }
      CHECK(worst < 1.0 + 1e-6);  // 2^-33 per slot, as p is stored with 32 bits
    }
  }
}

TEST_CASE("the share holds far into a run") {
  const Mix mix = mix_of(11, 13, 0.1);
  const Index far = Index{1} << 40;
  Index sum = 0;
  for (Index step = far; step < far + 100; ++step) sum += mix.original_in_step(step, 50);
  CHECK(std::abs(static_cast<double>(sum) - 500.0) < 1.0);
  CHECK(originals(mix.batch(far, 50)) == mix.original_in_step(far, 50));
  const Mix all = mix_of(11, 13, 1.0);
  CHECK(all.original_in_step(far, 50) == 50);
}

TEST_CASE("domain and window of a slot are the stated function of seed, step and slot") {
  __extension__ using Wide = unsigned __int128;
  for (const std::uint64_t seed : {1u, 42u}) {
    for (const double share : {0.1, 1.0 / 3, 0.9}) {
      const Mix mix = mix_of(9, 14, share, seed);
      const auto rate = static_cast<std::uint64_t>(std::round(share * 4294967296.0));
      const std::uint32_t offset = Philox(seed, "mix").words(0, 0)[0];
      const auto before = [&](Index slot) { return static_cast<Index>((Wide(slot) * rate + offset) >> 32); };
      // 858993459 x 5 is next to 2^32
      for (const Index step : {Index{0}, Index{1}, Index{99}, Index{858993459}, Index{1} << 40, Index{1} << 59}) {
        const Batch batch = mix.batch(step, 5);
        for (Index i = 0; i < 5; ++i) {
          const Index slot = 5 * step + i;
          const bool is_original = before(slot + 1) > before(slot);
          const Index ordinal = is_original ? before(slot) : slot - before(slot), windows = is_original ? 9 : 14;
          const Philox order(seed, is_original ? "epoch/original" : "epoch/target");
          const Index window =
              Permutation(windows, order, static_cast<std::uint64_t>(ordinal / windows))(ordinal % windows);
          CHECK((batch.domains[static_cast<std::size_t>(i)] == Domain::original) == is_original);
          CHECK(batch.targets[static_cast<std::size_t>(3 * i)] == (is_original ? 1 : target_base) + 3 * window);
        }
      }
    }
  }
}

TEST_CASE("each epoch visits each window once, in an order of its own") {
  const Mix mix = mix_of(9, 14, 0.3);
  std::map<Domain, std::vector<std::int32_t>> order;
  for (Index step = 0; step < 60; ++step) {
    const Batch batch = mix.batch(step, 5);
    for (std::size_t i = 0; i < 5; ++i) order[batch.domains[i]].push_back(batch.targets[3 * i]);
  }
  for (const auto& [domain, windows, base] :
       {std::tuple{Domain::original, 9, 1}, std::tuple{Domain::target, 14, target_base}}) {
    const auto& drawn = order[domain];
    const auto size = static_cast<std::size_t>(windows);
    REQUIRE(drawn.size() >= 3 * size);
    std::vector<std::vector<std::int32_t>> epochs;
    for (std::size_t first = 0; first + size <= drawn.size(); first += size)
      epochs.emplace_back(drawn.begin() + first, drawn.begin() + first + size);
    CHECK(epochs[0] != epochs[1]);
    for (auto epoch : epochs) {
      std::sort(epoch.begin(), epoch.end());
      for (std::int32_t w = 0; w < windows; ++w) CHECK(epoch[static_cast<std::size_t>(w)] == base + 3 * w);
    }
  }
}

TEST_CASE("a resumed run and a run in micro-batches see what the whole run sees") {
  const Mix mix = mix_of(9, 14, 0.3, 5), again = mix_of(9, 14, 0.3, 5);
  Batch part;
  for (Index step = 0; step < 30; ++step) again.fill(step, 8, 0, 8, part);  // earlier content of `part` changes nothing
  for (const Index step : {29, 3, 0, 1000000}) {
    const Batch whole = mix.batch(step, 8);
    again.fill(step, 8, 0, 8, part);
    CHECK(same(part, whole));
    Batch sum;
    for (const auto& [first, count] : {std::pair{0, 3}, std::pair{3, 1}, std::pair{4, 4}}) {
      again.fill(step, 8, first, count, part);
      CHECK(part.sequences == count);
      sum.inputs.insert(sum.inputs.end(), part.inputs.begin(), part.inputs.end());
      sum.targets.insert(sum.targets.end(), part.targets.begin(), part.targets.end());
      sum.domains.insert(sum.domains.end(), part.domains.begin(), part.domains.end());
    }
    sum.sequences = 8;
    sum.length = 3;
    CHECK(same(sum, whole));
  }
}

TEST_CASE("seeds draw different orders") {
  CHECK_FALSE(same(mix_of(50, 50, 0.3, 1).batch(0, 16), mix_of(50, 50, 0.3, 2).batch(0, 16)));
}

TEST_CASE("a batch that was large enough once is filled in place") {
  const Mix mix = mix_of(9, 14, 0.3);
  Batch batch = mix.batch(0, 500);
  const auto *inputs = batch.inputs.data(), *targets = batch.targets.data();
  const auto* domains = batch.domains.data();
  for (Index step = 1; step < 50; ++step) mix.fill(step, 500, step % 4, 1 + step % 5, batch);
  CHECK(batch.inputs.capacity() >= 1500);  // capacity never shrank in between
  CHECK(batch.targets.capacity() >= 1500);
  CHECK(batch.domains.capacity() >= 500);
  mix.fill(50, 500, 0, 500, batch);
  CHECK(batch.inputs.data() == inputs);
  CHECK(batch.targets.data() == targets);
  CHECK(batch.domains.data() == domains);
}

TEST_CASE("a domain that is never drawn may be absent") {
  CHECK(originals(Mix(Windows(), numbered(4, 1), 0.0, 1).batch(0, 20)) == 0);
  CHECK(originals(Mix(numbered(4, 1), Windows(), 1.0, 1).batch(0, 20)) == 20);
  CHECK(Mix(numbered(4, 1), Windows(), 1.0, 1).length() == 3);
}

TEST_CASE("an impossible mix is an error") {
  for (const double share : {-0.1, 1.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    CHECK(fails_with([&] { mix_of(4, 4, share); }, "must lie in [0, 1]"));
  }
  CHECK(fails_with([] { Mix(Windows(), numbered(4, 1), 0.1, 1); },
                   "original text, got none; give a file of it (--original), or a share without it (--share)"));
  CHECK(fails_with([] { Mix(numbered(4, 1), Windows(), 0.1, 1); }, "target text, got none"));
  CHECK(fails_with([] { Mix(numbered(4, 1), numbered(0, 1, 2), 0.1, 1); },
                   "target text, got 2 tokens for a length of 3"));
  CHECK(fails_with(
      [] {
        Mix(numbered(4, 1), Windows({1, 2, 3, 4}, 4, 9, 0), 0.1, 1);
      },
      "the same sequence length, got 3 for original and 4 for target"));
  CHECK(fails_with(
      [] {
        Mix(numbered(4, 1), Windows({1, 2, 3}, 3, 9, 7), 0.1, 1);
      },
      "the same bos, got 0 for original and 7 for target"));
  const Mix mix = mix_of(4, 4, 0.5);
  Batch batch;
  CHECK(fails_with([&] { mix.batch(-1, 4); }, "step must not be negative"));
  CHECK(fails_with([&] { mix.batch(0, 0); }, "at least one sequence"));
  CHECK(fails_with([&] { mix.batch((Index{1} << 62) - 1, 1000); }, "slots up to this step"));
  CHECK(fails_with([&] { mix.batch(std::numeric_limits<Index>::max(), 1); }, "mix:"));
  CHECK(fails_with([&] { mix.fill(0, 4, 3, 2, batch); }, "must lie in 0 .. 3, got 2 from 3"));
  CHECK(fails_with([&] { mix.fill(0, 4, 4, 1, batch); }, "got 1 from 4"));
  CHECK(fails_with([&] { mix.fill(0, 4, -1, 1, batch); }, "got 1 from -1"));
  CHECK(fails_with([&] { mix.fill(0, 4, 0, 0, batch); }, "got 0 from 0"));
}
