// SPDX-License-Identifier: Apache-2.0
#include "mount/image_mounter.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "mount/mount_adoption.h"
#include "mount/mount_maker.h"
#include "mount/probe.h"

namespace floe::mount {
namespace {

constexpr std::chrono::seconds kDefaultPatience(60);
constexpr std::chrono::seconds kProbePatience(10);
constexpr std::chrono::seconds kListPatience(2);
constexpr std::chrono::minutes kLookAgain(1);

// A mount and who holds it. While `busy` one thread works on it without the lock; only that thread
// may change `record`. Not erased while busy or waited for.
struct Entry {
  bool busy = false;
  int waiting = 0;  // threads that want to be next
  std::optional<MountRecord> record;
  std::set<std::string> holders;
  bool adopted = false;                // its holders have yet to come back
  std::optional<bool> long_readahead;  // nullopt: as an earlier process left it
  uint64_t attempts = 0;               // that ended
  absl::Status last;                   // of the last attempt
  MayRefuse last_may_refuse = MayRefuse::kNo;
};

// Manifest key, then the mapping: empty for the plain mount, which sorts before its clones.
using EntryKey = std::pair<std::string, std::string>;

bool ValidKey(const std::string& key) {
  return !key.empty() && key.size() <= 255 &&
         std::all_of(key.begin(), key.end(), [](unsigned char c) {
           return std::isalnum(c) || c == ':' || c == '.' || c == '_' || c == '-';
         });
}

absl::Status Validate(const MountRequest& request) {
  if (!ValidKey(request.key)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", request.key, "\" names no manifest"));
  }
  if (request.holder.empty()) return absl::InvalidArgumentError("a mount needs a holder");
  return absl::OkStatus();
}

SteadyTime Bounded(SteadyTime deadline) {
  return deadline == kNoDeadline ? Clock::Real().Now() + kDefaultPatience : deadline;
}

// A copy that shares no memory: Abseil counts users of a status in a library that ThreadSanitizer
// does not see into.
absl::Status Apart(const absl::Status& status) {
  return absl::Status(status.code(), status.message());
}

class Mounter : public ImageMounter {
 public:
  Mounter(const MounterOptions& options, std::unique_ptr<MountMaker> maker,
          std::vector<MountRecord> adopted);
  ~Mounter() override;

  absl::StatusOr<std::string> Mount(const MountRequest& request) override;
  absl::StatusOr<std::string> MountIdmapped(const MountRequest& request,
                                            const IdMapping& mapping) override;
  absl::Status Release(const std::string& key, const std::string& holder,
                       SteadyTime deadline) override;
  absl::Status DropUnheld(SteadyTime deadline) override;
  absl::Status UnmountAll(SteadyTime deadline) override;
  absl::Status CheckAlive(const std::string& key) const override;
  std::vector<MountInfo> List() const override;
  absl::Status RefreshReadahead() override;
  Backend backend() const override { return maker_->backend(); }

 private:
  using Make = std::function<absl::StatusOr<MountRecord>()>;
  // kShareAll: also of an attempt that was one that may be refused.
  enum class OnFailure { kShareAll, kShare, kGoOn };
  enum class Adopted { kKeep, kDrop };

  absl::StatusOr<MountRecord> Hold(const EntryKey& key, const MountRequest& request,
                                   SteadyTime deadline, const Make& make) FLOE_EXCLUDES(mutex_);
  absl::StatusOr<Entry*> Take(const EntryKey& key, OnFailure on_failure, SteadyTime deadline)
      FLOE_REQUIRES(mutex_);
  void GiveBack(const EntryKey& key, Entry& entry) FLOE_REQUIRES(mutex_);
  void EraseIfUnused(const EntryKey& key) FLOE_REQUIRES(mutex_);
  absl::Status Drop(const EntryKey& key, SteadyTime deadline) FLOE_EXCLUDES(mutex_);
  absl::Status DropUnused(Adopted adopted, SteadyTime deadline) FLOE_EXCLUDES(mutex_);
  bool Holds(const EntryKey& key, const std::string& holder) const FLOE_EXCLUDES(mutex_);
  void SetReadaheads(const std::map<std::string, bool>& local) FLOE_EXCLUDES(mutex_);
  bool MayGrow() const FLOE_EXCLUDES(mutex_);
  void Refresh() FLOE_EXCLUDES(mutex_);

  const MounterOptions options_;
  const std::unique_ptr<MountMaker> maker_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<EntryKey, Entry> entries_ FLOE_GUARDED_BY(mutex_);
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  std::thread refresher_;
};

Mounter::Mounter(const MounterOptions& options, std::unique_ptr<MountMaker> maker,
                 std::vector<MountRecord> adopted)
    : options_(options), maker_(std::move(maker)) {
  for (MountRecord& record : adopted) {
    const EntryKey key(record.key, record.mapping);
    entries_[key].record = std::move(record);
    entries_[key].adopted = true;
  }
  if (options_.refresh_interval.count() > 0) refresher_ = std::thread([this] { Refresh(); });
}

Mounter::~Mounter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (refresher_.joinable()) refresher_.join();
}

// Waits until nobody works on `key`, and takes it. With kShare an attempt that fails meanwhile is
// ours too, unless only its deadline was shorter than ours, or it was refused as we may not be.
absl::StatusOr<Entry*> Mounter::Take(const EntryKey& key, OnFailure on_failure,
                                     SteadyTime deadline) {
  Entry& entry = entries_[key];
  const uint64_t seen = entry.attempts;
  absl::Status status;
  ++entry.waiting;
  while (entry.busy && status.ok()) {
    if (!changed_.WaitUntil(mutex_, deadline) && entry.busy) {
      status = absl::DeadlineExceededError("another mount of the same image takes too long");
    }
    const bool failed = entry.attempts > seen && !absl::IsDeadlineExceeded(entry.last);
    const bool ours = on_failure == OnFailure::kShareAll ||
                      (on_failure == OnFailure::kShare && entry.last_may_refuse == MayRefuse::kNo);
    if (failed && ours) status.Update(Apart(entry.last));
  }
  --entry.waiting;
  if (status.ok()) {
    entry.busy = true;
    return &entry;
  }
  EraseIfUnused(key);
  return status;
}

void Mounter::EraseIfUnused(const EntryKey& key) {
  const auto found = entries_.find(key);
  const Entry& entry = found->second;
  if (entry.busy || entry.waiting > 0 || entry.record || !entry.holders.empty()) return;
  entries_.erase(found);
}

void Mounter::GiveBack(const EntryKey& key, Entry& entry) {
  entry.busy = false;
  EraseIfUnused(key);
  changed_.NotifyAll();
}

absl::StatusOr<MountRecord> Mounter::Hold(const EntryKey& key, const MountRequest& request,
                                          SteadyTime deadline, const Make& make) {
  Entry* entry = nullptr;
  std::optional<MountRecord> old;
  {
    MutexLock lock(mutex_);
    const OnFailure share =
        request.may_refuse == MayRefuse::kYes ? OnFailure::kShareAll : OnFailure::kShare;
    FLOE_ASSIGN_OR_RETURN(entry, Take(key, share, deadline));
    old = entry->record;
  }
  const bool alive = old && maker_->Check(*old).ok();
  const absl::StatusOr<MountRecord> record = alive ? absl::StatusOr<MountRecord>(*old) : make();
  if (old && !alive && record.ok()) {
    Log(LogLevel::kWarning, "a dead mount was made anew",
        {{"old", old->path}, {"new", record->path}});
    (void)maker_->Unmake(*old, deadline);
  }
  MutexLock lock(mutex_);
  ++entry->attempts;
  entry->last = Apart(record.status());
  entry->last_may_refuse = request.may_refuse;
  if (record.ok()) {
    if (!alive) entry->long_readahead = false;  // as the maker set it
    entry->record = *record;
    entry->adopted = false;
    entry->holders.insert(request.holder);
  }
  GiveBack(key, *entry);
  return record;
}

absl::StatusOr<std::string> Mounter::Mount(const MountRequest& request) {
  FLOE_RETURN_IF_ERROR(Validate(request));
  const SteadyTime deadline = Bounded(request.deadline);
  FLOE_ASSIGN_OR_RETURN(
      const MountRecord record, Hold({request.key, ""}, request, deadline, [&] {
        return maker_->Make({request.manifest_path, request.key, request.label, request.may_refuse},
                            deadline);
      }));
  return record.path;
}

absl::StatusOr<std::string> Mounter::MountIdmapped(const MountRequest& request,
                                                   const IdMapping& mapping) {
  const SteadyTime deadline = Bounded(request.deadline);
  const bool held = Holds({request.key, ""}, request.holder);
  FLOE_ASSIGN_OR_RETURN(const std::string path, Mount(request));
  MountRecord plain;
  {
    MutexLock lock(mutex_);
    plain = *entries_[{request.key, ""}].record;
  }
  const absl::StatusOr<MountRecord> clone =
      Hold({request.key, FormatIdMapping(mapping)}, request, deadline,
           [&] { return maker_->Clone(plain, mapping, deadline); });
  if (clone.ok()) return clone->path;
  if (!held) (void)Release(request.key, request.holder, deadline);
  return clone.status();
}

bool Mounter::Holds(const EntryKey& key, const std::string& holder) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  return found != entries_.end() && found->second.holders.count(holder) > 0;
}

// Unmounts `key` if nobody holds it (any more).
absl::Status Mounter::Drop(const EntryKey& key, SteadyTime deadline) {
  Entry* entry = nullptr;
  std::optional<MountRecord> record;
  {
    MutexLock lock(mutex_);
    if (entries_.count(key) == 0) return absl::OkStatus();
    FLOE_ASSIGN_OR_RETURN(entry, Take(key, OnFailure::kGoOn, deadline));
    if (entry->holders.empty()) record = entry->record;
  }
  const absl::Status status = record ? maker_->Unmake(*record, deadline) : absl::OkStatus();
  if (!status.ok()) {
    Log(LogLevel::kWarning, "an image is not unmounted yet",
        {{"path", record->path}, {"why", status.message()}});
  }
  MutexLock lock(mutex_);
  if (record && status.ok()) entry->record.reset();
  GiveBack(key, *entry);
  return status;
}

// Clones first: they sort behind their plain mount.
absl::Status Mounter::DropUnused(Adopted adopted, SteadyTime deadline) {
  std::vector<EntryKey> unused;
  {
    MutexLock lock(mutex_);
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (!entry->second.holders.empty()) continue;
      if (entry->second.adopted && adopted == Adopted::kKeep) continue;
      if (!entry->second.busy) unused.push_back(entry->first);
    }
  }
  absl::Status status;
  for (const EntryKey& key : unused) status.Update(Drop(key, deadline));
  return status;
}

absl::Status Mounter::Release(const std::string& key, const std::string& holder,
                              SteadyTime deadline) {
  std::vector<EntryKey> unheld;
  {
    MutexLock lock(mutex_);
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->first.first != key || entry->second.holders.erase(holder) == 0) continue;
      if (entry->second.holders.empty()) unheld.push_back(entry->first);
    }
  }
  absl::Status status;
  for (const EntryKey& entry : unheld) status.Update(Drop(entry, Bounded(deadline)));
  return status;
}

absl::Status Mounter::DropUnheld(SteadyTime deadline) {
  return DropUnused(Adopted::kDrop, Bounded(deadline));
}

absl::Status Mounter::UnmountAll(SteadyTime deadline) {
  {
    MutexLock lock(mutex_);
    for (auto& [key, entry] : entries_) entry.holders.clear();
  }
  return DropUnused(Adopted::kDrop, Bounded(deadline));
}

absl::Status Mounter::CheckAlive(const std::string& key) const {
  MountRecord record;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find({key, ""});
    if (found == entries_.end() || !found->second.record) {
      return absl::NotFoundError(absl::StrCat("manifest ", key, " is not mounted"));
    }
    record = *found->second.record;
  }
  return maker_->Check(record);
}

std::vector<MountInfo> Mounter::List() const {
  MutexLock lock(mutex_);
  std::vector<MountInfo> all;
  for (const auto& [key, entry] : entries_) {
    if (!entry.record) continue;
    const MountRecord& record = *entry.record;
    all.push_back({record.key, record.path, record.name, record.mapping, record.backend,
                   std::vector<std::string>(entry.holders.begin(), entry.holders.end())});
  }
  return all;
}

// Of the served file's name: whether all its chunks are on this node.
void Mounter::SetReadaheads(const std::map<std::string, bool>& local) {
  MutexLock lock(mutex_);
  for (auto& [key, entry] : entries_) {
    if (!entry.record || entry.busy || !entry.record->mapping.empty()) continue;
    const auto image = local.find(entry.record->name);
    if (image == local.end() || image->second == entry.long_readahead) continue;
    const uint32_t kib = image->second ? options_.local_readahead_kib : options_.cold_readahead_kib;
    (void)SetReadahead(entry.record->bdi, kib);  // made known when the mount was made
    entry.long_readahead = image->second;
  }
}

absl::Status Mounter::RefreshReadahead() {
  FLOE_ASSIGN_OR_RETURN(const auto images,
                        maker_->daemons().fusefs().ListImages(Clock::Real().Now() + kListPatience));
  std::map<std::string, bool> local;
  for (const FusefsClient::Image& image : images) {
    local[image.name] = image.local_bytes >= image.sealed_bytes;
  }
  SetReadaheads(local);
  return absl::OkStatus();
}

// Whether some image may have become local. Those that are may lose chunks again, but seldom.
bool Mounter::MayGrow() const {
  MutexLock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    const bool plain = entry.first.second.empty();
    return plain && entry.second.record && !entry.second.long_readahead.value_or(false);
  });
}

void Mounter::Refresh() {
  SteadyTime last_look;
  while (true) {
    {
      MutexLock lock(mutex_);
      const SteadyTime next = Clock::Real().Now() + options_.refresh_interval;
      while (!stopping_ && changed_.WaitUntil(mutex_, next)) {
      }
      if (stopping_) return;
      if (entries_.empty()) continue;
    }
    const SteadyTime now = Clock::Real().Now();
    if (MayGrow() || now - last_look >= kLookAgain) {
      (void)RefreshReadahead();
      last_look = now;
    }
    (void)DropUnused(Adopted::kKeep, Clock::Real().Now() + kListPatience);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageMounter>> ImageMounter::Create(MounterOptions options,
                                                                   DaemonSupervisor& daemons) {
  const std::string directory = absl::StrCat(options.root, "/mounts");
  FLOE_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  if (!options.backend) {
    FLOE_ASSIGN_OR_RETURN(const ProbeResult probe,
                          ChooseBackend(Clock::Real().Now() + kProbePatience));
    options.backend = probe.backend;
    Log(probe.backend == Backend::kFile ? LogLevel::kInfo : LogLevel::kWarning,
        "back end chosen for EROFS mounts",
        {{"backend", BackendName(probe.backend)}, {"why", probe.reason}});
  }
  FLOE_ASSIGN_OR_RETURN(const FoundMounts found, ScanMounts(directory));
  auto maker = std::make_unique<MountMaker>(directory, *options.backend, options.cold_readahead_kib,
                                            found.next_number, daemons);
  FLOE_ASSIGN_OR_RETURN(std::vector<MountRecord> adopted,
                        AdoptMounts(found, *maker, Clock::Real().Now() + kDefaultPatience));
  return std::make_unique<Mounter>(options, std::move(maker), std::move(adopted));
}

}  // namespace floe::mount
