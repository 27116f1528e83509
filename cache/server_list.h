// SPDX-License-Identifier: Apache-2.0
// Where the list of cache servers comes from, and how a running client learns that it changed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "cache/shard_server.h"
#include "net/socket_address.h"

namespace floe::cache {

struct ServerListOptions {
  // One of these. `servers`: "HOST:PORT" or "unix:PATH", as written they are the names that
  // placement sorts, so every node must write them alike. `dns`: "NAME:PORT", each address of NAME
  // is a server. `file`: one server a line; empty lines and those that begin with # do not count.
  std::vector<std::string> servers;
  std::string dns;
  std::string file;
  // How often names are resolved and the file is read again.
  std::chrono::milliseconds refresh{10'000};

  bool empty() const { return servers.empty() && dns.empty() && file.empty(); }
  // INVALID_ARGUMENT names the setting.
  absl::Status Validate() const;
};

// A server and where it is now; nullopt: its name does not resolve. It keeps its place all the
// same: others must find their shards where they are.
using ServerAddresses = std::map<std::string, std::optional<net::SocketAddress>>;

// A thread that looks again now and then and makes the servers. A list that cannot be had (no name
// service, no file, nothing in it) leaves the last one in place and is logged once: the list may be
// old, which costs hits and never correctness.
class ServerList {
 public:
  using MakeServer = std::function<std::shared_ptr<ShardServer>(const std::string& name,
                                                                const net::SocketAddress& address)>;
  using Changed = std::function<void(std::vector<std::shared_ptr<ShardServer>>)>;
  using Resolve = std::function<absl::StatusOr<std::vector<net::SocketAddress>>(
      const std::string& host, uint16_t port)>;

  // `options` must be valid. `changed` is called on the list's thread with all servers, first when
  // they are known for the first time; one whose name and address stay is the same object.
  // `failures` (optional, borrowed) counts looks that brought no list.
  ServerList(const ServerListOptions& options, MakeServer make, Changed changed,
             Counter* failures = nullptr, Resolve resolve = net::ResolveHost);
  // Waits for the look under way.
  ~ServerList();

  // Looks once, now, on this thread; `changed` as usual. For tests and for a start that waits.
  absl::Status Look() FLOE_EXCLUDES(look_mutex_);

 private:
  void Loop() FLOE_EXCLUDES(mutex_);
  absl::StatusOr<ServerAddresses> Find() FLOE_REQUIRES(look_mutex_);
  absl::StatusOr<ServerAddresses> FindAll(const std::vector<std::string>& servers)
      FLOE_REQUIRES(look_mutex_);
  void Use(const ServerAddresses& addresses) FLOE_REQUIRES(look_mutex_);

  const ServerListOptions options_;
  const MakeServer make_;
  const Changed changed_;
  Counter* const failures_;
  const Resolve resolve_;

  Mutex look_mutex_;
  ServerAddresses addresses_ FLOE_GUARDED_BY(look_mutex_);
  std::map<std::string, std::shared_ptr<ShardServer>> servers_ FLOE_GUARDED_BY(look_mutex_);
  bool failing_ FLOE_GUARDED_BY(look_mutex_) = false;

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// The lines of a servers file. INVALID_ARGUMENT names the line.
absl::StatusOr<std::vector<std::string>> ParseServersFile(absl::string_view text);

}  // namespace floe::cache
