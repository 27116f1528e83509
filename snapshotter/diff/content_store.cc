// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/diff/content_store.h"

#include <grpcpp/grpcpp.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "proto/containerd/services/content/v1/content.grpc.pb.h"
#include "proto/containerd/services/leases/v1/leases.grpc.pb.h"
#include "snapshotter/diff/differ.h"

namespace floe::snapshotter {
namespace {

namespace content = ::containerd::services::content::v1;
namespace leases = ::containerd::services::leases::v1;

constexpr size_t kMessageBytes = 1 << 20;  // containerd takes 8 MiB
constexpr int kMaxMessageBytes = 16 << 20;
constexpr std::chrono::seconds kCallPatience(10);
constexpr absl::Duration kLeaseLife = absl::Hours(1);

absl::Status FromGrpc(const grpc::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat("containerd: ", what, ": ", status.error_message()));
}

std::string RandomName() {
  uint8_t bytes[12];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::fill_n(bytes, sizeof bytes, 0);
  return absl::StrCat("floe-diff-", absl::ToUnixNanos(absl::Now()), "-", ToHex(bytes));
}

}  // namespace

struct ContainerdStubs {
  std::unique_ptr<content::Content::Stub> content;
  std::unique_ptr<leases::Leases::Stub> leases;
};

namespace {

// Names namespace and lease in each call, as containerd wants it.
struct Session {
  std::string name_space;
  std::string lease;

  void Prepare(grpc::ClientContext& context) const {
    context.AddMetadata("containerd-namespace", name_space);
    if (!lease.empty()) context.AddMetadata("containerd-lease", lease);
  }
  void PrepareShort(grpc::ClientContext& context) const {
    Prepare(context);
    context.set_deadline(std::chrono::system_clock::now() + kCallPatience);
  }
};

absl::Status CreateLease(leases::Leases::Stub& stub, const Session& session,
                         const std::string& id) {
  leases::CreateRequest request;
  request.set_id(id);
  (*request.mutable_labels())["containerd.io/gc.expire"] =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now() + kLeaseLife, absl::UTCTimeZone());
  leases::CreateResponse response;
  grpc::ClientContext context;
  session.PrepareShort(context);
  return FromGrpc(stub.Create(&context, request, &response), "create a lease");
}

class Ingest : public LayerIngest {
 public:
  Ingest(std::shared_ptr<ContainerdStubs> stubs, Session session, std::string ref, bool own_ref)
      : stubs_(std::move(stubs)),
        session_(std::move(session)),
        ref_(std::move(ref)),
        own_ref_(own_ref) {
    session_.Prepare(context_);
    stream_ = stubs_->content->Write(&context_);
  }

  ~Ingest() override {
    if (committed_) return;
    if (!finished_) {
      context_.TryCancel();
      stream_->Finish().error_code();
    }
    if (own_ref_) Abort();
    DropLease();
  }

  absl::Status Start() {
    content::WriteContentRequest request;
    request.set_action(content::STAT);
    request.set_ref(ref_);
    return Exchange(request).status();
  }

  absl::Status Write(ByteView bytes) override {
    while (!bytes.empty()) {
      const size_t length = std::min(bytes.size(), kMessageBytes - pending_.size());
      pending_.append(AsText(bytes).data(), length);
      bytes = bytes.subspan(length);
      if (pending_.size() == kMessageBytes) FLOE_RETURN_IF_ERROR(Send());
    }
    return absl::OkStatus();
  }

  absl::Status Commit(const std::string& digest, uint64_t size, const Labels& labels) override {
    FLOE_RETURN_IF_ERROR(Send());
    content::WriteContentRequest request;
    request.set_action(content::COMMIT);
    request.set_ref(ref_);
    request.set_offset(static_cast<int64_t>(offset_));
    request.set_total(static_cast<int64_t>(size));
    request.set_expected(digest);
    for (const auto& [key, value] : labels) (*request.mutable_labels())[key] = value;
    auto answer = Exchange(request);
    if (absl::IsAlreadyExists(answer.status())) {
      FLOE_RETURN_IF_ERROR(Adopt(digest, labels));
    } else {
      FLOE_RETURN_IF_ERROR(answer.status());
      if (answer->digest() != digest) {
        return absl::DataLossError(absl::StrCat("containerd stored ", answer->digest(), " where ",
                                                digest, " was written"));
      }
      // The blob is committed. containerd's server then keeps the stream open: waiting for its end
      // would last for ever.
      context_.TryCancel();
      stream_->Finish().error_code();
    }
    committed_ = true;
    return absl::OkStatus();
  }

 private:
  absl::Status Send() {
    if (pending_.empty()) return absl::OkStatus();
    content::WriteContentRequest request;
    request.set_action(content::WRITE);
    request.set_ref(ref_);
    request.set_offset(static_cast<int64_t>(offset_));
    const size_t length = pending_.size();
    request.set_data(std::move(pending_));
    pending_.clear();
    FLOE_ASSIGN_OR_RETURN(const auto answer, Exchange(request));
    offset_ += length;
    if (answer.offset() != static_cast<int64_t>(offset_)) {
      return absl::DataLossError(absl::StrCat("containerd is at byte ", answer.offset(),
                                              " of the layer instead of ", offset_));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<content::WriteContentResponse> Exchange(
      const content::WriteContentRequest& request) {
    content::WriteContentResponse response;
    if (stream_->Write(request) && stream_->Read(&response)) return response;
    finished_ = true;
    absl::Status status = FromGrpc(stream_->Finish(), absl::StrCat("write ", ref_));
    if (status.ok()) status = absl::UnavailableError("containerd ended the write early");
    return status;
  }

  // The blob was there: our lease keeps it, our labels are added.
  absl::Status Adopt(const std::string& digest, const Labels& labels) {
    {
      leases::AddResourceRequest request;
      request.set_id(session_.lease);
      request.mutable_resource()->set_id(digest);
      request.mutable_resource()->set_type("content");
      google::protobuf::Empty response;
      grpc::ClientContext context;
      session_.PrepareShort(context);
      FLOE_RETURN_IF_ERROR(
          FromGrpc(stubs_->leases->AddResource(&context, request, &response), "keep the layer"));
    }
    content::UpdateRequest request;
    request.mutable_info()->set_digest(digest);
    for (const auto& [key, value] : labels) {
      (*request.mutable_info()->mutable_labels())[key] = value;
      request.mutable_update_mask()->add_paths(absl::StrCat("labels.", key));
    }
    content::UpdateResponse response;
    grpc::ClientContext context;
    session_.PrepareShort(context);
    return FromGrpc(stubs_->content->Update(&context, request, &response), "label the layer");
  }

  void Abort() {
    content::AbortRequest request;
    request.set_ref(ref_);
    google::protobuf::Empty response;
    grpc::ClientContext context;
    session_.PrepareShort(context);
    const grpc::Status status = stubs_->content->Abort(&context, request, &response);
    if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) {
      Log(LogLevel::kWarning, "an unfinished layer stays in containerd's content store for a day",
          {{"ref", ref_}, {"reason", status.error_message()}});
    }
  }

  void DropLease() {
    leases::DeleteRequest request;
    request.set_id(session_.lease);
    google::protobuf::Empty response;
    grpc::ClientContext context;
    session_.PrepareShort(context);
    // It ends by itself otherwise.
    stubs_->leases->Delete(&context, request, &response).error_code();
  }

  const std::shared_ptr<ContainerdStubs> stubs_;
  const Session session_;
  const std::string ref_;
  const bool own_ref_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<content::WriteContentRequest, content::WriteContentResponse>>
      stream_;
  std::string pending_;
  uint64_t offset_ = 0;
  bool finished_ = false;
  bool committed_ = false;
};

}  // namespace

ContentStore::ContentStore(std::string address)
    : address_(std::move(address)), stubs_(std::make_shared<ContainerdStubs>()) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  const auto channel = grpc::CreateCustomChannel(absl::StrCat("unix://", address_),
                                                 grpc::InsecureChannelCredentials(), arguments);
  stubs_->content = content::Content::NewStub(channel);
  stubs_->leases = leases::Leases::NewStub(channel);
}

ContentStore::~ContentStore() = default;

absl::StatusOr<std::unique_ptr<LayerIngest>> ContentStore::Begin(const std::string& name_space,
                                                                 const std::string& ref) {
  if (name_space.empty()) {
    return absl::InvalidArgumentError("a diff needs a namespace (header containerd-namespace)");
  }
  Session session{name_space, ""};
  const std::string own = RandomName();
  if (absl::Status leased = CreateLease(*stubs_->leases, session, own); !leased.ok()) {
    return Annotate(leased, address_);
  }
  session.lease = own;
  auto ingest = std::make_unique<Ingest>(stubs_, session, ref.empty() ? own : ref, ref.empty());
  FLOE_RETURN_IF_ERROR(ingest->Start());
  return ingest;
}

}  // namespace floe::snapshotter
