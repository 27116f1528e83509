// SPDX-License-Identifier: Apache-2.0
#include "store/admin/store_stat.h"

#include "store/admin/list_objects.h"

namespace floe::store {
namespace {

constexpr size_t kPage = 1000;

absl::Status Count(ObjectStore& objects, const std::string& prefix, uint64_t& count,
                   uint64_t& bytes) {
  return ForEachObject(objects, prefix, [&](const ObjectInfo& object) {
    ++count;
    bytes += object.size;
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status ForEachObject(ObjectStore& objects, const std::string& prefix,
                           const std::function<absl::Status(const ObjectInfo&)>& visit) {
  std::string from;
  do {
    FLOE_ASSIGN_OR_RETURN(const ObjectPage page, ListObjects(objects, prefix, from, kPage));
    for (const ObjectInfo& object : page.objects) FLOE_RETURN_IF_ERROR(visit(object));
    from = page.next;
  } while (!from.empty());
  return absl::OkStatus();
}

absl::StatusOr<StoreStat> StatStore(StoreHandle& store) {
  StoreStat stat;
  stat.address = store.address();
  stat.info = store.info();
  FLOE_ASSIGN_OR_RETURN(const std::vector<RootStatus> roots, store.Roots());
  ObjectStore& objects = store.objects();
  for (const RootStatus& root : roots) {
    RootStat row;
    row.root = root;
    FLOE_RETURN_IF_ERROR(Count(objects, RecordPrefix(root.id), row.manifests, row.manifest_bytes));
    FLOE_RETURN_IF_ERROR(Count(objects, ChunkPrefix(root.id), row.chunks, row.chunk_bytes));
    stat.roots.push_back(row);
  }
  FLOE_RETURN_IF_ERROR(Count(objects, "x/", stat.conversions, stat.conversion_bytes));
  return stat;
}

}  // namespace floe::store
