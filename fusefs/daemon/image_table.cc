// SPDX-License-Identifier: Apache-2.0
#include "fusefs/daemon/image_table.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/log.h"
#include "fusefs/image/metadata_prefetch.h"
#include "store/manifest.h"

namespace floe::fusefs {
namespace {

constexpr size_t kMaxNameBytes = 100;
constexpr size_t kMaxLabelBytes = 1024;
constexpr uint64_t kFirstInode = 2;  // 1 is the directory

bool ValidName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         name.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

// Whatever is wrong with a manifest, asking again does not help: something must be set right first.
absl::Status AsPrecondition(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
      return absl::FailedPreconditionError(status.message());
    default:
      return status;
  }
}

// Once: what cannot be locked now will not be later, and the number only grows with the images.
void WarnOfUnlockedKeys() {
  const size_t unlocked = UnlockedSecretBytes();
  static std::atomic<bool> told = false;
  if (unlocked == 0 || told.exchange(true)) return;
  struct rlimit limit = {};
  (void)getrlimit(RLIMIT_MEMLOCK, &limit);
  Log(LogLevel::kWarning,
      "keys are not locked in memory and may reach swap: raise the limit of locked memory "
      "(LimitMEMLOCK= of the unit, ulimit -l) or encrypt the swap",
      {{"unlocked_bytes", unlocked}, {"limit_bytes", limit.rlim_cur}});
}

}  // namespace

ImageTable::ImageTable(keeper::KeeperClient& keeper, const ManifestKeys& keys,
                       std::shared_ptr<ChunkLoader> loader, SourceOf source_of, Admit admit,
                       Clock& clock)
    : keeper_(keeper),
      keys_(keys),
      loader_(std::move(loader)),
      source_of_(std::move(source_of)),
      admit_(std::move(admit)),
      clock_(clock) {}

absl::StatusOr<ImageTable::ReadableManifest> ImageTable::ReadManifest(int manifest_fd) const {
  FLOE_ASSIGN_OR_RETURN(const Bytes file, ReadWholeFd(manifest_fd, store::kMaxManifestBytes));
  ReadableManifest read;
  FLOE_ASSIGN_OR_RETURN(read.manifest,
                        store::OpenManifest(file, keys_.trust, keys_.ring, &read.file_key));
  FLOE_ASSIGN_OR_RETURN(const auto envelope, store::ParseManifestEnvelope(file));
  read.id = envelope.id;
  return read;
}

absl::StatusOr<store::ManifestId> ImageTable::Check(int manifest) const {
  const auto read = ReadManifest(manifest);
  if (!read.ok()) return AsPrecondition(read.status());
  return read->id;
}

absl::StatusOr<OpenedImage> ImageTable::Open(const std::string& name, UniqueFd manifest_fd,
                                             const std::string& label, SteadyTime deadline,
                                             MayRefuse may_refuse) {
  if (!ValidName(name) || label.size() > kMaxLabelBytes) {
    return absl::InvalidArgumentError(absl::StrCat("image name \"", name, "\" or its label: bad"));
  }
  auto manifest = ReadManifest(manifest_fd.get());
  if (!manifest.ok()) return AsPrecondition(manifest.status());
  FLOE_ASSIGN_OR_RETURN(const auto serving, Serving(name, manifest->id));
  if (serving) return OpenedImage{serving, manifest->id};
  if (may_refuse == MayRefuse::kYes) FLOE_RETURN_IF_ERROR(admit_(manifest->manifest));

  auto image = MakeImage(name, label.empty() ? name : label, 0, std::move(manifest->manifest));
  store::RequestOptions options;
  options.request_class = store::RequestClass::kStart;
  options.deadline = deadline;
  FLOE_RETURN_IF_ERROR(PrefetchMetadata(*image->reader, options));

  auto entry = std::make_shared<Entry>();
  FLOE_ASSIGN_OR_RETURN(entry->key_fd, SealFileKey(manifest->file_key));
  entry->manifest_fd = std::move(manifest_fd);
  MutexLock keeper_lock(keeper_mutex_);
  // Somebody may have opened it meanwhile; the first stays.
  FLOE_ASSIGN_OR_RETURN(const auto first, Serving(name, manifest->id));
  if (first) return OpenedImage{first, manifest->id};
  FLOE_ASSIGN_OR_RETURN(image->inode, NextInode());
  entry->image = image;
  entry->slot = absl::StrCat(keeper::kImageSlotPrefix, name);
  entry->record = {image->inode, manifest->id, image->label, false, {}};
  FLOE_RETURN_IF_ERROR(Save(*entry));
  Serve(entry);
  Log(LogLevel::kInfo, "image opened",
      {{"image", image->label},
       {"name", name},
       {"manifest", manifest->id.ToHex()},
       {"inode", image->inode},
       {"chunks", image->reader->manifest().chunks.size()}});
  return OpenedImage{image, manifest->id};
}

void ImageTable::Serve(const std::shared_ptr<Entry>& entry) {
  MutexLock lock(mutex_);
  by_name_[entry->image->name] = entry;
  by_inode_[entry->image->inode] = entry;
}

absl::StatusOr<std::shared_ptr<const ServedImage>> ImageTable::Serving(
    const std::string& name, const store::ManifestId& id) const {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::shared_ptr<const ServedImage>();
  if (found->second->record.manifest != id || found->second->record.closing) {
    return absl::AlreadyExistsError(absl::StrCat("image name ", name, " serves manifest ",
                                                 found->second->record.manifest.ToHex(),
                                                 ": choose another name"));
  }
  return found->second->image;
}

std::shared_ptr<ServedImage> ImageTable::MakeImage(const std::string& name,
                                                   const std::string& label, uint64_t inode,
                                                   store::Manifest manifest) const {
  auto shared = std::make_shared<const store::Manifest>(std::move(manifest));
  auto image = std::make_shared<ServedImage>();
  image->name = name;
  image->label = label;
  image->inode = inode;
  image->reader = std::make_shared<const ImageReader>(shared, loader_, source_of_(*shared), label);
  image->opened_at = clock_.Now();
  WarnOfUnlockedKeys();
  return image;
}

absl::Status ImageTable::LoadNextInode() {
  auto slot = keeper_.Get(keeper::kNextInodeSlot);
  if (absl::IsNotFound(slot.status())) {
    next_inode_ = std::max(next_inode_, kFirstInode);
    return absl::OkStatus();
  }
  FLOE_RETURN_IF_ERROR(slot.status());
  LittleEndianReader reader(slot->blob);
  const uint64_t inode = reader.Get<uint64_t>();
  if (!reader.ok() || inode < kFirstInode) {
    return absl::FailedPreconditionError("the keeper's inode counter is damaged");
  }
  next_inode_ = std::max(next_inode_, inode);
  return absl::OkStatus();
}

absl::Status ImageTable::SaveNextInode(uint64_t next) {
  LittleEndianWriter blob;
  blob.Put<uint64_t>(next);
  return keeper_.Put(keeper::kNextInodeSlot, blob.view());
}

// The number is taken in the keeper before anything uses it: a crash wastes it, nothing more.
absl::StatusOr<uint64_t> ImageTable::NextInode() {
  FLOE_RETURN_IF_ERROR(LoadNextInode());
  FLOE_RETURN_IF_ERROR(SaveNextInode(next_inode_ + 1));
  return next_inode_++;
}

absl::Status ImageTable::MoveTo(UniqueFd keeper) {
  MutexLock keeper_lock(keeper_mutex_);
  std::vector<std::shared_ptr<Entry>> entries;
  {
    MutexLock lock(mutex_);
    for (const auto& [inode, entry] : by_inode_) entries.push_back(entry);
  }
  keeper_.Replace(std::move(keeper));
  if (next_inode_ > 0) FLOE_RETURN_IF_ERROR(SaveNextInode(next_inode_));
  for (const std::shared_ptr<Entry>& entry : entries) FLOE_RETURN_IF_ERROR(Save(*entry));
  return absl::OkStatus();
}

absl::Status ImageTable::Save(const Entry& entry) {
  return keeper_.Put(entry.slot, EncodeImageRecord(entry.record),
                     {entry.manifest_fd.get(), entry.key_fd.get()});
}

absl::Status ImageTable::Close(const std::string& name) {
  MutexLock keeper_lock(keeper_mutex_);
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(mutex_);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      return absl::NotFoundError(absl::StrCat("no image is served as ", name));
    }
    entry = found->second;
    entry->record.closing = true;
  }
  const absl::Status saved = Save(*entry);
  DropIfDone(entry);
  return saved;
}

void ImageTable::DropIfDone(const std::shared_ptr<Entry>& entry) {
  {
    MutexLock lock(mutex_);
    if (!entry->record.closing || !entry->record.handles.empty()) return;
    by_name_.erase(entry->image->name);
    by_inode_.erase(entry->image->inode);
  }
  const absl::Status gone = keeper_.Delete(entry->slot);
  if (!gone.ok() && !absl::IsNotFound(gone)) {
    Log(LogLevel::kError, "image not forgotten", {{"reason", gone.message()}});
  }
  Log(LogLevel::kInfo, "image closed",
      {{"image", entry->image->label}, {"name", entry->image->name}});
}

absl::Status ImageTable::Opened(uint64_t inode, uint64_t handle) {
  MutexLock keeper_lock(keeper_mutex_);
  const std::shared_ptr<Entry> entry = Find(inode);
  if (!entry) return absl::NotFoundError("no such image");
  {
    MutexLock lock(mutex_);
    if (!entry->record.handles.insert(handle).second) return absl::OkStatus();
  }
  const absl::Status saved = Save(*entry);
  if (!saved.ok()) {
    MutexLock lock(mutex_);
    entry->record.handles.erase(handle);
  }
  return saved;
}

void ImageTable::Released(uint64_t inode, uint64_t handle) {
  MutexLock keeper_lock(keeper_mutex_);
  const std::shared_ptr<Entry> entry = Find(inode);
  if (!entry) return;
  {
    MutexLock lock(mutex_);
    entry->record.handles.erase(handle);
  }
  if (const absl::Status saved = Save(*entry); !saved.ok()) {
    Log(LogLevel::kError, "release not recorded", {{"reason", saved.message()}});
  }
  DropIfDone(entry);
}

absl::Status ImageTable::Restore() {
  {
    MutexLock keeper_lock(keeper_mutex_);
    FLOE_RETURN_IF_ERROR(LoadNextInode());
  }
  FLOE_ASSIGN_OR_RETURN(const auto slots, keeper_.List(keeper::kImageSlotPrefix));
  for (const keeper::SlotInfo& slot : slots) {
    if (const absl::Status restored = RestoreOne(slot.name); !restored.ok()) {
      Log(LogLevel::kError, "image not restored; its containers will see I/O errors",
          {{"slot", slot.name}, {"reason", restored.message()}});
    }
  }
  return absl::OkStatus();
}

absl::Status ImageTable::RestoreOne(const std::string& slot_name) {
  FLOE_ASSIGN_OR_RETURN(keeper::Slot slot, keeper_.Get(slot_name));
  if (slot.descriptors.size() != 2) {
    return absl::FailedPreconditionError("manifest or file key is missing");
  }
  auto entry = std::make_shared<Entry>();
  FLOE_ASSIGN_OR_RETURN(entry->record, DecodeImageRecord(slot.blob));
  FLOE_ASSIGN_OR_RETURN(const Bytes file,
                        ReadWholeFd(slot.descriptors[0].get(), store::kMaxManifestBytes));
  FLOE_ASSIGN_OR_RETURN(const Secret key, ReadFileKey(slot.descriptors[1].get()));
  // Trust was decided when it was opened; a signer removed since must not break what runs.
  store::TrustPolicy decided;
  decided.allow_unsigned = true;
  FLOE_ASSIGN_OR_RETURN(store::Manifest manifest,
                        store::OpenManifestWithFileKey(file, decided, key));
  FLOE_ASSIGN_OR_RETURN(const auto envelope, store::ParseManifestEnvelope(file));
  if (envelope.id != entry->record.manifest) {
    return absl::FailedPreconditionError("the manifest file changed since it was opened");
  }
  entry->slot = slot_name;
  entry->manifest_fd = std::move(slot.descriptors[0]);
  entry->key_fd = std::move(slot.descriptors[1]);
  const std::string name = slot_name.substr(std::string(keeper::kImageSlotPrefix).size());
  auto image = MakeImage(name, entry->record.label, entry->record.inode, std::move(manifest));
  image->restored = true;
  entry->image = image;
  Serve(entry);
  MutexLock keeper_lock(keeper_mutex_);
  DropIfDone(entry);  // died between the last release and forgetting
  return absl::OkStatus();
}

std::shared_ptr<ImageTable::Entry> ImageTable::Find(uint64_t inode) const {
  MutexLock lock(mutex_);
  const auto found = by_inode_.find(inode);
  return found == by_inode_.end() ? nullptr : found->second;
}

std::vector<ImageState> ImageTable::States() const {
  MutexLock lock(mutex_);
  std::vector<ImageState> states;
  for (const auto& [inode, entry] : by_inode_) {
    states.push_back({entry->image, entry->record.manifest, entry->record.handles.size(),
                      entry->record.closing});
  }
  return states;
}

std::shared_ptr<const ServedImage> ImageTable::ByName(const std::string& name) const {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || found->second->record.closing) return nullptr;
  return found->second->image;
}

std::shared_ptr<const ServedImage> ImageTable::ByInode(uint64_t inode) const {
  const std::shared_ptr<Entry> entry = Find(inode);
  return entry ? entry->image : nullptr;
}

std::vector<std::shared_ptr<const ServedImage>> ImageTable::List() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<const ServedImage>> images;
  for (const auto& [name, entry] : by_name_) {
    if (!entry->record.closing) images.push_back(entry->image);
  }
  return images;
}

}  // namespace floe::fusefs
