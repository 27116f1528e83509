// SPDX-License-Identifier: Apache-2.0
#include "erofs/order.h"

#include "absl/strings/match.h"

namespace floe::erofs {
namespace {

// Folders whose files a start does not read.
constexpr absl::string_view kColdFolders[] = {
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/info/",
    "usr/share/locale/",
    "usr/share/help/",
    "usr/share/gtk-doc/",
    "usr/share/i18n/",
    "usr/share/lintian/",
    "usr/share/bash-completion/",
    "usr/share/zsh/",
    "usr/share/doc-base/",
    "usr/share/common-licenses/",
    "usr/local/man/",
    "usr/local/share/man/",
    "usr/local/share/doc/",
    "usr/src/",
    "var/cache/",
    "var/lib/apt/lists/",
    "var/lib/dpkg/",
    "var/log/",
    "usr/share/bug/",
};

// Folders of these names, wherever they are.
constexpr absl::string_view kColdNames[] = {"/test/", "/tests/", "/docs/", "/doc/", "/examples/"};

constexpr absl::string_view kColdSuffixes[] = {".md", ".rst", ".pod", ".pyi", ".mo"};

constexpr absl::string_view kDevelopmentFolders[] = {"usr/include/", "usr/local/include/"};

constexpr absl::string_view kDevelopmentSuffixes[] = {".h",   ".hh", ".hpp", ".hxx",
                                                      ".inl", ".a",  ".pc",  ".cmake"};

template <size_t N>
bool StartsWithAny(absl::string_view text, const absl::string_view (&list)[N]) {
  for (const absl::string_view item : list) {
    if (absl::StartsWith(text, item)) return true;
  }
  return false;
}

template <size_t N>
bool EndsWithAny(absl::string_view text, const absl::string_view (&list)[N]) {
  for (const absl::string_view item : list) {
    if (absl::EndsWith(text, item)) return true;
  }
  return false;
}

}  // namespace

DataClass ClassOf(absl::string_view path) {
  if (StartsWithAny(path, kColdFolders) || EndsWithAny(path, kColdSuffixes)) {
    return DataClass::kCold;
  }
  for (const absl::string_view name : kColdNames) {
    if (absl::StrContains(path, name)) return DataClass::kCold;
  }
  if (StartsWithAny(path, kDevelopmentFolders) || EndsWithAny(path, kDevelopmentSuffixes)) {
    return DataClass::kDevelopment;
  }
  return DataClass::kUseful;
}

}  // namespace floe::erofs
