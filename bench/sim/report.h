// SPDX-License-Identifier: Apache-2.0
// What an experiment found: tables of numbers, as text and as JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace floe::sim {

// A row has a name and as many values as the table has columns; NaN prints as "-": not stated, or
// not measured.
struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::pair<std::string, std::vector<double>>> rows = {};

  void Add(std::string row, std::vector<double> values) {
    rows.emplace_back(std::move(row), std::move(values));
  }
  // NaN when there is none.
  double At(const std::string& row, const std::string& column) const;
};

inline constexpr double kNotStated = __builtin_nan("");

struct Report {
  std::string experiment;
  uint64_t seed = 0;
  size_t nodes = 0;
  double scale = 1;
  std::vector<Table> tables = {};
  std::vector<std::string> findings = {};  // sentences

  // Dies when there is no such table: the names are written in the program.
  const Table& Of(const std::string& title) const;
  std::string Text() const;
  std::string Json() const;
};

}  // namespace floe::sim
