// Atomic writing: no failure leaves a partial file or touches other files, and the reported reason is the right one.
#include "neutra/io/output_file.hpp"

#include "tests/catch.hpp"
#include "tests/io/file_size_limit.hpp"
#include "tests/io/scratch.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

using namespace neutra;
using scratch::get;
using scratch::put;
using scratch::says;

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
  const std::string text =
      scratch::message_at_limit(4096, [&] { io::write_file(folder / "data", std::string(100000, 'x')); });
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
  io::write_file(folder / "data", "new");  // the temporary of the killed process is not in the way
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
  CHECK_THROWS_AS(io::write_file(folder / "taken", "x"), io::WriteError);
  CHECK(says([&] { io::write_file(folder / std::string(300, 'n'), "x"); }, "name too long"));
  CHECK(get(folder / "file") == "x");
  CHECK(folder.count() == 2);
}

TEST_CASE("a symbolic link is replaced, never written through") {
  const scratch::Folder folder;
  std::filesystem::create_directory(folder / "deep");
  put(folder / "deep" / "data", "old");
  std::filesystem::create_symlink("deep/data", folder / "link");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  std::filesystem::create_symlink("deep", folder / "to-folder");
  std::filesystem::create_symlink("loop", folder / "loop");
  for (const char* name : {"link", "dangling", "to-folder", "loop"}) {
    INFO(name);
    io::write_file(folder / name, "new");
    CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder / name)));
    CHECK(get(folder / name) == "new");
  }
  CHECK(get(folder / "deep" / "data") == "old");
  CHECK_FALSE(std::filesystem::exists(folder / "nowhere"));
  CHECK(folder.count() == 5);
}

TEST_CASE("a file keeps its mode when it is replaced, also where a link led to it") {
  const scratch::Folder folder;
  const auto mode = [&](const char* name) {
    return static_cast<unsigned>(std::filesystem::status(folder / name).permissions());
  };
  const auto before = umask(022);
  io::write_file(folder / "fresh", "x");
  CHECK(mode("fresh") == 0644);
  for (const unsigned bits : {0600u, 0664u, 0666u, 0444u}) {
    INFO(bits);
    put(folder / "data", "old");
    std::filesystem::permissions(folder / "data", static_cast<std::filesystem::perms>(bits));
    io::write_file(folder / "data", "new");
    CHECK(mode("data") == bits);
    CHECK(get(folder / "data") == "new");
    std::filesystem::remove(folder / "data");
  }
  put(folder / "secret", "old");
  std::filesystem::permissions(folder / "secret", static_cast<std::filesystem::perms>(0600));
  std::filesystem::create_symlink("secret", folder / "link");
  {
    io::OutputFile file(folder / "link");
    file.write("new");
    for (const auto& item :
         // The temporary is not readable by more users either.
         std::filesystem::directory_iterator(folder.path()))
      if (io::is_temporary(item.path().filename().string()))
        CHECK((static_cast<unsigned>(item.status().permissions()) & 077) == 0);
    file.commit();
  }
  CHECK(mode("link") == 0600);
  umask(before);
}

TEST_CASE("the reported reason is that of the call that failed") {
  const scratch::Folder folder;
  put(folder / "data", "old");
  {
    io::OutputFile file(folder / "data");
    std::filesystem::remove(folder / "data");
    std::filesystem::create_directories(folder / "data" / "inside");  // makes the rename fail
    errno = EXDEV;
    CHECK(says([&] { file.commit(); }, "data: cannot be written: Is a directory"));
  }
  CHECK(folder.count() == 1);
  {
    io::OutputFile file(folder / "other");
    for (const auto& item : std::filesystem::directory_iterator(folder.path()))
      if (io::is_temporary(item.path().filename().string())) std::filesystem::remove(item.path());
    errno = EXDEV;
    CHECK(says([&] { file.commit(); }, "other: cannot be written: No such file"));
  }
  errno = EXDEV;
  CHECK(says([&] { io::OutputFile file(folder / "none/other"); }, "none/other: cannot be written: No such file"));
}

TEST_CASE("temporaries are removed only if their process has ended, and files that only look like them are not") {
  const scratch::Folder folder;
  std::filesystem::create_directory(folder / "below");
  const std::string mark = ".neutra.tmp-";
  const std::vector<std::string> kept = {"notes.tmp-2024-11-29",  "notes.tmp-2024-11",      "x" + mark + "12",
                                         "x" + mark + "12-3-4",   "x" + mark + "12-",       "x" + mark + "a-1",
                                         mark.substr(1) + "12-3", "below/x" + mark + "12-3"};
  for (const std::string& name : kept) put(folder / name, "kept");
  put(folder / ("results.json" + mark + "12-0"), "half");
  put(folder / ("x" + mark + std::to_string(getpid()) + "-0"), "of a process that had this one's number");
  std::filesystem::create_directory(folder / ("folder" + mark + "1-1"));
  std::filesystem::create_symlink("below", folder / ("link" + mark + "1-1"));

  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    io::OutputFile file(folder / "data");
    file.write("half");
    if (write(ready[1], "x", 1) != 1) _exit(1);
    pause();
  }
  char byte;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  const auto temporaries = [&] {
    int count = 0;
    for (const auto& item : std::filesystem::directory_iterator(folder.path()))
      count += io::is_temporary(item.path().filename().string());
    return count;
  };
  io::remove_temporaries(folder.path());
  CHECK(temporaries() == 3);  // those of the child, the folder and the link
  kill(child, SIGKILL);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  io::remove_temporaries(folder.path());
  CHECK(temporaries() == 2);
  for (const std::string& name : kept) CHECK(get(folder / name) == "kept");
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("a folder that cannot be created is reported with what is in the way") {
  const scratch::Folder folder;
  put(folder / "file", "x");
  std::filesystem::create_symlink("nowhere", folder / "link");
  io::make_folder(folder / "a/b", "a/b");
  CHECK(std::filesystem::is_directory(folder / "a/b"));
  CHECK_NOTHROW(io::make_folder(folder / "a/b", "a/b"));
  CHECK(says([&] { io::make_folder(folder / "file", "--out file"); },
             "--out file: cannot be created, because it exists and is a file, not a folder"));
  CHECK(says([&] { io::make_folder(folder / "file/below", "--out x"); }, "--out x",
             (folder / "file").string() + " exists and is a file"));
  CHECK(says([&] { io::make_folder(folder / "link", "--out x"); }, "--out x",
             "it is a link to nowhere, which is not there"));
  CHECK(says([&] { io::make_folder(folder / "link/below", "--out x"); },
             (folder / "link").string() + ": it is a link to nowhere"));
  for (const char* name : {"file", "file/below", "link", "link/below"})
    CHECK_THROWS_AS(io::make_folder(folder / name, name), io::WriteError);
}
