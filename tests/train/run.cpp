// A run that is stopped at any step, killed, or out of disk space and then resumed equals
// the uninterrupted run bit for bit.
#include "neutra/train/run.hpp"

#include "tests/io/file_size_limit.hpp"
#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

using namespace neutra;
using small::Trained;

namespace {

constexpr Index steps = 6;

/// The log without its times.
std::string log_of(const io::Path& folder) {
  std::istringstream lines(scratch::get(folder / "log.jsonl"));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    auto json = io::parse(line, "log");
    json.erase("seconds");
    kept += json.dump() + "\n";
  }
  return kept;
}

struct Killed {};

/// One session of a run in a folder: a fresh model, resumed if there is a checkpoint, stopped after `stop_after` steps
/// or killed after `kill_after`.
struct Session {
  Trained trained;
  bool stopped = false, killed = false;

  Session(const std::string& method, const io::Path& folder, Index stop_after = -1, Index kill_after = -1,
          double checkpoint_seconds = 1e9, train::TrainingOptions options = small::training(steps))
      : trained(method) {
    options.adamw.groups = small::method(method).groups;
    options.regularisers = small::method(method).regularisers;
    const auto mix = small::mix();
    train::Trainer trainer(trained.model, mix, options);
    std::stop_source stop;
    if (stop_after == 0) stop.request_stop();
    try {
      train::run_training(trainer, {folder, {{"run", method}}, nullptr, stop.get_token(), checkpoint_seconds},
                          [&](const train::StepReport& report) {
                            if (report.step + 1 == stop_after) stop.request_stop();
                            if (report.step + 1 == kill_after) throw Killed();
                          });
    } catch (const train::Stopped&) {
      stopped = true;
    } catch (const Killed&) {
      killed = true;
    }
  }
  double nats() {
    Tape<float, Cpu> tape;
    return train::evaluate(trained.model, tape, {small::windows(small::letters('n', 5, 100, 9)), 100},
                           data::Domain::target, 4)
        .nats;
  }
};

/// A run that is stopped after each of these numbers of steps ends as one that is never stopped.
void check_resumed(const std::string& method, const std::vector<Index>& stops) {
  const scratch::Folder never;
  Session whole(method, never.path());
  CHECK_FALSE(whole.stopped);
  for (const Index stop : stops) {
    INFO(method << " stopped after " << stop << " steps");
    const scratch::Folder folder;
    const Session first(method, folder.path(), stop);
    CHECK(first.stopped == (stop < steps));
    Session second(method, folder.path());
    CHECK_FALSE(second.stopped);
    CHECK(second.trained.bits() == whole.trained.bits());
    CHECK(log_of(folder.path()) == log_of(never.path()));
    CHECK(second.nats() == whole.nats());
  }
}

}  // namespace

TEST_CASE("run: stopped at any step and resumed, it ends with the same bits, log and evaluation", "[train]") {
  for (const std::string method : {"neutral", "lora", "finetune",
                                   "neutral(rate_factor.gate=0.1, weight_decay.down_proj=0, frozen.gate_proj=true)"})
    check_resumed(method, {0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("run: a regulariser of a resumed run is that of the run that was never stopped", "[train]") {
  for (const std::string method : {"finetune(l2_sp=0.5)", "finetune(ewc=50, ewc.sequences=7)",
                                   "finetune(ssu=0.5, ssu.sequences=5)", "neutral(kl=2)"})
    check_resumed(method, {2, 5});
}

TEST_CASE("run: resumed in any stage of an adapter that trains in stages, it ends with the same bits", "[train]") {
  check_resumed("moe_lpr(experts=2, review=0.5)", {1, 3, 4});
}

TEST_CASE("run: stopped at every step in turn, it still ends the same", "[train]") {
  const scratch::Folder never, folder;
  const Session whole("neutral", never.path());
  Trained untrained("neutral");
  CHECK(untrained.bits() != const_cast<Session&>(whole).trained.bits());
  for (Index stop = 1; stop < steps; ++stop) {
    const Session part("neutral", folder.path(), stop);
    CHECK(part.stopped);
  }
  Session last("neutral", folder.path());
  CHECK(last.trained.bits() == const_cast<Session&>(whole).trained.bits());
  CHECK(log_of(folder.path()) == log_of(never.path()));
}

TEST_CASE("run: killed between checkpoints, it continues from the last one, and the log has every step once",
          "[train]") {
  const scratch::Folder never, folder;
  Session whole("neutral", never.path());
  const Session first("neutral", folder.path(), 2);
  REQUIRE(first.stopped);
  const Session second("neutral", folder.path(), -1, 5);  // the log is three steps ahead of the checkpoint
  REQUIRE(second.killed);
  Session third("neutral", folder.path());
  CHECK(third.trained.bits() == whole.trained.bits());
  CHECK(log_of(folder.path()) == log_of(never.path()));

  const scratch::Folder without;
  const Session early("neutral", without.path(), -1, 3);  // no checkpoint yet
  REQUIRE(early.killed);
  CHECK_FALSE(std::filesystem::exists(without / "checkpoint.safetensors"));
  Session anew("neutral", without.path());
  CHECK(anew.trained.bits() == whole.trained.bits());
  CHECK(log_of(without.path()) == log_of(never.path()));
}

TEST_CASE("run: a finished run is saved, so that a kill in its evaluation costs no step", "[train]") {
  const scratch::Folder folder;
  Session whole("lora", folder.path());
  const std::string log = scratch::get(folder / "log.jsonl");
  Session again("lora", folder.path(), 0);
  CHECK_FALSE(again.stopped);  // nothing left to stop
  CHECK(again.trained.bits() == whole.trained.bits());
  CHECK(scratch::get(folder / "log.jsonl") == log);
}

TEST_CASE(
    "run: a log that is damaged, or behind the checkpoint, is told by its name, and the run goes on when it is mended",
    "[train]") {
  const scratch::Folder never, folder;
  Session whole("lora", never.path());
  REQUIRE(Session("lora", folder.path(), 4).stopped);
  const auto refused = [&](const char* name, const std::string& text, const auto&... parts) {
    const std::string before = scratch::get(folder / name),
                      checkpoint = scratch::get(folder / "checkpoint.safetensors");
    scratch::put(folder / name, text);
    const bool told = scratch::says([&] { Session("lora", folder.path()); }, name, parts...);
    const bool kept = scratch::get(folder / "checkpoint.safetensors") == checkpoint;
    scratch::put(folder / name, before);
    return told && kept;
  };
  const std::string log = scratch::get(folder / "log.jsonl");
  CHECK(refused("log.jsonl", log.substr(0, log.size() - 1), "each of the 4 completed steps",
                "that of step 3 is missing"));
  CHECK(refused("log.jsonl", log.substr(log.find('\n') + 1), "line 1", "must be of step 0, got 1"));
  for (std::size_t i = 0; i < log.size(); i += 11) {  // at any position
    std::string changed = log;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(refused("log.jsonl", changed));
  }
  std::string digit = log;
  const auto at = digit.find('.', digit.find("\"lm\":")) + 3;
  digit[at] = digit[at] == '9' ? '0' : static_cast<char>(digit[at] + 1);
  CHECK(refused("log.jsonl", digit, "its first 4 lines must be unchanged since", "restore the log"));
  Session last("lora", folder.path());
  CHECK(last.trained.bits() == whole.trained.bits());
  CHECK(log_of(folder.path()) == log_of(never.path()));
}

TEST_CASE("run: a checkpoint of more steps than the run has is refused", "[train]") {
  const scratch::Folder folder;
  REQUIRE(Session("lora", folder.path(), 5).stopped);
  CHECK(scratch::says([&] { Session("lora", folder.path(), -1, -1, 1e9, small::training(4)); },
                      "checkpoint.safetensors", "from step 5", "has only 4"));
}

TEST_CASE("run: the time of earlier sessions is included", "[train]") {
  const scratch::Folder folder;
  const Session first("lora", folder.path(), 3);
  Trained trained("lora");
  auto reached =
      train::load_checkpoint(folder / "checkpoint.safetensors", trained.model.parameters(), {{"run", "lora"}});
  CHECK(reached.seconds < 100);
  reached.seconds = 1000;
  train::save_checkpoint(folder / "checkpoint.safetensors", trained.model.parameters(), reached, {{"run", "lora"}});
  const auto mix = small::mix();
  train::Trainer trainer(trained.model, mix, small::training(steps));
  const double seconds = train::run_training(trainer, {folder.path(), {{"run", "lora"}}, nullptr, {}});
  CHECK(seconds > 1000);
  CHECK(seconds < 1100);
}

TEST_CASE("run: a loss that is not finite leaves the last checkpoint intact", "[train]") {
  const scratch::Folder folder;
  auto wild = small::training(steps);
  wild.schedule.rate = 1e30;  // the weights stay finite, their products do not
  wild.adamw.weight_decay = 0;
  // A checkpoint after each step.
  std::string told = message([&] { Session("finetune", folder.path(), -1, -1, -1, wild); });
  CHECK(told.find("training: step ") != std::string::npos);
  CHECK(told.find("largest in ") != std::string::npos);
  const std::string saved = scratch::get(folder / "checkpoint.safetensors");
  REQUIRE(!saved.empty());
  // The same step, from the checkpoint.
  CHECK(message([&] { Session("finetune", folder.path(), -1, -1, -1, wild); }) == told);
  CHECK(scratch::get(folder / "checkpoint.safetensors") == saved);
}

TEST_CASE("run: an update that leaves values that are not finite is no state to go on from", "[train]") {
  const scratch::Folder folder;
  auto wild = small::training(3);
  wild.schedule.rate = 1e38;
  wild.schedule.warmup = 0;
  wild.adamw.weight_decay = 1e10;  // overflows float
  CHECK_THROWS_AS(Session("finetune", folder.path(), -1, -1, -1, wild),
                  train::Diverged);  // a checkpoint after each step
  CHECK_FALSE(std::filesystem::exists(folder / "checkpoint.safetensors"));
}

TEST_CASE("run: a full disk leaves the last checkpoint intact, and the run continues once there is space", "[train]") {
  const scratch::Folder never, folder;
  Session whole("finetune", never.path());
  REQUIRE(Session("finetune", folder.path(), 3).stopped);
  const std::string saved = scratch::get(folder / "checkpoint.safetensors");
  const std::string told = scratch::message_at_limit(saved.size() / 2, [&] { Session("finetune", folder.path()); });
  CHECK(told.find("checkpoint.safetensors: cannot be written") != std::string::npos);
  CHECK(scratch::get(folder / "checkpoint.safetensors") == saved);
  CHECK(folder.count() == 2);  // checkpoint and log, but no temporary
  Session last("finetune", folder.path());
  CHECK(last.trained.bits() == whole.trained.bits());
  CHECK(log_of(folder.path()) == log_of(never.path()));
}
