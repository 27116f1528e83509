// SPDX-License-Identifier: Apache-2.0
// Reads chunks through the shared cache's client, as floe-fusefs does, and tells how long it took.
//
// usage: cache_reads fill SERVER,SERVER,... K+R CHUNKS BYTES
//        cache_reads read SERVER,SERVER,... K+R CHUNKS BYTES READS AT_A_TIME SEED
//
// The chunks are made of their numbers, so that another process knows them. `fill` puts them all.
// `read` gets READS of them, chosen by SEED, so many at a time, and prints one JSON object: the
// milliseconds of the reads that found their chunk, how many did not, the bytes that came, and the
// CPU seconds of this process.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/executor.h"
#include "cache/cache_store.h"
#include "cache/memcached_server.h"
#include "net/event_loop.h"

namespace floe::cache {
namespace {

struct Load {
  std::vector<std::string> servers;
  Code code;
  size_t chunks = 0;
  size_t bytes = 0;
  size_t reads = 0;
  size_t at_a_time = 1;
  uint64_t seed = 0;
};

store::VerifiedSealed ChunkOf(const Load& load, size_t number) {
  auto bytes = std::make_shared<Bytes>(load.bytes);
  std::mt19937_64 random(number);
  for (size_t at = 0; at + 8 <= bytes->size(); at += 8) {
    const uint64_t word = random();
    std::memcpy(bytes->data() + at, &word, 8);
  }
  return store::NameSealed(std::move(bytes));
}

absl::Status Fill(CacheStore& cache, const Load& load) {
  for (size_t number = 0; number < load.chunks; ++number) {
    FLOE_RETURN_IF_ERROR(PutBlocking(cache, ChunkOf(load, number)).status());
  }
  return absl::OkStatus();
}

struct Outcome {
  std::vector<double> milliseconds;  // of hits
  size_t failed = 0;
  uint64_t bytes = 0;
};

Outcome ReadSome(CacheStore& cache, const std::vector<store::ChunkId>& ids, size_t reads,
                 uint64_t seed) {
  Outcome outcome;
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < reads; ++i) {
    const SteadyTime begin = Clock::Real().Now();
    const auto chunk = GetBlocking(cache, ids[random() % ids.size()]);
    const std::chrono::duration<double, std::milli> took = Clock::Real().Now() - begin;
    if (!chunk.ok()) {
      ++outcome.failed;
      continue;
    }
    outcome.milliseconds.push_back(took.count());
    outcome.bytes += chunk->bytes().size();
  }
  return outcome;
}

double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * sorted.size()))];
}

void Read(CacheStore& cache, const Load& load) {
  std::vector<store::ChunkId> ids;
  for (size_t number = 0; number < load.chunks; ++number) ids.push_back(ChunkOf(load, number).id());
  std::vector<Outcome> outcomes(load.at_a_time);
  std::vector<std::thread> readers;
  const double before = CpuSeconds();
  for (size_t i = 0; i < load.at_a_time; ++i) {
    readers.emplace_back([&, i] {
      outcomes[i] = ReadSome(cache, ids, load.reads / load.at_a_time, load.seed * 1000 + i);
    });
  }
  for (std::thread& reader : readers) reader.join();
  const double cpu = CpuSeconds() - before;
  Outcome all;
  for (const Outcome& one : outcomes) {
    all.milliseconds.insert(all.milliseconds.end(), one.milliseconds.begin(),
                            one.milliseconds.end());
    all.failed += one.failed;
    all.bytes += one.bytes;
  }
  std::sort(all.milliseconds.begin(), all.milliseconds.end());
  std::printf(
      "{\"reads\": %zu, \"failed\": %zu, \"bytes\": %llu, \"p50\": %.3f, \"p99\": %.3f, "
      "\"p999\": %.3f, \"cpu_seconds\": %.3f}\n",
      all.milliseconds.size() + all.failed, all.failed, static_cast<unsigned long long>(all.bytes),
      Percentile(all.milliseconds, 0.5), Percentile(all.milliseconds, 0.99),
      Percentile(all.milliseconds, 0.999), cpu);
}

absl::Status Run(const std::string& what, const Load& load) {
  FLOE_ASSIGN_OR_RETURN(const auto loop, net::EventLoop::Create("cache"));
  ThreadPool workers("worker", 2);
  CacheOptions options;
  options.code = load.code;
  // What is measured are the servers and the code, not how soon the origin is asked instead.
  options.miss_decision = std::chrono::seconds(5);
  options.lease.enabled = false;
  std::vector<std::shared_ptr<ShardServer>> servers;
  for (const std::string& name : load.servers) {
    FLOE_ASSIGN_OR_RETURN(const net::SocketAddress address, net::SocketAddress::Parse(name));
    servers.push_back(std::make_shared<MemcachedServer>(name, address, MemcachedOptions{}, *loop));
  }
  CacheStore cache(std::move(servers), options, *loop, workers);
  if (what == "fill") return Fill(cache, load);
  Read(cache, load);
  return absl::OkStatus();
}

bool Parse(int argc, char** argv, Load& load) {
  const bool fill = argc == 6 && std::string(argv[1]) == "fill";
  const bool read = argc == 9 && std::string(argv[1]) == "read";
  if (!fill && !read) return false;
  load.servers = absl::StrSplit(argv[2], ',');
  const auto code = ParseCode(argv[3]);
  if (!code.ok()) return false;
  load.code = *code;
  bool numbers = absl::SimpleAtoi(argv[4], &load.chunks) && absl::SimpleAtoi(argv[5], &load.bytes);
  if (read) {
    numbers = numbers && absl::SimpleAtoi(argv[6], &load.reads) &&
              absl::SimpleAtoi(argv[7], &load.at_a_time) && absl::SimpleAtoi(argv[8], &load.seed);
  }
  return numbers && load.chunks > 0 && load.at_a_time > 0;
}

}  // namespace
}  // namespace floe::cache

int main(int argc, char** argv) {
  floe::cache::Load load;
  if (!floe::cache::Parse(argc, argv, load)) {
    std::fprintf(stderr,
                 "usage: cache_reads fill SERVERS K+R CHUNKS BYTES\n"
                 "       cache_reads read SERVERS K+R CHUNKS BYTES READS AT_A_TIME SEED\n");
    return 2;
  }
  const absl::Status status = floe::cache::Run(argv[1], load);
  if (!status.ok()) std::fprintf(stderr, "cache_reads: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
