#!/bin/sh
# tools/gpu_check on a machine without a device, and with a device, tests and a sanitizer that are scripts.
#     sh gpu_check.sh SOURCE SCRATCH
set -eu
check=$1/tools/gpu_check scratch=$2
rm -rf "$scratch"
mkdir -p "$scratch/none" "$scratch/device" "$scratch/binaries"
fail() {
  echo "gpu_check: $1" >&2
  exit 1
}
script() {
  printf '#!/bin/sh\n%s\n' "$2" >"$1"
  chmod +x "$1"
}

script "$scratch/none/nvidia-smi" 'exit 9'
status=0
PATH="$scratch/none:$PATH" sh "$check" >"$scratch/log" 2>&1 || status=$?
[ "$status" -eq 3 ] || fail "without a device the status is $status, not 3"
grep -q 'has no CUDA device' "$scratch/log" || fail "without a device it does not say so: $(cat "$scratch/log")"

script "$scratch/device/nvidia-smi" 'case $1 in *name*) echo "Device X/1" ;; *cap*) echo 9.0 ;; *) echo 1.2 ;; esac'
script "$scratch/device/compute-sanitizer" 'echo "sanitizer $2"'
status=0
PATH="$scratch/device:$PATH" sh "$check" --binaries "$scratch/binaries" >"$scratch/log" 2>&1 || status=$?
[ "$status" -eq 2 ] || fail "without the tests the status is $status, not 2"

script "$scratch/binaries/neutra_device_tests" 'echo "All tests passed"'
PATH="$scratch/device:$PATH" sh "$check" --binaries "$scratch/binaries" --out "$scratch/results.txt" >"$scratch/log" 2>&1 ||
  fail "tests that pass are a failure: $(cat "$scratch/log")"
for text in 'device     Device X/1, compute capability 90' 'commit' 'All tests passed' 'sanitizer memcheck' \
  'sanitizer racecheck' 'parts that failed: 0'; do
  grep -q "$text" "$scratch/results.txt" || fail "the results have no '$text': $(cat "$scratch/results.txt")"
done

script "$scratch/binaries/neutra_device_tests" 'exit 7'
status=0
PATH="$scratch/device:$PATH" sh "$check" --binaries "$scratch/binaries" --out "$scratch/results.txt" >"$scratch/log" 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "tests that fail give the status $status, not 1"
grep -q 'status 7' "$scratch/results.txt" || fail "the results do not have the status of the tests"
echo "gpu_check: as it says"
