// Programs in surroundings that give less than usual: no threads, small stacks, paths that are not UTF-8, links in the
// way.
#include "tests/programs/study.hpp"

#include <sys/stat.h>

#include <algorithm>

using namespace neutra;
using programs::path_of;
using programs::refuses;
using programs::run;
using programs::Study;
using programs::Words;

namespace {

/// A command run by a shell after some words of its own.
Words after(const std::string& shell, const Words& command) {
  Words all = {"/bin/sh", "-c", shell + "; exec \"$@\"", "sh"};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

/// A small study that is done, for evaluate and generate.
const Study& lora_study() {
  static const Study made({"--methods", "lora"});
  return made;
}
Words evaluate(const Words& more = {}) {
  Words all = {path_of("evaluate"), "--model", (lora_study().out() / "backbone").string(), "--text",
               lora_study().text("second.valid")};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// Runs a command as a user without other processes, who may have so many. Needs root.
programs::Ended with_processes(rlim_t processes, const Words& command, const std::string& threads) {
  const scratch::Folder folder;
  const std::string out = (folder / "out").string(), err = (folder / "err").string();
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    setenv("OMP_NUM_THREADS", threads.c_str(), 1);
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    const rlimit limit{processes, processes}, no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (setrlimit(RLIMIT_NPROC, &limit) == 0 && setuid(61235) == 0) execv(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), scratch::get(out), scratch::get(err)};
}

}  // namespace

TEST_CASE("programs: without a thread to be had they end with one line, with fewer than asked they work with a note",
          "[programs]") {
  const Words command = evaluate({"--json"});
  const auto usual = run(command);
  REQUIRE(usual.status == 0);
  if (geteuid() != 0) return;  // only root can become a user without other processes
  std::filesystem::permissions(lora_study().folder.path(), std::filesystem::perms::all);  // mkdtemp keeps others out
  for (const char* program : {"extend", "evaluate", "generate"}) {
    INFO(program);
    const auto none = with_processes(1, {path_of(program), "--help"}, "2");
    if (none.status == 127) return;  // that user may not run programs here
    CHECK(none.status == 1);
    CHECK(
        none.err.starts_with(std::string(program) +
                             ": no thread can be created (Resource temporarily unavailable); raise the process limit"));
    CHECK(std::count(none.err.begin(), none.err.end(), '\n') == 1);
  }
  for (const auto& [processes, threads] : {std::pair<rlim_t, std::string>{2, "1"}, {3, "2"}, {4, "3"}}) {
    const auto ended = with_processes(processes, command, "4");
    INFO(processes << ": " << ended.err);
    CHECK(ended.status == 0);
    CHECK(ended.out == usual.out);
    CHECK(ended.err.starts_with("note: only " + threads + " of 4 threads can be created"));
  }
  const auto enough = with_processes(5, command, "4");
  CHECK(enough.status == 0);
  CHECK(enough.err.empty());
}

TEST_CASE("programs: stacks that are too small for the kernels are refused, the least that is told is enough",
          "[programs]") {
  const auto with = [](const std::string& setting, const Words& command) {
    return run(after("export " + setting, command), 0, "2");
  };
  for (const char* setting : {"OMP_STACKSIZE=32k", "GOMP_STACKSIZE=100", "OMP_STACKSIZE=' 65536 B '"}) {
    const auto ended = with(setting, evaluate());
    INFO(ended.err);
    CHECK(ended.status == 1);
    CHECK(ended.err.starts_with("evaluate: " + std::string(setting).substr(0, 8)));
    CHECK(ended.err.find("must have at least 256k") != std::string::npos);
  }
  CHECK(run(after("ulimit -s 128", evaluate())).err.find("ulimit -s") != std::string::npos);
  const auto enough = with("OMP_STACKSIZE=256k", evaluate());
  INFO(enough.err);
  CHECK(enough.status == 0);
  const Study small;
  const auto trained = with("OMP_STACKSIZE=256k", small.command(Study::small({"--precision", "bf16"})));
  INFO(trained.err);
  CHECK(trained.status == 0);
}

TEST_CASE("extend: paths that are not UTF-8 are used, recorded by their bytes, and resumed", "[programs]") {
  const Study study;
  const std::string target = (study.folder / "dansk-\xe6 1.txt").string();
  std::filesystem::copy(study.text("second"), target);
  Words command = study.command(Study::small({"--methods", "lora"}), "ud-\xe5");
  *(std::find(command.begin(), command.end(), "--target") + 1) = target;
  const auto ended = run(command);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(ended.out.find("ud-\\xe5/report.html") != std::string::npos);
  command.push_back("--resume");
  CHECK(run(command).status == 0);
  const auto results = study::read_results(study.out("ud-\xe5") / "results.json");
  CHECK(results.config.at("options").at("target").at(0).get<std::string>().ends_with("dansk-\\xe6 1.txt"));
  const std::string recorded = results.config.at("command");
  CHECK(recorded.find("dansk-\\346 1.txt'") != std::string::npos);
  CHECK(recorded.find("ud-\\345'") != std::string::npos);
  const auto drawn = run({path_of("report"), (study.out("ud-\xe5") / "results.json").string()});
  CHECK(drawn.status == 0);
  CHECK(refuses({path_of("report"), (study.folder / "none-\xe6\x1b").string()}, "none-\\xe6\\x1b: cannot be opened"));
}

TEST_CASE("report: a link in the way is replaced, the file behind it and the mode of the page stay", "[programs]") {
  const Study study;
  std::filesystem::create_directory(study.folder / "out");
  scratch::put(study.folder / "precious", "kept");
  study::write_results(study.folder / "results.json", {});
  std::filesystem::create_symlink("../precious", study.out() / "report.html");
  std::filesystem::create_symlink("../nowhere", study.out() / "learning.svg");
  const Words command = {path_of("report"), (study.folder / "results.json").string(), "--out", study.out().string()};
  CHECK(run(command).status == 0);
  CHECK(scratch::get(study.folder / "precious") == "kept");
  CHECK_FALSE(std::filesystem::is_symlink(study.out() / "report.html"));
  CHECK_FALSE(std::filesystem::exists(study.folder / "nowhere"));
  std::filesystem::permissions(study.out() / "report.html",
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  CHECK(run(command).status == 0);
  CHECK((static_cast<unsigned>(std::filesystem::status(study.out() / "report.html").permissions()) & 0777) == 0600);
  CHECK(refuses({path_of("report"), (study.folder / "results.json").string(), "--out", study.text("first")},
                "exists and is a file, not a folder"));
}

TEST_CASE("evaluate and generate: numbers out of range and links that lead nowhere are told plainly", "[programs]") {
  const std::string model = (lora_study().out() / "backbone").string();
  const auto generate = [&](const Words& more) {
    Words all = {path_of("generate"), "--model", model};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  CHECK(refuses(generate({"--tokens", "0"}), "--tokens must be a whole number from 1 up and below 2^31, got 0\n"));
  CHECK(refuses(generate({"--temperature", "-1"}), "--temperature must be 0 or more, got -1\n"));
  CHECK(
      refuses(generate({"--temperature", "0,8"}), "--temperature must be a number", "got 0,8; write 0.8 with a point"));
  CHECK(refuses(generate({"--temp", "1"}), "unknown option --temp (did you mean '--temperature'?)"));
  CHECK(refuses(generate({"--tokens", "5", "--tokens", "6"}), "--tokens was given twice: 5 and 6"));
  CHECK(refuses(generate({"--seed", "-1"}), "--seed must be a whole number from 0 up"));
  CHECK(refuses(generate({"--threads", "5000"}), "--threads must be between 1 and 4096"));
  CHECK(refuses(generate({"--precision", "half"}), "--precision must be float or bf16, got 'half'"));
  CHECK(refuses(evaluate({"--batch", "0"}), "--batch must be a whole number from 1 up"));
  CHECK(refuses(evaluate({"--sequence", "-1"}), "--sequence must be a whole number from 0 up"));
  const scratch::Folder folder;
  std::filesystem::copy(model, folder / "m");
  std::filesystem::remove(folder / "m/model.safetensors");
  std::filesystem::create_symlink("../blobs/nowhere", folder / "m/model.safetensors");
  CHECK(refuses({path_of("evaluate"), "--model", (folder / "m").string(), "--text", lora_study().text("second")},
                "m/model.safetensors: must be a file or folder",
                "it is a link to ../blobs/nowhere, which is not there"));
}

TEST_CASE("extend: several alphas without original text are refused, since all would give one run", "[programs]") {
  const Study study;
  CHECK(refuses(study.command(Study::small({"--share", "0", "--methods", "neutral,adapter", "--alpha", "0.01,1"})),
                "--alpha must be one value with --share 0, got 2", "the local loss of neutral"));
  CHECK_FALSE(std::filesystem::exists(study.out()));
}
