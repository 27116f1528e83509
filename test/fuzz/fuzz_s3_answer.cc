// SPDX-License-Identifier: Apache-2.0
// room: store
// What a server of S3, of credentials or an address may hold: never a crash, and what is written is
// read the same.
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "store/s3/credential_sources.h"
#include "store/s3/s3_address.h"
#include "store/s3/s3_error.h"
#include "store/s3/s3_object_store.h"
#include "store/s3/xml.h"

namespace floe::store {
namespace {

void RequireS3(bool ok) {
  if (!ok) std::abort();
}

void ReadAnswer(ByteView bytes) {
  const absl::string_view text = AsText(bytes);
  if (const auto root = ParseXml(text); root.ok()) {
    const auto again = ParseXml(absl::StrCat("<a>", XmlEscape(root->text), "</a>"));
    RequireS3(again.ok() && again->text == root->text);
  }
  if (const auto page = ParseListPage(text, "p/"); page.ok()) {
    for (const ObjectInfo& object : page->page.objects) {
      RequireS3(CheckObjectName(object.name).ok());
    }
    RequireS3(!page->truncated || !page->last_key.empty());
  }
  net::AsyncHttpAnswer answer;
  answer.status = 403;
  answer.body = std::make_shared<Bytes>(bytes.begin(), bytes.end());
  RequireS3(!S3Error("get s3://b/k", answer).ok());
  (void)MeansStaleCredentials(answer, ParseS3Failure(answer));
  (void)ParseCredentialsFile(text, "default");
  (void)ParseCredentialsJson(text);
  (void)ParseStsAnswer(text);
  if (const auto address = ParseS3Address(text); address.ok()) {
    const auto again = ParseS3Address(address->ToString());
    RequireS3(again.ok() && again->ToString() == address->ToString());
    (void)PlaceOf(*address, "us-east-1");
  }
}

}  // namespace
}  // namespace floe::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  floe::store::ReadAnswer({data, size});
  return 0;
}
