#include "neutra/io/memory_limit.hpp"

#include "tests/catch.hpp"
#include "tests/io/control_groups.hpp"

using namespace neutra;

namespace {

struct Root : ControlGroups {
  using ControlGroups::ControlGroups;
  std::uint64_t limit() const { return io::memory_limit(folder / ""); }
};

}  // namespace

TEST_CASE("memory limit: that of the machine where no group has a smaller one") {
  const std::uint64_t machine = io::memory_limit("/nowhere");
  CHECK(machine > 1'000'000);
  const Root root("0::/user.slice\n");
  CHECK(root.limit() == machine);
  root.put("sys/fs/cgroup/user.slice/memory.max", "max\n");
  CHECK(root.limit() == machine);
}

TEST_CASE("memory limit: the least of a group and those above it") {
  const Root root("0::/pod/container\n");
  root.put("sys/fs/cgroup/pod/container/memory.max", "900000\n");
  CHECK(root.limit() == 900000);
  root.put("sys/fs/cgroup/pod/memory.max", "800000\n");
  CHECK(root.limit() == 800000);
}

TEST_CASE("memory limit: a container that sees its group as the root, and control groups of version 1") {
  const Root rooted("0::/../../kubepods/pod1\n");
  rooted.put("sys/fs/cgroup/memory.max", "700000\n");
  CHECK(rooted.limit() == 700000);
  const Root first("12:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n");
  first.put("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "9223372036854771712\n");
  first.put("sys/fs/cgroup/cpu,cpuacct/docker/1/memory.limit_in_bytes", "5\n");
  CHECK(first.limit() == io::memory_limit("/nowhere"));
  first.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "600000\n");
  CHECK(first.limit() == 600000);
}
