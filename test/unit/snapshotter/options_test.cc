// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/options.h"

#include <gtest/gtest.h>

namespace floe::snapshotter {
namespace {

absl::Status ReadText(absl::string_view text, ProgramOptions& options) {
  FLOE_ASSIGN_OR_RETURN(const Config config, Config::Parse(text, "floe.toml"));
  return options.Read(config);
}

TEST(ProgramOptions, DefaultsAreValid) {
  const ProgramOptions options;
  EXPECT_TRUE(options.Validate().ok());
  EXPECT_EQ(options.ForSnapshotter().root, "/var/lib/floe");
  EXPECT_EQ(options.ForImages().daemons.runtime_dir, "/run/floe");
  EXPECT_FALSE(options.ForImages().mounter.backend.has_value());
}

TEST(ProgramOptions, FileSetsEverything) {
  ProgramOptions options;
  ASSERT_TRUE(ReadText(R"(
[snapshotter]
root = "/srv/floe"
socket = "/run/x.sock"
runtime_dir = "/run/x"
keeper_program = "/k"
fusefs_program = "/f"
backend = "loop"
mount_timeout = "30s"
containerd = "/run/c.sock"
metrics = "127.0.0.1:9000"
[log]
level = "debug"
json = true
[store]
address = "folder:/elsewhere"
)",
                       options)
                  .ok());
  EXPECT_TRUE(options.Validate().ok());
  EXPECT_EQ(options.ForSnapshotter().mount_timeout, std::chrono::seconds(30));
  const ImageLowersOptions images = options.ForImages();
  EXPECT_EQ(images.root, "/srv/floe");
  EXPECT_EQ(images.daemons.keeper_program, "/k");
  EXPECT_EQ(images.daemons.fusefs_program, "/f");
  EXPECT_EQ(images.mounter.backend, mount::Backend::kLoop);
  EXPECT_EQ(options.metrics, "127.0.0.1:9000");
  EXPECT_TRUE(options.log_json);
  options.backend = "file";
  EXPECT_EQ(options.ForImages().mounter.backend, mount::Backend::kFile);
}

TEST(ProgramOptions, MistakesAreNamed) {
  ProgramOptions options;
  EXPECT_EQ(ReadText("[snapshotter]\nrooot = \"/x\"\n", options).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadText("[snapshoter]\n", options).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadText("[log]\nlevel = 3\n", options).code(), absl::StatusCode::kInvalidArgument);
}

struct BadSetting {
  const char* named;
  void (*spoil)(ProgramOptions&);
};
class BadSettings : public testing::TestWithParam<BadSetting> {};

TEST_P(BadSettings, AreRefused) {
  ProgramOptions options;
  GetParam().spoil(options);
  const absl::Status status = options.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(GetParam().named), absl::string_view::npos) << status;
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadSettings,
    testing::Values(BadSetting{"root", [](ProgramOptions& o) { o.root = "relative"; }},
                    BadSetting{"socket", [](ProgramOptions& o) { o.socket = ""; }},
                    BadSetting{"runtime-dir", [](ProgramOptions& o) { o.runtime_dir = "x"; }},
                    BadSetting{"containerd", [](ProgramOptions& o) { o.containerd = "tcp://x"; }},
                    BadSetting{"backend", [](ProgramOptions& o) { o.backend = "nbd"; }},
                    BadSetting{"log level", [](ProgramOptions& o) { o.log_level = "loud"; }},
                    BadSetting{
                        "mount_timeout",
                        [](ProgramOptions& o) { o.mount_timeout = std::chrono::minutes(5); }},
                    BadSetting{"mount_timeout", [](ProgramOptions& o) {
                                 o.mount_timeout = std::chrono::milliseconds(5);
                               }}));

}  // namespace
}  // namespace floe::snapshotter
