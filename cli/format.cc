// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"

namespace floe::cli {

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1000) return absl::StrFormat("%d B", bytes);
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.5 && unit < 5) {
    value /= 1000;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f %s", decimals, value, kUnits[unit]);
}

std::string FormatRate(double bytes_per_second) {
  return FormatBytes(static_cast<uint64_t>(std::max(0.0, bytes_per_second))) + "/s";
}

std::string FormatDuration(std::chrono::seconds duration) {
  const int64_t seconds = duration.count();
  if (seconds < 60) return absl::StrFormat("%ds", seconds);
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
}

std::string FormatShare(uint64_t part, uint64_t whole) {
  if (whole == 0) return "0 %";
  return absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string FormatJson(const nlohmann::json& value) {
  return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace floe::cli
