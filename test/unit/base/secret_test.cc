// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <type_traits>
#include <vector>

#include "absl/strings/match.h"

namespace floe {
namespace {

static_assert(!std::is_copy_constructible_v<Secret>, "a secret is never copied by accident");

TEST(SecretTest, CopiesComparesAndClones) {
  const Secret secret = Secret::Copy(AsBytes("correct horse"));
  EXPECT_EQ(AsText(secret.view()), "correct horse");
  EXPECT_TRUE(secret.Equals(secret.Clone()));
  EXPECT_FALSE(secret.Equals(Secret::Copy(AsBytes("correct Horse"))));
  EXPECT_FALSE(secret.Equals(Secret()));
  EXPECT_TRUE(Secret().Equals(Secret(0)));
}

TEST(SecretTest, MovingEmptiesTheSource) {
  Secret a = Secret::Copy(AsBytes("x"));
  Secret b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(b.size(), 1u);
  b = Secret(3);
  EXPECT_EQ(ToHex(b.view()), "000000");
}

TEST(SecretTest, WipeOverwrites) {
  Bytes bytes = {1, 2, 3};
  Wipe(bytes);
  EXPECT_EQ(bytes, (Bytes{0, 0, 0}));
}

// The sanitizers make mlock do nothing.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLockingWorks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kLockingWorks = false;
#else
constexpr bool kLockingWorks = true;
#endif
#else
constexpr bool kLockingWorks = true;
#endif

// Of the mapping that `address` lies in: the line "`field`:  N kB" of smaps, in bytes.
size_t SmapsField(const void* address, const std::string& field) {
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto wanted = reinterpret_cast<uintptr_t>(address);
      inside = begin <= wanted && wanted < end;
    } else if (inside && absl::StartsWith(line, field + ":")) {
      return std::strtoul(line.c_str() + field.size() + 1, nullptr, 10) * 1024;
    }
  }
  ADD_FAILURE() << "no " << field << " of that mapping";
  return 0;
}

TEST(SecretTest, VectorsOfSecretsAreLockedAndKeepTheirItemsWhenTheyGrow) {
  std::vector<uint64_t, SecretAllocator<uint64_t>> secrets;
  for (uint64_t i = 0; i < 10'000; ++i) secrets.push_back(i);
  for (uint64_t i = 0; i < 10'000; ++i) ASSERT_EQ(secrets[i], i);
  if (!kLockingWorks) GTEST_SKIP() << "a sanitizer takes mlock away";
  EXPECT_GE(SmapsField(secrets.data(), "Locked"), secrets.size() * sizeof(uint64_t));
  EXPECT_EQ(UnlockedSecretBytes(), 0u);
  const auto moved = std::move(secrets);
  EXPECT_EQ(moved.size(), 10'000u);
}

// In a process of its own that may lock `limit` bytes and has no right to more; gives what `check`
// returns.
int ExitCodeWithLimit(rlim_t limit, bool (*check)()) {
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit low = {limit, limit};
    if (setrlimit(RLIMIT_MEMLOCK, &low) != 0) _exit(10);
    if (geteuid() == 0 && setresuid(61616, 61616, 61616) != 0) _exit(11);
    _exit(check() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SecretTest, WhatCannotBeLockedWorksAndIsCounted) {
  if (!kLockingWorks) GTEST_SKIP() << "a sanitizer takes mlock away";
  EXPECT_EQ(ExitCodeWithLimit(0,
                              [] {
                                const size_t before = UnlockedSecretBytes();
                                bool right = true;
                                {
                                  const Secret secret = Secret::Copy(AsBytes("x"));
                                  SecretAllocator<char> allocator;
                                  char* const memory = allocator.allocate(4097);
                                  right = AsText(secret.view()) == "x" &&
                                          UnlockedSecretBytes() == before + 3 * 4096;
                                  allocator.deallocate(memory, 4097);
                                }
                                return right && UnlockedSecretBytes() == before;
                              }),
            0);
}

TEST(SecretTest, TheLimitIsUsedUpBeforeAnythingStaysUnlocked) {
  if (!kLockingWorks) GTEST_SKIP() << "a sanitizer takes mlock away";
  EXPECT_EQ(ExitCodeWithLimit(2 * 4096,
                              [] {
                                const Secret first(1);
                                const Secret second(4096);
                                const bool all_locked = UnlockedSecretBytes() == 0;
                                const Secret third(1);
                                return all_locked && UnlockedSecretBytes() == 4096;
                              }),
            0);
}

TEST(SecretTest, AbsurdSizesAreOutOfMemory) {
  SecretAllocator<uint64_t> allocator;
  EXPECT_THROW(allocator.allocate(std::numeric_limits<size_t>::max() / 4), std::bad_alloc);
}

}  // namespace
}  // namespace floe
