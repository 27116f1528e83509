// SPDX-License-Identifier: Apache-2.0
#include "bench/sim/report.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace floe::sim {
namespace {

std::string Number(double value) {
  if (std::isnan(value)) return "-";
  if (value == std::floor(value) && std::fabs(value) < 1e12) return absl::StrFormat("%.0f", value);
  return absl::StrFormat("%.4g", value);
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string RowJson(const Table& table, const std::pair<std::string, std::vector<double>>& row) {
  std::string out = absl::StrCat("{\"row\":", Quoted(row.first));
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const double value = row.second[i];
    absl::StrAppend(&out, ",", Quoted(table.columns[i]), ":",
                    std::isnan(value) ? "null" : absl::StrFormat("%.9g", value));
  }
  return out + "}";
}

std::string TableText(const Table& table) {
  size_t first = 0;
  for (const auto& [name, values] : table.rows) first = std::max(first, name.size());
  std::string out = absl::StrFormat("%s\n  %-*s", table.title, first, "");
  for (const std::string& column : table.columns) absl::StrAppendFormat(&out, "  %s", column);
  out += "\n";
  for (const auto& [name, values] : table.rows) {
    absl::StrAppendFormat(&out, "  %-*s", first, name);
    for (size_t i = 0; i < values.size(); ++i) {
      absl::StrAppendFormat(&out, "  %*s", table.columns[i].size(), Number(values[i]));
    }
    out += "\n";
  }
  return out;
}

}  // namespace

double Table::At(const std::string& row, const std::string& column) const {
  const auto at = std::find(columns.begin(), columns.end(), column);
  for (const auto& [name, values] : rows) {
    if (name == row && at != columns.end()) {
      return values[static_cast<size_t>(at - columns.begin())];
    }
  }
  return kNotStated;
}

const Table& Report::Of(const std::string& title) const {
  for (const Table& table : tables) {
    if (table.title == title) return table;
  }
  std::abort();
}

std::string Report::Text() const {
  std::string out =
      absl::StrFormat("%s  (seed %d, %d nodes, scale %g)\n\n", experiment, seed, nodes, scale);
  for (const Table& table : tables) absl::StrAppend(&out, TableText(table), "\n");
  for (const std::string& finding : findings) absl::StrAppend(&out, "=> ", finding, "\n");
  return out;
}

std::string Report::Json() const {
  std::string out =
      absl::StrFormat("{\"experiment\":%s,\"seed\":%d,\"nodes\":%d,\"scale\":%g,\"tables\":[",
                      Quoted(experiment), seed, nodes, scale);
  for (size_t t = 0; t < tables.size(); ++t) {
    absl::StrAppend(&out, t > 0 ? "," : "", "{\"title\":", Quoted(tables[t].title), ",\"rows\":[");
    for (size_t r = 0; r < tables[t].rows.size(); ++r) {
      absl::StrAppend(&out, r > 0 ? ",\n" : "\n", RowJson(tables[t], tables[t].rows[r]));
    }
    out += "]}";
  }
  out += "],\"findings\":[";
  for (size_t i = 0; i < findings.size(); ++i) {
    absl::StrAppend(&out, i > 0 ? "," : "", Quoted(findings[i]));
  }
  return out + "]}\n";
}

}  // namespace floe::sim
