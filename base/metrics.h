// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms in Prometheus' terms, and their text form.
#pragma once

#include <map>
#include <memory>
#include <string>

namespace prometheus {
class Registry;
}

namespace floe {

using MetricLabels = std::map<std::string, std::string>;

// Thread safe, cheap to increment; lives as long as its Metrics.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double by = 1) = 0;
  virtual double value() const = 0;
};
// Adds to a counter that may be absent (nobody asked for metrics).
inline void AddTo(Counter* counter, double by = 1) {
  if (counter != nullptr) counter->Add(by);
}
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double by) = 0;
  virtual double value() const = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double seconds) = 0;
};

// A registry. Names follow Prometheus' rules (floe_..._total, _bytes, _seconds); the same name and
// labels give the same object. Thread safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Counter& GetCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels = {});
  // Buckets for latencies: 100 us to 100 s.
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const MetricLabels& labels = {});
  // The text exposition format.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace floe
