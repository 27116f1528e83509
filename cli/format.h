// SPDX-License-Identifier: Apache-2.0
// Numbers for people, and JSON for scripts.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace floe::cli {

// "0 B", "12.3 MB": decimal units, three digits.
std::string FormatBytes(uint64_t bytes);
// "12.3 MB/s".
std::string FormatRate(double bytes_per_second);
// "4s", "2m05s", "3h12m".
std::string FormatDuration(std::chrono::seconds duration);
// "12.3 %" of `whole`; "0 %" of nothing.
std::string FormatShare(uint64_t part, uint64_t whole);
// What --json prints, with its line end. A path may hold bytes that no JSON text can: they become
// the replacement character.
std::string FormatJson(const nlohmann::json& value);

}  // namespace floe::cli
