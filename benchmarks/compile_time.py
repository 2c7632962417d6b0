#!/usr/bin/env python3
"""Compile time and memory of neutra.

    compile_time.py [--compiler g++] [--rounds 5] [--flags=-march=native] [--clean FOLDER]

User time and peak memory of the compiler, medians over rounds in which all files take turns. Parsed only: a file of
standard headers, xsimd alone, and neutra/neutra.hpp. Optimised: examples/04_train, and the cost of one more gate in a
program that trains with a gate of its own, header-only (neutra::neutra) and with the library (neutra::compiled).
--clean also builds everything in a new folder (release preset, two jobs, no ccache) and reports wall and user time,
which takes minutes.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

GATES = """
#include "neutra/neutra.hpp"
using namespace neutra;
struct First {
  static constexpr std::string_view name = "first";
  static constexpr bool exact_zero = true;
  template <class V> V f(V s) const { V r = math::relu(s); return r / (V(1) + r); }
  template <class V> V df(V s, V g) const { return math::select(s > V(0), (V(1) - g) * (V(1) - g), V(0)); }
};
SECOND
template <class G> float train(const nn::Tokens& tokens) {
  const nn::Config config{.vocabulary = 32, .dim = 16, .ffn = 32, .layers = 1, .heads = 2, .kv_heads = 2, .head_width = 8, .context = 8};
  nn::Transformer<adapter::Residue<G>> model(nn::Backbone<float, Cpu>::random(config, 1));
  Tape<float, Cpu> tape;
  tape.start();
  const auto loss = model.loss(tape, tokens, {8, 8});
  tape.backward(loss.total(0.01f));
  return loss.lm.item();
}
int main(int, char** argv) { return int(train<First>(*reinterpret_cast<nn::Tokens*>(argv)) MORE); }
"""


def second():
    """A copy of the first gate under another name."""
    return GATES[GATES.index("struct First"):GATES.index("SECOND")].replace("First", "Second").replace('"first"', '"second"')


def files(folder):
    """name -> (path, whether it is only parsed)"""
    texts = {
        "standard headers": "#include <vector>\n#include <string>\n#include <memory>\n#include <functional>\n",
        "xsimd": "#include <xsimd/xsimd.hpp>\n",
        "neutra/neutra.hpp": '#include "neutra/neutra.hpp"\n',
        "one gate": GATES.replace("SECOND", "").replace("MORE", ""),
        "two gates": GATES.replace("SECOND", second()).replace("MORE", "+ train<Second>(*reinterpret_cast<nn::Tokens*>(argv))"),
    }
    made = {}
    for name, text in texts.items():
        path = folder / (name.replace("/", "_").replace(" ", "_") + ".cpp")
        path.write_text(text)
        made[name] = (path, "gate" not in name)
    made["examples/04_train"] = (ROOT / "examples/04_train.cpp", False)
    return made


def instruction_set(command):
    """What neutra/core/config.hpp calls the set that these flags allow: the value of NEUTRA_COMPILED for a library built with them."""
    header = str(ROOT / "include/neutra/core/config.hpp")
    macros = subprocess.run(command + ["-dM", "-E", "-x", "c++", header], check=True, capture_output=True, text=True).stdout
    return next(line.split()[2] for line in macros.splitlines() if line.startswith("#define NEUTRA_INSTRUCTION_SET "))


def clean_build(folder):
    """Wall and user seconds of the whole release build."""
    if folder.exists():
        sys.exit(f"compile_time: --clean needs a folder that is not there yet, got {folder}")
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    subprocess.run(["cmake", "--preset", "release", "-B", str(folder)], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    begin, before = time.monotonic(), os.times().children_user
    subprocess.run(["cmake", "--build", str(folder), "--parallel", "2"], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin, os.times().children_user - before


def compile_once(command):
    """User time in seconds and peak memory in MB."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("compile_time: failed: " + " ".join(map(str, command)))
    return usage.ru_utime, usage.ru_maxrss * 1.024e-3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flags", default="-march=native", help="additional compiler flags")
    parser.add_argument("--clean", type=Path, metavar="FOLDER", help="time a build of everything there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        common = [options.compiler, "-std=c++20", "-fopenmp", "-ffp-contract=off", f"-I{ROOT / 'include'}", "-isystem", "/usr/include/eigen3", "-w"]
        common += options.flags.split()
        optimised = ["-O3", "-DNDEBUG", "-c", "-o", str(Path(folder) / "out.o")]
        library = [f"-DNEUTRA_COMPILED={instruction_set(common)}"]
        runs = {}  # (name, how) -> command
        for name, (path, parsed) in files(Path(folder)).items():
            if parsed:
                runs[name, "parsed"] = common + ["-fsyntax-only", str(path)]
                continue
            runs[name, "headers"] = common + optimised + [str(path)]
            runs[name, "compiled"] = common + library + optimised + [str(path)]
        measured = {run: [] for run in runs}
        for _ in range(options.rounds):
            for run, command in runs.items():
                measured[run].append(compile_once(command))
    median = {run: tuple(statistics.median(values) for values in zip(*all_of)) for run, all_of in measured.items()}
    for (name, how), (seconds, memory) in median.items():
        least, most = (f([r[0] for r in measured[name, how]]) for f in (min, max))
        print(f"{name:18} {how:8} {seconds:6.2f} s ({least:.2f}..{most:.2f})  {memory:5.0f} MB")
    for how in ("headers", "compiled"):
        print(f"one more gate      {how:8} {median['two gates', how][0] - median['one gate', how][0]:6.2f} s")
    if options.clean:
        wall, user = clean_build(options.clean.resolve())
        print(f"clean build        2 jobs   {wall:6.0f} s, {user:.0f} s of processors")


if __name__ == "__main__":
    main()
