// SPDX-License-Identifier: Apache-2.0
// Structured log lines on standard error: time, level, message, then key=value fields. Thread safe.
// A key, a file key or a credential never enters a line.
#pragma once

#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace floe {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One field; values are quoted where they hold spaces or quotes.
struct LogField {
  LogField(absl::string_view k, const absl::AlphaNum& v) : key(k), value(v.Piece()) {}
  std::string key;
  std::string value;
};

// Log(LogLevel::kInfo, "image mounted", {{"image", name}, {"chunks", n}});
void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

// Lines below `level` are dropped (default kInfo).
void SetLogLevel(LogLevel level);
// One JSON object a line instead of text.
void SetLogJson(bool json);

}  // namespace floe
