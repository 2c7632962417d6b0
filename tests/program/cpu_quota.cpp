#include "neutra/program/cpu_quota.hpp"

#include "tests/catch.hpp"
#include "tests/io/control_groups.hpp"

using namespace neutra;

namespace {

struct Root : ControlGroups {
  using ControlGroups::ControlGroups;
  double quota() const { return program::cpu_quota(folder / ""); }
};

constexpr double unlimited = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("cpu quota: none where no group grants less than all") {
  CHECK(program::cpu_quota("/nowhere") == unlimited);
  const Root root("0::/user.slice\n");
  CHECK(root.quota() == unlimited);
  root.put("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  CHECK(root.quota() == unlimited);
}

TEST_CASE("cpu quota: the least of a group and those above it") {
  const Root root("0::/pod/container\n");
  root.put("sys/fs/cgroup/pod/container/cpu.max", "400000 100000\n");
  CHECK(root.quota() == 4);
  root.put("sys/fs/cgroup/pod/cpu.max", "150000 100000\n");
  CHECK(root.quota() == 1.5);
}

TEST_CASE("cpu quota: a container that sees its group as the root, under a path of the host") {
  const Root root("0::/../../kubepods/pod1\n");
  root.put("sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK(root.quota() == 0.5);
}

TEST_CASE("cpu quota: control groups of version 1") {
  const Root root("12:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n");
  root.put("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "-1\n");
  root.put("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n");
  CHECK(root.quota() == unlimited);
  root.put("sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "250000\n");
  CHECK(root.quota() == 2.5);
}
