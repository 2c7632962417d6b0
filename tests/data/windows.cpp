#include "neutra/data/windows.hpp"

#include "neutra/data/byte_tokenizer.hpp"
#include "tests/data/samples.hpp"

using namespace neutra;
using data::Domain;
using samples::fails_with;
using Ids = std::vector<std::int32_t>;

TEST_CASE("windows predict every token once, from inside") {
  const data::Windows windows({10, 11, 12, 13, 14, 15, 16, 17}, 3, 20, 1);
  CHECK(windows.tokens() == 8);
  CHECK(windows.whole() == 2);
  CHECK(windows.count() == 3);
  CHECK(windows.length_of(1) == 3);
  CHECK(windows.length_of(2) == 2);
  data::Batch batch;
  windows.read(0, 2, Domain::target, batch);
  CHECK(batch.sequences == 2);
  CHECK(batch.length == 3);
  CHECK(batch.inputs == Ids{1, 10, 11, 1, 13, 14});
  CHECK(batch.targets == Ids{10, 11, 12, 13, 14, 15});
  CHECK(batch.domains == std::vector<Domain>{Domain::target, Domain::target});
  windows.read(2, 1, Domain::original, batch);
  CHECK(batch.length == 2);
  CHECK(batch.inputs == Ids{1, 16});
  CHECK(batch.targets == Ids{16, 17});
  CHECK(batch.domains == std::vector<Domain>{Domain::original});
}

TEST_CASE("a stream that fills its windows has no short one") {
  const data::Windows windows(Ids(12, 5), 4, 6, 0);
  CHECK(windows.whole() == 3);
  CHECK(windows.count() == 3);
  CHECK(data::Windows().tokens() == 0);
  CHECK(data::Windows().count() == 0);
}

TEST_CASE("some of the windows, spread evenly over all or over the whole ones") {
  const data::Windows windows({10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, 2, 30, 1);  // five, and a short one
  const auto firsts = [&](Index of, Index count) {
    Ids found;
    data::for_each_spread(windows, of, count, Domain::target, [&](const data::Batch& one) {
      CHECK((one.sequences == 1 && one.domains[0] == Domain::target));
      found.push_back(one.targets[0]);
    });
    return found;
  };
  CHECK(firsts(windows.count(), 3) == Ids{10, 14, 18});
  CHECK(firsts(windows.count(), 4) == Ids{10, 12, 16, 18});
  CHECK(firsts(windows.whole(), 3) == Ids{10, 12, 16});
  CHECK(firsts(windows.count(), 6) == Ids{10, 12, 14, 16, 18, 20});
  CHECK(firsts(0, 0).empty());
}

TEST_CASE("a text is encoded with its tokenizer") {
  const data::Windows windows(data::ByteTokenizer(), "abc", 2);
  data::Batch batch;
  windows.read(0, 1, Domain::original, batch);
  CHECK(batch.inputs == Ids{256, 'a'});
  CHECK(batch.targets == Ids{'a', 'b'});
}

TEST_CASE("windows: targets that are not scored are marked, also where a window cuts their run, and inputs stay") {
  const data::Windows windows(data::TokenStream(Ids{10, 11, 12, 13, 14, 15, 16}, {{1, 4}, {6, 7}}), 3, 20, 1);
  data::Batch batch;
  windows.read(0, 2, Domain::target, batch);
  CHECK(batch.inputs == Ids{1, 10, 11, 1, 13, 14});
  CHECK(batch.targets == Ids{10, not_scored, not_scored, not_scored, 14, 15});
  windows.read(2, 1, Domain::target, batch);
  CHECK(batch.targets == Ids{not_scored});
  CHECK((windows.unscored_in(0) == 2 && windows.unscored_in(1) == 1 && windows.unscored_in(2) == 1));
}

TEST_CASE("windows: ids of two bytes that another owns are those of four") {
  const auto narrow = std::make_shared<const std::vector<std::uint16_t>>(std::vector<std::uint16_t>{7, 65535, 9, 1});
  const data::Windows windows(data::TokenStream(narrow, std::span<const std::uint16_t>(*narrow), {}), 2, 65536, 0);
  data::Batch batch;
  windows.read(0, 2, Domain::original, batch);
  CHECK(batch.targets == Ids{7, 65535, 9, 1});
  CHECK(batch.inputs == Ids{0, 7, 0, 9});
  CHECK(fails_with(
      [&] { data::Windows(data::TokenStream(narrow, std::span<const std::uint16_t>(*narrow), {}), 2, 99, 0); },
      "0 .. 98, got 65535 at position 1"));
}

TEST_CASE("invalid windows are an error") {
  CHECK(fails_with([] { data::Windows({1}, 0, 5, 0); }, "length must be positive, got 0"));
  CHECK(fails_with([] { data::Windows({}, 4, 5, 0); }, "at least one token"));
  CHECK(fails_with([] { data::Windows({1}, 4, 5, 5); }, "bos must lie in 0 .. 4, got 5"));
  CHECK(fails_with([] { data::Windows({1, 2, 5, 9}, 4, 5, 0); }, "0 .. 4, got 5 at position 2"));
  CHECK(fails_with([] { data::Windows({1, -3}, 4, 5, 0); }, "got -3 at position 1"));
  const data::Windows windows(Ids(10, 1), 4, 5, 0);
  data::Batch batch;
  CHECK(fails_with([&] { windows.read(3, 1, Domain::target, batch); }, "must lie in 0 .. 2, got 1 from 3"));
  CHECK(fails_with([&] { windows.read(-1, 1, Domain::target, batch); }, "got 1 from -1"));
  CHECK(fails_with([&] { windows.read(0, 0, Domain::target, batch); }, "got 0 from 0"));
  CHECK(fails_with([&] { windows.read(1, 2, Domain::target, batch); }, "must be read alone"));
  CHECK(fails_with([&] { data::Windows().read(0, 1, Domain::target, batch); }, "windows: must lie in"));
}
