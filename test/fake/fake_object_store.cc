// SPDX-License-Identifier: Apache-2.0
#include "test/fake/fake_object_store.h"

#include <utility>

#include "absl/strings/match.h"

namespace floe::store {

absl::Status FakeObjectStore::CountOperation() {
  if (left_ == 0) return absl::UnavailableError("the fake store was stopped");
  if (left_ != std::numeric_limits<size_t>::max()) --left_;
  return absl::OkStatus();
}

void FakeObjectStore::Get(const std::string& name, uint64_t max_bytes, const RequestOptions&,
                          GetCallback done) {
  const auto get = [&]() -> absl::StatusOr<SealedBytes> {
    MutexLock lock(mutex_);
    FLOE_RETURN_IF_ERROR(CountOperation());
    FLOE_RETURN_IF_ERROR(CheckObjectName(name));
    const auto object = objects_.find(name);
    if (object == objects_.end()) return absl::NotFoundError(name);
    if (object->second.bytes->size() > max_bytes) return absl::DataLossError(name + " is too long");
    return object->second.bytes;
  };
  done(get());
}

void FakeObjectStore::Put(const std::string& name, SealedBytes bytes, PutDurability durability,
                          const RequestOptions&, PutCallback done) {
  const auto put = [&]() -> absl::StatusOr<PutResult> {
    MutexLock lock(mutex_);
    FLOE_RETURN_IF_ERROR(CountOperation());
    FLOE_RETURN_IF_ERROR(CheckObjectName(name));
    const bool durable = durability == PutDurability::kAtOnce;
    const auto [object, created] = objects_.try_emplace(name, Object{bytes, durable});
    if (!created && object->second.bytes->size() != bytes->size()) {
      return absl::DataLossError(name + " has another size");
    }
    object->second.durable |= durable;
    return created ? PutResult::kCreated : PutResult::kExisted;
  };
  done(put());
}

void FakeObjectStore::Replace(const std::string& name, SealedBytes bytes, const RequestOptions&,
                              DoneCallback done) {
  const auto replace = [&]() -> absl::Status {
    MutexLock lock(mutex_);
    FLOE_RETURN_IF_ERROR(CountOperation());
    FLOE_RETURN_IF_ERROR(CheckObjectName(name));
    objects_[name] = {std::move(bytes), true};
    return absl::OkStatus();
  };
  done(replace());
}

void FakeObjectStore::List(const std::string& prefix, const std::string& from, size_t limit,
                           const RequestOptions&, ListCallback done) {
  const auto list = [&]() -> absl::StatusOr<ObjectPage> {
    MutexLock lock(mutex_);
    FLOE_RETURN_IF_ERROR(CountOperation());
    ObjectPage page;
    for (const auto& [name, object] : objects_) {
      if (!absl::StartsWith(name, prefix) || name <= from) continue;
      if (page.objects.size() == limit) {
        page.next = page.objects.back().name;
        break;
      }
      page.objects.push_back({name, object.bytes->size()});
    }
    return page;
  };
  done(list());
}

absl::Status FakeObjectStore::Sync() {
  MutexLock lock(mutex_);
  FLOE_RETURN_IF_ERROR(CountOperation());
  for (auto& [name, object] : objects_) object.durable = true;
  return absl::OkStatus();
}

void FakeObjectStore::StopAfter(size_t operations) {
  MutexLock lock(mutex_);
  left_ = operations;
}

bool FakeObjectStore::stopped() const {
  MutexLock lock(mutex_);
  return left_ == 0;
}

void FakeObjectStore::LosePower() {
  MutexLock lock(mutex_);
  left_ = std::numeric_limits<size_t>::max();
  std::erase_if(objects_, [](const auto& entry) { return !entry.second.durable; });
}

void FakeObjectStore::Restart() {
  MutexLock lock(mutex_);
  left_ = std::numeric_limits<size_t>::max();
}

}  // namespace floe::store
