// The folder of a run: what is refused, what is kept, and that nothing is written before a run can start.
#include "neutra/train/output.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

using namespace neutra;
using scratch::says;
using train::Output;

TEST_CASE("output: looking at a place writes nothing, claiming it writes what was asked") {
  const scratch::Folder folder;
  const Output output(folder / "a/b", false);
  CHECK(folder.count() == 0);
  output.claim({{"steps", 3}});
  CHECK(io::read_json(folder / "a/b/options.json") == io::Json{{"steps", 3}});
  CHECK(std::filesystem::is_directory(output.run("neutral-lr1")));
}

TEST_CASE("output: a folder that holds a run is refused without resume, and with it where anything differs") {
  const scratch::Folder folder;
  const io::Json asked = {{"steps", 3}, {"share", 0.1}};
  Output(folder / "o", false).claim(asked);
  CHECK(says([&] { Output(folder / "o", false); }, "holds a run already", "--resume"));
  const Output again(folder / "o", true);
  CHECK_NOTHROW(again.claim(asked));
  CHECK(says([&] { again.claim({{"steps", 4}, {"share", 0.1}}); }, "steps = 3", "now it is 4"));
  CHECK(says([&] { again.claim({{"steps", 3}, {"share", 0.1}, {"model", "m"}}); }, "model = (nothing)", "\"m\""));
  CHECK(io::read_json(folder / "o/options.json") == asked);
  scratch::put(folder / "o/options.json", "{");
  CHECK(says([&] { again.claim(asked); }, "options.json"));
}

TEST_CASE("output: resume in a folder without a run starts one") {
  const scratch::Folder folder;
  scratch::put(folder / "other.txt", "kept");
  Output(folder.path(), true).claim({{"steps", 1}});
  CHECK(std::filesystem::exists(folder / "options.json"));
  CHECK(scratch::get(folder / "other.txt") == "kept");
}

TEST_CASE("output: a file in the way, and a place that cannot be made") {
  const scratch::Folder folder;
  scratch::put(folder / "file", "x");
  CHECK(says([&] { Output(folder / "file", false); }, "file", "is no folder"));
  CHECK(says([&] { Output(folder / "file/below", false).claim({}); }, "below", "cannot be made"));
  CHECK(says([&] { Output("/proc/nowhere", false).claim({}); }, "/proc/nowhere", "cannot be made"));
}
