// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/filter/filter.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_join.h"
#include "snapshotter/filter/scanner.h"

namespace floe::snapshotter {
namespace {

// An object with a name, a parent and labels, read as snapshots are.
FieldReader Object(std::map<std::string, std::string> fields) {
  return [fields](const std::vector<std::string>& path) -> std::optional<std::string> {
    const auto found = fields.find(absl::StrJoin(path, "."));
    if (found == fields.end()) return std::nullopt;
    return found->second;
  };
}

const FieldReader kObject = Object({{"name", "foo"},
                                    {"parent", ""},
                                    {"kind", "committed"},
                                    {"labels.bar", "true"},
                                    {"labels.a.b", "dotted"},
                                    {"labels.very complex", "\xe2\x82\xac uro"}});

struct Case {
  const char* expression;
  bool matches;
};

class FilterMatch : public testing::TestWithParam<Case> {};

TEST_P(FilterMatch, Expression) {
  const auto filter = Filter::Parse({GetParam().expression});
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->Matches(kObject), GetParam().matches) << GetParam().expression;
}

INSTANTIATE_TEST_SUITE_P(
    EveryProduction, FilterMatch,
    testing::Values(Case{"", true},                              // nothing asked
                    Case{"name", true}, Case{"nothing", false},  // presence
                    Case{"labels.bar", true}, Case{"labels.foo", false}, Case{"name==foo", true},
                    Case{"name==fo", false},  // equality needs presence
                    Case{"nothing==\"\"", false}, Case{"parent==\"\"", true},
                    Case{"name!=foo", false}, Case{"name!=bar", true},  // inequality does not
                    Case{"nothing!=x", true}, Case{"parent!=\"\"", false}, Case{"name~=fo", true},
                    Case{"name~=^o", false},  // regular expressions, unanchored
                    Case{"name~=/fo{1,2}$/", true}, Case{"name~=|f.o|", true},
                    Case{"name~=\"f.o\"", true},
                    Case{"name~=/[/", false},  // does not compile: never matches
                    Case{"nothing~=\".*\"", true},
                    Case{"name==foo,kind==committed", true},  // all of them
                    Case{"name==foo,kind==active", false}, Case{"name==foo,labels.bar", true},
                    Case{"labels.a.b==dotted", true}, Case{"labels.\"a.b\"==dotted", true},
                    Case{"labels.\"very complex\"~=uro", true},
                    Case{"labels.\"very complex\"==\"\\u20ac uro\"", true},
                    Case{"labels.\"very complex\"==\"\\xe2\\202\\xac uro\"", true},
                    Case{"name == foo , kind == committed", true},  // white space
                    Case{"name\t==\n\"foo\"", true}, Case{"name==\"f\\x6fo\"", true},
                    Case{"name==\"f\\157o\"", true}, Case{"name=='foo'", false},  // ' is no quote
                    Case{"name==sha256:abc/d.e+f", false}));

TEST(Filter, SeveralExpressionsAreAlternatives) {
  EXPECT_TRUE(Filter::Parse({"name==bar", "name==foo"})->Matches(kObject));
  EXPECT_FALSE(Filter::Parse({"name==bar", "name==baz"})->Matches(kObject));
  EXPECT_TRUE(Filter::Parse({"name==bar", ""})->Matches(kObject));
  EXPECT_TRUE(Filter::Parse({})->Matches(kObject));
}

TEST(Filter, ValueEndsAtCommaOrSpace) {
  const auto filter = Filter::Parse({"name==sha256:0a/b.c_d-e,kind==committed"});
  ASSERT_TRUE(filter.ok());
  EXPECT_TRUE(filter->Matches(Object({{"name", "sha256:0a/b.c_d-e"}, {"kind", "committed"}})));
}

TEST(Filter, WhatContainerdSends) {
  const auto filter = Filter::Parse(
      {R"(labels."containerd.io/snapshot.ref"==sha256:abc,parent=="default/3/sha256:def")"});
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_TRUE(filter->Matches(Object(
      {{"labels.containerd.io/snapshot.ref", "sha256:abc"}, {"parent", "default/3/sha256:def"}})));
}

class FilterError : public testing::TestWithParam<const char*> {};

TEST_P(FilterError, IsInvalid) {
  const auto filter = Filter::Parse({"name", GetParam()});
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << GetParam();
  EXPECT_NE(filter.status().message().find("at byte"), absl::string_view::npos);
}

INSTANTIATE_TEST_SUITE_P(
    EveryProduction, FilterError,
    testing::Values(",", "name,", "name==", "name=foo", "name~=.*", "name===foo", "name!foo",
                    "name foo", "==foo", ".name", "name.", "name..x", "name==foo bar",
                    "name==\"foo", "name==\"fo\no\"", "name==/foo/", "name==|foo|", "/name/==foo",
                    "|name|", "name==\"\\q\"", "name==\"\\x0\"", "name==\"\\u00\"",
                    "name==\"\\400\"", "name==\"\\U00110000\"", "name==\"\\8\"", "name==foo,,kind",
                    "(name)", "name==\xff", "\xc3(", "name==\"\xed\xa0\x80\"", "name==\"\\"));

TEST(Unquote, GoStrings) {
  EXPECT_EQ(Unquote(R"("a\a\b\f\n\r\t\v\\\"")"), "a\a\b\f\n\r\t\v\\\"");
  EXPECT_EQ(Unquote(R"(/a\/b|"/)"), "a/b|\"");
  EXPECT_EQ(Unquote(R"(|\||)"), "|");
  EXPECT_EQ(Unquote(R"("\U0001F600\u00e9")"), "\xf0\x9f\x98\x80\xc3\xa9");
  EXPECT_EQ(Unquote("\"\\000\""), std::string(1, '\0'));
  for (const char* bad : {"", "\"", "x", "'a'", "\"a/", R"("\/")", R"("\x")", R"("\19")",
                          "\"a\nb\"", R"("\")", R"("a"b")", R"("\'")"}) {
    EXPECT_EQ(Unquote(bad), std::nullopt) << bad;
  }
}

TEST(Utf8, RoundTripAndRefusals) {
  for (const uint32_t c : {0x24u, 0x7ffu, 0x800u, 0xffffu, 0x10000u, 0x10ffffu}) {
    std::string text;
    AppendUtf8(c, text);
    EXPECT_EQ(DecodeUtf8(text).value, c);
    EXPECT_EQ(DecodeUtf8(text).length, text.size());
  }
  std::string surrogate;
  AppendUtf8(0xd800, surrogate);
  EXPECT_EQ(DecodeUtf8(surrogate).value, 0xfffdu);
  for (const char* bad : {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_EQ(DecodeUtf8(bad).length, 0u);
  }
}

}  // namespace
}  // namespace floe::snapshotter
