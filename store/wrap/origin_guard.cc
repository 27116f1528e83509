// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/origin_guard.h"

#include <utility>

#include "store/wrap/deadline_store.h"
#include "store/wrap/limiting_store.h"
#include "store/wrap/metered_store.h"
#include "store/wrap/metered_tier.h"
#include "store/wrap/verifying_store.h"

namespace floe::store {
namespace {

constexpr size_t kFirstRequests = 8;  // of a process that does not know the origin yet

std::unique_ptr<LimitPolicy> PolicyOf(const OriginOptions& options) {
  if (options.adaptive) return std::make_unique<AimdLimit>(kFirstRequests, options.requests);
  return std::make_unique<FixedLimit>(options.requests);
}

LimitOptions WithSeed(LimitOptions options, uint64_t seed) {
  options.seed = seed;
  return options;
}

}  // namespace

OriginGuard::OriginGuard(std::string tier, std::string address, const OriginOptions& options,
                         Timer& timer, Executor& workers, Metrics& metrics, Clock& clock,
                         uint64_t seed)
    : tier_(std::move(tier)),
      options_(options),
      timer_(timer),
      workers_(workers),
      metrics_(metrics),
      clock_(clock),
      seed_(seed),
      limiter_(std::make_shared<RequestLimiter>(address, PolicyOf(options),
                                                WithSeed(options.limits, seed), clock, &timer)),
      budget_(std::make_shared<RetryBudget>(options.retry.budget, options.retry.budget_burst)),
      gate_(address, limiter_, options.overload,
            {&metrics.GetCounter("floe_starts_refused_total",
                                 "New containers not started because an origin could not keep up",
                                 {{"tier", tier_}}),
             &metrics.GetGauge("floe_origin_full", "1 while new containers are not started",
                               {{"tier", tier_}})}) {}

std::shared_ptr<ChunkStore> OriginGuard::Wrap(std::shared_ptr<ChunkStore> source) {
  std::shared_ptr<ChunkStore> stack = std::make_shared<VerifyingStore>(
      std::move(source), workers_,
      &metrics_.GetCounter("floe_chunk_mismatches_total",
                           "Chunks from an origin that were not what was asked for",
                           {{"tier", tier_}}));
  stack = std::make_shared<MeteredStore>(stack, metrics_, tier_, clock_);
  stack = std::make_shared<DeadlineStore>(stack, timer_, options_.attempt_timeout);
  stack = std::make_shared<LimitingStore>(stack, limiter_);
  // Above the limit: what waits to be tried again holds no slot, and the limit hears of each
  // "slow down".
  stack = std::make_shared<RetryStore>(
      stack, timer_, options_.retry, seed_ + ++wrapped_,
      &metrics_.GetCounter("floe_origin_retries_total", "Requests to an origin tried again",
                           {{"tier", tier_}}),
      budget_);
  return std::make_shared<MeteredTier>(stack, metrics_, tier_, clock_);
}

}  // namespace floe::store
