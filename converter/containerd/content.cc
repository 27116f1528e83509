// SPDX-License-Identifier: Apache-2.0
#include "converter/containerd/content.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "oci/digest.h"
#include "oci/verifying_stream.h"

namespace floe::converter {
namespace {

constexpr size_t kMessageBytes = 1 << 20;  // containerd takes up to 8 MiB a message

class ContentStream : public ByteStream {
 public:
  ContentStream(std::shared_ptr<ContainerdConnection> connection, std::string name)
      : connection_(std::move(connection)), name_(std::move(name)) {}
  ~ContentStream() override {
    if (reader_ == nullptr || ended_) return;
    context_.TryCancel();
    while (reader_->Read(&answer_)) {
    }
    (void)reader_->Finish();
  }

  void Start(const std::string& digest) {
    connection_->Prepare(context_, ContainerdConnection::Deadline::kNo);
    content_v1::ReadContentRequest request;
    request.set_digest(digest);
    reader_ = connection_->content().Read(&context_, request);
  }

  absl::StatusOr<size_t> Read(MutableByteView out) override {
    while (position_ == answer_.data().size()) {
      if (ended_) return 0;
      if (connection_->options().cancel.cancelled()) return absl::CancelledError("cancelled");
      position_ = 0;
      if (reader_->Read(&answer_)) continue;
      answer_.Clear();
      ended_ = true;
      FLOE_RETURN_IF_ERROR(FromGrpc(reader_->Finish(), name_));
    }
    const size_t count = std::min(out.size(), answer_.data().size() - position_);
    std::memcpy(out.data(), answer_.data().data() + position_, count);
    position_ += count;
    return count;
  }

 private:
  const std::shared_ptr<ContainerdConnection> connection_;
  const std::string name_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderInterface<content_v1::ReadContentResponse>> reader_;
  content_v1::ReadContentResponse answer_;
  size_t position_ = 0;
  bool ended_ = false;
};

// One Write session. Its ref is ours alone, so that no other client's lock stands in the way.
class WriteSession {
 public:
  WriteSession(ContainerdConnection& connection, const oci::Descriptor& descriptor,
               absl::string_view name)
      : descriptor_(descriptor), name_(name) {
    connection.Prepare(context_, ContainerdConnection::Deadline::kNo);
    ref_ = absl::StrCat("floe-", connection.lease(), "-", descriptor.digest);
    session_ = connection.content().Write(&context_);
  }
  ~WriteSession() {
    if (finished_) return;
    context_.TryCancel();
    (void)End();
  }
  WriteSession(const WriteSession&) = delete;
  WriteSession& operator=(const WriteSession&) = delete;

  // The offset at which containerd goes on: above zero when another namespace has the blob.
  absl::StatusOr<uint64_t> Begin() {
    content_v1::WriteContentRequest request;
    request.set_action(content_v1::STAT);
    request.set_ref(ref_);
    request.set_total(static_cast<int64_t>(descriptor_.size));
    request.set_expected(descriptor_.digest);
    FLOE_RETURN_IF_ERROR(Exchange(request));
    return static_cast<uint64_t>(answer_.offset());
  }
  absl::Status Append(uint64_t offset, ByteView bytes) {
    content_v1::WriteContentRequest request;
    request.set_action(content_v1::WRITE);
    request.set_offset(static_cast<int64_t>(offset));
    request.set_data(bytes.data(), bytes.size());
    return Exchange(request);
  }
  absl::Status Commit(uint64_t offset, const ContentLabels& labels) {
    content_v1::WriteContentRequest request;
    request.set_action(content_v1::COMMIT);
    request.set_offset(static_cast<int64_t>(offset));
    request.set_total(static_cast<int64_t>(descriptor_.size));
    request.set_expected(descriptor_.digest);
    request.mutable_labels()->insert(labels.begin(), labels.end());
    FLOE_RETURN_IF_ERROR(Exchange(request));
    session_->WritesDone();
    return End();
  }

 private:
  absl::Status Exchange(const content_v1::WriteContentRequest& request) {
    if (session_->Write(request) && session_->Read(&answer_)) return absl::OkStatus();
    const absl::Status status = End();
    return status.ok() ? absl::UnavailableError(
                             absl::StrCat(name_, ": containerd ended the upload of ", ref_))
                       : status;
  }

  // gRPC gives the status only after the last message, and containerd sends its last one twice.
  absl::Status End() {
    finished_ = true;
    content_v1::WriteContentResponse rest;
    while (session_->Read(&rest)) {
    }
    return FromGrpc(session_->Finish(), name_);
  }

  const oci::Descriptor& descriptor_;
  const absl::string_view name_;
  std::string ref_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriterInterface<content_v1::WriteContentRequest,
                                                    content_v1::WriteContentResponse>>
      session_;
  content_v1::WriteContentResponse answer_;
  bool finished_ = false;
};

// Sends what lies beyond `have`; everything is read, so that everything is checked.
absl::Status SendAll(WriteSession& session, ByteStream& stream, uint64_t have) {
  Bytes buffer(kMessageBytes);
  uint64_t position = 0;
  while (true) {
    size_t used = 0;
    while (used < buffer.size()) {
      FLOE_ASSIGN_OR_RETURN(const size_t got, stream.Read(MutableByteView(buffer).subspan(used)));
      if (got == 0) break;
      used += got;
    }
    if (used == 0) return absl::OkStatus();
    const ByteView bytes = ByteView(buffer).first(used);
    const uint64_t end = position + used;
    if (end > have) {
      const size_t skipped = have > position ? static_cast<size_t>(have - position) : 0;
      FLOE_RETURN_IF_ERROR(session.Append(position + skipped, bytes.subspan(skipped)));
    }
    position = end;
  }
}

absl::Status WriteNew(ContainerdConnection& connection, const oci::Descriptor& descriptor,
                      ByteStream& stream, const ContentLabels& labels, absl::string_view name) {
  WriteSession session(connection, descriptor, name);
  FLOE_ASSIGN_OR_RETURN(const uint64_t have, session.Begin());
  oci::VerifyingStream checked(std::make_unique<oci::BorrowedStream>(stream), descriptor,
                               std::string(name));
  FLOE_RETURN_IF_ERROR(SendAll(session, checked, have));
  return session.Commit(descriptor.size, labels);
}

}  // namespace

absl::StatusOr<bool> HasContent(ContainerdConnection& connection, const oci::Descriptor& descriptor,
                                absl::string_view name) {
  FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name));
  grpc::ClientContext context;
  connection.Prepare(context);
  content_v1::InfoRequest request;
  request.set_digest(descriptor.digest);
  content_v1::InfoResponse answer;
  const absl::Status status = FromGrpc(connection.content().Info(&context, request, &answer), name);
  if (absl::IsNotFound(status)) return false;
  FLOE_RETURN_IF_ERROR(status);
  FLOE_RETURN_IF_ERROR(connection.Pin(descriptor.digest));
  return true;
}

absl::StatusOr<std::unique_ptr<ByteStream>> ReadContent(
    std::shared_ptr<ContainerdConnection> connection, const oci::Descriptor& descriptor,
    const std::string& name) {
  FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name));
  auto stream = std::make_unique<ContentStream>(std::move(connection),
                                                absl::StrCat(name, ": blob ", descriptor.digest));
  stream->Start(descriptor.digest);
  return stream;
}

absl::Status WriteContent(ContainerdConnection& connection, const oci::Descriptor& descriptor,
                          ByteStream& stream, const ContentLabels& labels, absl::string_view name) {
  FLOE_RETURN_IF_ERROR(oci::CheckDigest(descriptor.digest, name));
  const absl::Status status = WriteNew(connection, descriptor, stream, labels, name);
  if (!absl::IsAlreadyExists(status)) return status;
  return AddContentLabels(connection, descriptor.digest, labels, name);
}

absl::Status AddContentLabels(ContainerdConnection& connection, const std::string& digest,
                              const ContentLabels& labels, absl::string_view name) {
  if (labels.empty()) return absl::OkStatus();
  grpc::ClientContext context;
  connection.Prepare(context);
  content_v1::UpdateRequest request;
  request.mutable_info()->set_digest(digest);
  request.mutable_info()->mutable_labels()->insert(labels.begin(), labels.end());
  for (const auto& [key, value] : labels) {
    request.mutable_update_mask()->add_paths(absl::StrCat("labels.", key));
  }
  content_v1::UpdateResponse answer;
  return FromGrpc(connection.content().Update(&context, request, &answer),
                  absl::StrCat(name, ": labels of ", digest));
}

}  // namespace floe::converter
