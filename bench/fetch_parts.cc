// SPDX-License-Identifier: Apache-2.0
// What a sealed chunk costs the client that fetches it from a store, against its parts: a socket
// copy of the same bytes over loopback TCP, SHA-256, AES-256-GCM and zstd, each measured apart on
// one core over the same chunks, in turn with the fetches.
//
// usage: fetch_parts STORE_ADDRESS KEY_DIRECTORY MANIFEST_FILE [SERVER,SERVER... [CODE]]
//
// With memcached servers the chunks are put there first and then fetched from there. Prints one
// line a part, the client's CPU time (all threads) and, last, "ratio X": the median of five rounds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/executor.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "bench/stopwatch.h"
#include "cache/shared_cache.h"
#include "store/keys/key_directory.h"
#include "store/manifest.h"
#include "store/origin/open_store.h"
#include "store/seal/cipher.h"
#include "store/seal/compress.h"

namespace floe {
namespace {

constexpr size_t kWindow = 32;  // chunks under way
constexpr int kRounds = 5;
constexpr size_t kSocketReadBytes = 256 << 10;

// Gets every chunk, `kWindow` at a time, checks and opens it on `workers`.
class Fetch {
 public:
  Fetch(store::ChunkStore& chunks, const store::ChunkRefs& refs, Executor& workers)
      : chunks_(chunks), refs_(refs), workers_(workers) {}

  absl::Status Run() {
    for (const store::ChunkRef& ref : refs_) {
      {
        MutexLock lock(mutex_);
        while (under_way_ >= kWindow) changed_.Wait(mutex_);
        ++under_way_;
      }
      chunks_.Get(ref.id, {}, [this, &ref](absl::StatusOr<store::FetchedChunk> fetched) {
        auto shared = std::make_shared<absl::StatusOr<store::FetchedChunk>>(std::move(fetched));
        workers_.RunHere([this, &ref, shared] { Done(Open(ref, std::move(*shared))); });
      });
    }
    MutexLock lock(mutex_);
    while (under_way_ > 0) changed_.Wait(mutex_);
    return failure_;
  }

 private:
  static absl::Status Open(const store::ChunkRef& ref,
                           absl::StatusOr<store::FetchedChunk> fetched) {
    thread_local Bytes raw(store::kMaxRawChunkBytes);
    FLOE_RETURN_IF_ERROR(fetched.status());
    FLOE_ASSIGN_OR_RETURN(const store::VerifiedSealed sealed,
                          store::Verified(ref.id, *std::move(fetched)));
    return store::OpenChunk(sealed, ref, MutableByteView(raw).subspan(0, ref.raw_length));
  }
  void Done(const absl::Status& status) {
    MutexLock lock(mutex_);
    if (failure_.ok()) failure_ = status;
    --under_way_;
    changed_.NotifyOne();
  }

  store::ChunkStore& chunks_;
  const store::ChunkRefs& refs_;
  Executor& workers_;
  Mutex mutex_;
  CondVar changed_;
  size_t under_way_ FLOE_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ FLOE_GUARDED_BY(mutex_);
};

// Sends so many bytes over loopback TCP in a process of its own.
pid_t StartSender(const sockaddr_in& address, uint64_t bytes) {
  const pid_t child = fork();
  if (child != 0) return child;
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    _exit(1);
  }
  static const char block[kSocketReadBytes] = {};
  while (bytes > 0) {
    const ssize_t sent = send(socket.get(), block, std::min<uint64_t>(bytes, sizeof block), 0);
    if (sent <= 0) _exit(1);
    bytes -= static_cast<uint64_t>(sent);
  }
  _exit(0);
}

// CPU seconds of receiving so many bytes; negative when it failed.
double SocketCopy(uint64_t bytes) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return -1;
  }
  const pid_t sender = StartSender(address, bytes);
  const UniqueFd socket(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Bytes buffer(kSocketReadBytes);
  uint64_t received = 0;
  const double seconds = SecondsOf(CLOCK_THREAD_CPUTIME_ID, [&] {
    ssize_t got = 0;
    while ((got = recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0) {
      received += static_cast<uint64_t>(got);
    }
  });
  waitpid(sender, nullptr, 0);
  return received == bytes ? seconds : -1;
}

// The chunks in memory, for the parts.
struct Sample {
  store::ChunkRefs refs;
  std::vector<store::VerifiedSealed> sealed;
  uint64_t sealed_bytes = 0;
};

absl::StatusOr<Sample> ReadSample(store::ChunkStore& chunks, const store::ChunkRefs& refs) {
  Sample sample;
  for (const store::ChunkRef& ref : refs) {
    FLOE_ASSIGN_OR_RETURN(store::VerifiedSealed sealed, store::GetBlocking(chunks, ref.id));
    sample.sealed_bytes += sealed.bytes().size();
    sample.sealed.push_back(std::move(sealed));
    sample.refs.push_back(ref);
  }
  return sample;
}

struct Parts {
  double socket = 0, sha256 = 0, aes = 0, unzstd = 0;  // CPU seconds
  double sum() const { return socket + sha256 + aes + unzstd; }
};

absl::StatusOr<Parts> MeasureParts(const Sample& sample) {
  Parts parts;
  parts.socket = SocketCopy(sample.sealed_bytes);
  if (parts.socket < 0) return absl::InternalError("the socket copy failed");
  Bytes packed(store::kMaxRawChunkBytes), raw(store::kMaxRawChunkBytes);
  absl::Status failure;
  for (size_t i = 0; i < sample.refs.size(); ++i) {
    const store::ChunkRef& ref = sample.refs[i];
    const ByteView sealed = sample.sealed[i].bytes();
    parts.sha256 += SecondsOf(CLOCK_THREAD_CPUTIME_ID, [&] { (void)store::Sha256(sealed); });
    const auto plain = MutableByteView(packed).subspan(0, sealed.size() - store::kGcmTagBytes);
    parts.aes += SecondsOf(CLOCK_THREAD_CPUTIME_ID, [&] {
      if (!store::GcmOpenNonceZero(ref.key, {}, sealed, plain))
        failure = absl::DataLossError("tag");
    });
    if (ref.codec != store::Codec::kZstd) continue;
    parts.unzstd += SecondsOf(CLOCK_THREAD_CPUTIME_ID, [&] {
      failure.Update(store::Decompress(plain, MutableByteView(raw).subspan(0, ref.raw_length)));
    });
  }
  FLOE_RETURN_IF_ERROR(failure);
  return parts;
}

void Print(const char* name, double seconds, uint64_t bytes) {
  const double gigabytes = 1e-9 * static_cast<double>(bytes);
  std::printf("%-14s %7.3f s %7.2f s/GB sealed\n", name, seconds, seconds / gigabytes);
}

absl::Status MeasureRounds(store::ChunkStore& chunks, const Sample& sample, Executor& workers) {
  std::vector<double> ratios;
  for (int round = 0; round <= kRounds; ++round) {
    FLOE_ASSIGN_OR_RETURN(const Parts parts, MeasureParts(sample));
    absl::Status fetched;
    const double client = SecondsOf(CLOCK_PROCESS_CPUTIME_ID,
                                    [&] { fetched = Fetch(chunks, sample.refs, workers).Run(); });
    FLOE_RETURN_IF_ERROR(fetched);
    if (round == 0) continue;  // connections, buffers
    ratios.push_back(client / parts.sum());
    Print("socket copy", parts.socket, sample.sealed_bytes);
    Print("SHA-256", parts.sha256, sample.sealed_bytes);
    Print("AES-256-GCM", parts.aes, sample.sealed_bytes);
    Print("unzstd", parts.unzstd, sample.sealed_bytes);
    Print("client", client, sample.sealed_bytes);
  }
  std::sort(ratios.begin(), ratios.end());
  std::printf("ratio %.2f (%.2f to %.2f)\n", ratios[ratios.size() / 2], ratios.front(),
              ratios.back());
  return absl::OkStatus();
}

absl::Status Run(int argc, char** argv) {
  const store::KeyDirectory directory(argv[2]);
  FLOE_ASSIGN_OR_RETURN(const store::KeyRing keys, directory.LoadKeyRing());
  FLOE_ASSIGN_OR_RETURN(const store::TrustPolicy trust, directory.LoadTrust());
  FLOE_ASSIGN_OR_RETURN(const Bytes file, ReadWholeFile(argv[3], store::kMaxManifestBytes));
  FLOE_ASSIGN_OR_RETURN(const store::Manifest manifest, store::OpenManifest(file, trust, keys));
  FLOE_ASSIGN_OR_RETURN(const auto store, store::OpenStore(argv[1]));
  const auto origin = store->Chunks(manifest.birth_root);
  FLOE_ASSIGN_OR_RETURN(const Sample sample, ReadSample(*origin, manifest.chunks));
  std::printf("%zu chunks, %.1f MB sealed, from %s\n", sample.refs.size(),
              1e-6 * static_cast<double>(sample.sealed_bytes), argc > 4 ? argv[4] : argv[1]);
  // One pool checks and opens, as on a node.
  ThreadPool workers("open", std::max(2u, std::thread::hardware_concurrency()));
  if (argc <= 4) return MeasureRounds(*origin, sample, workers);
  cache::SharedCacheOptions options;
  options.list.servers = absl::StrSplit(argv[4], ',');
  if (argc > 5) {
    FLOE_ASSIGN_OR_RETURN(options.cache.code, cache::ParseCode(argv[5]));
  }
  // What is measured is the client, not how soon the origin is asked instead.
  options.cache.miss_decision = std::chrono::seconds(5);
  FLOE_ASSIGN_OR_RETURN(const auto shared, cache::SharedCache::Create(options, workers, nullptr));
  FLOE_RETURN_IF_ERROR(shared->Look());
  for (const store::VerifiedSealed& chunk : sample.sealed) {
    FLOE_RETURN_IF_ERROR(store::PutBlocking(*shared->store(), chunk).status());
  }
  return MeasureRounds(*shared->store(), sample, workers);
}

}  // namespace
}  // namespace floe

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "usage: fetch_parts STORE_ADDRESS KEY_DIRECTORY MANIFEST_FILE [SERVERS [CODE]]\n");
    return 2;
  }
  const absl::Status status = floe::Run(argc, argv);
  if (!status.ok()) std::fprintf(stderr, "fetch_parts: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
