// SPDX-License-Identifier: Apache-2.0
// The images that are open: opened by the control door, kept in the keeper, looked up by the FUSE
// file system, restored after a restart.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "fusefs/daemon/image_record.h"
#include "fusefs/image/served_image.h"
#include "keeper/client.h"
#include "store/keys/recipients.h"
#include "store/keys/signing.h"

namespace floe::fusefs {

// What opening a manifest takes. Immutable.
struct ManifestKeys {
  store::TrustPolicy trust;
  store::KeyRing ring;
};

struct OpenedImage {
  std::shared_ptr<const ServedImage> image;
  store::ManifestId manifest;
};

// Whether opening may be refused because the origin cannot keep up: for new containers only.
enum class MayRefuse { kNo, kYes };

struct ImageState {
  std::shared_ptr<const ServedImage> image;
  store::ManifestId manifest;
  size_t open_count = 0;
  bool closing = false;
};

// Thread safe. Calls that say so block on the keeper or on fetches; lookups never do.
class ImageTable : public ImageCatalog {
 public:
  // Gives the chunks of a manifest; what it returns is kept alive by its owner.
  using SourceOf = std::function<std::shared_ptr<ChunkSource>(const store::Manifest& manifest)>;
  // OK, or why no new container of this image can be started now (Tiers::AdmitStart).
  using Admit = std::function<absl::Status(const store::Manifest& manifest)>;
  // All borrowed.
  ImageTable(keeper::KeeperClient& keeper, const ManifestKeys& keys,
             std::shared_ptr<ChunkLoader> loader, SourceOf source_of, Admit admit, Clock& clock);

  // Opens the manifest behind `manifest`, makes superblock and metadata local, and serves the image
  // as `name`. The same name and manifest again is the same image. Blocks.
  // INVALID_ARGUMENT: bad name; ALREADY_EXISTS: the name serves another manifest;
  // FAILED_PRECONDITION: the manifest is damaged, foreign, untrusted or too new, with the reason;
  // DEADLINE_EXCEEDED, UNAVAILABLE: metadata did not arrive, or may_refuse and it is refused.
  absl::StatusOr<OpenedImage> Open(const std::string& name, UniqueFd manifest,
                                   const std::string& label, SteadyTime deadline,
                                   MayRefuse may_refuse = MayRefuse::kNo)
      FLOE_EXCLUDES(mutex_, keeper_mutex_);
  // Takes the name away; the image goes when the kernel has released it. NOT_FOUND. Blocks.
  absl::Status Close(const std::string& name) FLOE_EXCLUDES(mutex_, keeper_mutex_);
  // Everything but serving: OK or the error that Open would give.
  absl::StatusOr<store::ManifestId> Check(int manifest) const;
  // Serves again what the keeper holds. An image that cannot be restored is logged and its reads
  // fail; the others live. Blocks. Before the session starts.
  absl::Status Restore() FLOE_EXCLUDES(mutex_, keeper_mutex_);
  // Puts all that a keeper must hold of the images into another one, behind a connected socket, and
  // uses that from now on. Blocks.
  absl::Status MoveTo(UniqueFd keeper) FLOE_EXCLUDES(mutex_, keeper_mutex_);
  std::vector<ImageState> States() const FLOE_EXCLUDES(mutex_);

  std::shared_ptr<const ServedImage> ByName(const std::string& name) const override
      FLOE_EXCLUDES(mutex_);
  std::shared_ptr<const ServedImage> ByInode(uint64_t inode) const override FLOE_EXCLUDES(mutex_);
  std::vector<std::shared_ptr<const ServedImage>> List() const override FLOE_EXCLUDES(mutex_);
  absl::Status Opened(uint64_t inode, uint64_t handle) override
      FLOE_EXCLUDES(mutex_, keeper_mutex_);
  void Released(uint64_t inode, uint64_t handle) override FLOE_EXCLUDES(mutex_, keeper_mutex_);

 private:
  struct Entry {
    std::shared_ptr<const ServedImage> image;
    ImageRecord record;
    UniqueFd manifest_fd;
    UniqueFd key_fd;
    std::string slot;
  };
  struct ReadableManifest {
    store::Manifest manifest;
    store::ManifestId id;
    Secret file_key;
  };

  absl::StatusOr<ReadableManifest> ReadManifest(int manifest_fd) const;
  void Serve(const std::shared_ptr<Entry>& entry) FLOE_EXCLUDES(mutex_);

  absl::StatusOr<uint64_t> NextInode() FLOE_REQUIRES(keeper_mutex_);
  absl::Status LoadNextInode() FLOE_REQUIRES(keeper_mutex_);
  absl::Status SaveNextInode(uint64_t next) FLOE_REQUIRES(keeper_mutex_);
  absl::Status Save(const Entry& entry) FLOE_REQUIRES(keeper_mutex_);
  // nullptr when the name is free. ALREADY_EXISTS for another manifest.
  absl::StatusOr<std::shared_ptr<const ServedImage>> Serving(const std::string& name,
                                                             const store::ManifestId& id) const
      FLOE_EXCLUDES(mutex_);
  std::shared_ptr<ServedImage> MakeImage(const std::string& name, const std::string& label,
                                         uint64_t inode, store::Manifest manifest) const;
  absl::Status RestoreOne(const std::string& slot) FLOE_EXCLUDES(mutex_, keeper_mutex_);
  std::shared_ptr<Entry> Find(uint64_t inode) const FLOE_EXCLUDES(mutex_);
  // Forgets a closing image that nobody holds.
  void DropIfDone(const std::shared_ptr<Entry>& entry) FLOE_REQUIRES(keeper_mutex_)
      FLOE_EXCLUDES(mutex_);

  keeper::KeeperClient& keeper_;
  const ManifestKeys& keys_;
  const std::shared_ptr<ChunkLoader> loader_;
  const SourceOf source_of_;
  const Admit admit_;
  Clock& clock_;

  // Taken first, and held while the keeper is asked: records change one at a time.
  Mutex keeper_mutex_;
  // The least inode number that was never used, as far as this process has seen.
  uint64_t next_inode_ FLOE_GUARDED_BY(keeper_mutex_) = 0;
  mutable Mutex mutex_;  // the maps, never held while anything waits
  std::map<std::string, std::shared_ptr<Entry>> by_name_ FLOE_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<Entry>> by_inode_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace floe::fusefs
