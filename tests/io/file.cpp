// Reading whole files, and writing them so that no failure leaves half of one.
#include "neutra/io/file.hpp"

#include "tests/catch.hpp"
#include "tests/io/scratch.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace neutra;
using scratch::get;
using scratch::put;
using scratch::says;

namespace {

// For one scope the process may not write files beyond `bytes`, and is told so by write() instead of being killed.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

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
  std::filesystem::resize_file(folder / "sparse", std::uintmax_t{1} << 42);  // 4 TiB of nothing
  CHECK(says([&] { io::read_file(folder / "sparse", 1000); }, "sparse", "at most 1000 bytes", "4398046511104"));
}

TEST_CASE("paths that cannot be read are named with the reason") {
  const scratch::Folder folder;
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(says([&] { io::read_file(folder / "none", 10); }, "none", "No such file"));
  CHECK(says([&] { io::read_file(folder.path(), 10); }, folder.path().string(), "directory"));
  CHECK(says([&] { io::read_file(folder / "loop", 10); }, "loop", "cannot be opened"));
  CHECK(says([&] { io::read_file("/dev/null", 10); }, "/dev/null", "regular file"));
  if (geteuid() != 0) {  // root may read everything
    put(folder / "secret", "x");
    std::filesystem::permissions(folder / "secret", std::filesystem::perms::none);
    CHECK(says([&] { io::read_file(folder / "secret", 10); }, "secret", "Permission denied"));
  }
}

TEST_CASE("a pipe is refused at once") {
  const scratch::Folder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(says([&] { io::read_file(folder / "pipe", 10); }, "pipe", "regular file"));
}

TEST_CASE("a file that is shortened while open gives an Error") {
  const scratch::Folder folder;
  put(folder / "data", "0123456789");
  const io::InputFile file(folder / "data");
  std::filesystem::resize_file(folder / "data", 4);
  char bytes[10];
  CHECK(says([&] { file.read(0, bytes, 10); }, "data", "10 bytes", "got 4", "shortened"));
}

TEST_CASE("a written file replaces the old one and leaves nothing beside it") {
  const scratch::Folder folder;
  io::write_file(folder / "data", "first");
  CHECK(get(folder / "data") == "first");
  io::write_file(folder / "data", std::string(1 << 20, 'x'));
  CHECK(get(folder / "data") == std::string(1 << 20, 'x'));
  io::write_file(folder / "data", "");
  CHECK(get(folder / "data").empty());
  CHECK(folder.count() == 1);
}

TEST_CASE("a reader of the old file keeps the old file") {
  const scratch::Folder folder;
  put(folder / "data", "old text");
  const io::InputFile reader(folder / "data");
  io::write_file(folder / "data", "new");
  char bytes[8];
  reader.read(0, bytes, 8);
  CHECK(std::string(bytes, 8) == "old text");
}

TEST_CASE("an output file that is not committed never was") {
  const scratch::Folder folder;
  put(folder / "data", "old");
  {
    io::OutputFile file(folder / "data");
    file.write("half of ");
    CHECK(get(folder / "data") == "old");
    CHECK(folder.count() == 2);
  }
  CHECK(get(folder / "data") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a file-size limit leaves the old file whole and no temporary") {
  const scratch::Folder folder;
  put(folder / "data", "old");
  std::string text;
  {
    const FileSizeLimit limit(4096);
    text = scratch::message([&] { io::write_file(folder / "data", std::string(100000, 'x')); });
  }
  CHECK(text.find("File too large") != text.npos);
  CHECK(text.find("data: cannot be written") != text.npos);
  CHECK(get(folder / "data") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a process killed in the middle of writing leaves the old file whole") {
  const scratch::Folder folder;
  put(folder / "data", "old");
  const pid_t child = fork();
  if (child == 0) {
    io::OutputFile file(folder / "data");
    file.write("half");
    std::signal(SIGKILL, SIG_DFL);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(get(folder / "data") == "old");
  io::write_file(folder / "data", "new");  // what the killed process left does not stand in the way
  CHECK(get(folder / "data") == "new");
}

TEST_CASE("targets that cannot be written are named with the reason") {
  const scratch::Folder folder;
  std::filesystem::create_directory(folder / "taken");
  put(folder / "file", "x");
  CHECK(says([&] { io::write_file(folder / "none" / "data", "x"); }, "none/data", "No such file"));
  CHECK(says([&] { io::write_file(folder / "file" / "data", "x"); }, "file/data", "Not a directory"));
  CHECK(says([&] { io::write_file(folder / "taken", "x"); }, "taken", "not a regular file"));
  CHECK(says([&] { io::write_file("/dev/null", "x"); }, "/dev/null", "not a regular file"));
  CHECK(says([&] { io::write_file(folder / std::string(300, 'n'), "x"); }, "name too long"));
  CHECK(get(folder / "file") == "x");
  CHECK(folder.count() == 2);
}

TEST_CASE("writing through a symbolic link replaces the file it names") {
  const scratch::Folder folder;
  std::filesystem::create_directory(folder / "deep");
  put(folder / "deep" / "data", "old");
  std::filesystem::create_symlink("deep/data", folder / "link");
  io::write_file(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(get(folder / "deep" / "data") == "new");
}

TEST_CASE("a file of another format is named by its first bytes") {
  const scratch::Folder folder;
  put(folder / "lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n");
  put(folder / "weights", scratch::safetensors("{\"a\": 1}"));
  put(folder / "empty", "");
  const auto named = [&](const char* name, FileKind wanted) { return io::other_format(io::InputFile(folder / name), wanted); };
  REQUIRE(named("lfs", FileKind::safetensors) != nullptr);
  CHECK(named("lfs", FileKind::safetensors)->name.find("Git LFS pointer") != std::string_view::npos);
  CHECK(named("weights", FileKind::safetensors) == nullptr);
  CHECK(named("weights", FileKind::other)->name == "a safetensors file");
  CHECK(named("empty", FileKind::other) == nullptr);
}
