// SPDX-License-Identifier: Apache-2.0
#include "cli/convert_report.h"

#include <nlohmann/json.hpp>

#include "cli/format.h"

namespace floe::cli {
namespace {

using converter::ChunkStats;
using converter::ConvertedImage;
using converter::Outcome;
using nlohmann::json;

json ChunksToJson(const ChunkStats& stats) {
  return {{"new", stats.new_chunks},
          {"new_raw_bytes", stats.new_raw_bytes},
          {"new_sealed_bytes", stats.new_sealed_bytes},
          {"reused", stats.reused_chunks},
          {"reused_raw_bytes", stats.reused_raw_bytes},
          {"reused_sealed_bytes", stats.reused_sealed_bytes},
          {"repaired", stats.repaired_chunks},
          {"unchecked", stats.unchecked_chunks}};
}

json ImageToJson(const ConvertedImage& image) {
  json result = {{"outcome", OutcomeName(image.outcome)}, {"platform", image.platform},
                 {"source_digest", image.source_digest},  {"digest", image.digest},
                 {"manifest", image.manifest_id},         {"conversion", image.conversion_id},
                 {"stored_bytes", image.stored_bytes},    {"layer_bytes", image.manifest_bytes}};
  if (image.outcome != Outcome::kConverted) return result;
  result["image_bytes"] = image.image_bytes;
  result["unpacked_bytes"] = image.flatten.input.unpacked_bytes;
  result["files"] = image.flatten.files;
  result["directories"] = image.flatten.directories;
  result["symlinks"] = image.flatten.symlinks;
  result["chunks"] = ChunksToJson(image.chunks);
  return result;
}

void PrintImage(const ConvertedImage& image, std::ostream& out) {
  out << image.platform << ": ";
  switch (image.outcome) {
    case Outcome::kUnchanged:
      out << "the destination has it already\n";
      return;
    case Outcome::kReused:
      out << "converted before, nothing to do but publish\n";
      return;
    case Outcome::kConverted:
      break;
  }
  const ChunkStats& chunks = image.chunks;
  out << FormatBytes(image.stored_bytes) << " of layers, flat image "
      << FormatBytes(image.image_bytes) << "; " << chunks.new_chunks << " new chunks, "
      << FormatBytes(chunks.new_sealed_bytes) << " stored";
  if (chunks.reused_chunks != 0) {
    out << "; " << chunks.reused_chunks << " chunks ("
        << FormatShare(chunks.reused_raw_bytes, chunks.reused_raw_bytes + chunks.new_raw_bytes)
        << " of the data) were there before";
  }
  if (chunks.repaired_chunks != 0) {
    out << "; " << chunks.repaired_chunks << " of them were damaged and are repaired";
  }
  out << "\n";
}

}  // namespace

void PrintConvertReport(const converter::ConvertReport& report, const std::string& destination,
                        const Context& context) {
  if (context.json) {
    json images = json::array();
    for (const ConvertedImage& image : report.images) images.push_back(ImageToJson(image));
    *context.out << FormatJson(
        {{"name", destination}, {"digest", report.digest}, {"images", images}});
    return;
  }
  if (!context.quiet) {
    for (const ConvertedImage& image : report.images) PrintImage(image, *context.out);
  }
  *context.out << destination << " " << report.digest << "\n";
}

}  // namespace floe::cli
