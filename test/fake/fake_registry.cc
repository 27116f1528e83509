// SPDX-License-Identifier: Apache-2.0
#include "test/fake/fake_registry.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "oci/digest.h"

namespace floe::fake {
namespace {

ServerAnswer Error(int status, const std::string& code) {
  return {status,
          {{"Content-Type", "application/json"}},
          absl::StrCat("{\"errors\":[{\"code\":\"", code, "\",\"message\":\"no\\u0007good\"}]}"),
          {},
          {}};
}

std::string PositionOf(const std::string& bytes) {
  return absl::StrCat("0-", bytes.empty() ? 0 : bytes.size() - 1);
}

}  // namespace

std::string QueryValue(const std::string& query, const std::string& name) {
  for (const absl::string_view part : absl::StrSplit(query, '&')) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.first != name) continue;
    std::string value;
    for (size_t i = 0; i < pair.second.size(); ++i) {
      if (pair.second[i] == '%') {
        value += static_cast<char>(std::stoi(pair.second.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        value += pair.second[i];
      }
    }
    return value;
  }
  return "";
}

Registry::Registry(Hook hook)
    : hook_(std::move(hook)),
      server_([this](const ServerRequest& request) { return Handle(request); }) {}

oci::Descriptor Registry::AddBlob(absl::string_view media_type, absl::string_view bytes) {
  const oci::Descriptor descriptor = oci::DescribeBytes(media_type, AsBytes(bytes));
  blobs[descriptor.digest] = std::string(bytes);
  return descriptor;
}

void Registry::AddManifest(const std::string& repository, const std::string& tag,
                           const oci::Descriptor& descriptor, absl::string_view bytes) {
  for (const std::string& name : {tag, descriptor.digest}) {
    if (name.empty()) continue;
    manifests[absl::StrCat(repository, "/", name)] = {descriptor.media_type, std::string(bytes)};
  }
}

ServerAnswer Registry::Handle(const ServerRequest& request) {
  if (hook_) {
    std::optional<ServerAnswer> answer = hook_(request);
    if (answer) return *std::move(answer);
  }
  for (const char* middle : {"/blobs/uploads/", "/blobs/", "/manifests/"}) {
    const size_t at = request.path.find(middle);
    if (at == std::string::npos || at < 4) continue;
    const std::string repository = request.path.substr(4, at - 4);  // after "/v2/"
    const std::string rest = request.path.substr(at + strlen(middle));
    if (middle == absl::string_view("/blobs/")) return Blob(request, rest);
    if (middle == absl::string_view("/blobs/uploads/")) return Upload(request, repository);
    return ManifestOf(request, absl::StrCat(repository, "/", rest));
  }
  return Error(404, "UNSUPPORTED");
}

ServerAnswer Registry::Blob(const ServerRequest& request, const std::string& digest) {
  const auto it = blobs.find(digest);
  if (it == blobs.end()) return Error(404, "BLOB_UNKNOWN");
  const auto range = request.headers.find("range");
  if (range == request.headers.end()) return {200, {}, it->second, {}, {}};
  size_t start = 0;
  (void)absl::SimpleAtoi(absl::StripSuffix(absl::StripPrefix(range->second, "bytes="), "-"),
                         &start);
  return {206,
          {{"Content-Range",
            absl::StrCat("bytes ", start, "-", it->second.size() - 1, "/", it->second.size())}},
          it->second.substr(start),
          {},
          {}};
}

ServerAnswer Registry::ManifestOf(const ServerRequest& request, const std::string& key) {
  if (request.method == "PUT") {
    const std::string digest = oci::DigestOf(AsBytes(request.body));
    const Manifest manifest{request.headers.at("content-type"), request.body};
    manifests[key] = manifest;
    manifests[absl::StrCat(key.substr(0, key.rfind('/') + 1), digest)] = manifest;
    return {201, {{"Docker-Content-Digest", digest}}, "", {}, {}};
  }
  const auto it = manifests.find(key);
  if (it == manifests.end()) return Error(404, "MANIFEST_UNKNOWN");
  return {200,
          {{"Content-Type", it->second.media_type},
           {"Docker-Content-Digest", oci::DigestOf(AsBytes(it->second.bytes))}},
          it->second.bytes,
          {},
          {}};
}

ServerAnswer Registry::BeginUpload(const ServerRequest& request) {
  const std::string mount = QueryValue(request.query, "mount");
  if (!mount.empty() && blobs.count(mount) > 0) return {201, {}, "", {}, {}};
  const std::string path = absl::StrCat(request.path, "u", next_upload_++);
  uploads[path] = "";
  return {202, {{"Location", absl::StrCat(path, "?state=a%2Bb")}}, "", {}, {}};
}

ServerAnswer Registry::EndUpload(const ServerRequest& request, const std::string&) {
  std::string bytes = uploads[request.path] + request.body;
  const std::string digest = QueryValue(request.query, "digest");
  if (oci::DigestOf(AsBytes(bytes)) != digest) return Error(400, "DIGEST_INVALID");
  blobs[digest] = std::move(bytes);
  uploads.erase(request.path);
  return {201, {}, "", {}, {}};
}

ServerAnswer Registry::Upload(const ServerRequest& request, const std::string& repository) {
  if (request.method == "POST") return BeginUpload(request);
  const auto it = uploads.find(request.path);
  if (it == uploads.end()) return Error(404, "BLOB_UPLOAD_UNKNOWN");
  if (request.method == "PUT") return EndUpload(request, repository);
  if (request.method == "DELETE") {
    uploads.erase(it);
    return {204, {}, "", {}, {}};
  }
  if (request.method == "PATCH") {
    if (request.headers.at("content-range") !=
        absl::StrCat(it->second.size(), "-", it->second.size() + request.body.size() - 1)) {
      return Error(416, "RANGE_INVALID");
    }
    it->second += request.body;
  }
  return {request.method == "PATCH" ? 202 : 204,
          {{"Location", request.path + "?state=c"}, {"Range", PositionOf(it->second)}},
          "",
          {},
          {}};
}

}  // namespace floe::fake
