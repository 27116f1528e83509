// SPDX-License-Identifier: Apache-2.0
// Images in memory for tests.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "erofs/image_sink.h"
#include "erofs/ondisk.h"
#include "erofs/reader.h"
#include "erofs/tree.h"
#include "erofs/writer.h"

namespace floe::erofs {

// Collects an image; can fail after some bytes.
class MemorySink : public ImageSink {
 public:
  absl::Status Data(ByteView blocks) override {
    if (blocks.size() % kBlockBytes != 0) return absl::InternalError("no whole blocks");
    if (bytes.size() + blocks.size() > fail_after) return absl::UnavailableError("the sink failed");
    bytes.insert(bytes.end(), blocks.begin(), blocks.end());
    return absl::OkStatus();
  }
  absl::Status Zeros(uint64_t count) override {
    if (count % kBlockBytes != 0) return absl::InternalError("no whole blocks");
    bytes.resize(bytes.size() + count);
    zero_bytes += count;
    return absl::OkStatus();
  }
  Bytes bytes;
  uint64_t zero_bytes = 0;
  uint64_t fail_after = ~uint64_t{0};
};

inline ReadAt ReadFrom(const Bytes& image) {
  return [&image](uint64_t offset, MutableByteView out) -> absl::Status {
    if (offset > image.size() || out.size() > image.size() - offset) {
      return absl::OutOfRangeError("behind the image");
    }
    std::memcpy(out.data(), image.data() + offset, out.size());
    return absl::OkStatus();
  };
}

// A tree under construction by paths of one name each.
class TreeMaker {
 public:
  TreeMaker() { Directory(); }
  InodeId Directory(uint32_t mode = 0755, int64_t mtime = 0) {
    Inode inode;
    inode.mode = static_cast<uint16_t>(S_IFDIR | mode);
    inode.mtime = mtime;
    return tree.Add(inode);
  }
  InodeId File(const std::string& content, uint32_t mode = 0644, int64_t mtime = 0) {
    Inode inode;
    inode.mode = static_cast<uint16_t>(S_IFREG | mode);
    inode.mtime = mtime;
    inode.size = content.size();
    const InodeId id = tree.Add(inode);
    contents[id] = content;
    return id;
  }
  InodeId Symlink(const std::string& target, int64_t mtime = 0) {
    Inode inode;
    inode.mode = S_IFLNK | 0777;
    inode.mtime = mtime;
    return tree.AddSymlink(inode, target);
  }
  // Plans and writes the whole image.
  absl::StatusOr<Bytes> Write() {
    FLOE_ASSIGN_OR_RETURN(const ImagePlan plan, Plan(tree));
    MemorySink sink;
    FLOE_RETURN_IF_ERROR(EmitMetadata(tree, plan, sink));
    for (const InodeId id : plan.files) {
      const std::string& content = contents[id];
      sink.bytes.insert(sink.bytes.end(), content.begin(), content.end());
      sink.bytes.resize((sink.bytes.size() + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
    }
    if (sink.bytes.size() != plan.total_bytes) return absl::InternalError("another length");
    return sink.bytes;
  }
  Tree tree;
  std::map<InodeId, std::string> contents;
};

}  // namespace floe::erofs
