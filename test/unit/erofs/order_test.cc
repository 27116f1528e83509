// SPDX-License-Identifier: Apache-2.0
#include "erofs/order.h"

#include <gtest/gtest.h>

namespace floe::erofs {
namespace {

TEST(Order, ClassesFollowThePath) {
  const std::pair<absl::string_view, DataClass> cases[] = {
      {"bin/sh", DataClass::kUseful},
      {"usr/lib/x86_64-linux-gnu/libc.so.6", DataClass::kUseful},
      {"usr/lib/python3/dist-packages/numpy/core/__pycache__/a.pyc", DataClass::kUseful},
      {"usr/share/zoneinfo/UTC", DataClass::kUseful},
      {"etc/passwd", DataClass::kUseful},
      {"usr/include/stdio.h", DataClass::kDevelopment},
      {"usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h", DataClass::kDevelopment},
      {"usr/lib/x86_64-linux-gnu/libc.a", DataClass::kDevelopment},
      {"usr/share/doc/bash/README.gz", DataClass::kCold},
      {"usr/share/locale/de/LC_MESSAGES/bash.mo", DataClass::kCold},
      {"usr/lib/python3/dist-packages/numpy/core/tests/test_a.py", DataClass::kCold},
      {"var/lib/dpkg/status", DataClass::kCold},
      {"srv/README.md", DataClass::kCold},
  };
  for (const auto& [path, expected] : cases) EXPECT_EQ(ClassOf(path), expected) << path;
}

}  // namespace
}  // namespace floe::erofs
