#!/usr/bin/env python3
"""Compile time and memory of neutra.      compile_time.py [--compiler g++] [--rounds 5] [--flags=-march=native]

User time and peak memory of the compiler, medians over rounds in which all files take turns. Parsed only: a file of
standard headers, xsimd alone, and neutra/neutra.hpp. Optimised: examples/04_train. And the cost of one more gate in a
program that trains with a gate of its own.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        common = [options.compiler, "-std=c++20", "-fopenmp", "-ffp-contract=off", f"-I{ROOT / 'include'}", "-isystem", "/usr/include/eigen3", "-w"]
        common += options.flags.split()
        optimised = ["-O3", "-DNDEBUG", "-c", "-o", str(Path(folder) / "out.o")]
        measured = {name: [] for name in files(Path(folder))}
        for _ in range(options.rounds):
            for name, (path, parsed) in files(Path(folder)).items():
                measured[name].append(compile_once(common + (["-fsyntax-only"] if parsed else optimised) + [str(path)]))
    median = {name: tuple(statistics.median(values) for values in zip(*runs)) for name, runs in measured.items()}
    spread = {name: (min(r[0] for r in runs), max(r[0] for r in runs)) for name, runs in measured.items()}
    for name, (seconds, memory) in median.items():
        kind = "parsed" if name in ("standard headers", "xsimd", "neutra/neutra.hpp") else "-O3"
        print(f"{name:18} {kind:6} {seconds:6.2f} s ({spread[name][0]:.2f}..{spread[name][1]:.2f})  {memory:5.0f} MB")
    print(f"one more gate      -O3    {median['two gates'][0] - median['one gate'][0]:6.2f} s")


if __name__ == "__main__":
    main()
