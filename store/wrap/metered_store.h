// SPDX-License-Identifier: Apache-2.0
// Counts what passes: requests by result, bytes, latencies, how many are under way.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/timer.h"
#include "store/wrap/forwarding_store.h"

namespace floe::store {

// Metrics, each with the label store="<label>":
//   floe_store_requests_total{operation="get|put|list",result="ok|<status code>"}
//   floe_store_bytes_total{operation="get|put"}      sealed bytes of answered gets, created puts
//   floe_store_seconds{operation="get|put|list"}     histogram, answered requests of any result
//   floe_store_requests_in_flight
class MeteredStore : public ForwardingStore {
 public:
  // `metrics` and `clock` are borrowed and outlive this.
  MeteredStore(std::shared_ptr<ChunkStore> inner, Metrics& metrics, const std::string& label,
               Clock& clock = Clock::Real());
  ~MeteredStore() override { calls_.WaitUntilNone(); }

  void Get(const ChunkId& id, const RequestOptions& options, GetCallback done) override;
  void Put(const VerifiedSealed& chunk, const RequestOptions& options, PutCallback done) override;
  void List(const std::string& from, size_t limit, const RequestOptions& options,
            ListCallback done) override;

 private:
  // The metrics of one operation, looked up once: the registry's lock is not for each request.
  struct Operation {
    std::array<Counter*, 17> results{};  // by absl::StatusCode
    Histogram* seconds = nullptr;
    Counter* bytes = nullptr;
  };
  Operation MakeOperation(Metrics& metrics, const std::string& label, const char* name);
  SteadyTime Begin();
  void End(const Operation& operation, SteadyTime begun, const absl::Status& status, size_t bytes);

  Clock& clock_;
  Gauge& in_flight_;
  const Operation get_;
  const Operation put_;
  const Operation list_;
};

// "ok", "not_found", "data_loss", ...
std::string ResultLabel(absl::StatusCode code);

}  // namespace floe::store
