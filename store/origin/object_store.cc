// SPDX-License-Identifier: Apache-2.0
#include "store/origin/object_store.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "store/blocking.h"

namespace floe::store {

absl::Status CheckObjectName(absl::string_view name) {
  const auto bad = [&] {
    return absl::InvalidArgumentError(absl::StrCat("not an object's name: \"", name, "\""));
  };
  if (name.empty() || name.size() > 512 || name.back() == '/') return bad();
  char before = '/';
  for (const char c : name) {
    const bool starts_part = before == '/';
    if (c == '/' ? starts_part
                 : !(absl::ascii_isalnum(c) || c == '_' || c == '-' || (c == '.' && !starts_part)))
      return bad();
    before = c;
  }
  return absl::OkStatus();
}

absl::StatusOr<SealedBytes> GetObject(ObjectStore& store, const std::string& name,
                                      uint64_t max_bytes) {
  using Answer = absl::StatusOr<SealedBytes>;
  return WaitFor<Answer>([&](std::function<void(Answer)> done) {
    store.Get(name, max_bytes, RequestOptions{}, std::move(done));
  });
}

absl::StatusOr<PutResult> PutObject(ObjectStore& store, const std::string& name, SealedBytes bytes,
                                    PutDurability durability) {
  using Answer = absl::StatusOr<PutResult>;
  return WaitFor<Answer>([&](std::function<void(Answer)> done) {
    store.Put(name, std::move(bytes), durability, RequestOptions{}, std::move(done));
  });
}

absl::StatusOr<ObjectPage> ListObjects(ObjectStore& store, const std::string& prefix,
                                       const std::string& from, size_t limit) {
  using Answer = absl::StatusOr<ObjectPage>;
  return WaitFor<Answer>([&](std::function<void(Answer)> done) {
    store.List(prefix, from, limit, RequestOptions{}, std::move(done));
  });
}

absl::Status ReplaceObject(ObjectStore& store, const std::string& name, SealedBytes bytes) {
  return WaitFor<absl::Status>([&](std::function<void(absl::Status)> done) {
    store.Replace(name, std::move(bytes), RequestOptions{}, std::move(done));
  });
}

}  // namespace floe::store
