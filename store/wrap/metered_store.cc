// SPDX-License-Identifier: Apache-2.0
#include "store/wrap/metered_store.h"

#include "absl/strings/ascii.h"

namespace floe::store {
std::string ResultLabel(absl::StatusCode code) {
  return absl::AsciiStrToLower(absl::StatusCodeToString(code));
}

MeteredStore::MeteredStore(std::shared_ptr<ChunkStore> inner, Metrics& metrics,
                           const std::string& label, Clock& clock)
    : ForwardingStore(std::move(inner)),
      clock_(clock),
      in_flight_(metrics.GetGauge("floe_store_requests_in_flight", "Requests under way",
                                  {{"store", label}})),
      get_(MakeOperation(metrics, label, "get")),
      put_(MakeOperation(metrics, label, "put")),
      list_(MakeOperation(metrics, label, "list")) {}

MeteredStore::Operation MeteredStore::MakeOperation(Metrics& metrics, const std::string& label,
                                                    const char* name) {
  Operation operation;
  const MetricLabels labels = {{"store", label}, {"operation", name}};
  for (size_t code = 0; code < operation.results.size(); ++code) {
    MetricLabels with_result = labels;
    with_result["result"] = ResultLabel(static_cast<absl::StatusCode>(code));
    operation.results[code] =
        &metrics.GetCounter("floe_store_requests_total", "Requests answered", with_result);
  }
  operation.seconds = &metrics.GetHistogram("floe_store_seconds", "Time until the answer", labels);
  operation.bytes = &metrics.GetCounter("floe_store_bytes_total", "Sealed bytes moved", labels);
  return operation;
}

SteadyTime MeteredStore::Begin() {
  calls_.Begin();
  in_flight_.Add(1);
  return clock_.Now();
}

void MeteredStore::End(const Operation& operation, SteadyTime begun, const absl::Status& status,
                       size_t bytes) {
  const auto code = static_cast<size_t>(status.code());
  operation.results[code < operation.results.size() ? code : 2]->Add();  // 2: unknown
  if (bytes > 0) operation.bytes->Add(static_cast<double>(bytes));
  operation.seconds->Observe(std::chrono::duration<double>(clock_.Now() - begun).count());
  in_flight_.Add(-1);
}

void MeteredStore::Get(const ChunkId& id, const RequestOptions& options, GetCallback done) {
  const SteadyTime begun = Begin();
  inner().Get(id, options,
              [this, begun, done = std::move(done)](absl::StatusOr<FetchedChunk> result) {
                End(get_, begun, result.status(), result.ok() ? SizeOf(*result) : 0);
                done(std::move(result));
                calls_.End();
              });
}

void MeteredStore::Put(const VerifiedSealed& chunk, const RequestOptions& options,
                       PutCallback done) {
  const SteadyTime begun = Begin();
  const size_t size = chunk.bytes().size();
  inner().Put(chunk, options,
              [this, begun, size, done = std::move(done)](absl::StatusOr<PutResult> result) {
                const bool created = result.ok() && *result == PutResult::kCreated;
                End(put_, begun, result.status(), created ? size : 0);
                done(result);
                calls_.End();
              });
}

void MeteredStore::List(const std::string& from, size_t limit, const RequestOptions& options,
                        ListCallback done) {
  const SteadyTime begun = Begin();
  inner().List(from, limit, options,
               [this, begun, done = std::move(done)](absl::StatusOr<ChunkPage> result) {
                 End(list_, begun, result.status(), 0);
                 done(std::move(result));
                 calls_.End();
               });
}

}  // namespace floe::store
