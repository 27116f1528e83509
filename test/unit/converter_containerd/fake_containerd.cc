// SPDX-License-Identifier: Apache-2.0
#include "test/unit/converter_containerd/fake_containerd.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "oci/digest.h"

namespace floe::fake {
namespace {

using Result = grpc::Status;  // "Status" is an rpc of Content
using grpc::StatusCode;

std::string HeaderOf(const grpc::ServerContext& context, const char* name) {
  const auto it = context.client_metadata().find(name);
  return it == context.client_metadata().end() ? ""
                                               : std::string(it->second.data(), it->second.size());
}

// What every call but the making of a lease must carry.
void Note(ContainerdState& state, const grpc::ServerContext& context, bool lease_needed = true) {
  MutexLock lock(state.mutex);
  state.namespaces.insert(HeaderOf(context, "containerd-namespace"));
  if (lease_needed && state.leases.count(HeaderOf(context, "containerd-lease")) == 0) {
    ++state.calls_without_lease;
  }
}

class ContentService : public content::Content::Service {
 public:
  explicit ContentService(ContainerdState& state) : state_(state) {}

  Result Info(grpc::ServerContext* context, const content::InfoRequest* request,
              content::InfoResponse* answer) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    const auto it = state_.blobs.find(request->digest());
    if (it == state_.blobs.end()) return Result(StatusCode::NOT_FOUND, "content: not found");
    answer->mutable_info()->set_digest(request->digest());
    answer->mutable_info()->set_size(static_cast<int64_t>(it->second.bytes.size()));
    return Result::OK;
  }

  Result Update(grpc::ServerContext* context, const content::UpdateRequest* request,
                content::UpdateResponse*) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    const auto it = state_.blobs.find(request->info().digest());
    if (it == state_.blobs.end()) return Result(StatusCode::NOT_FOUND, "content: not found");
    for (absl::string_view path : request->update_mask().paths()) {
      if (!absl::ConsumePrefix(&path, "labels.")) return Result(StatusCode::INVALID_ARGUMENT, "");
      it->second.labels[std::string(path)] = request->info().labels().at(std::string(path));
    }
    return Result::OK;
  }

  Result Read(grpc::ServerContext* context, const content::ReadContentRequest* request,
              grpc::ServerWriter<content::ReadContentResponse>* writer) override {
    Note(state_, *context);
    std::string bytes;
    {
      MutexLock lock(state_.mutex);
      const auto it = state_.blobs.find(request->digest());
      if (it == state_.blobs.end()) return Result(StatusCode::NOT_FOUND, "content: not found");
      bytes = it->second.bytes;
    }
    for (size_t at = 0; at < bytes.size(); at += 300'000) {
      content::ReadContentResponse part;
      part.set_offset(static_cast<int64_t>(at));
      part.set_data(bytes.substr(at, 300'000));
      if (!writer->Write(part)) break;
    }
    return Result::OK;
  }

  Result Write(grpc::ServerContext* context,
               grpc::ServerReaderWriter<content::WriteContentResponse,
                                        content::WriteContentRequest>* session) override {
    Note(state_, *context);
    content::WriteContentRequest request;
    content::WriteContentResponse answer;
    if (!session->Read(&request) || request.ref().empty()) {
      return Result(StatusCode::INVALID_ARGUMENT, "first message must have a reference");
    }
    std::string bytes;
    {
      MutexLock lock(state_.mutex);
      if (state_.blobs.count(request.expected())) {
        return Result(StatusCode::ALREADY_EXISTS, "content exists");
      }
      const auto it = state_.shared.find(request.expected());
      if (it != state_.shared.end()) bytes = it->second;
    }
    do {
      const Result status = Take(request, bytes);
      if (!status.ok()) return status;
      answer.set_action(request.action());
      answer.set_offset(static_cast<int64_t>(bytes.size()));
      session->Write(answer);
    } while (request.action() != content::COMMIT && session->Read(&request));
    session->Write(answer);
    return Result::OK;
  }

 private:
  Result Take(const content::WriteContentRequest& request, std::string& bytes) {
    MutexLock lock(state_.mutex);
    state_.longest_message = std::max(state_.longest_message, request.data().size());
    if (request.action() == content::STAT) return Result::OK;
    if (request.offset() == 0) bytes.clear();
    if (request.offset() != static_cast<int64_t>(bytes.size())) {
      return Result(StatusCode::OUT_OF_RANGE, "must occur at current offset");
    }
    bytes += request.data();
    if (request.action() != content::COMMIT) return Result::OK;
    if (oci::DigestOf(AsBytes(bytes)) != request.expected() ||
        static_cast<int64_t>(bytes.size()) != request.total()) {
      return Result(StatusCode::FAILED_PRECONDITION, "unexpected commit digest");
    }
    state_.blobs[request.expected()] = {bytes, {request.labels().begin(), request.labels().end()}};
    return Result::OK;
  }

  ContainerdState& state_;
};

class ImagesService : public images::Images::Service {
 public:
  explicit ImagesService(ContainerdState& state) : state_(state) {}

  Result Get(grpc::ServerContext* context, const images::GetImageRequest* request,
             images::GetImageResponse* answer) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    const auto it = state_.images.find(request->name());
    if (it == state_.images.end()) return Result(StatusCode::NOT_FOUND, "image: not found");
    *answer->mutable_image() = it->second;
    return Result::OK;
  }
  Result Create(grpc::ServerContext* context, const images::CreateImageRequest* request,
                images::CreateImageResponse*) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    const bool made = state_.images.emplace(request->image().name(), request->image()).second;
    return made ? Result::OK : Result(StatusCode::ALREADY_EXISTS, "image: already exists");
  }
  Result Update(grpc::ServerContext* context, const images::UpdateImageRequest* request,
                images::UpdateImageResponse*) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    if (request->update_mask().paths_size() != 1 || request->update_mask().paths(0) != "target") {
      return Result(StatusCode::INVALID_ARGUMENT, "mask");
    }
    *state_.images[request->image().name()].mutable_target() = request->image().target();
    return Result::OK;
  }

 private:
  ContainerdState& state_;
};

class LeasesService : public leases::Leases::Service {
 public:
  explicit LeasesService(ContainerdState& state) : state_(state) {}

  Result Create(grpc::ServerContext* context, const leases::CreateRequest* request,
                leases::CreateResponse* answer) override {
    Note(state_, *context, false);
    MutexLock lock(state_.mutex);
    state_.leases[request->id()] = request->labels().at("containerd.io/gc.expire");
    ++state_.leases_made;
    answer->mutable_lease()->set_id(request->id());
    return Result::OK;
  }
  Result Delete(grpc::ServerContext* context, const leases::DeleteRequest* request,
                google::protobuf::Empty*) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    state_.leases.erase(request->id());
    return Result::OK;
  }
  Result AddResource(grpc::ServerContext* context, const leases::AddResourceRequest* request,
                     google::protobuf::Empty*) override {
    Note(state_, *context);
    MutexLock lock(state_.mutex);
    if (request->resource().type() != "content") return Result(StatusCode::UNIMPLEMENTED, "");
    state_.pinned.insert(request->resource().id());
    return Result::OK;
  }

 private:
  ContainerdState& state_;
};

}  // namespace

Containerd::Containerd()
    : folder_(*TempDir::Create()),
      socket_(folder_.path() + "/containerd.sock"),
      content_(std::make_unique<ContentService>(state_)),
      images_(std::make_unique<ImagesService>(state_)),
      leases_(std::make_unique<LeasesService>(state_)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("unix:", socket_), grpc::InsecureServerCredentials());
  builder.RegisterService(content_.get());
  builder.RegisterService(images_.get());
  builder.RegisterService(leases_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) abort();
}

Containerd::~Containerd() { server_->Shutdown(); }

void Containerd::AddBlob(const oci::Descriptor& descriptor, absl::string_view bytes) {
  MutexLock lock(state_.mutex);
  state_.blobs[descriptor.digest].bytes = std::string(bytes);
}

void Containerd::AddImage(const std::string& name, const oci::Descriptor& target) {
  MutexLock lock(state_.mutex);
  images::Image& image = state_.images[name];
  image.set_name(name);
  (*image.mutable_labels())["mine"] = "1";
  image.mutable_target()->set_media_type(target.media_type);
  image.mutable_target()->set_digest(target.digest);
  image.mutable_target()->set_size(static_cast<int64_t>(target.size));
}

}  // namespace floe::fake
