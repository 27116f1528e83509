// SPDX-License-Identifier: Apache-2.0
#include "gtest/gtest.h"
#include "net/http.h"

namespace floe::net {
namespace {

TEST(HttpUrl, Parts) {
  EXPECT_EQ(DisplayUrl("https://u:p@h.test:8/a/b?sig=1#f"), "https://h.test:8/a/b");
  EXPECT_EQ(OriginOf("HTTPS://H.test/a"), OriginOf("https://H.test:443"));
  EXPECT_NE(OriginOf("https://h.test"), OriginOf("http://h.test"));
  EXPECT_EQ(OriginOf("ftp://h"), "");
  EXPECT_EQ(OriginOf("nonsense url"), "");
  EXPECT_EQ(ResolveUrl("https://h/a/b?c", "/d?e=%2F"), "https://h/d?e=%2F");
  EXPECT_EQ(ResolveUrl("https://h/a", "http://i/x"), "http://i/x");
  EXPECT_EQ(ResolveUrl("https://h/a", "file:///etc/passwd"), "");
  EXPECT_EQ(ResolveUrl("https://h/a", ""), "");
  EXPECT_EQ(WithQuery("/a", "k", "v:/ +"), "/a?k=v%3A%2F%20%2B");
  EXPECT_EQ(WithQuery("/a?x=1", "k", "v"), "/a?x=1&k=v");
}

}  // namespace
}  // namespace floe::net
