// SPDX-License-Identifier: Apache-2.0
// The content store against a small stand-in for containerd, with its manners: one answer a
// message, offsets checked, the stream kept open after COMMIT.
#include "snapshotter/diff/content_store.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/sha256.h"
#include "proto/containerd/services/content/v1/content.grpc.pb.h"
#include "proto/containerd/services/leases/v1/leases.grpc.pb.h"
#include "snapshotter/service/server.h"

namespace floe::snapshotter {
namespace {

namespace content = ::containerd::services::content::v1;
namespace leases = ::containerd::services::leases::v1;

std::string Header(const grpc::ServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return "";
  return std::string(found->second.data(), found->second.size());
}

class FakeContent final : public content::Content::Service {
 public:
  using Stream =
      grpc::ServerReaderWriter<content::WriteContentResponse, content::WriteContentRequest>;

  grpc::Status Write(grpc::ServerContext* context, Stream* stream) override {
    content::WriteContentRequest request;
    std::string bytes;
    while (stream->Read(&request)) {
      MutexLock lock(mutex);
      seen = absl::StrCat(Header(*context, "containerd-namespace"), " ",
                          absl::StartsWith(Header(*context, "containerd-lease"), "floe-diff-"));
      ref = request.ref();
      if (fail_writes && request.action() == content::WRITE) {
        return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "disk full");
      }
      if (request.offset() == 0) bytes.clear();
      if (request.offset() != static_cast<int64_t>(bytes.size()) &&
          request.action() != content::STAT) {
        return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "offset");
      }
      bytes += request.data();
      largest = std::max(largest, request.data().size());
      const std::string digest = absl::StrCat("sha256:", ToHex(Sha256::Of(AsBytes(bytes))));
      if (request.action() == content::COMMIT) {
        if (exists) return grpc::Status(grpc::StatusCode::ALREADY_EXISTS, "blob exists");
        blob = bytes;
        labels = {request.labels().begin(), request.labels().end()};
        total = request.total();
      }
      content::WriteContentResponse response;
      response.set_action(request.action());
      response.set_offset(static_cast<int64_t>(bytes.size()));
      response.set_digest(wrong_digest ? "sha256:0" : digest);
      stream->Write(response);
    }
    return grpc::Status::OK;
  }
  grpc::Status Abort(grpc::ServerContext*, const content::AbortRequest* request,
                     google::protobuf::Empty*) override {
    MutexLock lock(mutex);
    aborted = request->ref();
    return grpc::Status::OK;
  }
  grpc::Status Update(grpc::ServerContext*, const content::UpdateRequest* request,
                      content::UpdateResponse*) override {
    MutexLock lock(mutex);
    labels = {request->info().labels().begin(), request->info().labels().end()};
    return grpc::Status::OK;
  }

  Mutex mutex;
  std::string seen, ref, blob, aborted;
  Labels labels;
  int64_t total = 0;
  size_t largest = 0;
  bool exists = false, wrong_digest = false, fail_writes = false;
};

class FakeLeases final : public leases::Leases::Service {
 public:
  grpc::Status Create(grpc::ServerContext* context, const leases::CreateRequest* request,
                      leases::CreateResponse*) override {
    MutexLock lock(mutex);
    EXPECT_EQ(Header(*context, "containerd-namespace"), "ns");
    expires = request->labels().at("containerd.io/gc.expire");
    alive.insert(request->id());
    return grpc::Status::OK;
  }
  grpc::Status Delete(grpc::ServerContext*, const leases::DeleteRequest* request,
                      google::protobuf::Empty*) override {
    MutexLock lock(mutex);
    alive.erase(request->id());
    return grpc::Status::OK;
  }
  grpc::Status AddResource(grpc::ServerContext*, const leases::AddResourceRequest* request,
                           google::protobuf::Empty*) override {
    MutexLock lock(mutex);
    resource = absl::StrCat(request->resource().type(), " ", request->resource().id());
    return grpc::Status::OK;
  }
  Mutex mutex;
  std::set<std::string> alive;
  std::string expires, resource;
};

class ContentStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = GrpcServer::Start(socket_, {&content_, &leases_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }
  void TearDown() override { server_->Stop(std::chrono::seconds(5)); }

  absl::Status Put(const std::string& bytes, const std::string& ref = "") {
    FLOE_ASSIGN_OR_RETURN(const auto ingest, store_.Begin("ns", ref));
    FLOE_RETURN_IF_ERROR(ingest->Write(AsBytes(bytes)));
    return ingest->Commit(DigestOf(bytes), bytes.size(), {{"l", "v"}});
  }
  static std::string DigestOf(const std::string& bytes) {
    return absl::StrCat("sha256:", ToHex(Sha256::Of(AsBytes(bytes))));
  }

  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  const std::string socket_ = temporary_->path() + "/containerd.sock";
  FakeContent content_;
  FakeLeases leases_;
  std::optional<GrpcServer> server_;
  ContentStore store_{socket_};
};

TEST_F(ContentStoreTest, BlobIsWrittenUnderALeaseThatStays) {
  const std::string bytes(5'000'000, 'b');
  ASSERT_TRUE(Put(bytes).ok());
  EXPECT_EQ(content_.blob, bytes);
  EXPECT_EQ(content_.total, 5'000'000);
  EXPECT_LE(content_.largest, size_t{8} << 20);
  EXPECT_EQ(content_.labels, (Labels{{"l", "v"}}));
  EXPECT_EQ(content_.seen, "ns 1");
  EXPECT_EQ(leases_.alive.size(), 1u);  // until it expires: the client has yet to use the blob
  EXPECT_TRUE(absl::EndsWith(leases_.expires, "Z")) << leases_.expires;
  EXPECT_EQ(content_.aborted, "");
}

TEST_F(ContentStoreTest, EmptyBlobAndGivenRef) {
  ASSERT_TRUE(Put("", "the-ref").ok());
  EXPECT_EQ(content_.ref, "the-ref");
  EXPECT_EQ(content_.blob, "");
}

TEST_F(ContentStoreTest, BlobThatIsThereIsKeptAndLabelled) {
  content_.exists = true;
  ASSERT_TRUE(Put("abc").ok());
  EXPECT_EQ(leases_.resource, "content " + DigestOf("abc"));
  EXPECT_EQ(content_.labels, (Labels{{"l", "v"}}));
  EXPECT_EQ(leases_.alive.size(), 1u);
}

TEST_F(ContentStoreTest, AbandonedBlobLeavesNothing) {
  {
    const auto ingest = store_.Begin("ns", "");
    ASSERT_TRUE((*ingest)->Write(Bytes(3 << 20, 1)).ok());
  }
  EXPECT_TRUE(absl::StartsWith(content_.aborted, "floe-diff-"));
  EXPECT_TRUE(leases_.alive.empty());
  { const auto ingest = store_.Begin("ns", "given"); }
  EXPECT_TRUE(absl::StartsWith(content_.aborted, "floe-diff-"));  // not the caller's write
}

TEST_F(ContentStoreTest, ErrorsOfContainerdKeepCodeAndText) {
  content_.fail_writes = true;
  const absl::Status full = Put(std::string(2 << 20, 'x'));
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(full.message(), "disk full"));
  EXPECT_TRUE(leases_.alive.empty());
  content_.fail_writes = false;
  content_.wrong_digest = true;
  EXPECT_EQ(Put("abc").code(), absl::StatusCode::kDataLoss);
}

TEST_F(ContentStoreTest, NamespaceIsNeeded) {
  EXPECT_EQ(store_.Begin("", "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ContentStore, NobodyThereIsUnavailable) {
  ContentStore store("/nowhere/containerd.sock");
  EXPECT_EQ(store.Begin("ns", "").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace floe::snapshotter
