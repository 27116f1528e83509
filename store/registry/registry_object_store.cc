// SPDX-License-Identifier: Apache-2.0
#include "store/registry/registry_object_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "oci/digest.h"
#include "store/origin/store_layout.h"
#include "store/wrap/limit_policy.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxSmallBytes = 1 << 20;
constexpr uint64_t kMaxLayerBytes = 300 << 20;
constexpr size_t kUploadThreads = 3;

// The mark of the registry's client as the store's own.
absl::Status AsStoreStatus(const absl::Status& status) {
  return registry::SaysSlowDown(status) ? SlowDown(status.message()) : status;
}

template <typename T>
absl::StatusOr<T> AsStore(absl::StatusOr<T> result) {
  if (result.ok()) return result;
  return AsStoreStatus(result.status());
}

SealedBytes Shared(Bytes bytes) { return std::make_shared<const Bytes>(std::move(bytes)); }

absl::Status NoPlace(const std::string& name) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name,
                   "\" has no place in a registry: it keeps chunks, records, "
                   "conversions and the two documents of a store"));
}

// `prefix` is "r/<root>/<kind>/..." or empty or of other kinds.
bool AsksForChunks(absl::string_view prefix) {
  return absl::StartsWith(prefix, "r/") && prefix.size() >= 37 && prefix.substr(34, 3) == "/c/";
}

}  // namespace

absl::StatusOr<std::shared_ptr<RegistryObjectStore>> RegistryObjectStore::Open(
    const RegistryAddress& address, size_t io_threads) {
  FLOE_ASSIGN_OR_RETURN(std::shared_ptr<registry::Repository> repository,
                        registry::Repository::Open(address.repository, address.options));
  return std::shared_ptr<RegistryObjectStore>(
      new RegistryObjectStore(std::move(repository), address.pack_bytes, io_threads));
}

RegistryObjectStore::RegistryObjectStore(std::shared_ptr<registry::Repository> repository,
                                         uint64_t pack_bytes, size_t io_threads)
    : repository_(std::move(repository)),
      catalog_(*repository_, map_),
      reader_(*repository_, reads_),
      writer_(*repository_, map_, uploads_, pack_bytes),
      reads_("floe-ranges", std::max<size_t>(io_threads, 1)),
      uploads_("floe-packs", kUploadThreads),
      requests_("floe-registry", std::max<size_t>(io_threads, 1)) {}

void RegistryObjectStore::Expect(const std::string& record_name) {
  const std::optional<RegistryName> name = ParseRegistryName(record_name);
  if (name && name->kind == ObjectKind::kRecord) catalog_.Expect(name->manifest);
}

void RegistryObjectStore::Get(const std::string& name, uint64_t max_bytes,
                              const RequestOptions& options, GetCallback done) {
  const std::optional<RegistryName> parsed = ParseRegistryName(name);
  if (parsed && parsed->kind == ObjectKind::kChunk) {
    GetChunk(parsed->chunk, max_bytes, options, std::move(done));
    return;
  }
  requests_.Run([this, name, parsed, max_bytes, options, done = std::move(done)] {
    absl::Status wanted = StillWantedNow(options);
    if (wanted.ok()) wanted = CheckObjectName(name);
    if (!wanted.ok()) return done(wanted);
    if (!parsed) return done(absl::NotFoundError(absl::StrCat(name, " is not in a registry")));
    done(AsStore(GetNow(*parsed, max_bytes)));
  });
}

void RegistryObjectStore::GetChunk(const ChunkId& id, uint64_t max_bytes,
                                   const RequestOptions& options, GetCallback done) {
  if (const std::optional<PackPlace> place = map_.Find(id); place && place->blob != nullptr) {
    GetPlace(*place, max_bytes, options, std::move(done));
    return;
  }
  requests_.Run([this, id, max_bytes, options, done = std::move(done)]() mutable {
    const absl::Status wanted = StillWantedNow(options);
    if (!wanted.ok()) return done(wanted);
    if (!map_.Find(id)) {
      const absl::Status learned = catalog_.LearnOf(id);
      if (!learned.ok()) return done(AsStoreStatus(learned));
    }
    const std::optional<PackPlace> place = map_.Find(id);
    if (!place) {
      return done(absl::NotFoundError(
          absl::StrCat("no index in ", repository_->Name(), " names it; convert the image again")));
    }
    GetPlace(*place, max_bytes, options, std::move(done));
  });
}

void RegistryObjectStore::GetPlace(const PackPlace& place, uint64_t max_bytes,
                                   const RequestOptions& options, GetCallback done) {
  if (place.length > max_bytes) {
    done(absl::DataLossError(absl::StrCat("it is longer than ", max_bytes, " bytes")));
  } else if (place.memory != nullptr) {
    done(place.memory);
  } else {
    reader_.Get(place, options, std::move(done));
  }
}

absl::StatusOr<SealedBytes> RegistryObjectStore::GetNow(const RegistryName& name,
                                                        uint64_t max_bytes) {
  absl::StatusOr<Bytes> bytes = absl::NotFoundError("");
  if (name.kind == ObjectKind::kSmall) bytes = GetSmall(name.tag, max_bytes);
  if (name.kind == ObjectKind::kRecord) bytes = catalog_.GetRecord(name.manifest, max_bytes);
  if (name.kind == ObjectKind::kConversion) bytes = GetConversion(name.tag);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() > max_bytes) {
    return absl::DataLossError(absl::StrCat(name.tag, " is longer than ", max_bytes, " bytes"));
  }
  return Shared(*std::move(bytes));
}

absl::StatusOr<oci::ImageManifest> RegistryObjectStore::ManifestAt(const std::string& tag) {
  FLOE_ASSIGN_OR_RETURN(const registry::StoredManifest stored, repository_->GetManifest(tag));
  return oci::ParseManifest(stored.bytes, stored.descriptor.media_type);
}

absl::StatusOr<Bytes> RegistryObjectStore::GetSmall(const std::string& tag, uint64_t max_bytes) {
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest manifest, ManifestAt(tag));
  FLOE_ASSIGN_OR_RETURN(const oci::Descriptor object, DecodeObjectArtifact(manifest));
  return repository_->GetBlob(object, std::min(max_bytes, kMaxSmallBytes));
}

absl::StatusOr<PutResult> RegistryObjectStore::PutSmall(const std::string& name,
                                                        const std::string& tag, ByteView bytes) {
  const absl::StatusOr<oci::ImageManifest> there = ManifestAt(tag);
  if (there.ok()) {
    FLOE_ASSIGN_OR_RETURN(const oci::Descriptor object, DecodeObjectArtifact(*there));
    if (object.size == bytes.size()) return PutResult::kExisted;
    return absl::DataLossError(absl::StrCat(repository_->Name(), ":", tag, " has another length"));
  }
  if (!absl::IsNotFound(there.status())) return there.status();
  const registry::StoredManifest artifact = EncodeObjectArtifact(name, bytes);
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest manifest,
                        oci::ParseManifest(artifact.bytes, artifact.descriptor.media_type));
  const ByteView config = AsBytes(kEmptyConfig);
  FLOE_RETURN_IF_ERROR(repository_->PutBlob(manifest.config, config));
  FLOE_RETURN_IF_ERROR(repository_->PutBlob(manifest.layers.at(0), bytes));
  FLOE_RETURN_IF_ERROR(repository_->PutManifest(tag, artifact.descriptor, artifact.bytes));
  return PutResult::kCreated;
}

absl::StatusOr<RootId> RegistryObjectStore::FixedRoot() {
  const std::optional<RegistryName> first = ParseRegistryName(LogEntryName(1));
  FLOE_ASSIGN_OR_RETURN(const Bytes text, GetSmall(first->tag, kMaxSmallBytes));
  FLOE_ASSIGN_OR_RETURN(const LogEntry entry, DecodeLogEntry(AsText(text)));
  if (entry.transitions.empty()) return absl::DataLossError("log entry 1 makes no root");
  return entry.transitions[0].root;
}

absl::StatusOr<Bytes> RegistryObjectStore::GetConversion(const std::string& tag) {
  FLOE_ASSIGN_OR_RETURN(const registry::StoredManifest stored, repository_->GetManifest(tag));
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest image,
                        oci::ParseManifest(stored.bytes, stored.descriptor.media_type));
  const auto named = image.annotations.find(kManifestAnnotation);
  const std::optional<ManifestId> manifest =
      named == image.annotations.end() ? std::nullopt : ManifestId::FromHex(named->second);
  if (!manifest || image.layers.size() != 1) {
    return absl::DataLossError(
        absl::StrCat(repository_->Name(), ":", tag, " is no image of floe; delete that tag"));
  }
  ConversionRecord record;
  record.manifest = *manifest;
  FLOE_ASSIGN_OR_RETURN(record.birth_root, FixedRoot());
  record.image_manifest = stored.bytes;
  FLOE_ASSIGN_OR_RETURN(record.config, repository_->GetBlob(image.config, oci::kMaxConfigDocument));
  FLOE_ASSIGN_OR_RETURN(record.layer, repository_->GetBlob(image.layers[0], kMaxLayerBytes));
  return EncodeConversionRecord(record);
}

absl::StatusOr<PutResult> RegistryObjectStore::PutConversion(const std::string& tag,
                                                             ByteView bytes) {
  FLOE_ASSIGN_OR_RETURN(const ConversionRecord record, DecodeConversionRecord(bytes));
  FLOE_RETURN_IF_ERROR(catalog_.TieToImage(record));
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest image,
                        oci::ParseManifest(record.image_manifest, ""));
  const oci::Descriptor descriptor = oci::DescribeBytes(image.media_type, record.image_manifest);
  FLOE_RETURN_IF_ERROR(repository_->PutManifest(tag, descriptor, record.image_manifest));
  return PutResult::kCreated;
}

absl::Status RegistryObjectStore::LearnOnce() {
  MutexLock learning(learning_);
  if (Learned()) return absl::OkStatus();
  FLOE_RETURN_IF_ERROR(catalog_.LearnAll());
  MutexLock lock(mutex_);
  learned_ = true;
  return absl::OkStatus();
}

bool RegistryObjectStore::Learned() {
  MutexLock lock(mutex_);
  return learned_;
}

void RegistryObjectStore::Put(const std::string& name, SealedBytes bytes, PutDurability,
                              const RequestOptions& options, PutCallback done) {
  const std::optional<RegistryName> parsed = ParseRegistryName(name);
  if (parsed && parsed->kind == ObjectKind::kChunk && Learned() && StillWantedNow(options).ok()) {
    PutChunk(parsed->chunk, std::move(bytes), std::move(done));  // at once: packs keep the order
    return;
  }
  requests_.Run(
      [this, name, parsed, bytes = std::move(bytes), options, done = std::move(done)]() mutable {
        absl::Status wanted = StillWantedNow(options);
        if (wanted.ok()) wanted = CheckObjectName(name);
        if (wanted.ok() && !parsed) wanted = NoPlace(name);
        const bool chunk = parsed && parsed->kind == ObjectKind::kChunk;
        if (wanted.ok() && chunk) wanted = AsStoreStatus(LearnOnce());
        if (!wanted.ok()) return done(wanted);
        if (!chunk) return done(AsStore(PutNow(name, *parsed, *bytes)));
        PutChunk(parsed->chunk, std::move(bytes), std::move(done));
      });
}

void RegistryObjectStore::PutChunk(const ChunkId& id, SealedBytes bytes, PutCallback done) {
  if (const auto place = map_.Find(id); place && place->length != bytes->size()) {
    return done(absl::DataLossError("a chunk of another length has that name"));
  }
  writer_.Put(id, std::move(bytes), /*replace=*/false, std::move(done));
}

absl::StatusOr<PutResult> RegistryObjectStore::PutNow(const std::string& name,
                                                      const RegistryName& parsed, ByteView bytes) {
  if (parsed.kind == ObjectKind::kRecord) return catalog_.PutRecord(parsed.manifest, bytes);
  if (parsed.kind == ObjectKind::kConversion) return PutConversion(parsed.tag, bytes);
  if (absl::StartsWith(name, "log/") && name != LogEntryName(1)) {
    return absl::FailedPreconditionError(
        absl::StrCat(repository_->Name(),
                     ": a store in a registry has one root for good: its garbage is "
                     "collected by the registry"));
  }
  return PutSmall(name, parsed.tag, bytes);
}

void RegistryObjectStore::Replace(const std::string& name, SealedBytes bytes,
                                  const RequestOptions& options, DoneCallback done) {
  requests_.Run([this, name, bytes = std::move(bytes), options, done = std::move(done)]() mutable {
    const absl::Status wanted = StillWantedNow(options);
    const std::optional<RegistryName> parsed = ParseRegistryName(name);
    if (!wanted.ok()) return done(wanted);
    if (!parsed || parsed->kind != ObjectKind::kChunk) return done(NoPlace(name));
    writer_.Put(parsed->chunk, std::move(bytes), /*replace=*/true,
                [done = std::move(done)](const absl::StatusOr<PutResult>& put) {
                  done(AsStoreStatus(put.status()));
                });
  });
}

void RegistryObjectStore::List(const std::string& prefix, const std::string& from, size_t limit,
                               const RequestOptions& options, ListCallback done) {
  requests_.Run([this, prefix, from, limit, options, done = std::move(done)] {
    const absl::Status wanted = StillWantedNow(options);
    if (!wanted.ok()) return done(wanted);
    done(AsStore(AsksForChunks(prefix) ? ListChunks(prefix, from, limit)
                                       : ListNow(prefix, from, limit)));
  });
}

absl::StatusOr<ObjectPage> RegistryObjectStore::ListChunks(const std::string& prefix,
                                                           const std::string& from, size_t limit) {
  if (from.empty()) FLOE_RETURN_IF_ERROR(catalog_.LearnAll());
  ObjectPage page;
  const std::string head = prefix.substr(0, 37);  // r/<root>/c/
  std::string after = from.substr(from.rfind('/') + 1);
  const auto chunks = map_.List(after, limit + 1);
  for (const auto& [id, length] : chunks) {
    const std::string hex = id.ToHex();
    std::string name = absl::StrCat(head, hex.substr(0, 2), "/", hex);
    if (page.objects.size() == limit) {
      page.next = page.objects.back().name;
      break;
    }
    if (absl::StartsWith(name, prefix)) page.objects.push_back({std::move(name), length});
  }
  return page;
}

absl::StatusOr<uint64_t> RegistryObjectStore::SizeOf(const RegistryName& name) {
  if (name.kind == ObjectKind::kRecord) {
    FLOE_ASSIGN_OR_RETURN(const FoundIndex found, catalog_.Find(name.manifest));
    return found.artifact.record.size;
  }
  FLOE_ASSIGN_OR_RETURN(const registry::StoredManifest stored, repository_->GetManifest(name.tag));
  FLOE_ASSIGN_OR_RETURN(const oci::ImageManifest manifest,
                        oci::ParseManifest(stored.bytes, stored.descriptor.media_type));
  if (name.kind == ObjectKind::kSmall) {
    FLOE_ASSIGN_OR_RETURN(const oci::Descriptor object, DecodeObjectArtifact(manifest));
    return object.size;
  }
  uint64_t size = EncodeConversionRecord({}).size() + stored.bytes.size() + manifest.config.size;
  for (const oci::Descriptor& layer : manifest.layers) size += layer.size;
  return size;
}

absl::StatusOr<ObjectPage> RegistryObjectStore::ListNow(const std::string& prefix,
                                                        const std::string& from, size_t limit) {
  FLOE_ASSIGN_OR_RETURN(const std::vector<std::string> tags, repository_->ListTags(kTagPrefix));
  std::string root(prefix.substr(0, 2) == "r/" ? prefix.substr(2, 32) : "");
  if (root.empty()) {
    const absl::StatusOr<RootId> fixed = FixedRoot();
    if (fixed.ok()) root = ToHex(*fixed);
  }
  std::vector<std::pair<std::string, RegistryName>> names;
  for (const std::string& tag : tags) {
    const std::optional<RegistryName> parsed = ParseTag(tag);
    if (!parsed) continue;
    std::string name = NameOfTag(*parsed, root);
    if (absl::StartsWith(name, prefix) && name > from) names.emplace_back(std::move(name), *parsed);
  }
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  ObjectPage page;
  for (const auto& [name, parsed] : names) {
    if (page.objects.size() == limit) {
      page.next = page.objects.back().name;
      break;
    }
    const absl::StatusOr<uint64_t> size = SizeOf(parsed);
    // Deleted meanwhile, or with its image: its tag tells no more than that.
    if (absl::IsNotFound(size.status())) continue;
    if (!size.ok() && !absl::IsDataLoss(size.status())) return size.status();
    page.objects.push_back({name, size.value_or(0)});
  }
  return page;
}

absl::Status RegistryObjectStore::Probe() {
  static constexpr absl::string_view kText = "floe asks whether this registry answers ranges\n";
  const oci::Descriptor blob = oci::DescribeBytes("application/octet-stream", AsBytes(kText));
  FLOE_RETURN_IF_ERROR(repository_->PutBlob(blob, AsBytes(kText)));
  Bytes part(3);
  const std::vector<registry::RangePiece> pieces = {{MutableByteView(part), 0}};
  FLOE_RETURN_IF_ERROR(repository_->ReadRange(blob.digest, 5, pieces));
  if (repository_->ignored_ranges() == 0 && AsText(part) == kText.substr(5, 3)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(repository_->Name(),
                   ": the registry does not honour Range on blobs, so every read of a "
                   "chunk would move a whole pack; use a registry or proxy that does, or "
                   "a folder or S3 as the store"));
}

}  // namespace floe::store
