// SPDX-License-Identifier: Apache-2.0
#include "test/fake/tar_text.h"

#include <cstdint>
#include <cstdio>

namespace floe::fake {

std::string TarFile(const std::string& name, const std::string& data) {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  char octal[16];
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  snprintf(octal, sizeof octal, "%011o", static_cast<unsigned>(data.size()));
  put(124, octal);
  put(136, "00000000000");
  put(148, "        ");
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<uint8_t>(c);
  snprintf(octal, sizeof octal, "%06o", sum);
  put(148, std::string(octal) + '\0' + ' ');
  std::string padded = data;
  padded.resize((data.size() + 511) / 512 * 512);
  return header + padded;
}

std::string Tar(const std::string& members) { return members + std::string(1024, '\0'); }

}  // namespace floe::fake
