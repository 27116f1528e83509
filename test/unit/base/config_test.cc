// SPDX-License-Identifier: Apache-2.0
#include "base/config.h"

#include <gmock/gmock.h>

#include "base/file.h"

namespace floe {
namespace {

using ::testing::HasSubstr;

Config Parsed(const std::string& text) { return Config::Parse(text, "floe.toml").value(); }

TEST(ConfigTest, EveryKindOfSetting) {
  const Config config = Parsed(
      "[store]\n"
      "address = \"folder:/srv\"\n"
      "mirrors = [\"a\", \"b\"]\n"
      "check = false\n"
      "threads = 7\n"
      "share = 0.25\n"
      "limit = \"1.5 GiB\"\n"
      "plain = 4096\n"
      "timeout = \"1m30s\"\n"
      "[store.inner]\n"
      "deep = 1\n");
  ConfigSection section = config.Section("store");
  std::string address;
  std::vector<std::string> mirrors;
  bool check = true;
  int64_t threads = 0;
  double share = 0;
  uint64_t limit = 0;
  uint64_t plain = 0;
  std::chrono::milliseconds timeout{0};
  int64_t deep = 0;
  section.String("address", &address);
  section.Strings("mirrors", &mirrors);
  section.Bool("check", &check);
  section.Int("threads", 1, 64, &threads);
  section.Double("share", 0, 1, &share);
  section.Size("limit", &limit);
  section.Size("plain", &plain);
  section.Duration("timeout", &timeout);
  ConfigSection inner = section.Section("inner");
  inner.Int("deep", 0, 9, &deep);
  EXPECT_TRUE(section.Finish().ok()) << section.Finish();
  EXPECT_TRUE(inner.Finish().ok());
  EXPECT_EQ(address, "folder:/srv");
  EXPECT_EQ(mirrors, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(check);
  EXPECT_EQ(threads, 7);
  EXPECT_EQ(share, 0.25);
  EXPECT_EQ(limit, 1536ull << 20);
  EXPECT_EQ(plain, 4096u);
  EXPECT_EQ(timeout, std::chrono::seconds(90));
  EXPECT_EQ(deep, 1);
}

TEST(ConfigTest, AbsentSettingsKeepTheirDefaults) {
  std::string address = "default";
  ConfigSection absent = Parsed("").Section("store");
  absent.String("address", &address);
  EXPECT_FALSE(absent.present());
  EXPECT_TRUE(absent.Finish().ok());
  ConfigSection none = Config().Section("store");
  none.String("address", &address);
  EXPECT_TRUE(none.Finish().ok());
  EXPECT_TRUE(Config().CheckSections({}).ok());
  EXPECT_EQ(address, "default");
}

TEST(ConfigTest, UnknownSettingsAreNamedWithTheirLine) {
  ConfigSection section = Parsed("[store]\naddress = \"a\"\nadress = \"b\"\n").Section("store");
  std::string address;
  section.String("address", &address);
  const absl::Status status = section.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "floe.toml:3: unknown setting store.adress; settings here: address");
}

struct WrongCase {
  const char* line;
  const char* expected;
};
class ConfigWrongTest : public ::testing::TestWithParam<WrongCase> {};

TEST_P(ConfigWrongTest, WrongTypesAndRangesAreNamed) {
  ConfigSection section = Parsed(std::string("[s]\n") + GetParam().line + "\n").Section("s");
  std::string text;
  std::vector<std::string> texts;
  bool yes = false;
  int64_t number = 0;
  double real = 0;
  uint64_t size = 0;
  std::chrono::milliseconds time{0};
  section.String("text", &text);
  section.Strings("texts", &texts);
  section.Bool("yes", &yes);
  section.Int("number", 1, 9, &number);
  section.Double("real", 0, 1, &real);
  section.Size("size", &size);
  section.Duration("time", &time);
  (void)section.Section("table");
  const absl::Status status = section.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("floe.toml:2: s."));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    All, ConfigWrongTest,
    ::testing::Values(WrongCase{"text = 1", "a string"}, WrongCase{"texts = \"a\"", "an array"},
                      WrongCase{"texts = [1]", "an array"}, WrongCase{"yes = 1", "true or false"},
                      WrongCase{"number = 10", "from 1 to 9"},
                      WrongCase{"number = \"1\"", "from 1 to 9"},
                      WrongCase{"real = 1.5", "from 0 to 1"}, WrongCase{"real = true", "a number"},
                      WrongCase{"size = -1", "a size"}, WrongCase{"size = \"1 XB\"", "a size"},
                      WrongCase{"size = true", "a size"}, WrongCase{"time = 30", "a duration"},
                      WrongCase{"time = \"30\"", "a duration"}, WrongCase{"table = 1", "a table"}));

TEST(ConfigTest, SectionsAreChecked) {
  const Config config = Parsed("[store]\n[fusfs]\n");
  EXPECT_TRUE(config.CheckSections({"store", "fusfs"}).ok());
  EXPECT_THAT(std::string(config.CheckSections(kConfigSections).message()),
              HasSubstr("floe.toml:2: unknown table [fusfs]"));
  EXPECT_THAT(std::string(Parsed("a = 1\n").CheckSections(kConfigSections).message()),
              HasSubstr("floe.toml:1: a is in no table"));
}

TEST(ConfigTest, BadTomlNamesThePlace) {
  const absl::Status status = Config::Parse("[store]\naddress = \n", "x.toml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("x.toml:2:"));
}

TEST(ConfigTest, LoadsFilesAndMissesThoseAskedFor) {
  const TempDir dir = TempDir::Create().value();
  const std::string path = dir.path() + "/floe.toml";
  EXPECT_TRUE(absl::IsNotFound(Config::Load(path).status()));
  ASSERT_TRUE(WriteFileAtomically(path, AsBytes("[store]\naddress='x'\n"), 0600, Replace::kYes,
                                  Durable::kNo)
                  .ok());
  auto config = Config::Load(path);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->Section("store").present());
}

TEST(ParseSizeTest, UnitsAndNonsense) {
  EXPECT_EQ(ParseSize("0").value(), 0u);
  EXPECT_EQ(ParseSize("64KiB").value(), 65536u);
  EXPECT_EQ(ParseSize("2.5 MB").value(), 2500000u);
  EXPECT_EQ(ParseSize("1 TiB").value(), 1ull << 40);
  for (const char* bad : {"", "KiB", "1 kiB", "1..2", "-1", "1e9", "99999999 TiB", "1 KiB x"}) {
    EXPECT_FALSE(ParseSize(bad).ok()) << bad;
  }
}

TEST(ParseDurationTest, UnitsAndNonsense) {
  EXPECT_EQ(ParseDuration("250ms").value(), std::chrono::milliseconds(250));
  EXPECT_EQ(ParseDuration("1h30m").value(), std::chrono::minutes(90));
  for (const char* bad : {"", "5", "-5s", "5 parsecs", "inf"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace floe
