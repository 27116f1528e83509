// SPDX-License-Identifier: Apache-2.0
#include "store/s3/open_s3.h"

#include <array>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "store/blocking.h"
#include "store/seal/cipher.h"

namespace floe::store {
namespace {

constexpr uint64_t kMaxAuthorityBytes = 4 << 20;
constexpr char kProbePrefix[] = "trash/probe-";
constexpr int kProbeRounds = 5;
constexpr uint64_t kProbeBytes = 64;

std::string RegionOf(const S3Address& address, const Environment& environment) {
  for (const std::string& region :
       {address.region, environment("AWS_REGION"), environment("AWS_DEFAULT_REGION")}) {
    if (!region.empty()) return region;
  }
  return "us-east-1";
}

SealedBytes RandomObject() {
  auto bytes = std::make_shared<Bytes>(kProbeBytes);
  RandomBytes(*bytes);
  return bytes;
}

std::string ProbeName() {
  std::array<uint8_t, 8> random;
  RandomBytes(random);
  return absl::StrCat(kProbePrefix, ToHex(random));
}

absl::Status NotHonoured(const ObjectStore& objects, absl::string_view how) {
  return absl::FailedPreconditionError(
      absl::StrCat(objects.Name(), ": ", how,
                   ": the server does not honour conditional puts (If-None-Match: *), without "
                   "which two converters overwrite each other's log; use AWS S3, a newer version "
                   "of this server, or another one (doc/s3.md names those that work)"));
}

absl::Status ProbeInOrder(S3ObjectStore& objects, const std::string& name) {
  const SealedBytes first = RandomObject();
  FLOE_ASSIGN_OR_RETURN(const PutResult made,
                        PutObject(objects, name, first, PutDurability::kAtOnce));
  if (made != PutResult::kCreated) return NotHonoured(objects, "a new object is said to be there");
  FLOE_ASSIGN_OR_RETURN(const PutResult again,
                        PutObject(objects, name, RandomObject(), PutDurability::kAtOnce));
  if (again != PutResult::kExisted) return NotHonoured(objects, "an object was replaced");
  FLOE_ASSIGN_OR_RETURN(const SealedBytes there, GetObject(objects, name, kProbeBytes));
  if (*there != *first) return NotHonoured(objects, "an object was replaced silently");
  return absl::OkStatus();
}

// Two puts at once: one wins.
absl::Status ProbeRace(S3ObjectStore& objects, const std::string& name) {
  using Answer = absl::StatusOr<PutResult>;
  struct Race {
    Mutex mutex;
    CondVar changed;
    std::vector<Answer> answers FLOE_GUARDED_BY(mutex);
  };
  const auto race = std::make_shared<Race>();
  for (int i = 0; i < 2; ++i) {
    objects.Put(name, RandomObject(), PutDurability::kAtOnce, {}, [race](Answer answer) {
      MutexLock lock(race->mutex);
      race->answers.push_back(std::move(answer));
      race->changed.NotifyOne();
    });
  }
  int created = 0;
  MutexLock lock(race->mutex);
  while (race->answers.size() < 2) race->changed.Wait(race->mutex);
  for (const Answer& answer : race->answers) {
    if (!answer.ok()) return answer.status();
    if (*answer == PutResult::kCreated) ++created;
  }
  if (created != 1) return NotHonoured(objects, "of two puts at once both succeeded");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<S3ObjectStore>> OpenS3(const S3Address& address,
                                                      const OpenS3Options& options) {
  std::shared_ptr<net::TlsOptions> tls;
  if (!address.ca_file.empty()) {
    absl::StatusOr<Bytes> pem = ReadWholeFile(address.ca_file, kMaxAuthorityBytes);
    if (!pem.ok()) return Annotate(pem.status(), "the certificate of the server's authority");
    tls = std::make_shared<net::TlsOptions>();
    tls->authorities = std::string(AsText(*pem));
  }
  const std::string region = RegionOf(address, options.places.environment);
  const std::shared_ptr<net::AsyncHttp> http = net::MakeAsyncHttp(options.http);
  auto client = std::make_unique<S3Client>(
      address, region, http, tls, CredentialsFor(address, region, options.places, *http, tls),
      Clock::Real());
  const std::string name = absl::StrCat("S3 ", address.bucket, " at ", client->endpoint());
  return std::make_shared<S3ObjectStore>(
      std::move(client), address.prefix.empty() ? "" : address.prefix + "/", name, options.objects);
}

absl::Status ProbeConditionalPuts(S3ObjectStore& objects) {
  const std::string ordered = ProbeName();
  std::vector<std::string> names = {ordered};
  // What cannot be deleted stays below trash/, which the collector empties.
  auto clean = absl::MakeCleanup([&] {
    for (const std::string& name : names) objects.Remove(name).IgnoreError();
  });
  FLOE_RETURN_IF_ERROR(ProbeInOrder(objects, ordered));
  for (int round = 0; round < kProbeRounds; ++round) {
    names.push_back(ProbeName());
    FLOE_RETURN_IF_ERROR(ProbeRace(objects, names.back()));
  }
  return absl::OkStatus();
}

bool IsProbeName(absl::string_view name) { return absl::StartsWith(name, kProbePrefix); }

}  // namespace floe::store
