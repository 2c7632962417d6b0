// The log of a run: a line for every step that counts, or a message that says which is missing.
#include "neutra/train/log.hpp"

#include "neutra/study/pretraining.hpp"

#include "tests/catch.hpp"
#include "tests/io/file_size_limit.hpp"
#include "tests/io/scratch.hpp"

#include <sys/wait.h>
#include <unistd.h>

using namespace neutra;
using scratch::says;
using train::Log;

TEST_CASE("log: opened for step n it keeps the n lines before, and drops those a kill left ahead") {
  const scratch::Folder folder;
  const auto path = folder / "log.jsonl";
  {
    Log log(path, 0);
    for (int step = 0; step < 5; ++step) log.write({{"step", step}});
  }
  CHECK(scratch::get(path) == "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"step\":4}\n");
  Log(path, 3).write({{"step", 3}});
  CHECK(scratch::get(path) == "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
  scratch::put(path, "{\"step\":0}\n{\"st");  // truncated within a line that is not needed
  Log(path, 1).write({{"step", 1}});
  CHECK(scratch::get(path) == "{\"step\":0}\n{\"step\":1}\n");
  { Log anew(path, 0); }
  CHECK(scratch::get(path).empty());
}

TEST_CASE(
    "log: a line that the checkpoint needs and that is missing, cut, damaged or twice is told, and nothing is "
    "changed") {
  const scratch::Folder folder;
  const auto path = folder / "log.jsonl";
  const auto refused = [&](const std::string& text, const auto&... parts) {
    scratch::put(path, text);
    return says([&] { Log(path, 2); }, "log.jsonl", "delete the checkpoint beside it", parts...) &&
           scratch::get(path) == text;
  };
  CHECK(says([&] { Log(path, 2); }, "log.jsonl", "that of step 0 is missing"));
  CHECK(refused("", "that of step 0 is missing"));
  CHECK(refused("{\"step\":0}\n", "each of the 2 completed steps", "that of step 1 is missing"));
  CHECK(refused("{\"step\":0}\n{\"step\":1", "that of step 1 is missing"));
  CHECK(refused("{\"step\":0}\n{\"step\":0}\n", "line 2", "must be of step 1, got 0"));
  CHECK(refused("{\"step\":0}\n{\"step\":2}\n", "line 2", "must be of step 1, got 2"));
  CHECK(refused("{\"step\":0}\n{\"st\n", "line 2", "must be JSON"));
  CHECK(refused("[]\n{\"step\":1}\n", "line 1", "must be a JSON object"));
  CHECK(refused("{\"stop\":0}\n{\"step\":1}\n", "line 1", "step is missing"));
}

TEST_CASE("log: it computes the hash of its old and new lines, and refuses lines with another hash") {
  const scratch::Folder folder;
  const auto path = folder / "log.jsonl";
  scratch::put(path, "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n");
  const std::string two = io::sha256_hex("{\"step\":0}\n{\"step\":1}\n");
  {
    Log log(path, 2, two);
    CHECK(log.sha256() == two);
    log.write({{"step", 2}});
    CHECK(log.sha256() == io::sha256_hex(scratch::get(path)));
  }
  scratch::put(path, "{\"step\":0}\n{\"step\":1} \n");
  CHECK(says([&] { Log(path, 2, two); }, "log.jsonl", "its first 2 lines must be unchanged since",
             "delete the checkpoint beside it"));
}

TEST_CASE("log: a line is in the file when write returns, and a full disk is reported") {
  const scratch::Folder folder;
  const auto path = folder / "log.jsonl";
  Log log(path, 0);
  log.write({{"step", 0}});
  CHECK(scratch::get(path) == "{\"step\":0}\n");
  CHECK_NOTHROW(log.flush());
  const std::string told = scratch::message_at_limit(15, [&] { log.write({{"step", 1}}); });
  CHECK(told.find("log.jsonl: the log cannot be written") != std::string::npos);
  CHECK(told.find("--resume") != std::string::npos);
}

TEST_CASE("log: a file that cannot be appended to is reported as one that cannot be written") {
  const scratch::Folder folder;
  const auto path = folder / "log.jsonl";
  scratch::put(path, "");
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  constexpr uid_t plain = 61234;  // root could append all the same
  REQUIRE((geteuid() != 0 || chown(folder.path().c_str(), plain, plain) == 0));
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(plain) != 0) _exit(1);
    try {
      Log log(path, 0);
    } catch (const io::WriteError& error) {
      _exit(std::string_view(error.what()).find("log.jsonl: the log cannot be written: Permission denied") !=
                    std::string_view::npos
                ? 0
                : 2);
    } catch (...) {
      _exit(3);
    }
    _exit(4);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("pretraining: the record needs a loss for each step") {
  const scratch::Folder folder;
  const auto path = folder / "log.jsonl";
  std::string text;
  for (int step = 0; step < 40; ++step) text += concat("{\"step\":", step, ",\"lm\":", step < 38 ? 4 : 2, "}\n");
  scratch::put(path, text);
  const io::Json record = study::pretraining_record(path, 40, 12.5, 640);
  CHECK(record.at("final_nats_per_token") == 2);
  CHECK(record.at("fall_over_last_tenth") == 0.5);
  CHECK(record.at("seconds") == 12.5);
  CHECK(says([&] { study::pretraining_record(path, 41, 1, 1); }, "log.jsonl", "that of step 40 is missing"));
  scratch::put(path, text.replace(text.find("\"lm\":4"), 6, "\"lm\":[]"));
  CHECK(says([&] { study::pretraining_record(path, 40, 1, 1); }, "log.jsonl: line 1: lm must be a number, got []"));
}
