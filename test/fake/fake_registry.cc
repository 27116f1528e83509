// SPDX-License-Identifier: Apache-2.0
#include "test/fake/fake_registry.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "oci/media_types.h"

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
  for (const char* middle :
       {"/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list", "/referrers/"}) {
    const size_t at = request.path.find(middle);
    if (at == std::string::npos || at < 4) continue;
    const std::string repository = request.path.substr(4, at - 4);  // after "/v2/"
    const std::string rest = request.path.substr(at + strlen(middle));
    if (middle == absl::string_view("/blobs/")) return Blob(request, rest);
    if (middle == absl::string_view("/blobs/uploads/")) return Upload(request, repository);
    if (middle == absl::string_view("/tags/list")) return Tags(request, repository);
    if (middle == absl::string_view("/referrers/")) return Referrers(request, repository, rest);
    return ManifestOf(request, absl::StrCat(repository, "/", rest));
  }
  return Error(404, "UNSUPPORTED");
}

ServerAnswer Registry::Blob(const ServerRequest& request, const std::string& digest) {
  const auto it = blobs.find(digest);
  if (it == blobs.end()) return Error(404, "BLOB_UNKNOWN");
  const auto range = request.headers.find("range");
  const std::string& bytes = it->second;
  if (range == request.headers.end() || !honours_ranges) return {200, {}, bytes, {}, {}};
  const std::pair<std::string, std::string> ends =
      absl::StrSplit(absl::StripPrefix(range->second, "bytes="), '-');
  size_t start = 0;
  size_t last = bytes.size() - 1;
  (void)absl::SimpleAtoi(ends.first, &start);
  if (!ends.second.empty()) (void)absl::SimpleAtoi(ends.second, &last);
  last = std::min(last, bytes.size() - 1);
  return {206,
          {{"Content-Range", absl::StrCat("bytes ", start, "-", last, "/", bytes.size())}},
          bytes.substr(start, last - start + 1),
          {},
          {}};
}

ServerAnswer Registry::ManifestOf(const ServerRequest& request, const std::string& key) {
  if (request.method == "PUT") return PutManifest(request, key);
  if (request.method == "DELETE") return DeleteManifest(key);
  const auto it = manifests.find(key);
  if (it == manifests.end()) return Error(404, "MANIFEST_UNKNOWN");
  return {200,
          {{"Content-Type", it->second.media_type},
           {"Docker-Content-Digest", oci::DigestOf(AsBytes(it->second.bytes))}},
          it->second.bytes,
          {},
          {}};
}

ServerAnswer Registry::PutManifest(const ServerRequest& request, const std::string& key) {
  const std::string digest = oci::DigestOf(AsBytes(request.body));
  const Manifest manifest{request.headers.at("content-type"), request.body};
  const auto parsed = oci::ParseManifest(AsBytes(request.body), manifest.media_type);
  if (parsed.ok() && checks_blobs) {
    std::vector<oci::Descriptor> named = parsed->layers;
    named.push_back(parsed->config);
    for (const oci::Descriptor& blob : named) {
      if (blobs.count(blob.digest) == 0) return Error(404, "MANIFEST_BLOB_UNKNOWN");
    }
  }
  manifests[key] = manifest;
  manifests[absl::StrCat(key.substr(0, key.rfind('/') + 1), digest)] = manifest;
  ServerAnswer answer{201, {{"Docker-Content-Digest", digest}}, "", {}, {}};
  if (has_referrers && parsed.ok() && parsed->subject) {
    answer.headers.emplace_back("OCI-Subject", parsed->subject->digest);
  }
  return answer;
}

ServerAnswer Registry::DeleteManifest(const std::string& key) {
  const auto it = manifests.find(key);
  if (it == manifests.end()) return Error(404, "MANIFEST_UNKNOWN");
  const std::string bytes = it->second.bytes;
  const std::string repository = key.substr(0, key.rfind('/') + 1);
  std::erase_if(manifests, [&](const auto& entry) {
    return absl::StartsWith(entry.first, repository) && entry.second.bytes == bytes;
  });
  return {202, {}, "", {}, {}};
}

ServerAnswer Registry::Tags(const ServerRequest& request, const std::string& repository) {
  size_t most = 1000;
  (void)absl::SimpleAtoi(QueryValue(request.query, "n"), &most);
  most = std::min(most, tags_a_page);
  const std::string last = QueryValue(request.query, "last");
  std::vector<std::string> tags;
  for (const auto& [key, manifest] : manifests) {
    const size_t slash = key.rfind('/');
    const std::string tag = key.substr(slash + 1);
    if (key.substr(0, slash) != repository || absl::StrContains(tag, ':') || tag <= last) continue;
    tags.push_back(absl::StrCat("\"", tag, "\""));
  }
  if (tags.empty() && last.empty()) return Error(404, "NAME_UNKNOWN");
  ServerAnswer answer;
  if (tags.size() > most) {
    tags.resize(most);
    answer.headers.emplace_back(
        "Link", absl::StrCat("<", request.path, "?n=", most, "&last=",
                             tags.back().substr(1, tags.back().size() - 2), ">; rel=\"next\""));
  }
  answer.body = absl::StrCat("{\"name\":\"x\",\"tags\":[", absl::StrJoin(tags, ","), "]}");
  return answer;
}

ServerAnswer Registry::Referrers(const ServerRequest&, const std::string& repository,
                                 const std::string& digest) {
  if (!has_referrers) return Error(404, "UNSUPPORTED");
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  for (const auto& [key, manifest] : manifests) {
    if (!absl::StartsWith(key, absl::StrCat(repository, "/sha256:"))) continue;
    const auto parsed = oci::ParseManifest(AsBytes(manifest.bytes), manifest.media_type);
    if (!parsed.ok() || !parsed->subject || parsed->subject->digest != digest) continue;
    oci::Descriptor entry = oci::DescribeBytes(manifest.media_type, AsBytes(manifest.bytes));
    entry.artifact_type = parsed->artifact_type;
    entry.annotations = parsed->annotations;
    index.manifests.push_back(std::move(entry));
  }
  return {200, {{"Content-Type", oci::kOciIndex}}, oci::SerializeIndex(index), {}, {}};
}

void Registry::CollectGarbage(const std::string& repository) {
  const std::string head = repository + "/";
  const auto has_tag = [&](const std::string& bytes) {
    return std::any_of(manifests.begin(), manifests.end(), [&](const auto& entry) {
      return absl::StartsWith(entry.first, head) && !absl::StrContains(entry.first, "sha256:") &&
             entry.second.bytes == bytes;
    });
  };
  std::set<std::string> used;
  std::vector<std::string> gone;
  for (const auto& [key, manifest] : manifests) {
    if (!absl::StartsWith(key, head)) continue;
    const auto parsed = oci::ParseManifest(AsBytes(manifest.bytes), manifest.media_type);
    const bool lives =
        has_tag(manifest.bytes) || (has_referrers && parsed.ok() && parsed->subject &&
                                    manifests.count(head + parsed->subject->digest) > 0);
    if (!lives) gone.push_back(key);
    if (!lives || !parsed.ok()) continue;
    used.insert(parsed->config.digest);
    for (const oci::Descriptor& layer : parsed->layers) used.insert(layer.digest);
  }
  for (const std::string& key : gone) manifests.erase(key);
  std::erase_if(blobs, [&](const auto& blob) { return used.count(blob.first) == 0; });
}

ServerAnswer Registry::BeginUpload(const ServerRequest& request) {
  if (refuses_uploads) return Error(403, "DENIED");
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
