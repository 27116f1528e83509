// SPDX-License-Identifier: Apache-2.0
// floe in the test's own process, with a configuration, keys and a store of its own.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/app.h"

namespace floe::cli {

class CliTest : public ::testing::Test {
 protected:
  CliTest() : dir_(TempDir::Create().value()), config_(Path("floe.toml")) { WriteConfig(""); }

  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void WriteConfig(const std::string& text) {
    ASSERT_TRUE(
        WriteFileAtomically(config_, AsBytes(text), 0600, Replace::kYes, Durable::kNo).ok());
  }
  // The exit code; words are in out_ and err_.
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--config", config_, "--keys", Path("keys"), "--store",
                                         "folder:" + Path("store")});
    out_.str("");
    err_.str("");
    Context context;
    context.out = &out_;
    context.err = &err_;
    return RunFloe(std::move(arguments), context);
  }
  nlohmann::json Json(std::vector<std::string> arguments, int code = 0) {
    arguments.push_back("--json");
    EXPECT_EQ(Run(std::move(arguments)), code) << err_.str();
    return nlohmann::json::parse(out_.str(), nullptr, false);
  }

  TempDir dir_;
  std::string config_;
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace floe::cli
