// SPDX-License-Identifier: Apache-2.0
#include "test/fake/fake_s3.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "store/s3/sigv4.h"
#include "store/s3/xml.h"
#include "store/seal/cipher.h"

namespace floe::fake {
namespace {

std::string Unescaped(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      int value = 0;
      (void)absl::SimpleHexAtoi(text.substr(i + 1, 2), &value);
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

store::NameValues QueryOf(const ServerRequest& request) {
  store::NameValues query;
  for (const absl::string_view part : absl::StrSplit(request.query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    query.emplace_back(Unescaped(parts.first), Unescaped(parts.second));
  }
  return query;
}

std::optional<std::string> Parameter(const ServerRequest& request, absl::string_view name) {
  for (const auto& [key, value] : QueryOf(request)) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string HeaderOf(const ServerRequest& request, const std::string& name) {
  const auto at = request.headers.find(name);
  return at == request.headers.end() ? "" : at->second;
}

std::string Between(const std::string& text, absl::string_view from, absl::string_view to) {
  const size_t begin = text.find(std::string(from));
  if (begin == std::string::npos) return "";
  const size_t at = begin + from.size();
  return text.substr(at, text.find(std::string(to), at) - at);
}

// Signed by these keys as it arrived: every header that says it is signed, path and query.
bool SignatureIsGood(const ServerRequest& request, const std::string& id,
                     const std::string& secret) {
  store::RequestToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = Unescaped(request.path);
  to_sign.query = QueryOf(request);
  to_sign.payload_sha256 = HeaderOf(request, "x-amz-content-sha256");
  const std::string authorization = HeaderOf(request, "authorization");
  for (const absl::string_view name :
       absl::StrSplit(Between(authorization, "SignedHeaders=", ","), ';')) {
    to_sign.headers.emplace_back(std::string(name), HeaderOf(request, std::string(name)));
  }
  const std::vector<std::string> place =
      absl::StrSplit(Between(authorization, "Credential=", ","), '/');
  if (place.size() != 5) return false;
  const store::SigningScope scope{place[2], place[3]};
  const std::string date = HeaderOf(request, "x-amz-date");
  const Secret key = store::DeriveSigningKey(Secret::Copy(AsBytes(secret)), date, scope);
  return store::Authorization(to_sign, id, key, date, scope) == authorization;
}

std::string Base64Of(const std::string& body) {
  const store::Sha256Digest digest = store::Sha256(AsBytes(body));
  return absl::Base64Escape(AsText(ByteView(digest)));
}

ServerAnswer Xml(const std::string& body) {
  ServerAnswer answer;
  answer.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + body;
  answer.headers.emplace_back("Content-Type", "application/xml");
  return answer;
}

}  // namespace

FakeS3::FakeS3()
    : server_([this](const ServerRequest& request) { return Handle(request); },
              [this](const ServerRequest& request) { return HandleEarly(request); }) {}

std::string FakeS3::address(const std::string& prefix) const {
  return absl::StrCat("s3://", kBucket, prefix.empty() ? "" : "/", prefix, "?endpoint=", endpoint(),
                      "&region=eu-test-1");
}

void FakeS3::SetFault(Fault fault) {
  MutexLock lock(mutex_);
  fault_ = std::move(fault);
}

void FakeS3::FailNext(const std::string& method, int count, const ServerAnswer& answer) {
  const auto left = std::make_shared<int>(count);
  SetFault([=](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (request.method != method || *left == 0) return std::nullopt;
    --*left;
    return answer;
  });
}

ServerAnswer FakeS3::Error(int status, const std::string& code) {
  ServerAnswer answer = Xml(absl::StrCat("<Error><Code>", code, "</Code><Message>The text of ",
                                         code, "</Message><RequestId>REQ42</RequestId></Error>"));
  answer.status = status;
  return answer;
}

void FakeS3::SetConditional(bool conditional) {
  MutexLock lock(mutex_);
  conditional_ = conditional;
}

void FakeS3::SetKeys(std::map<std::string, std::string> keys) {
  MutexLock lock(mutex_);
  keys_ = std::move(keys);
}

std::map<std::string, std::string> FakeS3::objects() {
  MutexLock lock(mutex_);
  return objects_;
}

void FakeS3::PutObject(const std::string& key, const std::string& body) {
  MutexLock lock(mutex_);
  objects_[key] = body;
}

size_t FakeS3::uploads() {
  MutexLock lock(mutex_);
  return uploads_.size();
}

int FakeS3::bodies() {
  MutexLock lock(mutex_);
  return bodies_;
}

std::optional<ServerAnswer> FakeS3::Refuse(const ServerRequest& request) {
  Fault fault;
  std::map<std::string, std::string> keys;
  {
    MutexLock lock(mutex_);
    fault = fault_;
    keys = keys_;
  }
  if (fault) {
    if (std::optional<ServerAnswer> answer = fault(request)) return answer;
  }
  const std::string id = Between(HeaderOf(request, "authorization"), "Credential=", "/");
  if (keys.count(id) == 0) return Error(403, "InvalidAccessKeyId");
  if (!SignatureIsGood(request, id, keys[id])) return Error(403, "SignatureDoesNotMatch");
  return std::nullopt;
}

bool FakeS3::IsPresent(const ServerRequest& request, const std::string& key) {
  return conditional_ && HeaderOf(request, "if-none-match") == "*" && objects_.count(key) != 0;
}

std::optional<ServerAnswer> FakeS3::HandleEarly(const ServerRequest& request) {
  if (std::optional<ServerAnswer> refused = Refuse(request)) return refused;
  MutexLock lock(mutex_);
  const std::string key(absl::StripPrefix(request.path, absl::StrCat("/", kBucket, "/")));
  if (IsPresent(request, key)) return Error(412, "PreconditionFailed");
  return std::nullopt;
}

ServerAnswer FakeS3::Handle(const ServerRequest& request) {
  // Who asked first was judged then.
  if (HeaderOf(request, "expect").empty()) {
    if (std::optional<ServerAnswer> refused = Refuse(request)) return *refused;
  }
  MutexLock lock(mutex_);
  if (!request.body.empty()) ++bodies_;
  if (!request.body.empty() &&
      HeaderOf(request, "x-amz-content-sha256") != ToHex(store::Sha256(AsBytes(request.body)))) {
    return Error(400, "XAmzContentSHA256Mismatch");
  }
  const std::string checksum = HeaderOf(request, "x-amz-checksum-sha256");
  if (!checksum.empty() && checksum != Base64Of(request.body)) return Error(400, "BadDigest");
  absl::string_view path = request.path;
  if (!absl::ConsumePrefix(&path, absl::StrCat("/", kBucket))) return Error(404, "NoSuchBucket");
  absl::ConsumePrefix(&path, "/");
  if (path.empty()) return HandleBucket(request);
  const std::string key = Unescaped(path);
  if (Parameter(request, "uploads") || Parameter(request, "uploadId")) {
    return HandleUpload(request, key);
  }
  return HandleObject(request, key);
}

ServerAnswer FakeS3::HandleBucket(const ServerRequest& request) {
  const std::string prefix = Parameter(request, "prefix").value_or("");
  const std::string after = Parameter(request, "start-after").value_or("");
  size_t most = 1000;
  (void)absl::SimpleAtoi(Parameter(request, "max-keys").value_or("1000"), &most);
  const bool encoded = Parameter(request, "encoding-type") == "url";
  std::string contents;
  size_t count = 0;
  bool truncated = false;
  for (const auto& [key, body] : objects_) {
    if (!absl::StartsWith(key, prefix) || key <= after) continue;
    truncated = count == most;
    if (truncated) break;
    ++count;
    absl::StrAppend(&contents, "<Contents><Key>",
                    encoded ? store::UriEncode(key, true) : store::XmlEscape(key), "</Key><Size>",
                    body.size(), "</Size></Contents>");
  }
  return Xml(absl::StrCat(
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>",
      truncated ? "true" : "false", "</IsTruncated>",
      encoded ? "<EncodingType>url</EncodingType>" : "", contents, "</ListBucketResult>"));
}

ServerAnswer FakeS3::HandleObject(const ServerRequest& request, const std::string& key) {
  if (request.method == "PUT") return Put(request, key);
  if (request.method == "DELETE") {
    objects_.erase(key);
    ServerAnswer answer;
    answer.status = 204;
    return answer;
  }
  return Get(request, key);
}

ServerAnswer FakeS3::Put(const ServerRequest& request, const std::string& key) {
  if (IsPresent(request, key)) return Error(412, "PreconditionFailed");
  objects_[key] = request.body;
  return {};
}

ServerAnswer FakeS3::Get(const ServerRequest& request, const std::string& key) {
  const auto object = objects_.find(key);
  if (object == objects_.end()) return Error(404, "NoSuchKey");
  ServerAnswer answer;
  answer.body = object->second;
  answer.headers.emplace_back("ETag",
                              absl::StrCat("\"", ToHex(store::Sha256(AsBytes(answer.body))), "\""));
  if (request.method == "HEAD") {
    answer.headers.emplace_back("Content-Length", absl::StrCat(answer.body.size()));
    return answer;
  }
  const std::string match = HeaderOf(request, "if-match");
  if (!match.empty() && match != answer.headers[0].second) return Error(412, "PreconditionFailed");
  const std::string range = HeaderOf(request, "range");
  if (range.empty()) return answer;
  size_t first = 0;
  size_t last = 0;
  const std::pair<std::string, std::string> ends =
      absl::StrSplit(absl::StripPrefix(range, "bytes="), '-');
  (void)absl::SimpleAtoi(ends.first, &first);
  (void)absl::SimpleAtoi(ends.second, &last);
  if (first >= answer.body.size()) return Error(416, "InvalidRange");
  last = std::min(last, answer.body.size() - 1);
  answer.headers.emplace_back("Content-Range",
                              absl::StrCat("bytes ", first, "-", last, "/", answer.body.size()));
  answer.body = answer.body.substr(first, last - first + 1);
  answer.status = 206;
  return answer;
}

ServerAnswer FakeS3::HandleUpload(const ServerRequest& request, const std::string& key) {
  if (Parameter(request, "uploads")) {
    const std::string id = absl::StrCat("upload&", next_upload_++);
    uploads_[id];
    return Xml(absl::StrCat("<InitiateMultipartUploadResult><UploadId>", store::XmlEscape(id),
                            "</UploadId></InitiateMultipartUploadResult>"));
  }
  const auto upload = uploads_.find(*Parameter(request, "uploadId"));
  if (upload == uploads_.end()) return Error(404, "NoSuchUpload");
  ServerAnswer answer;
  if (request.method == "DELETE") {
    uploads_.erase(upload);
    answer.status = 204;
    return answer;
  }
  if (request.method == "PUT") {
    int number = 0;
    (void)absl::SimpleAtoi(Parameter(request, "partNumber").value_or(""), &number);
    upload->second[number] = request.body;
    answer.headers.emplace_back("ETag", absl::StrCat("\"part-", number, "\""));
    return answer;
  }
  if (IsPresent(request, key)) return Error(412, "PreconditionFailed");
  std::string whole;
  int number = 0;
  const auto document = store::ParseXml(request.body);
  if (!document.ok() || document->children.size() != upload->second.size()) {
    return Error(400, "MalformedXML");
  }
  for (const auto& [part, bytes] : upload->second) {
    const store::XmlElement& told = document->children[static_cast<size_t>(number++)];
    if (part != number || told.ChildText("ETag") != absl::StrCat("\"part-", number, "\"") ||
        told.ChildText("ChecksumSHA256") != Base64Of(bytes)) {
      return Error(400, "InvalidPart");
    }
    whole += bytes;
  }
  objects_[key] = whole;
  uploads_.erase(upload);
  return Xml("<CompleteMultipartUploadResult><Key>x</Key></CompleteMultipartUploadResult>");
}

}  // namespace floe::fake
