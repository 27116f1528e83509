// SPDX-License-Identifier: Apache-2.0
// The kernel's side of a FUSE connection, played over a socket pair: a packet is a request or
// reply.
#pragma once

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "base/unix_socket.h"
#include "fusefs/fuse/session.h"

namespace floe::fusefs {

struct FakeReply {
  int error = 0;  // errno, >= 0
  uint64_t unique = 0;
  Bytes body;
  template <typename T>
  T As() const {
    T out{};
    EXPECT_GE(body.size(), sizeof out);
    if (body.size() >= sizeof out) std::memcpy(&out, body.data(), sizeof out);
    return out;
  }
};

class FakeKernel {
 public:
  FakeKernel() {
    auto pair = UnixPair();
    kernel_ = std::move(pair->first);
    daemon_ = std::move(pair->second);
  }
  // The descriptor that the daemon takes for /dev/fuse.
  UniqueFd TakeDevice() { return std::move(daemon_); }

  static Bytes Message(uint32_t opcode, uint64_t unique, uint64_t node, ByteView body) {
    struct fuse_in_header header = {};
    header.len = static_cast<uint32_t>(sizeof header + body.size());
    header.opcode = opcode;
    header.unique = unique;
    header.nodeid = node;
    Bytes message(header.len);
    std::memcpy(message.data(), &header, sizeof header);
    if (!body.empty()) std::memcpy(message.data() + sizeof header, body.data(), body.size());
    return message;
  }
  void Send(uint32_t opcode, uint64_t unique, uint64_t node, ByteView body = {}) {
    const Bytes message = Message(opcode, unique, node, body);
    ASSERT_EQ(write(kernel_.get(), message.data(), message.size()),
              static_cast<ssize_t>(message.size()));
  }
  template <typename T>
  void SendStruct(uint32_t opcode, uint64_t unique, uint64_t node, const T& in) {
    Send(opcode, unique, node, ByteView(reinterpret_cast<const uint8_t*>(&in), sizeof in));
  }
  void SendName(uint32_t opcode, uint64_t unique, uint64_t node, const std::string& name) {
    Send(opcode, unique, node,
         ByteView(reinterpret_cast<const uint8_t*>(name.c_str()), name.size() + 1));
  }
  FakeReply Receive() {
    Bytes message(2 << 20);
    const ssize_t n = read(kernel_.get(), message.data(), message.size());
    struct fuse_out_header header = {};
    EXPECT_GE(n, static_cast<ssize_t>(sizeof header));
    if (n < static_cast<ssize_t>(sizeof header)) return {};
    std::memcpy(&header, message.data(), sizeof header);
    EXPECT_EQ(header.len, static_cast<size_t>(n));
    return {-header.error, header.unique,
            Bytes(message.begin() + sizeof header, message.begin() + n)};
  }
  bool Silent() {
    struct pollfd polled = {kernel_.get(), POLLIN, 0};
    return poll(&polled, 1, 0) == 0;
  }
  void Close() { kernel_.Reset(); }

 private:
  UniqueFd kernel_;
  UniqueFd daemon_;
};

}  // namespace floe::fusefs
