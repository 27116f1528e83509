// SPDX-License-Identifier: Apache-2.0
#include "converter/publish/tiny_layer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/process.h"
#include "oci/digest.h"
#include "oci/verifying_stream.h"
#include "store/manifest.h"

namespace floe::converter {
namespace {

Bytes SampleManifest(size_t size = 1000) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 131 + (i >> 8));
  std::copy(store::kManifestMagic, store::kManifestMagic + 8, bytes.begin());
  return bytes;
}

absl::StatusOr<Bytes> FromLayer(Bytes layer) {
  oci::MemoryStream stream(std::move(layer));
  return ManifestFromLayer(stream, "img");
}

TEST(TinyLayerTest, ReadsBackAtEverySize) {
  for (const size_t size : {8, 511, 512, 513, 65535, 65536, 300'000}) {
    const auto manifest = FromLayer(GzipStored(TinyLayerTar(SampleManifest(size))));
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(*manifest, SampleManifest(size));
    EXPECT_EQ(*FromLayer(TinyLayerTar(SampleManifest(size))), SampleManifest(size));
  }
}

TEST(TinyLayerTest, SystemToolsReadIt) {
  const Bytes layer = GzipStored(TinyLayerTar(SampleManifest(70'000)));
  const auto listing = RunCommand({"tar", "--utc", "--numeric-owner", "-tvzf", "-"}, AsText(layer));
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_EQ(listing->exit_code, 0);
  EXPECT_EQ(listing->output,
            "drwxr-xr-x 0/0               0 1970-01-01 00:00 .floe/\n"
            "-r--r--r-- 0/0           70000 1970-01-01 00:00 .floe/manifest\n");
  const auto bytes = RunCommand({"tar", "-xzOf", "-", ".floe/manifest"}, AsText(layer));
  EXPECT_EQ(Bytes(bytes->output.begin(), bytes->output.end()), SampleManifest(70'000));
}

// The digest is part of what users sign and pin: it may never change by itself.
TEST(TinyLayerTest, BytesAreForEver) {
  EXPECT_EQ(oci::DigestOf(GzipStored(TinyLayerTar(SampleManifest()))),
            "sha256:7b1b7b0389e950bba5bb3fe6dffd3a23b48fc4c89c800c75a86edd23fa243693");
}

TEST(TinyLayerTest, EmptyInputIsAValidFrame) {
  const auto out = RunCommand({"gzip", "-dc"}, AsText(GzipStored({})));
  EXPECT_EQ(out->exit_code, 0);
  EXPECT_EQ(out->output, "");
}

// Layers that tar(1) makes: what other tools may have made of ours, and what is not ours.
TEST(TinyLayerTest, OtherWritersAndOtherContents) {
  struct Case {
    const char* script;  // in an empty directory that has `m`, a manifest
    bool ours;
  };
  const Case cases[] = {
      {"mkdir .floe; mv m .floe/manifest; tar cz .", true},
      {"mkdir .floe; mv m .floe/manifest; tar c ./.floe/manifest", true},
      {"mkdir .floe; mv m .floe/manifest; tar c . | zstd -q", true},
      {"mkdir .floe; mv m .floe/manifest; tar --format=pax -cz .floe", true},
      {"mkdir .floe; mv m .floe/manifest; touch other; tar cz .", false},
      {"mkdir .floe; mv m .floe/manifest; touch .floe/x; tar cz .", false},
      {"mkdir .floe; ln -s /etc/passwd .floe/manifest; rm m; tar cz .", false},
      {"mkdir .floe; mkfifo .floe/manifest; rm m; tar cz .", false},
      {"mkdir .floe; echo nothing > .floe/manifest; rm m; tar cz .", false},
      {"mkdir .floe; rm m; tar cz .", false},
      {"rm m; tar cz .", false},
      {"mkdir .floe; mv m .floe/manifest; tar c .floe .floe --hard-dereference | gzip", false},
      {"echo no tar", false},
      {"true", false},
  };
  for (const Case& c : cases) {
    const auto layer = RunCommand(
        {"sh", "-c",
         absl::StrCat("d=$(mktemp -d) && cd $d && trap 'rm -rf $d' EXIT && cat > m && { ", c.script,
                      "; }")},
        AsText(SampleManifest()));
    ASSERT_TRUE(layer.ok()) << layer.status();
    const auto manifest = FromLayer(Bytes(layer->output.begin(), layer->output.end()));
    EXPECT_EQ(manifest.ok(), c.ours) << c.script << ": " << manifest.status();
    if (c.ours) {
      EXPECT_EQ(*manifest, SampleManifest()) << c.script;
    } else {
      EXPECT_EQ(manifest.status().code(), absl::StatusCode::kNotFound) << c.script;
    }
  }
}

TEST(TinyLayerTest, TruncationIsNeverAManifest) {
  const Bytes layer = GzipStored(TinyLayerTar(SampleManifest(600)));
  for (size_t length = 0; length < 1500; length += 7) {
    EXPECT_FALSE(FromLayer(Bytes(layer.begin(), layer.begin() + length)).ok()) << length;
  }
}

}  // namespace
}  // namespace floe::converter
