// SPDX-License-Identifier: Apache-2.0
#include "mount/mount_record.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"

namespace floe::mount {
namespace {

constexpr absl::string_view kHeader = "floe-mount 1";
constexpr absl::string_view kSuffix = ".record";
constexpr uint64_t kMaxRecordBytes = 64 << 10;

std::string RecordPath(const MountRecord& record) { return absl::StrCat(record.path, kSuffix); }

absl::Status SetField(MountRecord& record, absl::string_view field, absl::string_view value) {
  if (field == "key") record.key = std::string(value);
  if (field == "name") record.name = std::string(value);
  if (field == "connection") record.connection = std::string(value);
  if (field == "bdi") record.bdi = std::string(value);
  if (field == "mapping") record.mapping = std::string(value);
  if (field != "backend") return absl::OkStatus();
  record.backend = value == BackendName(Backend::kLoop) ? Backend::kLoop : Backend::kFile;
  if (value == BackendName(record.backend)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("mount record: unknown backend ", value));
}

std::vector<std::string> Names(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr)
    names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string EncodeRecord(const MountRecord& record) {
  std::string text =
      absl::StrCat(kHeader, "\nkey ", record.key, "\nname ", record.name, "\nconnection ",
                   record.connection, "\nbackend ", BackendName(record.backend), "\n");
  if (!record.bdi.empty()) absl::StrAppend(&text, "bdi ", record.bdi, "\n");
  if (!record.mapping.empty()) absl::StrAppend(&text, "mapping ", record.mapping, "\n");
  return text;
}

absl::StatusOr<MountRecord> DecodeRecord(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kHeader) || !absl::ConsumePrefix(&text, "\n")) {
    return absl::InvalidArgumentError("not a mount record");
  }
  MountRecord record;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    FLOE_RETURN_IF_ERROR(SetField(record, field.first, field.second));
  }
  if (record.key.empty() || record.name.empty() || record.connection.empty()) {
    return absl::InvalidArgumentError("mount record: key, name or connection is missing");
  }
  return record;
}

absl::Status WriteRecord(const MountRecord& record) {
  // Not durable: after a power cut the mount is gone too.
  return WriteFileAtomically(RecordPath(record), AsBytes(EncodeRecord(record)), 0600, Replace::kYes,
                             Durable::kNo);
}

void RemoveRecord(const MountRecord& record) {
  rmdir(record.path.c_str());
  unlink(RecordPath(record).c_str());
}

namespace {

absl::StatusOr<MountRecord> ReadRecord(const std::string& path) {
  FLOE_ASSIGN_OR_RETURN(const Bytes text, ReadWholeFile(path, kMaxRecordBytes));
  return DecodeRecord(AsText(text));
}

}  // namespace

absl::StatusOr<FoundMounts> ScanMounts(const std::string& directory) {
  FoundMounts found;
  std::set<uint64_t> recorded;
  std::set<uint64_t> points;
  for (const std::string& name : Names(directory)) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (absl::StartsWith(name, ".tmp-")) unlink(path.c_str());
    absl::string_view digits = name;
    const bool is_record = absl::ConsumeSuffix(&digits, kSuffix);
    uint64_t number = 0;
    if (!absl::SimpleAtoi(digits, &number)) continue;
    found.next_number = std::max(found.next_number, number + 1);
    if (!is_record) {
      points.insert(number);
      continue;
    }
    absl::StatusOr<MountRecord> record = ReadRecord(path);
    if (!record.ok()) {
      points.insert(number);
      continue;
    }
    record->number = number;
    record->path = absl::StrCat(directory, "/", number);
    recorded.insert(number);
    found.records.push_back(*std::move(record));
  }
  for (const uint64_t number : points) {
    if (recorded.count(number) == 0) found.strays.push_back(absl::StrCat(directory, "/", number));
  }
  return found;
}

}  // namespace floe::mount
