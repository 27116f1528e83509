// SPDX-License-Identifier: Apache-2.0
#include "fusefs/fuse/image_fs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fusefs/fuse/init_exchange.h"
#include "test/unit/fusefs/fuse_wire.h"
#include "test/unit/fusefs/test_image.h"

namespace floe::fusefs {
namespace {

constexpr uint64_t kInode = 7;

// One image, "0a".
class FakeCatalog : public ImageCatalog {
 public:
  std::shared_ptr<const ServedImage> ByName(const std::string& name) const override {
    return name == image->name ? image : nullptr;
  }
  std::shared_ptr<const ServedImage> ByInode(uint64_t inode) const override {
    return inode == image->inode ? image : nullptr;
  }
  std::vector<std::shared_ptr<const ServedImage>> List() const override { return {image}; }
  absl::Status Opened(uint64_t inode, uint64_t handle) override {
    if (!fail.ok()) return fail;
    if (inode != image->inode) return absl::NotFoundError("no such image");
    handles.insert(handle);
    return absl::OkStatus();
  }
  void Released(uint64_t, uint64_t handle) override { handles.erase(handle); }

  std::shared_ptr<ServedImage> image = std::make_shared<ServedImage>();
  std::set<uint64_t> handles;
  absl::Status fail;
};

class ImageFsTest : public ::testing::Test {
 protected:
  ImageFsTest() {
    test_image_.AddTo(store_);
    clock_.Advance(Clock::Real().Now() - clock_.Now());  // the store looks at the real one
    catalog_.image->name = "0a";
    catalog_.image->label = "shop:1";
    catalog_.image->inode = kInode;
    catalog_.image->opened_at = clock_.Now();
    catalog_.image->reader = std::make_shared<ImageReader>(
        test_image_.manifest, std::make_shared<ChunkLoader>(memory_, inline_, timer_),
        std::make_shared<ChunkSource>(store_, 8), "shop:1");
    session_ = *Session::Start(kernel_.TakeDevice(), {1, {}},
                               [this](const FuseRequest& request, std::shared_ptr<Call> call) {
                                 fs_.Handle(request, std::move(call));
                               });
  }
  FakeReply Ask(uint32_t opcode, uint64_t node, ByteView body = {}) {
    kernel_.Send(opcode, unique_ += 2, node, body);
    FakeReply reply = kernel_.Receive();
    EXPECT_EQ(reply.unique, unique_);
    return reply;
  }
  template <typename T>
  FakeReply AskStruct(uint32_t opcode, uint64_t node, const T& in) {
    return Ask(opcode, node, ByteView(reinterpret_cast<const uint8_t*>(&in), sizeof in));
  }
  FakeReply Read(uint64_t offset, uint32_t size, uint64_t node = kInode) {
    struct fuse_read_in in = {};
    in.offset = offset;
    in.size = size;
    return AskStruct(FUSE_READ, node, in);
  }
  FakeReply Lookup(const std::string& name, uint64_t parent = 1) {
    kernel_.SendName(FUSE_LOOKUP, unique_ += 2, parent, name);
    return kernel_.Receive();
  }

  TestImage test_image_ = MakeTestImage({2, -3, 4});
  store::FakeChunkStore store_;
  store::MemoryTier memory_{1 << 20};
  InlineExecutor inline_;
  ManualTimer timer_;
  FakeClock clock_;
  Metrics metrics_;
  FakeCatalog catalog_;
  std::vector<std::pair<Bytes, Bytes>> saved_;
  absl::Status save_result_;
  ImageFs fs_{catalog_, inline_, clock_, metrics_, [this](ByteView request, ByteView reply) {
                saved_.emplace_back(Bytes(request.begin(), request.end()),
                                    Bytes(reply.begin(), reply.end()));
                return save_result_;
              }};
  FakeKernel kernel_;
  uint64_t unique_ = 0;
  std::unique_ptr<Session> session_;
};

TEST_F(ImageFsTest, InitIsSavedBeforeItIsAnswered) {
  struct fuse_init_in in = {};
  in.major = 7;
  in.minor = 40;
  in.flags = FUSE_MAX_PAGES;
  const FakeReply reply = AskStruct(FUSE_INIT, 0, in);
  ASSERT_EQ(saved_.size(), 1u);
  EXPECT_EQ(Bytes(saved_[0].second.begin() + sizeof(fuse_out_header), saved_[0].second.end()),
            reply.body);
  EXPECT_TRUE(CheckTakeover({saved_[0].first, saved_[0].second}).ok());
  save_result_ = absl::UnavailableError("no keeper");
  EXPECT_EQ(AskStruct(FUSE_INIT, 0, in).error, EIO);
  in.major = 6;
  EXPECT_EQ(AskStruct(FUSE_INIT, 0, in).error, EPROTO);
}

TEST_F(ImageFsTest, LooksUpAndDescribes) {
  const auto entry = Lookup("0a").As<fuse_entry_out>();
  EXPECT_EQ(entry.nodeid, kInode);
  EXPECT_EQ(entry.attr.size, test_image_.bytes.size());
  EXPECT_EQ(entry.attr.mode, uint32_t{S_IFREG | 0400});
  EXPECT_EQ(entry.entry_valid, 0u);
  EXPECT_EQ(Lookup("0b").error, ENOENT);
  EXPECT_EQ(Lookup("0a", kInode).error, ENOENT);
  EXPECT_EQ(Ask(FUSE_GETATTR, kInode).As<fuse_attr_out>().attr.size, test_image_.bytes.size());
  EXPECT_EQ(Ask(FUSE_GETATTR, 1).As<fuse_attr_out>().attr.mode, uint32_t{S_IFDIR | 0500});
  EXPECT_EQ(Ask(FUSE_GETATTR, 99).error, ESTALE);
}

TEST_F(ImageFsTest, OpensForReadingOnlyWithoutASecondCache) {
  const FakeReply reply = AskStruct(FUSE_OPEN, kInode, fuse_open_in{O_RDONLY, 0});
  const auto out = reply.As<fuse_open_out>();
  EXPECT_EQ(out.open_flags & FOPEN_DIRECT_IO, uint32_t{FOPEN_DIRECT_IO});
  EXPECT_EQ(catalog_.handles, std::set<uint64_t>{out.fh});
  EXPECT_EQ(AskStruct(FUSE_OPEN, kInode, fuse_open_in{O_RDWR, 0}).error, EROFS);
  EXPECT_EQ(AskStruct(FUSE_OPEN, 99, fuse_open_in{O_RDONLY, 0}).error, ESTALE);
  struct fuse_release_in release = {};
  release.fh = out.fh;
  EXPECT_EQ(AskStruct(FUSE_RELEASE, kInode, release).error, 0);
  EXPECT_TRUE(catalog_.handles.empty());
  catalog_.fail = absl::UnavailableError("no keeper");
  EXPECT_EQ(AskStruct(FUSE_OPEN, kInode, fuse_open_in{O_RDONLY, 0}).error, EIO);
}

// The kernel marks a request that it sends again in the highest bit of its number.
TEST_F(ImageFsTest, AnOpenSentAgainIsTheSameOpen) {
  kernel_.SendStruct(FUSE_OPEN, 50, kInode, fuse_open_in{O_RDONLY, 0});
  const uint64_t first = kernel_.Receive().As<fuse_open_out>().fh;
  kernel_.SendStruct(FUSE_OPEN, 50 | uint64_t{1} << 63, kInode, fuse_open_in{O_RDONLY, 0});
  const FakeReply again = kernel_.Receive();
  EXPECT_EQ(again.unique, 50 | uint64_t{1} << 63);
  EXPECT_EQ(again.As<fuse_open_out>().fh, first);
  EXPECT_EQ(catalog_.handles.size(), 1u);
}

TEST_F(ImageFsTest, ReadsAreWholeOrAnError) {
  const size_t size = test_image_.bytes.size();
  EXPECT_EQ(Read(0, 36864).body, test_image_.bytes);
  EXPECT_EQ(Read(0, 1 << 20).body, test_image_.bytes);  // to the end of the file
  EXPECT_EQ(Read(4096, 20480).body,
            Bytes(test_image_.bytes.begin() + 4096, test_image_.bytes.begin() + 24576));
  EXPECT_TRUE(Read(size, 4096).body.empty());
  EXPECT_TRUE(Read(uint64_t{1} << 60, 4096).body.empty());
  EXPECT_EQ(Read(0, 64 << 20).error, EINVAL);
  EXPECT_EQ(Read(0, 4096, 99).error, ESTALE);
  EXPECT_EQ(Read(0, 4096, 1).error, EISDIR);
  EXPECT_EQ(Ask(FUSE_READ, kInode, Bytes{1, 2}).error, EINVAL);
}

TEST_F(ImageFsTest, AMissingChunkIsEioForTheWholeReadAndHeals) {
  store_.Remove(test_image_.sealed[1].ref.id);
  const FakeReply failed = Read(0, 36864);
  EXPECT_EQ(failed.error, EIO);
  EXPECT_TRUE(failed.body.empty());
  EXPECT_EQ(Read(0, 8192).error, 0);
  store_.Add(test_image_.sealed[1].sealed);
  EXPECT_EQ(Read(0, 36864).body, test_image_.bytes);
  EXPECT_EQ(
      metrics_.GetCounter("floe_fuse_read_errors_total", "", {{"reason", "NOT_FOUND"}}).value(), 1);
}

TEST_F(ImageFsTest, AnInterruptedReadHarmsNobodyElse) {
  store_.Hold();
  struct fuse_read_in in = {};
  in.size = 4096;
  kernel_.SendStruct(FUSE_READ, 100, kInode, in);
  kernel_.SendStruct(FUSE_READ, 102, kInode, in);
  kernel_.SendStruct(FUSE_INTERRUPT, 101, 0, fuse_interrupt_in{100});
  const FakeReply interrupted = kernel_.Receive();
  EXPECT_EQ(interrupted.unique, 100u);
  EXPECT_EQ(interrupted.error, EINTR);
  store_.Release();
  const FakeReply other = kernel_.Receive();
  EXPECT_EQ(other.unique, 102u);
  EXPECT_EQ(other.body.size(), 4096u);
  EXPECT_TRUE(kernel_.Silent());
}

TEST_F(ImageFsTest, AStartIsAStartForAWhile) {
  Read(0, 4096);
  EXPECT_EQ(store_.last_options().request_class, store::RequestClass::kStart);
  clock_.Advance(std::chrono::minutes(1));
  Read(5 * 4096, 4096);
  EXPECT_EQ(store_.last_options().request_class, store::RequestClass::kRunning);
  EXPECT_EQ(store_.last_options().deadline, clock_.Now() + std::chrono::seconds(50));
}

TEST_F(ImageFsTest, ListsItsDirectory) {
  struct fuse_read_in in = {};
  in.size = 4096;
  const FakeReply all = AskStruct(FUSE_READDIR, 1, in);
  EXPECT_NE(AsText(all.body).find("0a"), absl::string_view::npos);
  in.offset = 3;
  EXPECT_TRUE(AskStruct(FUSE_READDIR, 1, in).body.empty());
  in.offset = 0;
  in.size = 40;  // room for one entry
  const FakeReply one = AskStruct(FUSE_READDIR, 1, in);
  EXPECT_EQ(one.As<fuse_dirent>().off, 1u);
  EXPECT_LE(one.body.size(), 40u);
  EXPECT_EQ(AskStruct(FUSE_READDIR, kInode, in).error, ENOTDIR);
}

TEST_F(ImageFsTest, NothingCanBeChanged) {
  for (const uint32_t opcode : {FUSE_SETATTR, FUSE_MKDIR, FUSE_UNLINK, FUSE_WRITE, FUSE_CREATE,
                                FUSE_RENAME2, FUSE_SETXATTR, FUSE_FALLOCATE}) {
    EXPECT_EQ(Ask(opcode, kInode).error, EROFS) << opcode;
  }
  for (const uint32_t opcode : {FUSE_GETXATTR, FUSE_FLUSH, FUSE_IOCTL, FUSE_LSEEK}) {
    EXPECT_EQ(Ask(opcode, kInode).error, ENOSYS) << opcode;
  }
  for (const uint32_t opcode : {FUSE_OPENDIR, FUSE_RELEASEDIR, FUSE_ACCESS, FUSE_STATFS}) {
    EXPECT_EQ(Ask(opcode, 1).error, 0) << opcode;
  }
}

TEST_F(ImageFsTest, ForgetsWantNoAnswer) {
  kernel_.SendStruct(FUSE_FORGET, 60, kInode, fuse_forget_in{1});
  EXPECT_EQ(Ask(FUSE_GETATTR, 1).error, 0);
  EXPECT_TRUE(kernel_.Silent());
}

}  // namespace
}  // namespace floe::fusefs
