// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

#include "cli/completion.h"
#include "cli/exit_code.h"
#include "test/unit/cli/cli_fixture.h"

namespace floe::cli {
namespace {

using ::testing::HasSubstr;

using AppTest = CliTest;

TEST_F(AppTest, HelpAndVersion) {
  EXPECT_EQ(Run({"--version"}), kExitDone);
  EXPECT_EQ(out_.str(), "floe " FLOE_VERSION "\n");
  EXPECT_EQ(Run({"--help"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("convert"));
  EXPECT_EQ(Run({"convert", "--help"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("--all-platforms"));
}

TEST_F(AppTest, WrongCommandLinesAreUsageErrors) {
  EXPECT_EQ(Run({}), kExitUsage);
  EXPECT_EQ(Run({"convert", "oci:a"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("floe: "));
  EXPECT_EQ(Run({"convert", "oci:a", "oci:b", "--no-such-option"}), kExitUsage);
  EXPECT_EQ(Run({"convert", "oci:a", "oci:b", "--level", "99"}), kExitUsage);
  EXPECT_EQ(Run({"convert", "oci:a", "oci:b", "--platform", "x", "--all-platforms"}), kExitUsage);
  EXPECT_EQ(Run({"--log-level", "loud", "key", "list"}), kExitUsage);
}

TEST_F(AppTest, ErrorsNameTheThingInWordsOrJson) {
  EXPECT_EQ(Run({"convert", "oci:" + dir_.path() + "/none", "oci:" + dir_.path() + "/out"}),
            kExitNotFound);
  EXPECT_THAT(err_.str(), HasSubstr(dir_.path() + "/none"));
  EXPECT_EQ(Run({"convert", "--json", "oci:" + dir_.path() + "/none", "oci:x"}), kExitNotFound);
  const auto error = nlohmann::json::parse(err_.str());
  EXPECT_EQ(error["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(Run({"convert", "oci:", "oci:x"}), kExitBadInput);
}

TEST_F(AppTest, ConfigurationErrorsNameTheLine) {
  WriteConfig("[convert]\nthreds = 3\n");
  EXPECT_EQ(Run({"key", "list"}), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("floe.toml:2: unknown setting convert.threds"));
  WriteConfig("[convert]\nchunk_mean = \"3 MiB\"\n");
  EXPECT_EQ(Run({"key", "list"}), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("[convert]: chunk sizes"));
  WriteConfig("[store]\nid = \"12\"\n");
  EXPECT_EQ(Run({"key", "list"}), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("store.id"));
}

TEST_F(AppTest, KeysAreMadeListedAndExchanged) {
  EXPECT_EQ(Run({"key", "generate"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("made keys in "));
  EXPECT_EQ(Run({"key", "generate"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("keys are there already"));
  EXPECT_EQ(Run({"key", "list", "--json"}), kExitDone);
  EXPECT_EQ(nlohmann::json::parse(out_.str()).size(), 3u);
  const std::string bundle = dir_.path() + "/bundle.txt";
  EXPECT_EQ(Run({"key", "export", bundle}), kExitDone);
  EXPECT_EQ(Run({"key", "export", bundle}), kExitRefused);  // never over an existing file
  EXPECT_EQ(Run({"--keys", dir_.path() + "/other", "key", "import", bundle}), kExitUsage);
  EXPECT_EQ(Run({"key", "import", bundle, "--name", "self"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("known "));
  EXPECT_EQ(Run({"key", "trust", bundle}), kExitBadInput);  // it holds secrets
  EXPECT_EQ(Run({"key", "export", "-", "--signer"}), kExitDone);
  EXPECT_FALSE(out_.str().empty());
}

TEST_F(AppTest, CompletionsKnowEveryCommandAndOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Run({"completion", shell}), kExitDone) << shell;
    for (const char* word : {"convert", "inspect", "generate", "all-platforms", "plain-http"}) {
      EXPECT_THAT(out_.str(), HasSubstr(word)) << shell;
    }
  }
  EXPECT_EQ(Run({"completion", "tcsh"}), kExitUsage);
}

TEST(CompletionTest, QuotesHelpTexts) {
  CLI::App app("test", "floe");
  app.add_subcommand("run", "the dog's command");
  EXPECT_THAT(CompletionScript(app, "zsh"), HasSubstr("'run:the dog'\\''s command'"));
}

}  // namespace
}  // namespace floe::cli
