// What a finished job leaves: read back as it was, or refused by the file's name.
#include "neutra/train/job.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/train/sample.hpp"

using namespace neutra;
using scratch::says;
using train::Job;

TEST_CASE("outcome: it comes back as it was, and is refused where it is damaged or of another job") {
  const scratch::Folder folder;
  const auto path = folder / "outcome.json";
  const Job job{"neutral", 0.002, 0.1, 3};
  const train::Outcome saved{sample::neutral(0.002, 3, 0.25, 2.5), train::Scores{{2, 2.5}, {5, 3}}};
  io::write_json(path, to_json(saved));
  CHECK(to_json(train::read_outcome(path, job, 100)) == to_json(saved));
  const auto other = [&](const Job& asked, Index steps, const std::string& name) {
    return says([&] { train::read_outcome(path, asked, steps); }, "outcome.json", name, "got that of neutral-lr0.002-alpha0.1-seed3 after 100",
                "delete it to run the job anew");
  };
  CHECK(other({"adapter", 0.002, 0, 3}, 100, "adapter-lr0.002-seed3 after 100"));
  CHECK(other({"neutral", 0.001, 0.1, 3}, 100, "neutral-lr0.001-alpha0.1-seed3"));
  CHECK(other({"neutral", 0.002, 1, 3}, 100, "neutral-lr0.002-alpha1-seed3"));
  CHECK(other({"neutral", 0.002, 0.1, 4}, 100, "neutral-lr0.002-alpha0.1-seed4"));
  CHECK(other(job, 99, "after 99 steps"));
  const auto damaged = [&](const std::string& text) {
    scratch::put(path, text);
    return says([&] { train::read_outcome(path, job, 100); }, "outcome.json");
  };
  const std::string text = to_json(saved).dump();
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{}"), std::string("{\"row\": 3}"), text.substr(0, text.size() / 2)})
    CHECK(damaged(bad));
  const io::Json whole = to_json(saved);
  for (const auto& item : whole.at("row").items()) {
    io::Json json = whole;
    json["row"][item.key()] = io::Json::array({"x"});
    INFO(item.key());
    CHECK(damaged(json.dump()));
    json["row"].erase(item.key());
    CHECK(damaged(json.dump()));
  }
}
