// SPDX-License-Identifier: Apache-2.0
#include "store/tier/disk_tier.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/codec.h"
#include "base/log.h"

namespace floe::store {
namespace {

constexpr absl::string_view kRecencyMagic = "FLOEDTR1";
// An entry's share of its folder, and the folders themselves.
constexpr uint64_t kNameBytes = 128;
constexpr uint64_t kFolders = 260;

absl::Status StillWanted(const RequestOptions& options, Clock& clock) {
  if (options.cancel.cancelled()) return absl::CancelledError("no longer wanted");
  if (options.deadline <= clock.Now()) return absl::DeadlineExceededError("too late");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskTier>> DiskTier::Open(const DiskTierOptions& options,
                                                         Secret node_key, Executor& io,
                                                         Clock& clock, DiskTierCounters counters) {
  if (options.free_share < 0 || options.free_share >= 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("free share ", options.free_share, ": must be at least 0 and below 1"));
  }
  FLOE_ASSIGN_OR_RETURN(auto files,
                        DiskFiles::Open(options.directory, DiskEntryMac(std::move(node_key))));
  std::unique_ptr<DiskTier> tier(new DiskTier(options, std::move(files), io, clock, counters));
  FLOE_RETURN_IF_ERROR(tier->LoadIndex());
  tier->Maintain();
  return tier;
}

DiskTier::DiskTier(const DiskTierOptions& options, std::unique_ptr<DiskFiles> files, Executor& io,
                   Clock& clock, DiskTierCounters counters)
    : options_(options),
      files_(std::move(files)),
      io_(io),
      clock_(clock),
      counters_(counters),
      space_([this] { return files_->Space(); }),
      recency_saved_(clock.Now()) {}

DiskTier::~DiskTier() {
  outstanding_.WaitUntilNone();
  SaveRecency();
}

absl::Status DiskTier::LoadIndex() {
  FLOE_ASSIGN_OR_RETURN(const FileSystemSpace space, files_->Space());
  block_bytes_ = space.block_bytes;
  FLOE_ASSIGN_OR_RETURN(const std::vector<FoundEntry> found, files_->Scan());
  std::unordered_map<std::string, std::pair<UseTime, UseTime>> uses;
  LoadRecency(uses);
  MutexLock lock(mutex_);
  used_ = kFolders * block_bytes_;
  for (const FoundEntry& entry : found) {
    // Two lengths for one id cannot both be right; the check on reading would tell, so keep one.
    if (index_.Find(entry.id) != nullptr) {
      files_->Remove(entry.id, entry.sealed_length);
      continue;
    }
    const auto use = uses.find(std::string(AsText(entry.id.bytes)));
    const auto [last, second] = use == uses.end() ? std::pair<UseTime, UseTime>(1, 0) : use->second;
    index_.Restore(entry.id, entry.sealed_length, last, second);
    used_ += Charge(entry.sealed_length);
  }
  Publish();
  return absl::OkStatus();
}

// recency = magic count:u64 count x {id[32] last:u64 second-last:u64}; lost or damaged, it costs
// the order of eviction and nothing else.
void DiskTier::LoadRecency(
    std::unordered_map<std::string, std::pair<UseTime, UseTime>>& uses) const {
  const auto bytes = files_->ReadRecency();
  if (!bytes.ok()) return;
  LittleEndianReader reader(*bytes);
  if (AsText(reader.GetBytes(kRecencyMagic.size())) != kRecencyMagic) return;
  for (uint64_t left = reader.Get<uint64_t>(); left > 0 && reader.ok(); --left) {
    const std::string id(AsText(reader.GetBytes(32)));
    const UseTime last = reader.Get<uint64_t>();
    const UseTime second = reader.Get<uint64_t>();
    if (reader.ok() && last <= Now()) uses[id] = {last, second};
  }
}

void DiskTier::SaveRecency() {
  LittleEndianWriter writer;
  {
    MutexLock lock(mutex_);
    recency_saved_ = clock_.Now();
    if (!recency_changed_) return;
    recency_changed_ = false;
    writer.PutBytes(AsBytes(kRecencyMagic));
    writer.Put<uint64_t>(index_.size());
    index_.ForEach([&writer](const ChunkId& id, const DiskEntry& entry) {
      writer.PutBytes(id.bytes);
      writer.Put<uint64_t>(entry.last);
      writer.Put<uint64_t>(entry.second_last);
    });
  }
  if (const absl::Status saved = files_->WriteRecency(writer.view()); !saved.ok()) {
    Log(LogLevel::kWarning, "order of use not saved", {{"reason", saved.message()}});
  }
}

UseTime DiskTier::Now() const {
  return static_cast<UseTime>(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.WallNow().time_since_epoch())
          .count());
}

uint64_t DiskTier::Charge(uint32_t sealed_length) const {
  const uint64_t bytes = kDiskEntryHeaderBytes + uint64_t{sealed_length};
  return (bytes + block_bytes_ - 1) / block_bytes_ * block_bytes_ + kNameBytes;
}

void DiskTier::Publish() {
  if (counters_.bytes != nullptr) counters_.bytes->Set(static_cast<double>(used_));
  if (counters_.entries != nullptr) counters_.entries->Set(static_cast<double>(index_.size()));
}

void DiskTier::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  uint32_t sealed_length = 0;
  uint64_t generation = 0;
  {
    MutexLock lock(mutex_);
    if (const DiskEntry* entry = index_.Find(id)) {
      sealed_length = entry->sealed_length;
      generation = entry->generation;
      index_.Touch(id, Now());
      recency_changed_ = true;
    }
  }
  if (generation == 0) {
    AddTo(counters_.misses);
    done(absl::NotFoundError(absl::StrCat("chunk ", id.ToHex(), " is not in the disk tier")));
    return;
  }
  outstanding_.Begin();
  io_.Run([this, id, options, sealed_length, generation, done = std::move(done)] {
    if (const absl::Status wanted = StillWanted(options, clock_); !wanted.ok()) {
      done(wanted);
    } else {
      Read(id, sealed_length, generation, done);
    }
    outstanding_.End();
  });
}

void DiskTier::Read(const ChunkId& id, uint32_t sealed_length, uint64_t generation,
                    const GetCallback& done) {
  auto chunk = files_->Read(id, sealed_length);
  if (chunk.ok()) {
    AddTo(counters_.hits);
    AddTo(counters_.hit_bytes, sealed_length);
    done(FetchedChunk(*std::move(chunk)));
    return;
  }
  AddTo(counters_.misses);
  if (!absl::IsNotFound(chunk.status())) {  // else it was evicted a moment ago
    AddTo(counters_.damaged);
    Log(LogLevel::kWarning, "cache entry dropped",
        {{"chunk", id.ToHex()}, {"reason", chunk.status().message()}});
  }
  Drop(id, generation);
  done(chunk.status());
}

void DiskTier::Drop(const ChunkId& id, uint64_t generation) {
  uint32_t sealed_length = 0;
  {
    MutexLock lock(mutex_);
    const DiskEntry* entry = index_.Find(id);
    if (entry == nullptr || entry->generation != generation) return;
    sealed_length = entry->sealed_length;
    index_.Erase(id);
  }
  files_->Remove(id, sealed_length);
  MutexLock lock(mutex_);
  used_ -= Charge(sealed_length);
  Publish();
}

void DiskTier::Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) {
  const uint64_t length = chunk.bytes().size();
  absl::StatusOr<PutResult> at_once = PutResult::kExisted;
  {
    MutexLock lock(mutex_);
    const auto writing = writing_.find(chunk.id());
    if (writing != writing_.end()) {
      writing->second.push_back(std::move(done));
      return;
    }
    if (index_.Find(chunk.id()) == nullptr) {
      if (pending_ + length <= options_.max_pending_bytes) {
        pending_ += length;
        writing_[chunk.id()].push_back(std::move(done));
        done = nullptr;
        outstanding_.Begin();
      } else {
        at_once = absl::ResourceExhaustedError("the disk tier is behind with writing");
      }
    }
  }
  if (done) {
    if (!at_once.ok()) AddTo(counters_.refused_puts);
    done(at_once);
    return;
  }
  io_.Run([this, chunk, options] {
    const absl::Status wanted = StillWanted(options, clock_);
    FinishPut(chunk.id(), wanted.ok() ? Write(chunk) : wanted);
    {
      MutexLock lock(mutex_);
      pending_ -= chunk.bytes().size();
    }
    outstanding_.End();
  });
}

void DiskTier::FinishPut(const ChunkId& id, const absl::StatusOr<PutResult>& result) {
  std::vector<PutCallback> waiting;
  {
    MutexLock lock(mutex_);
    waiting = std::move(writing_.extract(id).mapped());
  }
  if (!result.ok()) AddTo(counters_.refused_puts);
  for (size_t i = 0; i < waiting.size(); ++i) {
    waiting[i](result.ok() && i > 0 ? PutResult::kExisted : result);
  }
}

absl::StatusOr<PutResult> DiskTier::Write(const VerifiedSealed& chunk) {
  const auto length = static_cast<uint32_t>(chunk.bytes().size());
  const uint64_t charge = Charge(length);
  if (!Reserve(charge)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "cache ", options_.directory, ": no room within its limits (", options_.max_bytes,
        " bytes; ", 100 * options_.free_share, " % of the file system free)"));
  }
  const absl::Status written = files_->Write(chunk);
  MutexLock lock(mutex_);
  if (written.ok()) {
    index_.Insert(chunk.id(), length, Now());
    recency_changed_ = true;
  } else {
    used_ -= charge;
  }
  Publish();
  if (!written.ok()) return written;
  return PutResult::kCreated;
}

void DiskTier::List(const std::string& from, size_t limit, const RequestOptions&,
                    ListCallback done) {
  const std::optional<ChunkId> after = ChunkId::FromHex(from);
  if (!after && !from.empty()) {
    done(absl::InvalidArgumentError("not a continue token of the disk tier"));
    return;
  }
  ChunkPage page;
  {
    MutexLock lock(mutex_);
    page.ids = index_.Ids(after, limit + 1);
  }
  if (page.ids.size() > limit) {
    page.ids.resize(limit);
    page.next = page.ids.empty() ? from : page.ids.back().ToHex();
  }
  done(std::move(page));
}

std::string DiskTier::Name() const { return absl::StrCat("disk ", options_.directory); }

uint64_t DiskTier::bytes() const {
  MutexLock lock(mutex_);
  return used_;
}

bool DiskTier::Holds(const ChunkId& id) const {
  MutexLock lock(mutex_);
  return index_.Find(id) != nullptr;
}

uint64_t DiskTier::LocalBytes(const ChunkRefs& chunks) const {
  MutexLock lock(mutex_);
  uint64_t total = 0;
  for (const ChunkRef& chunk : chunks) {
    if (index_.Find(chunk.id) != nullptr) total += chunk.sealed_length;
  }
  return total;
}

void DiskTier::SetSpaceForTest(std::function<absl::StatusOr<FileSystemSpace>()> space) {
  MutexLock lock(mutex_);
  space_ = std::move(space);
}

}  // namespace floe::store
