// Memory and time of a model folder: loading, a forward pass, steps with residues, the fingerprint.
//     ./memory FOLDER float|bf16 forward|residues [CAPACITY] [TOKENS]
//
// FOLDER: for example one of benchmarks/shapes.py. CAPACITY: of the residues, as a share of the blocks' weights;
// TOKENS: of the one sequence of a step. A line per stage: wall time, processor time of all threads, peak of the
// process so far. Losses are printed with all their digits, to compare the bits of two builds.
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/program/program.hpp"

#include "neutra/neutra.hpp"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

using namespace neutra;

namespace {

/// Prints what has passed since the last call.
class Stages {
 public:
  void done(const char* stage, const std::string& note = {}) {
    const auto now = std::chrono::steady_clock::now();
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    const double processor = seconds(used.ru_utime) + seconds(used.ru_stime);
    std::printf("%-12s %8.2f s %8.2f s of processors  peak %6ld MiB  %s\n", stage,
                std::chrono::duration<double>(now - time_).count(), processor - processor_, used.ru_maxrss / 1024,
                note.c_str());
    std::fflush(stdout);
    time_ = now;
    processor_ = processor;
  }

 private:
  std::chrono::steady_clock::time_point time_ = std::chrono::steady_clock::now();
  double processor_ = 0;
};

std::vector<std::int32_t> tokens(Index count, Index vocabulary) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(count));
  const Philox random(1, "tokens");
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<std::int32_t>(random.bits(0, i) % static_cast<std::uint64_t>(vocabulary));
  return all;
}

template <class Model> void forward(Model& model, const nn::Tokens& batch, Stages& stages) {
  Tape<float, Cpu> tape;
  for (int step = 0; step < 2; ++step) {
    tape.start(false);
    const float loss = model.loss(tape, batch, {batch.length, batch.length}).lm.item();
    stages.done("forward", concat("loss ", loss));
  }
}

template <class Model> void train_steps(Model& model, const nn::Tokens& batch, Stages& stages) {
  Tape<float, Cpu> tape;
  optim::AdamW<float, Cpu> adamw(model.parameters(), {});
  for (int step = 0; step < 3; ++step) {
    tape.start();
    const auto losses = model.loss(tape, batch, {batch.length, batch.length});
    const float loss = losses.lm.item();
    tape.backward(losses.total(0.01f));
    adamw.step(1e-3, adamw.gradient_norm());
    stages.done("step", concat("loss ", loss));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::puts("memory FOLDER float|bf16 forward|residues [CAPACITY] [TOKENS]");
    return 2;
  }
  const bool residues = std::string(argv[3]) == "residues";
  const double capacity = argc > 4 ? std::atof(argv[4]) : 0.2;
  const Index count = argc > 5 ? std::atoll(argv[5]) : 128;
  return program::run_program("memory", [&] {
    Stages stages;
    const auto backbone = nn::load_model<float, Cpu>(
        argv[1], {residues ? nn::Purpose::training : nn::Purpose::evaluation, dtype_named(argv[2])});
    stages.done("load", concat(backbone->count(), " weights"));
    const std::vector<std::int32_t> text = tokens(count + 1, backbone->config().vocabulary);
    const std::vector<std::uint8_t> domains = {0};
    const nn::Tokens batch{1, count, std::span(text).first(text.size() - 1), std::span(text).subspan(1), domains};
    if (residues) {
      nn::Transformer<adapter::Residue<>> model(backbone, {.capacity = capacity}, 1);
      stages.done("residues");
      train_steps(model, batch, stages);
    } else {
      nn::Transformer<> model(backbone);
      forward(model, batch, stages);
    }
    const std::string fingerprint = nn::fingerprint(*backbone);
    stages.done("fingerprint", fingerprint);
  });
}
