#!/usr/bin/env python3
"""Compares a training step with PyTorch's, on one machine in one run.

    compare.py STEP [--against OTHER_STEP] [--models tiny,stories15M,small] [--modes adapter]
               [--precisions float,bf16] [--peers eager,default] [--threads N] [--rounds N] [--python PATH]
               [--preload LIB]

STEP is the built benchmarks/step. For each model, mode and precision, STEP and the peers are started once, run a few
steps each, and then take turns. A peer is PyTorch, eager or with a mode of torch.compile (default, max-autotune);
before PyTorch 2 there is only eager.

Printed: the median time in milliseconds; the ratio of the peer's time to ours, as the median over rounds with its
quartiles; the peak memory of steps beyond that of the process after start-up; and the differences between the losses
of the first and the last step.

--against compares with another build of step, for example of an earlier commit, instead of PyTorch.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WARM_UP = 4  # steps in which memory is allocated and code compiled


class Program:
    """A program that runs a step for every line of input."""

    def __init__(self, command, environment):
        self.command = command
        # without OPENBLAS_CORETYPE and the like: a forced core type halves its speed
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**inherited, **environment})
        self.answers = []

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"compare: {' '.join(self.command)} ended with status {self.process.wait()}; its message is above")
        self.answers.append(json.loads(line))

    def forget_peak(self):
        """Resets the peak, so that it covers steps but not start-up and compilation."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    def seconds(self):
        return [a["seconds"] for a in self.answers[WARM_UP:]]


def compare(options, model, mode, precision):
    threads = str(options.threads)
    pinned = {"OMP_NUM_THREADS": threads, "OMP_PROC_BIND": "close", "OMP_PLACES": "threads"}
    # keeps buffers in the process, on large pages: otherwise PyTorch frees them and faults them in again in every step
    torch_environment = {**pinned, "MALLOC_MMAP_THRESHOLD_": "8589934592", "MALLOC_TRIM_THRESHOLD_": "8589934592",
                         "MALLOC_TOP_PAD_": "67108864", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    if options.preload:
        torch_environment["LD_PRELOAD"] = options.preload
    with tempfile.TemporaryDirectory() as folder:
        ours = Program([options.step, "--model", model, "--mode", mode, "--precision", precision, "--threads", threads, "--peer", folder], pinned)
        ours.step()  # the folder is written
        peer = [options.python, str(Path(__file__).with_name("pytorch.py")), folder, "--mode", mode, "--precision", precision, "--threads", threads]
        if options.against:
            programs = {"neutra": ours, "other": Program([options.against, *ours.command[1:]], pinned)}
        else:
            programs = {"neutra": ours}
            for kind in options.peers:
                programs[kind] = Program(peer + ([] if kind == "eager" else ["--compile", kind]), torch_environment)
        for program in programs.values():
            while len(program.answers) < WARM_UP:
                program.step()
            program.forget_peak()
        for _ in range(options.rounds):
            for program in programs.values():
                program.step()
        for program in programs.values():
            program.stop()
    show(model, mode, precision, programs)


def show(model, mode, precision, programs):
    ours = programs["neutra"]
    for name, program in programs.items():
        ratios = [theirs / own for theirs, own in zip(program.seconds(), ours.seconds())]
        low, middle, high = statistics.quantiles(ratios, n=4)
        first, last = (abs(ours.answers[i]["loss"] - program.answers[i]["loss"]) / ours.answers[i]["loss"] for i in (0, -1))
        print(f"{model:10} {mode:8} {precision:6} {name:12} {1e3 * statistics.median(program.seconds()):8.1f} ms   {middle:5.2f} ({low:.2f}..{high:.2f}) "
              f"times ours   {program.answers[-1]['peak_mb']:6.0f} MB   losses apart {first:.0e}, {last:.0e}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("step")
    parser.add_argument("--against", help="another build of step, instead of PyTorch")
    words = lambda text: text.split(",")
    parser.add_argument("--models", type=words, default=["tiny", "stories15M", "small"])
    parser.add_argument("--modes", type=words, default=["adapter"])
    parser.add_argument("--precisions", type=words, default=["float", "bf16"])
    parser.add_argument("--peers", type=words, default=["eager", "default"], help="eager, or modes of torch.compile")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--preload", default="", help="an allocator for PyTorch, for example libtcmalloc_minimal.so.4")
    options = parser.parse_args()
    for model in options.models:
        for mode in options.modes:
            for precision in options.precisions:
                compare(options, model, mode, precision)


if __name__ == "__main__":
    main()
