// SPDX-License-Identifier: Apache-2.0
#include "store/origin/object_chunk_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "store/origin/store_layout.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxSealedBytes = kMaxRawChunkBytes + 16;

absl::Status OfChunk(const ChunkId& id, const absl::Status& status) {
  return Annotate(status, absl::StrCat("chunk ", id.ToHex()));
}

}  // namespace

ObjectChunkStore::ObjectChunkStore(std::shared_ptr<ObjectStore> objects, const RootId& root)
    : objects_(std::move(objects)), root_(root) {}

std::string ObjectChunkStore::Name() const {
  return absl::StrCat(objects_->Name(), " root ", ToHex(root_));
}

void ObjectChunkStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  calls_.Begin();
  objects_->Get(ChunkName(root_, id), kMaxSealedBytes, options,
                [this, id, done = std::move(done)](absl::StatusOr<SealedBytes> bytes) {
                  if (bytes.ok()) {
                    done(FetchedChunk(*std::move(bytes)));
                  } else {
                    done(OfChunk(id, bytes.status()));
                  }
                  calls_.End();
                });
}

void ObjectChunkStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                           PutCallback done) {
  calls_.Begin();
  objects_->Put(ChunkName(root_, chunk.id()), chunk.shared(), PutDurability::kAfterSync, options,
                [this, id = chunk.id(), done = std::move(done)](absl::StatusOr<PutResult> result) {
                  if (result.ok()) {
                    done(result);
                  } else {
                    done(OfChunk(id, result.status()));
                  }
                  calls_.End();
                });
}

void ObjectChunkStore::List(const std::string& from, size_t limit, const RequestOptions& options,
                            ListCallback done) {
  calls_.Begin();
  objects_->List(ChunkPrefix(root_), from, limit, options,
                 [this, done = std::move(done)](absl::StatusOr<ObjectPage> page) {
                   if (!page.ok()) {
                     done(page.status());
                   } else {
                     ChunkPage chunks;
                     chunks.next = page->next;
                     for (const ObjectInfo& object : page->objects) {
                       const std::optional<ChunkId> id = ChunkIdOfName(object.name);
                       if (id) chunks.ids.push_back(*id);
                     }
                     done(std::move(chunks));
                   }
                   calls_.End();
                 });
}

}  // namespace floe::store
