// The record of a finished job: read back unchanged, or refused with the name of the file.
#include "neutra/study/outcome.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"
#include "tests/study/sample.hpp"

#include <limits>

using namespace neutra;
using scratch::says;
using study::Run;

namespace {

/// A run as the sample has it.
Run run(std::string label = "neutral", double lr = 0.002, std::optional<double> alpha = 0.1, std::uint64_t seed = 3,
        Index steps = 100) {
  Run run = sample::neutral(lr, seed, 0, 0);
  run.label = std::move(label);
  run.alpha = alpha;
  run.steps = steps;
  return run;
}
const std::vector<std::string> files = {"adapter.json", "adapter.safetensors"};

/// A folder as a finished job leaves it.
struct Left {
  scratch::Folder folder;
  study::Outcome saved{sample::neutral(0.002, 3, 0.25, 2.5), study::Scores{{2, 2.5}, {5, 3}}};

  Left() {
    scratch::put(folder / "adapter.json", "{}");
    scratch::put(folder / "adapter.safetensors", "weights");
    study::write_outcome(folder.path(), to_json(saved), files);
  }
  auto read(const Run& asked = run()) const {
    return [=, this] { return study::read_ending(folder.path(), asked); };
  }
};

}  // namespace

TEST_CASE("outcome: it is read back unchanged, and that of another job is refused") {
  const Left left;
  CHECK(to_json(std::get<study::Outcome>(left.read()())) == to_json(left.saved));
  const auto other = [&](const Run& asked, const std::string& name) {
    return says(left.read(asked), "outcome.json", name, "got that of neutral-lr0.002-alpha0.1-seed3 after 100");
  };
  CHECK(other(run("adapter", 0.002, {}), "adapter-lr0.002-seed3 after 100"));
  CHECK(other(run("neutral", 0.001), "neutral-lr0.001-alpha0.1-seed3"));
  CHECK(other(run("neutral", 0.002, 1.0), "neutral-lr0.002-alpha1-seed3"));
  CHECK(other(run("neutral", 0.002, 0.1, 4), "neutral-lr0.002-alpha0.1-seed4"));
  CHECK(other(run("neutral", 0.002, 0.1, 3, 99), "after 99 steps"));
}

TEST_CASE("outcome: any changed bit and any changed digit of it is noticed") {
  const Left left;
  const auto path = left.folder / "outcome.json";
  const std::string text = scratch::get(path);
  const auto noticed = [&](std::size_t at, char now) {
    std::string changed = text;
    changed[at] = now;
    std::filesystem::remove(path);
    scratch::put(path, changed);
    return message(left.read()).find(path.string()) != std::string::npos;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!noticed(i, static_cast<char>(text[i] ^ (1 << i % 8)))) FAIL_CHECK("bit " << i % 8 << " of byte " << i);
    if (text[i] >= '0' && text[i] <= '9' && !noticed(i, text[i] == '9' ? '0' : static_cast<char>(text[i] + 1)))
      FAIL_CHECK("the digit at " << i);
  }
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), text.substr(0, text.size() / 2), text + " "}) {
    scratch::put(path, bad);
    CHECK(says(left.read(), path.string()));
  }
}

TEST_CASE("outcome: a file that it recorded and that is missing, cut or changed is named") {
  for (const std::string& name : files) {
    const Left left;
    const std::string bytes = scratch::get(left.folder / name);
    std::string changed = bytes;
    changed[1] = static_cast<char>(changed[1] ^ 1);
    for (const std::string& bad : {changed, bytes.substr(0, 1), bytes + "x", std::string()}) {
      scratch::put(left.folder / name, bad);
      CHECK(says(left.read(), (left.folder / name).string(), "must be unchanged since it was saved with SHA-256",
                 io::sha256_hex(bad)));
    }
    std::filesystem::remove(left.folder / name);
    CHECK(says(left.read(), (left.folder / name).string(), "is missing"));
  }
}

TEST_CASE(
    "outcome: a key that is missing or of another type, and a number that no run can have, are refused under a seal "
    "too") {
  const Left left;
  const io::Json whole = io::read_sealed(left.folder / "outcome.json");
  const auto with = [&](const io::Json& json) {
    io::write_sealed(left.folder / "outcome.json", json);
    return left.read();
  };
  for (const auto& item : whole.at("row").items()) {
    INFO(item.key());
    io::Json json = whole;
    json["row"][item.key()] = io::Json::array({"x"});
    CHECK(says(with(json), "outcome.json: row: "));
    json["row"].erase(item.key());
    if (!sample::is_newer(item.key())) CHECK(says(with(json), "outcome.json: row: "));
  }
  io::Json json = whole;
  json["row"]["gate_open"]["target"] = 8.5;
  CHECK(says(with(json), "row: gate_open: target must be a share in [0, 1], got 8.5"));
}

TEST_CASE("outcome: a run that diverged is read back with its step and gradient, also if that is not a number") {
  for (const double gradient : {2.5e20, std::numeric_limits<double>::quiet_NaN()}) {
    const scratch::Folder folder;
    const study::Failure saved{sample::neutral(0.002, 3, 0, 0),
                               study::FailureState::diverged,
                               "training: step 7",
                               {7, "layers.0.w", gradient}};
    study::write_failure(folder.path(), saved);
    const auto back = std::get<study::Failure>(study::read_ending(folder.path(), run()));
    CHECK(to_json(back, "x") == to_json(saved, "x"));
    CHECK(told(back) == concat("diverged at step 7, gradient largest in layers.0.w (",
                               gradient == 2.5e20 ? "2.5e+20" : "not finite", ")"));
    CHECK(says([&] { study::read_ending(folder.path(), run("lora", 0.002, {})); }, "must be of lora-lr0.002-seed3"));
  }
}

TEST_CASE("outcome: scores that are not finite are those of a run that diverged") {
  Left left;
  left.saved.row.target.after = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(to_json(left.saved), train::Diverged);
}

TEST_CASE("outcome: that of a method of the same label with other settings is refused with the difference") {
  const Left left;
  const auto with = [&](const char* key, const Setting& setting) {
    Run asked = run();
    asked.settings[key] = setting;
    return left.read(asked);
  };
  CHECK(says(with("gate", "elu"), "must be of a method neutral with gate = elu, got relu",
             "use another label for the changed method"));
  CHECK(says(with("gate.threshold", 0.5), "with gate.threshold = 0.5, got (nothing)"));
  Run asked = run();
  asked.settings.erase("width");
  CHECK(says(left.read(asked), "with width = (nothing), got 0"));
  asked = run();
  asked.kind = "mine";
  CHECK(says(left.read(asked), "of the kind mine, got residue"));
  asked = run();
  asked.share = 0.5;
  CHECK(says(left.read(asked), "must be of a share of 0.5, got 0.1"));
}

TEST_CASE("run: any label makes a folder name, and no two labels share one") {
  using study::folder_name;
  CHECK(folder_name("neutral, gate relu") == "neutral, gate relu");
  CHECK(folder_name("../a/b") == "%2e.%2fa%2fb");
  CHECK(folder_name("a%2fb") == "a%252fb");
  CHECK(folder_name("\x1b\xc3\xa6") == "%1b%c3%a6");
  const std::string longest(160, 'a'), other = std::string(159, 'a') + "b";
  CHECK(folder_name(longest).size() <= 120);
  CHECK(folder_name(longest) != folder_name(other));
  CHECK(run().name() == "neutral-lr0.002-alpha0.1-seed3");
}
