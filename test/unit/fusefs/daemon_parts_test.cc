// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "base/file.h"
#include "fusefs/daemon.h"
#include "fusefs/daemon/floe_mounts.h"
#include "fusefs/daemon/image_record.h"
#include "fusefs/daemon/node_key.h"
#include "fusefs/daemon/privileges.h"
#include "fusefs/fuse/errno_table.h"

namespace floe::fusefs {
namespace {

TEST(ErrnoTableTest, EveryCodeIsAnError) {
  for (int code = 1; code <= 16; ++code) {
    EXPECT_GT(ErrnoOf(absl::Status(static_cast<absl::StatusCode>(code), "x")), 0) << code;
  }
  EXPECT_EQ(ErrnoOf(absl::NotFoundError("chunk")), EIO);
  EXPECT_EQ(ErrnoOf(absl::DataLossError("chunk")), EIO);
  EXPECT_EQ(ErrnoOf(absl::CancelledError("")), EINTR);
}

TEST(ImageRecordTest, ComesBackAndRefusesGarbage) {
  ImageRecord record{42, {}, "shop:1", true, {7, 9}};
  record.manifest.bytes.fill(3);
  const Bytes blob = EncodeImageRecord(record);
  const auto back = DecodeImageRecord(blob);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->inode, 42u);
  EXPECT_EQ(back->manifest, record.manifest);
  EXPECT_EQ(back->label, "shop:1");
  EXPECT_TRUE(back->closing);
  EXPECT_EQ(back->handles, record.handles);
  for (size_t length = 0; length < blob.size(); ++length) {
    EXPECT_FALSE(DecodeImageRecord(ByteView(blob).first(length)).ok()) << length;
  }
  Bytes newer = blob;
  newer[0] = 2;
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeImageRecord(newer).status()));
  Bytes flagged = blob;
  flagged[4] = 4;
  EXPECT_FALSE(DecodeImageRecord(flagged).ok());
}

TEST(FileKeyTest, IsSealedAndComesBack) {
  const Secret key = Secret::Copy(Bytes(32, 5));
  const auto fd = SealFileKey(key);
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(ReadFileKey(fd->get())->Equals(key));
  EXPECT_LT(pwrite(fd->get(), "x", 1, 0), 0);
  EXPECT_NE(ftruncate(fd->get(), 0), 0);
  EXPECT_FALSE(ReadFileKey(open("/dev/null", O_RDONLY)).ok());
}

TEST(NodeKeyTest, IsMadeOnceAndKept) {
  const TempDir dir = *TempDir::Create();
  const auto first = LoadNodeKey(dir.path());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->size(), 32u);
  EXPECT_TRUE(LoadNodeKey(dir.path())->Equals(*first));
  struct stat st;
  ASSERT_EQ(stat((dir.path() + "/disk-tier.key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  std::ofstream(dir.path() + "/disk-tier.key") << "damaged";
  EXPECT_TRUE(absl::IsFailedPrecondition(LoadNodeKey(dir.path()).status()));
  EXPECT_FALSE(LoadNodeKey("/nonexistent").ok());
}

constexpr char kMountInfo[] =
    "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 21 0:40 / /var/lib/floe/mounts/1 ro,nosuid - erofs /proc/self/fd/7/0a ro\n"
    "31 21 0:41 / /run/c/rootfs rw - overlay overlay "
    "rw,lowerdir=/var/lib/floe/mounts/1,upperdir=/u,workdir=/w\n"
    "32 21 0:42 / /other rw - overlay overlay rw,lowerdir=/etc:/usr,upperdir=/u2,workdir=/w2\n"
    "33 21 7:0 / /snap ro - erofs /dev/loop0 ro\n"
    "34 21 0:43 / /raw ro shared:5 - fuse floe rw,user_id=0\n"
    "35 21 0:44 / /sshfs ro - fuse.sshfs host: rw\n"
    "garbage\n";

TEST(FloeMountsTest, KnowsItsOwnAndWhatStandsOnThem) {
  EXPECT_FALSE(IsFloeMount(kMountInfo, 21));
  EXPECT_TRUE(IsFloeMount(kMountInfo, 30));
  EXPECT_TRUE(IsFloeMount(kMountInfo, 31));
  EXPECT_FALSE(IsFloeMount(kMountInfo, 32));
  EXPECT_FALSE(IsFloeMount(kMountInfo, 33));
  EXPECT_TRUE(IsFloeMount(kMountInfo, 34));
  EXPECT_FALSE(IsFloeMount(kMountInfo, 35));
  EXPECT_FALSE(IsFloeMount(kMountInfo, 99));
}

TEST(FloeMountsTest, OrdinaryPlacesAreFine) {
  EXPECT_TRUE(RefuseFloeMount("/tmp", "cache").ok());
  EXPECT_TRUE(RefuseFloeMount("/tmp/not/there/yet", "cache").ok());
  EXPECT_TRUE(RefuseFloeMount("/proc/self/exe", "program").ok());
}

TEST(PrivilegesTest, UsersByNameAndNumber) {
  EXPECT_EQ(FindUser("1234")->uid, 1234u);
  EXPECT_EQ(FindUser("root")->uid, 0u);
  EXPECT_TRUE(FindUser(kDefaultUser).ok());
  EXPECT_TRUE(absl::IsNotFound(FindUser("no-such-user").status()));
}

TEST(PrivilegesTest, NothingIsLeftAfterwards) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const pid_t child = fork();
  if (child == 0) {
    RaiseLimits();
    if (!DropPrivileges({12345, 12345}).ok()) _exit(1);
    if (getuid() != 12345 || getegid() != 12345) _exit(2);
    if (setuid(0) == 0 || open("/etc/shadow", O_RDONLY) >= 0) _exit(3);
    if (DropPrivileges({54321, 54321}).ok()) _exit(4);  // not root any more
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

absl::Status ReadInto(DaemonOptions& options, absl::string_view text) {
  FLOE_ASSIGN_OR_RETURN(const Config config, Config::Parse(text, "floe.toml"));
  FLOE_RETURN_IF_ERROR(options.Read(config));
  return options.Validate();
}

TEST(DaemonOptionsTest, DefaultsAreValid) { EXPECT_TRUE(DaemonOptions().Validate().ok()); }

TEST(DaemonOptionsTest, TakesTheFile) {
  DaemonOptions options;
  ASSERT_TRUE(ReadInto(options, R"(
[store]
address = "folder:/srv/floe"
id = "000102030405060708090a0b0c0d0e0f"
[fusefs]
cache_bytes = "2 GiB"
memory_bytes = "64 MiB"
free_share = 0.3
read_deadline = "5s"
metrics = "127.0.0.1:9100"
[log]
level = "debug"
)")
                  .ok());
  EXPECT_EQ(options.tiers.store_address, "folder:/srv/floe");
  EXPECT_EQ(options.tiers.store_id->back(), 15);
  EXPECT_EQ(options.tiers.cache_bytes, uint64_t{2} << 30);
  EXPECT_EQ(options.fs.read_deadline, std::chrono::seconds(5));
  EXPECT_EQ(options.Level(), LogLevel::kDebug);
}

TEST(DaemonOptionsTest, RefusesWhatCannotBe) {
  for (const char* text :
       {"[fusefs]\nread_deadline = \"2m\"", "[fusefs]\ncache_bytes = \"1 MiB\"",
        "[fusefs]\ncache_dir = \"relative\"", "[fusefs]\nno_such = 1", "[store]\nid = \"12\"",
        "[fusefs]\nfree_share = 1.5", "[fusefs]\nfuse_threads = 0"}) {
    DaemonOptions options;
    EXPECT_TRUE(absl::IsInvalidArgument(ReadInto(options, text))) << text;
  }
}

}  // namespace
}  // namespace floe::fusefs
