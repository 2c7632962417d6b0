// A study that is stopped, killed or runs into a full disk, and resumed, ends as one that never was.
#include "tests/programs/study.hpp"

#include <algorithm>

using namespace neutra;
using programs::Process;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

/// Enough steps to be caught in the middle of.
Words longer(const Words& more = {}) {
  Words all = {
      "--quick", "--tokenizer", "byte",       "--dim", "16",        "--pretrain-steps",     "800", "--steps", "600",
      "--batch", "4",           "--sequence", "16",    "--methods", "neutral,lora,finetune"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// The study that was never stopped, made once.
const Study& whole() {
  static const Study study;
  static const auto ended = run(study.command(longer()));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  return study;
}

/// Sends a signal once the log of a run has so many lines, and returns how the program ended.
programs::Ended stopped_at(const std::string& run_name, std::size_t lines, int signal, const Words& more = {}) {
  Process process(whole().command(longer(more), "stopped"));
  const auto log = whole().out("stopped") / "runs" / run_name / "log.jsonl";
  CHECK(programs::wait_for(process, [&] { return programs::lines_of(log) >= lines; }));
  process.send(signal);
  return process.wait();
}

void check_resumed() {
  const auto ended = run(whole().command(longer({"--resume"}), "stopped"));
  INFO(ended.err);
  CHECK(ended.status == 0);
  CHECK(programs::differences(whole().out(), whole().out("stopped")) == Words{});
  std::filesystem::remove_all(whole().out("stopped"));
}

const std::string neutral = "neutral-lr0.002-alpha0.01-seed1", finetune = "finetune-lr5e-04-seed1";

}  // namespace

TEST_CASE("extend: the comparison of two runs notices one bit and one number", "[programs]") {
  const auto& study = whole();
  std::filesystem::copy(study.out(), study.out("other"), std::filesystem::copy_options::recursive);
  CHECK(programs::differences(study.out(), study.out("other")) == Words{});
  const auto weights = study.out("other") / "runs" / neutral / "adapter.safetensors",
             log = study.out("other") / "runs" / finetune / "log.jsonl";
  std::string bytes = scratch::get(weights), lines = scratch::get(log);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  scratch::put(weights, bytes);
  lines.replace(lines.find("\"lm\":") + 5, 1, "9");
  scratch::put(log, lines);
  CHECK(programs::differences(study.out(), study.out("other")).size() == 2);
  std::filesystem::remove_all(study.out("other"));
}

TEST_CASE("extend: Ctrl-C in pretraining and in an extension saves, says how to go on, and costs nothing",
          "[programs]") {
  const auto expect_stop = [](const programs::Ended& ended) {
    INFO(ended.err);
    CHECK(ended.status == 130);
    CHECK(ended.out.empty());
    const auto messages = programs::messages(ended.err, "extend");
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].find("--resume") != std::string::npos);
    CHECK(ended.err.find("stopping after this step; repeat to end at once\n") != std::string::npos);
  };
  expect_stop(stopped_at("pretrain", 40, SIGINT));
  const auto checkpoint = whole().out("stopped") / "runs" / "pretrain" / "checkpoint.safetensors";
  CHECK(std::filesystem::exists(checkpoint));
  CHECK_FALSE(std::filesystem::exists(whole().out("stopped") / "results.json"));
  expect_stop(stopped_at("pretrain", 200, SIGTERM, {"--resume"}));
  expect_stop(stopped_at(neutral, 30, SIGINT, {"--resume"}));
  expect_stop(stopped_at(finetune, 100, SIGINT, {"--resume"}));
  check_resumed();
}

TEST_CASE("extend: a lost terminal saves as Ctrl-C does, however often it is told, and nohup goes on", "[programs]") {
  {
    Process process(whole().command(longer(), "stopped"));
    const auto log = whole().out("stopped") / "runs" / "pretrain" / "log.jsonl";
    REQUIRE(programs::wait_for(process, [&] { return programs::lines_of(log) >= 40; }));
    for (int times = 0; times < 3; ++times) {
      process.send(SIGHUP);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // else the system makes one of them
    }
    const auto ended = process.wait();
    INFO(ended.err);
    CHECK(ended.status == 130);
    CHECK(programs::messages(ended.err, "extend").size() == 1);
    CHECK(std::filesystem::exists(log.parent_path() / "checkpoint.safetensors"));
  }
  Words command = {"/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"};
  const Words resumed = whole().command(longer({"--resume"}), "stopped");
  command.insert(command.end(), resumed.begin(), resumed.end());
  Process process(command);
  const auto log = whole().out("stopped") / "runs" / neutral / "log.jsonl";
  REQUIRE(programs::wait_for(process, [&] { return programs::lines_of(log) >= 10; }));
  process.send(SIGHUP);
  const auto ended = process.wait();
  INFO(ended.err);
  CHECK(ended.status == 0);
  check_resumed();
}

TEST_CASE("extend: a second Ctrl-C ends it within the step, and --resume goes on from the last checkpoint",
          "[programs]") {
  const Study study;  // of few steps that take long
  const auto command = [&](const std::string& out, const Words& more = {}) {
    Words all = {"--quick", "--tokenizer", "byte", "--dim",      "16", "--pretrain-steps", "4",   "--steps",
                 "2",       "--batch",     "1024", "--sequence", "16", "--methods",        "lora"};
    all.insert(all.end(), more.begin(), more.end());
    return study.command(all, out);
  };
  const auto log = study.out("stopped") / "runs" / "pretrain" / "log.jsonl";
  {
    Process process(command("stopped"));
    REQUIRE(programs::wait_for(process, [&] { return programs::lines_of(log) >= 1; }));
    process.send(SIGINT);
    REQUIRE(process.wait().status == 130);
  }
  {
    Process process(command("stopped", {"--resume"}));
    const auto lines = programs::lines_of(log);
    REQUIRE(programs::wait_for(process, [&] { return programs::lines_of(log) > lines; }));
    process.send(SIGINT);
    REQUIRE(programs::wait_for(process,
                               [&] { return process.errors().find("repeat to end at once") != std::string::npos; }));
    process.send(SIGINT);
    const auto ended = process.wait();
    INFO(ended.err);
    CHECK(ended.status == 130);
    CHECK(programs::messages(ended.err, "extend").empty());  // it did not come to its last words
  }
  REQUIRE(run(command("stopped", {"--resume"})).status == 0);
  REQUIRE(run(command("whole")).status == 0);
  CHECK(programs::differences(study.out("whole"), study.out("stopped")) == Words{});
}

TEST_CASE("extend: a second process in the folder is refused, and the first one's result is the same", "[programs]") {
  Process first(whole().command(longer(), "stopped"));
  const auto log = whole().out("stopped") / "runs" / "pretrain" / "log.jsonl";
  REQUIRE(programs::wait_for(first, [&] { return programs::lines_of(log) >= 20; }));
  CHECK(programs::refuses(whole().command(longer({"--resume"}), "stopped"), "another process is using it"));
  CHECK(programs::refuses(whole().command(longer(), "stopped"), "holds a run already"));
  CHECK(first.running());
  CHECK(first.wait().status == 0);
  CHECK(programs::differences(whole().out(), whole().out("stopped")) == Words{});
  std::filesystem::remove_all(whole().out("stopped"));
}

TEST_CASE("extend: killed at any moment, again and again, it ends the same", "[programs]") {
  const Philox random(1, "kill");
  int kills = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {  // later rounds wait longer, so that one gets to the end
    Process process(whole().command(
        longer(round > 0 && std::filesystem::exists(whole().out("stopped") / "options.json") ? Words{"--resume"}
                                                                                             : Words{}),
        "stopped"));
    const auto wait = std::chrono::microseconds(
        static_cast<long>(1000 * (20 + 15 * static_cast<double>(round) + 60 * random.uniform(0, round))));
    const auto end = std::chrono::steady_clock::now() + wait;
    while (process.running() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!process.running()) {
      const auto ended = process.wait();
      INFO(ended.err);
      REQUIRE(ended.status == 0);
      break;
    }
    process.send(SIGKILL);
    CHECK(process.wait().status == 128 + SIGKILL);
    ++kills;
  }
  CHECK(kills >= 2);
  check_resumed();
}

TEST_CASE("extend: a disk that fills while saving gives one message, old files stay whole, and resuming works",
          "[programs]") {
  const auto stop = stopped_at("pretrain", 40, SIGINT);
  REQUIRE(stop.status == 130);
  const auto folder = whole().out("stopped") / "runs" / "pretrain";
  const std::string saved = scratch::get(folder / "checkpoint.safetensors");
  REQUIRE(saved.size() > 180000);
  const auto full =
      run(whole().command(longer({"--resume"}), "stopped"), 150000);  // the log fits, the next checkpoint does not
  INFO(full.err);
  CHECK(full.status == 1);
  CHECK(full.out.empty());
  const auto messages = programs::messages(full.err, "extend");
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].find("cannot be written") != std::string::npos);
  CHECK(messages[0].find("checkpoint.safetensors") != std::string::npos);
  CHECK(scratch::get(folder / "checkpoint.safetensors") == saved);
  for (const auto& [name, bytes] : programs::files_of(whole().out("stopped")))
    CHECK(name.find(".tmp-") == std::string::npos);

  const auto in_log =
      run(whole().command(longer({"--resume"}), "stopped"), programs::lines_of(folder / "log.jsonl") * 40);
  CHECK(in_log.status == 1);
  CHECK(programs::messages(in_log.err, "extend").size() == 1);
  CHECK(scratch::get(folder / "checkpoint.safetensors") == saved);
  check_resumed();
}

TEST_CASE("extend: a checkpoint that is cut, changed or of a newer program is refused, and kept", "[programs]") {
  REQUIRE(stopped_at("pretrain", 40, SIGINT).status == 130);
  const auto path = whole().out("stopped") / "runs" / "pretrain" / "checkpoint.safetensors";
  const std::string saved = scratch::get(path);
  const auto refused = [&](const std::string& bytes, const std::string& words) {
    scratch::put(path, bytes);
    const auto ended = run(whole().command(longer({"--resume"}), "stopped"));
    INFO(ended.err);
    const auto messages = programs::messages(ended.err, "extend");
    return ended.status == 1 && messages.size() == 1 && messages[0].find(words) != std::string::npos &&
           scratch::get(path) == bytes;
  };
  CHECK(refused(saved.substr(0, saved.size() / 2), "checkpoint.safetensors"));
  CHECK(refused("", "checkpoint.safetensors"));
  std::string changed = saved;
  changed[saved.size() - 5] = static_cast<char>(changed[saved.size() - 5] ^ 1);
  CHECK(refused(changed, "damaged"));
  std::string newer = saved;
  newer.replace(newer.find("neutra.checkpoint/3"), 19, "neutra.checkpoint/4");
  CHECK(refused(newer, "neutra.checkpoint/4"));
  scratch::put(path, saved);
  check_resumed();
}
