// SPDX-License-Identifier: Apache-2.0
// Tars in memory for tests, block by block, so that wrong ones can be made too.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/byte_stream.h"
#include "converter/flatten/piece_source.h"

namespace floe::converter {

class TarMaker {
 public:
  struct Member {
    std::string name = {};
    std::string data = {};
    char type = '0';
    std::string link = {};
    uint32_t mode = 0644;
    uint32_t uid = 0;
    uint32_t gid = 0;
    int64_t mtime = 0;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    std::vector<std::pair<std::string, std::string>> pax = {};
  };

  TarMaker& Add(const Member& member) {
    if (!member.pax.empty()) {
      std::string records;
      for (const auto& [key, value] : member.pax) records += PaxRecord(key, value);
      Raw(Header({.name = "pax", .data = records, .type = 'x'}));
      Data(records);
    }
    Raw(Header(member));
    const bool header_only = member.type >= '1' && member.type <= '6';
    if (!header_only) Data(member.data);
    return *this;
  }
  TarMaker& File(const std::string& name, const std::string& data) {
    return Add({.name = name, .data = data});
  }
  TarMaker& Dir(const std::string& name, uint32_t mode = 0755) {
    return Add({.name = name, .type = '5', .mode = mode});
  }
  TarMaker& Symlink(const std::string& name, const std::string& target) {
    return Add({.name = name, .type = '2', .link = target});
  }
  TarMaker& HardLink(const std::string& name, const std::string& target) {
    return Add({.name = name, .type = '1', .link = target});
  }
  TarMaker& Raw(const std::string& bytes) {
    tar_ += bytes;
    return *this;
  }
  TarMaker& Data(const std::string& data) {
    tar_ += data;
    tar_.resize((tar_.size() + 511) / 512 * 512);
    return *this;
  }
  std::string End() const { return tar_ + std::string(1024, '\0'); }
  const std::string& tar() const { return tar_; }

  static std::string PaxRecord(const std::string& key, const std::string& value) {
    size_t length = key.size() + value.size() + 3;
    while (std::to_string(length).size() + key.size() + value.size() + 3 != length) {
      length = std::to_string(length).size() + key.size() + value.size() + 3;
    }
    return absl::StrCat(length, " ", key, "=", value, "\n");
  }

  static std::string Header(const Member& member) {
    std::string block(512, '\0');
    const auto put = [&block](size_t at, const std::string& text) {
      block.replace(at, text.size(), text);
    };
    const auto octal = [&](size_t at, size_t width, uint64_t value) {
      char text[32];
      std::snprintf(text, sizeof(text), "%0*llo", static_cast<int>(width - 1),
                    static_cast<unsigned long long>(value));
      put(at, text);
    };
    put(0, member.name.substr(0, 100));
    octal(100, 8, member.mode);
    octal(108, 8, member.uid & 07777777);
    octal(116, 8, member.gid & 07777777);
    octal(124, 12, member.data.size());
    octal(136, 12, static_cast<uint64_t>(member.mtime));
    block[156] = member.type;
    put(157, member.link.substr(0, 100));
    put(257, std::string("ustar\00000", 8));
    octal(329, 8, member.device_major);
    octal(337, 8, member.device_minor);
    return Checksummed(block);
  }

  static std::string Checksummed(std::string block) {
    block.replace(148, 8, "        ");
    unsigned sum = 0;
    for (const char byte : block) sum += static_cast<uint8_t>(byte);
    char text[8];
    std::snprintf(text, sizeof(text), "%06o", sum);
    block.replace(148, 7, std::string(text, 7));
    return block;
  }

 private:
  std::string tar_;
};

// A stream over bytes that gives at most `step` at a time; can fail at its end.
class StringStream : public ByteStream {
 public:
  explicit StringStream(std::string bytes, size_t step = 1 << 20, absl::Status end = {})
      : bytes_(std::move(bytes)), step_(step), end_(std::move(end)) {}
  absl::StatusOr<size_t> Read(MutableByteView out) override {
    const size_t count = std::min({out.size(), step_, bytes_.size() - at_});
    if (count == 0 && !end_.ok()) return end_;
    std::memcpy(out.data(), bytes_.data() + at_, count);
    at_ += count;
    return count;
  }
  static std::function<absl::StatusOr<std::unique_ptr<ByteStream>>()> Opener(std::string bytes) {
    return [bytes]() -> absl::StatusOr<std::unique_ptr<ByteStream>> {
      return std::make_unique<StringStream>(bytes);
    };
  }

 private:
  std::string bytes_;
  size_t step_;
  absl::Status end_;
  size_t at_ = 0;
};

// Everything a stream gives.
inline absl::StatusOr<std::string> ReadAll(ByteStream& stream, size_t step = 1 << 16) {
  std::string all;
  std::string buffer(step, '\0');
  while (true) {
    FLOE_ASSIGN_OR_RETURN(const size_t got,
                          stream.Read({reinterpret_cast<uint8_t*>(buffer.data()), buffer.size()}));
    if (got == 0) return all;
    all.append(buffer, 0, got);
  }
}

}  // namespace floe::converter
