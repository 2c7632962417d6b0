// Reading whole files.
#include "neutra/io/file.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

using namespace neutra;
using scratch::put;
using scratch::says;

TEST_CASE("a file is read whole, and only up to its limit") {
  const scratch::Folder folder;
  const std::string bytes("a\0b\r\n\xff", 6);
  put(folder / "data", bytes);
  put(folder / "empty", "");
  CHECK(io::read_file(folder / "data", 6) == bytes);
  CHECK(io::read_file(folder / "empty", 0).empty());
  CHECK(says([&] { io::read_file(folder / "data", 5); }, "data", "at most 5 bytes", "got 6"));
}

TEST_CASE("a limit is checked before memory is taken") {
  const scratch::Folder folder;
  put(folder / "sparse", "");
  std::filesystem::resize_file(folder / "sparse", std::uintmax_t{1} << 42);  // 4 TiB, sparse
  CHECK(says([&] { io::read_file(folder / "sparse", 1000); }, "sparse", "at most 1000 bytes", "4398046511104"));
}

TEST_CASE("paths that cannot be read are named with the reason") {
  const scratch::Folder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(says([&] { io::read_file(folder / "none", 10); }, "none", "No such file"));
  CHECK(says([&] { io::read_file(folder.path(), 10); }, folder.path().string(), "directory"));
  CHECK(says([&] { io::read_file(folder / "loop", 10); }, "loop", "cannot be opened"));
  CHECK(says([&] { io::read_file("/dev/null", 10); }, "/dev/null", "regular file"));
  if (geteuid() != 0) {  // root can read everything
    put(folder / "secret", "x");
    std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
    CHECK(says([&] { io::read_file(folder / "secret", 10); }, "secret", "Permission denied"));
  }
}

TEST_CASE("a dangling link is reported with its target") {
  const scratch::Folder folder;
  std::filesystem::create_symlink("../blobs/nowhere", folder / "link");
  CHECK(says([&] { io::read_file(folder / "link", 10); }, "link: cannot be opened",
             "it is a link to ../blobs/nowhere, which is not there"));
}

TEST_CASE("the error of a system call does not depend on earlier calls") {
  const scratch::Folder folder;
  put(folder / "data", "0123456789");
  const io::InputFile file(folder / "data");
  errno = EXDEV;
  CHECK(says([&] { file.read_some(0, nullptr, 10); }, "cannot be read at byte 0: Bad address"));
  errno = EXDEV;
  CHECK(says([&] { io::read_file(folder / "none", 10); }, "No such file"));
}

TEST_CASE("a pipe is refused at once") {
  const scratch::Folder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(says([&] { io::read_file(folder / "pipe", 10); }, "pipe", "regular file"));
}

TEST_CASE("a file that is truncated while open gives an Error") {
  const scratch::Folder folder;
  put(folder / "data", "0123456789");
  const io::InputFile file(folder / "data");
  std::filesystem::resize_file(folder / "data", 4);
  char bytes[10];
  CHECK(says([&] { file.read(0, bytes, 10); }, "data", "10 bytes", "got 4", "truncated"));
}

TEST_CASE("a file of another format is named by its first bytes") {
  const scratch::Folder folder;
  put(folder / "lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  put(folder / "weights", scratch::safetensors("{\"a\": 1}"));
  put(folder / "empty", "");
  const auto named = [&](const char* name, FileKind wanted) {
    return io::other_format(io::InputFile(folder / name), wanted);
  };
  REQUIRE(named("lfs", FileKind::safetensors) != nullptr);
  CHECK(named("lfs", FileKind::safetensors)->name.find("Git LFS pointer") != std::string_view::npos);
  CHECK(named("weights", FileKind::safetensors) == nullptr);
  CHECK(named("weights", FileKind::other)->name == "a safetensors file");
  CHECK(named("empty", FileKind::other) == nullptr);
}
