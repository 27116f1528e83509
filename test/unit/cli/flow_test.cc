// SPDX-License-Identifier: Apache-2.0
// Commands one after the other, as a person gives them.
#include <gmock/gmock.h>

#include <filesystem>

#include "cli/exit_code.h"
#include "converter/source/open.h"
#include "oci/manifest.h"
#include "oci/media_types.h"
#include "test/fake/tar_text.h"
#include "test/unit/cli/cli_fixture.h"

namespace floe::cli {
namespace {

using ::testing::HasSubstr;

class FlowTest : public CliTest {
 protected:
  FlowTest() {
    MakeLayout();
    EXPECT_EQ(Run({"store", "init"}), kExitDone) << err_.str();
    EXPECT_THAT(out_.str(), HasSubstr("made the store folder:" + Path("store") + ", id "));
  }

  // An OCI layout with one image of one layer.
  void MakeLayout() {
    std::string noise(500'000, '\0');
    for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i / 77);
    const std::string tar = fake::Tar(fake::TarFile("data", noise));
    oci::ImageManifest manifest;
    manifest.media_type = oci::kOciManifest;
    manifest.layers = {oci::DescribeBytes(oci::kOciLayer, AsBytes(tar))};
    const std::string config = R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers",)"
                               R"("diff_ids":[")" +
                               manifest.layers[0].digest + R"("]}})";
    manifest.config = oci::DescribeBytes(oci::kOciConfig, AsBytes(config));
    const std::string text = oci::SerializeManifest(manifest);
    const auto top = oci::DescribeBytes(oci::kOciManifest, AsBytes(text));
    const auto location = converter::ParseLocation("oci:" + Path("src")).value();
    const auto layout = converter::OpenDestination(location, {}).value();
    ASSERT_TRUE(layout->PutBlob(manifest.layers[0], AsBytes(tar)).ok());
    ASSERT_TRUE(layout->PutBlob(manifest.config, AsBytes(config)).ok());
    ASSERT_TRUE(layout->PutManifest(top, AsBytes(text)).ok());
    ASSERT_TRUE(layout->Finish(top).ok());
  }
  int Convert(std::vector<std::string> flags = {}) {
    std::vector<std::string> arguments = {"convert", "--platform", "linux/amd64",
                                          "oci:" + Path("src"), "oci:" + Path("lazy")};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return Run(std::move(arguments));
  }
  std::vector<std::string> Chunks() const {
    std::vector<std::string> chunks;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("store"))) {
      const std::string path = entry.path().string();
      if (entry.is_regular_file() && path.find("/c/") != std::string::npos) chunks.push_back(path);
    }
    return chunks;
  }
};

TEST_F(FlowTest, ConvertInspectExport) {
  ASSERT_EQ(Convert(), kExitDone) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("linux/amd64: "));
  EXPECT_THAT(out_.str(), HasSubstr(" new chunks, "));
  EXPECT_THAT(err_.str(), HasSubstr("store linux/amd64 100 %"));
  ASSERT_EQ(Convert(), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("the destination has it already"));
  ASSERT_EQ(Convert({"--again"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("100.0 % of the data) were there before"));

  ASSERT_EQ(Run({"inspect", "oci:" + Path("lazy")}), kExitDone) << err_.str();
  for (const char* word : {"flat image", "source      sha256:", "recipients  local:", "good, by",
                           "cdc 65536/262144/1048576, zstd 3, layout 1", "0 other images"}) {
    EXPECT_THAT(out_.str(), HasSubstr(word));
  }
  ASSERT_EQ(Run({"inspect", "oci:" + Path("src")}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("not converted: 1 layers"));

  ASSERT_EQ(
      Run({"export", "oci:" + Path("lazy"), "oci:" + Path("plain"), "--platform", "linux/amd64"}),
      kExitDone)
      << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("linux/amd64: one layer of "));
  const auto back = Json({"inspect", "oci:" + Path("plain")});
  EXPECT_EQ(back[0]["converted"], false);
}

TEST_F(FlowTest, PathsThatAreNoTextAreReportedToo) {
  const std::string lazy = "oci:" + Path("lazy\xff");
  ASSERT_EQ(Run({"convert", "--json", "oci:" + Path("src"), lazy}), kExitDone) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("lazy\xef\xbf\xbd"));
  EXPECT_TRUE(nlohmann::json::accept(out_.str()));
  ASSERT_EQ(Run({"export", "--json", lazy, "oci:" + Path("plain\xff")}), kExitDone) << err_.str();
  EXPECT_TRUE(nlohmann::json::accept(out_.str()));
  ASSERT_EQ(Run({"store", "stat", "--json"}), kExitDone) << err_.str();
}

TEST_F(FlowTest, ReportsAsJson) {
  ASSERT_EQ(Convert({"--json", "--chunk-size", "64KiB", "--level", "1", "--threads", "1"}),
            kExitDone)
      << err_.str();
  const auto report = nlohmann::json::parse(out_.str());
  EXPECT_EQ(report["images"][0]["outcome"], "converted");
  EXPECT_GT(report["images"][0]["chunks"]["new"], 2);
  EXPECT_EQ(err_.str(), "");  // no progress among JSON
  const auto facts = Json({"inspect", "oci:" + Path("lazy")})[0];
  EXPECT_EQ(facts["digest"], report["digest"]);
  EXPECT_EQ(facts["floe"]["manifest"], report["images"][0]["manifest"]);
  EXPECT_EQ(facts["floe"]["chunker"], "cdc 16384/65536/262144");
  EXPECT_EQ(facts["floe"]["codec"], "zstd 1");
  const auto stat = Json({"store", "stat"});
  EXPECT_EQ(stat["roots"][0]["images"], 1);
  EXPECT_EQ(stat["roots"][0]["chunks"], Chunks().size());
  const auto check = Json({"store", "check", "--deep"});
  EXPECT_EQ(check["problem_count"], 0);
  EXPECT_GT(check["hashed_bytes"], 0);
}

TEST_F(FlowTest, ADamagedStoreIsFoundAndHealed) {
  ASSERT_EQ(Convert(), kExitDone);
  ASSERT_EQ(Run({"store", "stat"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("active: 1 images"));
  ASSERT_EQ(Run({"store", "check"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("0 problems"));
  const std::string victim = Chunks().at(0);
  std::filesystem::remove(victim);
  EXPECT_EQ(Run({"store", "check"}), kExitBadInput);
  EXPECT_THAT(out_.str(), HasSubstr(victim.substr(victim.rfind('/') + 1)));
  EXPECT_EQ(Run({"export", "oci:" + Path("lazy"), "oci:" + Path("plain")}), kExitNotFound);
  ASSERT_EQ(Convert({"--again"}), kExitDone);
  EXPECT_EQ(Run({"store", "check", "--deep"}), kExitDone) << out_.str();
}

TEST_F(FlowTest, StoresAreToldApart) {
  EXPECT_EQ(Run({"store", "init"}), kExitRefused);
  WriteConfig("[store]\naddress = \"folder:" + Path("store") + "\"\nid = \"" +
              std::string(32, '0') + "\"\n");
  EXPECT_EQ(Run({"store", "stat"}), kExitRefused);
  EXPECT_EQ(Run({"store", "init", "folder:" + Path("other"), "--join", "12"}), kExitBadInput);
  EXPECT_EQ(Run({"store", "init", "folder:" + Path("other"), "--public"}), kExitDone);
  const std::string domain =
      Json({"store", "init", "folder:" + Path("third")})["domain"].get<std::string>();
  EXPECT_EQ(Json({"store", "init", "folder:" + Path("fourth"), "--join", domain})["domain"],
            domain);
}

TEST_F(FlowTest, OptionsAreChecked) {
  EXPECT_EQ(Convert({"--chunk-size", "2MiB"}), kExitBadInput);
  EXPECT_THAT(err_.str(), HasSubstr("--chunk-size"));
  EXPECT_EQ(Convert({"--chunk-size", "100"}), kExitBadInput);
  EXPECT_EQ(Convert({"--max-unpacked", "many"}), kExitBadInput);
  EXPECT_EQ(Convert({"--max-unpacked", "1kB"}), kExitFull);
  EXPECT_EQ(Convert({"--recipient", std::string(64, '0')}), kExitRefused) << err_.str();
  EXPECT_EQ(Run({"mount", "oci:" + Path("src")}), kExitBadInput);
  EXPECT_EQ(Run({"umount", Path("nowhere")}), kExitNotFound);
}

}  // namespace
}  // namespace floe::cli
