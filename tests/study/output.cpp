// The folder of a run: what is refused, what is kept, and that nothing is written before the run can start.
#include "neutra/study/output.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;
using study::Output;

TEST_CASE("output: opening a folder writes nothing, claiming it writes the options") {
  const scratch::Folder folder;
  Output output(folder / "a/b", false);
  CHECK(folder.count() == 0);
  output.claim({{"steps", 3}});
  CHECK(io::read_sealed(folder / "a/b/options.json") == io::Json{{"steps", 3}});
  CHECK(std::filesystem::is_directory(output.run("neutral-lr1")));
}

TEST_CASE("output: a folder that holds a run is refused without resume, and with resume if anything differs") {
  const scratch::Folder folder;
  const io::Json asked = {{"steps", 3}, {"share", 0.1}};
  Output(folder / "o", false).claim(asked);
  CHECK(says([&] { Output(folder / "o", false); }, "holds a run already", "--resume"));
  Output again(folder / "o", true);
  CHECK_NOTHROW(again.claim(asked));
  CHECK(says([&] { again.claim({{"steps", 4}, {"share", 0.1}}); }, "steps = 3", "now it is 4"));
  CHECK(says([&] { again.claim({{"steps", 3}, {"share", 0.1}, {"model", "m"}}); }, "model = (nothing)", "\"m\""));
  CHECK(io::read_sealed(folder / "o/options.json") == asked);
  const std::string text = scratch::get(folder / "o/options.json");
  for (const std::string& bad : {std::string("{"), std::string(text).replace(text.find("0.1"), 3, "0.2")}) {
    scratch::put(folder / "o/options.json", bad);
    CHECK(says([&] { again.claim(asked); }, "options.json", "restore it"));
  }
}

TEST_CASE("output: options that may differ are recorded as they were last given") {
  const scratch::Folder folder;
  Output(folder / "o", false).claim({{"steps", 3}, {"lr", {1, 2}}});
  Output again(folder / "o", true);
  CHECK(says([&] { again.claim({{"steps", 3}, {"lr", {1}}}); }, "lr = [1,2]"));
  CHECK(says([&] { again.claim({{"steps", 4}, {"lr", {1}}}, {"lr"}); }, "steps = 3"));
  CHECK(io::read_sealed(folder / "o/options.json").at("lr") == io::Json{1, 2});
  again.claim({{"steps", 3}, {"lr", {1}}}, {"lr"});
  CHECK(io::read_sealed(folder / "o/options.json") == io::Json{{"steps", 3}, {"lr", {1}}});
}

TEST_CASE("output: objects that may grow keep their members, and a changed member is refused") {
  const scratch::Folder folder;
  const auto asked = [](const io::Json& settings) { return io::Json{{"settings", settings}}; };
  Output(folder / "o", false).claim(asked({{"a", {{"gate", "elu"}}}}));
  Output again(folder / "o", true);
  again.claim(asked({{"b", {{"rank", 2}}}}), {}, {"settings"});
  const io::Json both = asked({{"a", {{"gate", "elu"}}}, {"b", {{"rank", 2}}}});
  CHECK(io::read_sealed(folder / "o/options.json") == both);
  CHECK(says(
      [&] {
        again.claim(asked({{"a", {{"gate", "relu"}}}}), {}, {"settings"});
      },
      concat("--out ", (folder / "o").string(), ": the run there was started with gate = \"elu\" in the settings of a"),
      "now it is \"relu\""));
  CHECK(says(
      [&] {
        again.claim(asked({{"a", {{"gate", "elu"}, {"x", 1}}}}), {}, {"settings"});
      },
      "was started with other settings of a"));
  CHECK(io::read_sealed(folder / "o/options.json") == both);
}

TEST_CASE("output: resume in an empty folder starts a run") {
  const scratch::Folder folder;
  scratch::put(folder / "lock", "");  // a start that ended before options were written
  scratch::put(folder / "options.json.neutra.tmp-12-0", "half");
  Output(folder.path(), true).claim({{"steps", 1}});
  CHECK(std::filesystem::exists(folder / "options.json"));
}

TEST_CASE("output: a folder with other files is refused with their names, and they stay unchanged") {
  for (const bool resume : {false, true}) {
    const scratch::Folder folder;
    Output before(folder.path(), resume);
    const std::vector<std::string> files = {"project/notes.tmp-2024-11-29", ".hidden", "b\x1b.txt", "c.txt",
                                            "project/x.neutra.tmp-12-0"};
    std::filesystem::create_directory(folder / "project");
    for (const std::string& file : files) scratch::put(folder / file, "kept");
    CHECK(says([&] { Output(folder.path(), resume); },
               "holds .hidden, b\\x1b.txt, c.txt and 1 more but no options.json", "name another folder"));
    CHECK(says([&] { before.claim({{"steps", 1}}); }, "holds .hidden"));
    for (const std::string& file : files) CHECK(scratch::get(folder / file) == "kept");
    CHECK_FALSE(std::filesystem::exists(folder / "options.json"));
  }
  const scratch::Folder folder;
  scratch::put(folder / "lock", "somebody's");
  CHECK(says([&] { Output(folder.path(), true); }, "holds lock but no options.json"));
}

TEST_CASE("output: a folder with an options.json that no run wrote is left unchanged") {
  for (const std::string content : {"{}", "{\n  \"colour\": true\n}\n", "", "notes"})
    for (const bool resume : {false, true}) {
      const scratch::Folder folder;
      for (const char* file : {"options.json", "page.css", "x.neutra.tmp-12-0"}) scratch::put(folder / file, content);
      const char* told = resume ? "options.json: must hold the hash of its own content"
                                : "holds options.json, page.css but no options.json of a run";
      CHECK(says([&] { Output(folder.path(), resume); }, told, "name another"));
      CHECK(folder.count() == 3);
      for (const char* file : {"options.json", "page.css", "x.neutra.tmp-12-0"})
        CHECK(scratch::get(folder / file) == content);
    }
}

TEST_CASE("output: a file in the way, and a folder that cannot be created") {
  const scratch::Folder folder;
  scratch::put(folder / "file", "x");
  CHECK(says([&] { Output(folder / "file", false); }, "file", "is no folder"));
  CHECK(says([&] { Output(folder / "file/below", false).claim({}); }, "below", "cannot be created"));
  CHECK(says([&] { Output("/proc/nowhere", false).claim({}); }, "/proc/nowhere", "cannot be created"));
}

TEST_CASE("output: from the claim on a folder is locked by one process, and free again after it") {
  const scratch::Folder folder;
  Output early(folder / "o", false), late(folder / "o", false), resumed_early(folder / "o", true);
  {
    early.claim({{"steps", 1}});
    CHECK(says([&] { late.claim({{"steps", 1}}); }, "--out", "another process is using it"));
    CHECK(says([&] { resumed_early.claim({{"steps", 1}}); }, "another process is using it"));
    CHECK(says([&] { Output(folder / "o", true); }, "another process is using it", "wait for it to end"));
    const Output ended = std::move(early);
  }
  CHECK(says([&] { late.claim({{"steps", 2}}); }, "another process has just started a run in it"));
  CHECK(io::read_sealed(folder / "o/options.json") == io::Json{{"steps", 1}});
  CHECK_NOTHROW(Output(folder / "o", true).claim({{"steps", 1}}));
}

TEST_CASE("output: parts of a run without its options are neither overwritten nor continued") {
  for (const char* part : {"results.json", "report.html", "pretrain.json", "backbone", "runs"})
    for (const bool resume : {false, true}) {
      const scratch::Folder folder;
      Output before(folder.path(), resume);
      scratch::put(folder / part, "kept");
      CHECK(says([&] { Output(folder.path(), resume); }, concat("holds ", part, " but no options.json"),
                 "name another folder"));
      CHECK(says([&] { before.claim({{"steps", 1}}); }, concat("holds ", part, " but no options.json")));
      CHECK_FALSE(std::filesystem::exists(folder / "options.json"));
      CHECK(scratch::get(folder / part) == "kept");
    }
}

TEST_CASE("output: temporary files of an interrupted write are removed when the folder is locked, and nothing else") {
  const scratch::Folder folder;
  Output(folder.path(), false).claim({{"steps", 1}});
  std::filesystem::create_directories(folder / "runs/lora/inner");
  std::filesystem::create_directories(folder / "runs/finetune/model");
  scratch::put(folder / "options.json.neutra.tmp-12-0", "half");
  scratch::put(folder / "runs/lora/checkpoint.safetensors.neutra.tmp-345-17", "half");
  for (const char* name :
       {"notes.tmp-2024-11", "x.neutra.tmp-12", "runs/lora/log.jsonl", "runs/lora/inner/options.json.neutra.tmp-12-0"})
    scratch::put(folder / name, "kept");
  scratch::put(folder / "runs/finetune/model/model.safetensors.neutra.tmp-345-18", "half");
  const Output again(folder.path(), true);
  CHECK_FALSE(std::filesystem::exists(folder / "runs/finetune/model/model.safetensors.neutra.tmp-345-18"));
  CHECK_FALSE(std::filesystem::exists(folder / "options.json.neutra.tmp-12-0"));
  CHECK_FALSE(std::filesystem::exists(folder / "runs/lora/checkpoint.safetensors.neutra.tmp-345-17"));
  for (const char* name :
       {"notes.tmp-2024-11", "x.neutra.tmp-12", "runs/lora/log.jsonl", "runs/lora/inner/options.json.neutra.tmp-12-0"})
    CHECK(scratch::get(folder / name) == "kept");
}
