// SPDX-License-Identifier: Apache-2.0
#include "cache/server_list.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cache/placement.h"

namespace floe::cache {
namespace {

constexpr size_t kMaxServersFile = 1 << 20;

absl::Status CheckServer(absl::string_view server) {
  if (absl::StartsWith(server, "unix:")) return net::SocketAddress::Parse(server).status();
  return net::SplitHostPort(server).status();
}

// Holds the place of a name that does not resolve.
class UnresolvedServer : public ShardServer {
 public:
  explicit UnresolvedServer(std::string name) : name_(std::move(name)) {}
  void Get(const std::string&, SteadyTime, GetCallback done) override { done(Why()); }
  void Set(const std::string&, store::SealedBytes, SetMode, std::chrono::seconds, SteadyTime,
           SetCallback done) override {
    done(Why());
  }
  std::string Name() const override { return name_; }

 private:
  absl::Status Why() const {
    return absl::UnavailableError(
        absl::StrCat("cache server ", name_, ": its name does not resolve"));
  }
  const std::string name_;
};

}  // namespace

absl::Status ServerListOptions::Validate() const {
  const int given = (servers.empty() ? 0 : 1) + (dns.empty() ? 0 : 1) + (file.empty() ? 0 : 1);
  if (given != 1) {
    return absl::InvalidArgumentError(
        "cache servers: give one of a list, a DNS name or a file, not several");
  }
  if (refresh.count() <= 0) {
    return absl::InvalidArgumentError("cache refresh: must be above zero");
  }
  if (servers.size() > Placement::kMaxServers) {
    return absl::InvalidArgumentError(
        absl::StrCat("cache servers: ", Placement::kMaxServers, " at most"));
  }
  for (const std::string& server : servers) {
    FLOE_RETURN_IF_ERROR(Annotate(CheckServer(server), "cache servers"));
  }
  if (dns.empty()) return absl::OkStatus();
  return Annotate(net::SplitHostPort(dns).status(), "cache dns");
}

absl::StatusOr<std::vector<std::string>> ParseServersFile(absl::string_view text) {
  std::vector<std::string> servers;
  size_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    FLOE_RETURN_IF_ERROR(Annotate(CheckServer(line), absl::StrCat("line ", number)));
    servers.emplace_back(line);
  }
  if (servers.empty()) return absl::InvalidArgumentError("no server in it");
  if (servers.size() > Placement::kMaxServers) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", Placement::kMaxServers, " servers in it"));
  }
  return servers;
}

ServerList::ServerList(const ServerListOptions& options, MakeServer make, Changed changed,
                       Counter* failures, Resolve resolve)
    : options_(options),
      make_(std::move(make)),
      changed_(std::move(changed)),
      failures_(failures),
      resolve_(std::move(resolve)),
      thread_([this] { Loop(); }) {}

ServerList::~ServerList() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

void ServerList::Loop() {
  pthread_setname_np(pthread_self(), "cache-servers");
  while (true) {
    Look().IgnoreError();
    const SteadyTime next = Clock::Real().Now() + options_.refresh;
    MutexLock lock(mutex_);
    while (!stopping_ && wake_.WaitUntil(mutex_, next)) {
    }
    if (stopping_) return;
  }
}

absl::Status ServerList::Look() {
  // From the question on: of two looks at once, the older answer must not be used last.
  MutexLock lock(look_mutex_);
  auto found = Find();
  if (!found.ok()) {
    AddTo(failures_);
    if (!std::exchange(failing_, true)) {
      Log(LogLevel::kWarning, "list of cache servers not found, the last one is used",
          {{"reason", std::string(found.status().message())}, {"servers", servers_.size()}});
    }
    return std::move(found).status();
  }
  failing_ = false;
  Use(*found);
  return absl::OkStatus();
}

void ServerList::Use(const ServerAddresses& addresses) {
  if (addresses == addresses_) return;
  std::map<std::string, std::shared_ptr<ShardServer>> servers;
  std::vector<std::shared_ptr<ShardServer>> all;
  for (const auto& [name, address] : addresses) {
    const auto before = addresses_.find(name);
    const bool same = before != addresses_.end() && before->second == address;
    if (same) {
      servers[name] = servers_.at(name);
    } else if (address) {
      servers[name] = make_(name, *address);
    } else {
      servers[name] = std::make_shared<UnresolvedServer>(name);
    }
    all.push_back(servers[name]);
  }
  addresses_ = addresses;
  servers_.swap(servers);
  Log(LogLevel::kInfo, "cache servers", {{"servers", all.size()}});
  changed_(std::move(all));
}

absl::StatusOr<ServerAddresses> ServerList::Find() {
  if (!options_.servers.empty()) return FindAll(options_.servers);
  if (!options_.file.empty()) {
    const std::string what = absl::StrCat("cache servers file ", options_.file);
    auto content = ReadWholeFile(options_.file, kMaxServersFile);
    if (!content.ok()) return Annotate(content.status(), what);
    auto servers = ParseServersFile(AsText(*content));
    if (!servers.ok()) return Annotate(servers.status(), what);
    return FindAll(*servers);
  }
  FLOE_ASSIGN_OR_RETURN(const auto host_port, net::SplitHostPort(options_.dns));
  FLOE_ASSIGN_OR_RETURN(const auto found, resolve_(host_port.first, host_port.second));
  ServerAddresses addresses;
  for (const net::SocketAddress& address : found) {
    addresses.emplace(address.ToString(), address);
  }
  if (addresses.empty()) {
    return absl::NotFoundError(absl::StrCat("cache dns ", options_.dns, ": no addresses"));
  }
  return addresses;
}

absl::StatusOr<ServerAddresses> ServerList::FindAll(const std::vector<std::string>& servers) {
  ServerAddresses addresses;
  for (const std::string& server : servers) {
    if (auto literal = net::SocketAddress::Parse(server); literal.ok()) {
      addresses.emplace(server, *literal);
      continue;
    }
    FLOE_ASSIGN_OR_RETURN(const auto host_port, net::SplitHostPort(server));
    const auto found = resolve_(host_port.first, host_port.second);
    if (found.ok() && !found->empty()) {
      addresses.emplace(server, found->front());
      continue;
    }
    AddTo(failures_);
    const auto before = addresses_.find(server);
    addresses.emplace(server, before != addresses_.end() ? before->second : std::nullopt);
  }
  return addresses;
}

}  // namespace floe::cache
