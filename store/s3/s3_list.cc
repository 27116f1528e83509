// SPDX-License-Identifier: Apache-2.0
// ListObjectsV2, page by page: the token is the last name seen (start-after), so that it outlives
// the server's own.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "store/s3/s3_error.h"
#include "store/s3/s3_object_store.h"
#include "store/s3/xml.h"

namespace floe::store {
namespace {

constexpr size_t kMostPerPage = 1000;
constexpr size_t kMaxListBytes = 16 << 20;

// encoding-type=url; nullopt when malformed.
std::optional<std::string> UrlDecoded(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      int value = 0;
      if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
          !absl::SimpleHexAtoi(text.substr(i + 1, 2), &value)) {
        return std::nullopt;
      }
      out.push_back(static_cast<char>(value));
      i += 2;
    }
  }
  return out;
}

absl::Status BadList(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("a malformed list: ", why));
}

}  // namespace

absl::StatusOr<S3ListPage> ParseListPage(absl::string_view xml, absl::string_view prefix) {
  FLOE_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(xml));
  if (root.name != "ListBucketResult") return BadList("it is something else");
  S3ListPage out;
  const std::string truncated = root.ChildText("IsTruncated");
  if (truncated != "true" && truncated != "false")
    return BadList("it does not say whether it ends");
  out.truncated = truncated == "true";
  const bool encoded = root.ChildText("EncodingType") == "url";
  for (const XmlElement& element : root.children) {
    if (element.name != "Contents") continue;
    const std::string text = element.ChildText("Key");
    const std::optional<std::string> key = encoded ? UrlDecoded(text) : text;
    ObjectInfo object;
    if (!key || key->empty() || !absl::SimpleAtoi(element.ChildText("Size"), &object.size)) {
      return BadList("an object without name or size");
    }
    if (*key <= out.last_key) {
      return absl::FailedPreconditionError(
          "the server does not list in the order of names, which floe needs (directory buckets of "
          "S3 Express do not)");
    }
    out.last_key = *key;
    absl::string_view name = *key;
    if (!absl::ConsumePrefix(&name, prefix) || !CheckObjectName(name).ok()) continue;
    object.name = std::string(name);
    out.page.objects.push_back(std::move(object));
  }
  if (out.truncated && out.last_key.empty()) return BadList("an empty page that is not the last");
  return out;
}

void S3ObjectStore::List(const std::string& prefix, const std::string& from, size_t limit,
                         const RequestOptions& options, ListCallback done) {
  const bool bad_prefix =
      !prefix.empty() &&
      (prefix.back() != '/' || !CheckObjectName(prefix.substr(0, prefix.size() - 1)).ok());
  if (bad_prefix || limit == 0) {
    return done(absl::InvalidArgumentError(
        absl::StrCat("cannot list \"", prefix, "\": a prefix ends in '/', a limit is above 0")));
  }
  calls_.Begin();
  ListOnce(prefix, from, limit, options,
           [this, done = std::move(done)](absl::StatusOr<ObjectPage> page) {
             done(std::move(page));
             calls_.End();
           });
}

void S3ObjectStore::ListOnce(const std::string& prefix, const std::string& from, size_t limit,
                             const RequestOptions& options, ListCallback done) {
  S3Request request;
  request.query = {{"list-type", "2"},
                   {"encoding-type", "url"},
                   {"max-keys", absl::StrCat(std::min(limit, kMostPerPage))}};
  const std::string whole = KeyOf(prefix);
  if (!whole.empty()) request.query.emplace_back("prefix", whole);
  if (!from.empty()) request.query.emplace_back("start-after", KeyOf(from));
  request.max_answer_bytes = kMaxListBytes;
  request.options = options;
  const std::string what = client_->Describe("list", whole);
  SendChecked(std::move(request), what,
              [this, what, done = std::move(done)](absl::StatusOr<net::AsyncHttpAnswer> answer) {
                if (!answer.ok()) return done(answer.status());
                auto parsed = ParseListPage(AsText(*answer->body), prefix_);
                if (!parsed.ok()) return done(Annotate(parsed.status(), what));
                if (parsed->truncated) {
                  // Names of others count too: the next page begins after them.
                  absl::string_view last = parsed->last_key;
                  absl::ConsumePrefix(&last, prefix_);
                  parsed->page.next = std::string(last);
                }
                done(std::move(parsed->page));
              });
}

}  // namespace floe::store
