#include "neutra/core/dangling.hpp"

#include "tests/data/samples.hpp"

using namespace neutra;

TEST_CASE("only a dangling link is reported, with its target") {
  const samples::Scratch folder;
  folder.write("file", "x");
  std::filesystem::create_symlink("file", folder.path() / "good");
  std::filesystem::create_symlink("../blobs/nowhere", folder.path() / "bad");
  std::filesystem::create_symlink("bad", folder.path() / "to-bad");
  CHECK(dangling(folder.path() / "none").empty());
  CHECK(dangling(folder.path() / "file").empty());
  CHECK(dangling(folder.path() / "good").empty());
  CHECK(dangling(folder.path() / "bad") == ": it is a link to ../blobs/nowhere, which is not there");
  CHECK(dangling(folder.path() / "to-bad") == ": it is a link to bad, which is not there");
}
