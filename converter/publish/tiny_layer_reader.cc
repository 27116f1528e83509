// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>

#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "converter/publish/tiny_image.h"
#include "converter/publish/tiny_layer.h"
#include "store/manifest.h"

namespace floe::converter {
namespace {

// What libarchive reads from; an error of the stream is kept, for libarchive only knows errno.
struct Input {
  ByteStream& stream;
  Bytes buffer = Bytes(64 << 10);
  absl::Status status;
};

la_ssize_t ReadInput(archive*, void* context, const void** data) {
  Input& input = *static_cast<Input*>(context);
  const absl::StatusOr<size_t> got = input.stream.Read(input.buffer);
  if (!got.ok()) {
    input.status = got.status();
    return -1;
  }
  *data = input.buffer.data();
  return static_cast<la_ssize_t>(*got);
}

struct ReaderDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ReaderPtr = std::unique_ptr<archive, ReaderDeleter>;

absl::Status NotOurs(absl::string_view name, absl::string_view reason) {
  return absl::NotFoundError(absl::StrCat(name, ": not an image made by floe (", reason,
                                          "); convert it with floe convert first"));
}

// "./.floe/manifest" and ".floe/manifest" are the same name.
absl::string_view CleanedPath(absl::string_view path) {
  while (absl::ConsumePrefix(&path, "./")) {
  }
  absl::ConsumePrefix(&path, "/");
  while (absl::ConsumeSuffix(&path, "/")) {
  }
  return path;
}

absl::StatusOr<Bytes> ReadFile(archive* reader, archive_entry* entry, absl::string_view name) {
  if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0 ||
      static_cast<uint64_t>(archive_entry_size(entry)) > store::kMaxManifestBytes) {
    return NotOurs(name, "its manifest is longer than any manifest may be");
  }
  Bytes bytes(static_cast<size_t>(archive_entry_size(entry)));
  size_t used = 0;
  while (used < bytes.size()) {
    const la_ssize_t got = archive_read_data(reader, bytes.data() + used, bytes.size() - used);
    if (got <= 0) return absl::DataLossError(absl::StrCat(name, ": the layer is cut short"));
    used += static_cast<size_t>(got);
  }
  return bytes;
}

// One entry: keeps the manifest's bytes, lets directories pass, refuses everything else.
absl::Status TakeEntry(archive* reader, archive_entry* entry, absl::string_view name,
                       std::unique_ptr<Bytes>& manifest) {
  const char* raw = archive_entry_pathname(entry);
  const absl::string_view path = CleanedPath(raw != nullptr ? raw : "");
  const bool directory = archive_entry_filetype(entry) == AE_IFDIR;
  if (directory && (path.empty() || path == "." || path == ".floe")) return absl::OkStatus();
  const bool regular =
      archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
  if (!regular || path != kManifestPath || manifest != nullptr) {
    return NotOurs(name, "its layer holds more than one manifest file");
  }
  FLOE_ASSIGN_OR_RETURN(Bytes bytes, ReadFile(reader, entry, name));
  manifest = std::make_unique<Bytes>(std::move(bytes));
  return absl::OkStatus();
}

absl::Status Drain(ByteStream& stream, Bytes& buffer) {
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const size_t got, stream.Read(buffer));
    if (got == 0) return absl::OkStatus();
  }
}

absl::StatusOr<std::unique_ptr<Bytes>> ReadEntries(archive* reader, Input& input,
                                                   absl::string_view name) {
  std::unique_ptr<Bytes> manifest;
  while (true) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(reader, &entry);
    if (!input.status.ok()) return input.status;
    if (result == ARCHIVE_EOF) return manifest;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return NotOurs(name, "its layer is no tar");
    absl::Status taken = TakeEntry(reader, entry, name, manifest);
    if (!input.status.ok()) return input.status;
    FLOE_RETURN_IF_ERROR(taken);
  }
}

}  // namespace

absl::StatusOr<Bytes> ManifestFromLayer(ByteStream& layer, absl::string_view name) {
  const ReaderPtr reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  Input input{layer, Bytes(64 << 10), absl::OkStatus()};
  const int opened = archive_read_open(reader.get(), &input, nullptr, ReadInput, nullptr);
  if (!input.status.ok()) return input.status;
  if (opened != ARCHIVE_OK) return NotOurs(name, "its layer is no tar");
  FLOE_ASSIGN_OR_RETURN(const std::unique_ptr<Bytes> manifest,
                        ReadEntries(reader.get(), input, name));
  // The stream's own check of digest and length comes at its end.
  FLOE_RETURN_IF_ERROR(Drain(layer, input.buffer));
  if (manifest == nullptr) return NotOurs(name, "its layer holds no manifest");
  if (!absl::StartsWith(AsText(*manifest), store::kManifestMagic)) {
    return NotOurs(name, "its manifest does not begin with floe's magic");
  }
  return *manifest;
}

}  // namespace floe::converter
