// SPDX-License-Identifier: Apache-2.0
// The services over a real socket, as containerd meets them.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "snapshotter/service/diff_service.h"
#include "snapshotter/service/server.h"
#include "snapshotter/service/snapshots_service.h"

namespace floe::snapshotter {
namespace {

namespace api = ::containerd::services::snapshots::v1;

class NoImages : public LowerProvider {
 public:
  absl::StatusOr<std::string> Acquire(const LowerRequest&) override {
    return absl::UnavailableError("no data plane");
  }
  absl::Status Release(const std::string&) override { return absl::OkStatus(); }
  absl::Status Recover(const std::vector<LowerRequest>&) override { return absl::OkStatus(); }
};

class NoStore : public LayerStore {
  absl::StatusOr<std::unique_ptr<LayerIngest>> Begin(const std::string& name_space,
                                                     const std::string&) override {
    return absl::PermissionDeniedError(absl::StrCat("namespace ", name_space));
  }
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    SnapshotterOptions options;
    options.root = root_;
    auto opened = Snapshotter::Open(options, images_, Clock::Real());
    ASSERT_TRUE(opened.ok()) << opened.status();
    snapshotter_ = *std::move(opened);
    service_ = std::make_unique<SnapshotsService>(*snapshotter_, runner_);
    auto server = GrpcServer::Start(socket_, {service_.get(), &diffs_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    channel_ = grpc::CreateChannel("unix://" + socket_, grpc::InsecureChannelCredentials());
    stub_ = api::Snapshots::NewStub(channel_);
  }
  void TearDown() override { server_->Stop(std::chrono::seconds(5)); }

  grpc::Status Prepare(const std::string& key, const std::string& parent = "") {
    api::PrepareSnapshotRequest request;
    request.set_snapshotter("whatever");
    request.set_key(key);
    request.set_parent(parent);
    (*request.mutable_labels())["l"] = "v";
    grpc::ClientContext context;
    return stub_->Prepare(&context, request, &prepared_);
  }
  grpc::Status Commit(const std::string& name, const std::string& key) {
    api::CommitSnapshotRequest request;
    request.set_name(name);
    request.set_key(key);
    google::protobuf::Empty response;
    grpc::ClientContext context;
    return stub_->Commit(&context, request, &response);
  }

  absl::StatusOr<TempDir> temporary_ = TempDir::Create();
  const std::string root_ = temporary_->path() + "/root";
  const std::string socket_ = temporary_->path() + "/run/s";
  Metrics metrics_;
  RpcRunner runner_{metrics_};
  NoImages images_;
  NoStore store_;
  Differ differ_{root_ + "/snapshots", store_};
  DiffService diffs_{differ_, runner_};
  std::unique_ptr<Snapshotter> snapshotter_;
  std::unique_ptr<SnapshotsService> service_;
  std::optional<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<api::Snapshots::Stub> stub_;
  api::PrepareSnapshotResponse prepared_;
};

TEST_F(ServiceTest, LifeOfASnapshot) {
  ASSERT_TRUE(Prepare("a").ok());
  ASSERT_EQ(prepared_.mounts_size(), 1);
  EXPECT_EQ(prepared_.mounts(0).type(), "bind");
  {
    api::MountsRequest request;
    request.set_key("a");
    api::MountsResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Mounts(&context, request, &response).ok());
    EXPECT_EQ(response.mounts(0).source(), prepared_.mounts(0).source());
  }
  ASSERT_TRUE(Commit("c", "a").ok());
  {
    api::ViewSnapshotRequest request;
    request.set_key("v");
    request.set_parent("c");
    api::ViewSnapshotResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->View(&context, request, &response).ok());
    EXPECT_EQ(response.mounts(0).options(0), "ro");
  }
  {
    api::UsageRequest request;
    request.set_key("c");
    api::UsageResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Usage(&context, request, &response).ok());
    EXPECT_EQ(response.inodes(), 1);
  }
  google::protobuf::Empty empty;
  for (const char* key : {"v", "c"}) {
    api::RemoveSnapshotRequest request;
    request.set_key(key);
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->Remove(&context, request, &empty).ok());
  }
  grpc::ClientContext context;
  EXPECT_TRUE(stub_->Cleanup(&context, api::CleanupRequest(), &empty).ok());
}

TEST_F(ServiceTest, StatAndUpdateCarryEveryField) {
  ASSERT_TRUE(Prepare("a").ok());
  api::StatSnapshotRequest stat;
  stat.set_key("a");
  api::StatSnapshotResponse found;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Stat(&context, stat, &found).ok());
  }
  EXPECT_EQ(found.info().name(), "a");
  EXPECT_EQ(found.info().kind(), api::ACTIVE);
  EXPECT_EQ(found.info().labels().at("l"), "v");
  EXPECT_GT(found.info().created_at().seconds(), 1600000000);
  EXPECT_EQ(found.info().created_at().nanos(), found.info().updated_at().nanos());
  api::UpdateSnapshotRequest update;
  update.mutable_info()->set_name("a");
  (*update.mutable_info()->mutable_labels())["m"] = "w";
  update.mutable_update_mask()->add_paths("labels.m");
  api::UpdateSnapshotResponse updated;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Update(&context, update, &updated).ok());
  }
  EXPECT_EQ(updated.info().labels().size(), 2u);
  update.mutable_update_mask()->add_paths("kind");
  grpc::ClientContext context;
  EXPECT_EQ(stub_->Update(&context, update, &updated).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServiceTest, ListStreamsInPieces) {
  for (int i = 0; i < 101; ++i) ASSERT_TRUE(Prepare(absl::StrCat("k", i)).ok());
  grpc::ClientContext context;
  const auto stream = stub_->List(&context, api::ListSnapshotsRequest());
  api::ListSnapshotsResponse message;
  std::vector<int> sizes;
  while (stream->Read(&message)) sizes.push_back(message.info_size());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(sizes, (std::vector<int>{100, 1}));
}

TEST_F(ServiceTest, ErrorsKeepCodeAndText) {
  const grpc::Status missing = Prepare("a", "nothing");
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(absl::StrContains(missing.error_message(), "nothing"));
  ASSERT_TRUE(Prepare("a").ok());
  EXPECT_EQ(Prepare("a").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Commit("a", "a").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  const std::string text = metrics_.Text();
  EXPECT_TRUE(absl::StrContains(
      text, "floe_snapshotter_rpc_errors_total{code=\"NOT_FOUND\",method=\"Prepare\"} 1"))
      << text;
  EXPECT_TRUE(absl::StrContains(text, "floe_snapshotter_rpc_seconds_count{method=\"Prepare\"} 3"));
}

TEST_F(ServiceTest, FloeImageWithoutDataPlaneIsUnavailable) {
  ASSERT_TRUE(Prepare("a").ok());
  const std::string floe = prepared_.mounts(0).source() + "/.floe";
  ASSERT_TRUE(MakeDirectories(floe).ok());
  ASSERT_TRUE(
      WriteFileAtomically(floe + "/manifest", AsBytes("FLOEMAN1"), 0644, Replace::kNo, Durable::kNo)
          .ok());
  ASSERT_TRUE(Commit("c", "a").ok());
  EXPECT_EQ(Prepare("b", "c").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServiceTest, DiffPassesNamespaceAndLeavesApplyToOthers) {
  namespace diff = ::containerd::services::diff::v1;
  const auto stub = diff::Diff::NewStub(channel_);
  diff::ApplyResponse applied;
  grpc::ClientContext apply_context;
  EXPECT_EQ(stub->Apply(&apply_context, diff::ApplyRequest(), &applied).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  ASSERT_TRUE(Prepare("a").ok());
  diff::DiffRequest request;
  *request.add_right() = prepared_.mounts(0);
  diff::DiffResponse response;
  grpc::ClientContext context;
  context.AddMetadata("containerd-namespace", "mine");
  const grpc::Status status = stub->Diff(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "namespace mine");
}

TEST_F(ServiceTest, SocketIsPrivateAndServedOnce) {
  struct stat st;
  ASSERT_EQ(stat(socket_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(GrpcServer::Start(socket_, {}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GrpcServer::Start("relative", {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GrpcServer::Start("/" + std::string(200, 'x'), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Rpc, EveryCodeHasItsPlace) {
  using absl::StatusCode;
  const auto code = [](StatusCode from) { return ToGrpc(absl::Status(from, "x")).error_code(); };
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(code(StatusCode::kDataLoss), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(code(StatusCode::kPermissionDenied), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(code(StatusCode::kDeadlineExceeded), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(code(StatusCode::kAborted), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(code(StatusCode::kResourceExhausted), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(code(StatusCode::kUnimplemented), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(code(StatusCode::kOutOfRange), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(code(StatusCode::kUnknown), grpc::StatusCode::INTERNAL);
}

TEST(Rpc, ExceptionsDoNotPass) {
  Metrics metrics;
  RpcRunner runner(metrics);
  const grpc::Status status =
      runner.Run("Prepare", []() -> absl::Status { throw std::runtime_error("boom"); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_TRUE(absl::StrContains(status.error_message(), "boom"));
}

}  // namespace
}  // namespace floe::snapshotter
