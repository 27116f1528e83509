// SPDX-License-Identifier: Apache-2.0
// What a conversion costs against the sum of its parts: inflate, hashes, zstd and AES over the very
// bytes of one image, each measured apart on one core, and `floe convert` of that image on all.
//
// usage: convert_parts LAYOUT[:TAG]      (an OCI layout; floe is taken from the same folder)
//
// The parts call the libraries directly, with the same parameters: ISA-L or zstd to unpack the
// layers, SHA-256 of the compressed layers, then of every distinct chunk zstd, SHA-256 of what zstd
// gave (the key), AES-256-GCM of it, SHA-256 of the sealed bytes (the id). They read from memory
// and write nowhere; flattening, chunking, files and the store are what the conversion does beyond
// them.
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/process.h"
#include "bench/stopwatch.h"
#include "converter/chunk/chunk_writer.h"
#include "converter/flatten/flatten.h"
#include "converter/source/open.h"
#include "converter/source/select.h"
#include "oci/media_types.h"
#include "store/seal/cipher.h"

namespace floe {
namespace {

// One part: bytes that went in and core-seconds they took.
struct Part {
  const char* name;
  uint64_t bytes = 0;
  double seconds = 0;

  template <typename Work>
  void Measure(uint64_t size, Work work) {
    const double before = SecondsOn(CLOCK_THREAD_CPUTIME_ID);
    work();
    seconds += SecondsOn(CLOCK_THREAD_CPUTIME_ID) - before;
    bytes += size;
  }
  void Print() const {
    std::printf("  %-34s %8.1f MB  %7.2f s  %7.0f MB/s\n", name, 1e-6 * static_cast<double>(bytes),
                seconds, seconds > 0 ? 1e-6 * static_cast<double>(bytes) / seconds : 0);
  }
};

struct Parts {
  Part hash_layers{"SHA-256 of the stored layers"};
  Part unpack{"inflate (of unpacked bytes)"};
  Part compress{"zstd of distinct chunks"};
  Part hash_key{"SHA-256 of compressed chunks (key)"};
  Part encrypt{"AES-256-GCM"};
  Part hash_id{"SHA-256 of sealed chunks (id)"};
  double slowest_layer = 0;  // unpacking it cannot be shared out

  std::vector<const Part*> all() const {
    return {&hash_layers, &unpack, &compress, &hash_key, &encrypt, &hash_id};
  }
  double sum() const {
    double seconds = 0;
    for (const Part* part : all()) seconds += part->seconds;
    return seconds;
  }
};

// Unpacks into a buffer that is used over and over; the unpacked size.
uint64_t InflateAll(const Bytes& in, Bytes& out) {
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.next_in = const_cast<uint8_t*>(in.data());
  state.avail_in = static_cast<uint32_t>(in.size());
  uint64_t total = 0;
  while (state.avail_in > 0) {
    state.next_out = out.data();
    state.avail_out = static_cast<uint32_t>(out.size());
    if (isal_inflate(&state) != ISAL_DECOMP_OK) return total;
    total += out.size() - state.avail_out;
    if (state.block_state == ISAL_BLOCK_FINISH) {
      isal_inflate_reset(&state);
      state.crc_flag = ISAL_GZIP;
    }
  }
  return total;
}

uint64_t UnzstdAll(const Bytes& in, Bytes& out) {
  ZSTD_DStream* stream = ZSTD_createDStream();
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  uint64_t total = 0;
  while (input.pos < input.size) {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    if (ZSTD_isError(ZSTD_decompressStream(stream, &output, &input)) != 0) break;
    total += output.pos;
  }
  ZSTD_freeDStream(stream);
  return total;
}

absl::Status MeasureLayers(converter::ImageSource& source, const converter::SourceImage& image,
                           Parts& parts) {
  Bytes out(1 << 20);
  for (const oci::Descriptor& layer : image.manifest.layers) {
    FLOE_ASSIGN_OR_RETURN(const Bytes stored, source.ReadBlob(layer, uint64_t{8} << 30));
    parts.hash_layers.Measure(stored.size(), [&] { (void)store::Sha256(stored); });
    const auto compression = oci::CompressionOf(layer.media_type);
    if (compression == oci::LayerCompression::kNone) continue;
    const double before = parts.unpack.seconds;
    uint64_t unpacked = 0;
    parts.unpack.Measure(0, [&] {
      unpacked = compression == oci::LayerCompression::kGzip ? InflateAll(stored, out)
                                                             : UnzstdAll(stored, out);
    });
    parts.unpack.bytes += unpacked;
    parts.slowest_layer = std::max(parts.slowest_layer, parts.unpack.seconds - before);
  }
  return absl::OkStatus();
}

// The parts that follow cutting, on chunks in the order of the image.
class ChunkMeter {
 public:
  explicit ChunkMeter(Parts& parts) : parts_(parts) {
    ZSTD_CCtx_setParameter(zstd_, ZSTD_c_compressionLevel, store::CodecParameters().level);
  }
  ~ChunkMeter() {
    ZSTD_freeCCtx(zstd_);
    EVP_CIPHER_CTX_free(cipher_);
  }
  void Measure(const Bytes& raw) {
    if (!seen_.insert(store::Sha256(raw)).second) return;
    Bytes packed(ZSTD_compressBound(raw.size()));
    size_t size = 0;
    parts_.compress.Measure(raw.size(), [&] {
      size = ZSTD_compress2(zstd_, packed.data(), packed.size(), raw.data(), raw.size());
    });
    packed.resize(std::min(size, raw.size()));
    parts_.hash_key.Measure(packed.size(), [&] { (void)store::Sha256(packed); });
    Bytes sealed(packed.size() + 16);
    parts_.encrypt.Measure(packed.size(), [&] { Encrypt(packed, sealed); });
    parts_.hash_id.Measure(sealed.size(), [&] { (void)store::Sha256(sealed); });
  }

 private:
  void Encrypt(const Bytes& plain, Bytes& sealed) {
    const uint8_t key[32] = {1};
    const uint8_t nonce[12] = {};
    int length = 0;
    EVP_EncryptInit_ex(cipher_, EVP_aes_256_gcm(), nullptr, key, nonce);
    EVP_EncryptUpdate(cipher_, sealed.data(), &length, plain.data(),
                      static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(cipher_, sealed.data() + length, &length);
    EVP_CIPHER_CTX_ctrl(cipher_, EVP_CTRL_GCM_GET_TAG, 16, sealed.data() + plain.size());
  }

  Parts& parts_;
  ZSTD_CCtx* zstd_ = ZSTD_createCCtx();
  EVP_CIPHER_CTX* cipher_ = EVP_CIPHER_CTX_new();
  std::set<store::Sha256Digest> seen_;
};

class ChunkerSink : public erofs::ImageSink {
 public:
  explicit ChunkerSink(converter::Chunker& chunker) : chunker_(chunker) {}
  absl::Status Data(ByteView blocks) override { return chunker_.Data(blocks); }
  absl::Status Zeros(uint64_t bytes) override { return chunker_.Zeros(bytes); }

 private:
  converter::Chunker& chunker_;
};

absl::Status MeasureChunks(converter::ImageSource& source, const converter::SourceImage& image,
                           Parts& parts) {
  std::vector<converter::LayerInput> layers;
  for (const oci::Descriptor& descriptor : image.manifest.layers) {
    converter::LayerInput layer;
    layer.name = descriptor.digest;
    layer.open = [&source, descriptor] { return source.OpenBlob(descriptor); };
    layers.push_back(std::move(layer));
  }
  FLOE_ASSIGN_OR_RETURN(const auto flat, converter::Flatten(std::move(layers), {}));
  FLOE_ASSIGN_OR_RETURN(const auto hash, converter::BlockHashOfDomain({}));
  converter::BufferPool pool(1 << 20);
  ChunkMeter meter(parts);
  converter::Chunker chunker({}, hash, pool, [&](converter::RawChunk chunk) {
    meter.Measure(chunk.data);
    pool.Give(std::move(chunk.data));
    return absl::OkStatus();
  });
  ChunkerSink sink(chunker);
  FLOE_RETURN_IF_ERROR(flat->Emit(sink));
  return chunker.Finish();
}

struct Conversion {
  double wall = 0;
  double cpu = 0;
  uint64_t max_rss_bytes = 0;
};

absl::StatusOr<Conversion> MeasureConversion(const std::string& location) {
  FLOE_ASSIGN_OR_RETURN(const TempDir dir, TempDir::Create("/var/tmp"));
  char self[4096];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self);
  if (n < 0) return ErrnoStatus(errno, "readlink /proc/self/exe");
  const std::string path(self, static_cast<size_t>(n));
  const std::string floe = path.substr(0, path.rfind('/')) + "/floe";
  const std::vector<std::string> common = {
      floe, "--quiet", "--store", "folder:" + dir.path() + "/s", "--keys", dir.path() + "/k"};
  std::vector<std::string> init = common;
  init.insert(init.end(), {"store", "init"});
  FLOE_RETURN_IF_ERROR(RunCommand(init));
  std::vector<std::string> convert = common;
  convert.insert(convert.end(), {"convert", location, "oci:" + dir.path() + "/out"});
  rusage before;
  getrusage(RUSAGE_CHILDREN, &before);
  const auto start = std::chrono::steady_clock::now();
  FLOE_ASSIGN_OR_RETURN(const CommandResult result, RunCommand(convert));
  Conversion conversion;
  conversion.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (result.exit_code != 0) return absl::InternalError("floe convert failed");
  rusage after;
  getrusage(RUSAGE_CHILDREN, &after);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  conversion.cpu = seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_utime) -
                   seconds(before.ru_stime);
  conversion.max_rss_bytes = static_cast<uint64_t>(after.ru_maxrss) * 1024;
  return conversion;
}

absl::Status Run(const std::string& location_text) {
  FLOE_ASSIGN_OR_RETURN(const auto location, converter::ParseLocation(location_text));
  FLOE_ASSIGN_OR_RETURN(const auto source, converter::OpenSource(location, {}));
  FLOE_ASSIGN_OR_RETURN(const auto selection, converter::SelectImages(*source, {}));
  FLOE_ASSIGN_OR_RETURN(const Conversion conversion, MeasureConversion(location_text));
  Parts parts;
  FLOE_RETURN_IF_ERROR(MeasureLayers(*source, selection.images[0], parts));
  FLOE_RETURN_IF_ERROR(MeasureChunks(*source, selection.images[0], parts));
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  std::printf("parts, each on one core:\n");
  for (const Part* part : parts.all()) part->Print();
  const double bound = std::max(parts.sum() / cores, parts.slowest_layer);
  std::printf("  sum %.2f s; over %u cores %.2f s; slowest layer %.2f s\n", parts.sum(), cores,
              parts.sum() / cores, parts.slowest_layer);
  std::printf("conversion: %.2f s, %.2f core-seconds, %.0f MB/s of unpacked bytes, RSS %.0f MB\n",
              conversion.wall, conversion.cpu,
              1e-6 * static_cast<double>(parts.unpack.bytes) / conversion.wall,
              1e-6 * static_cast<double>(conversion.max_rss_bytes));
  std::printf("ratio: wall %.2f of the bound, core-seconds %.2f of the parts\n",
              conversion.wall / bound, conversion.cpu / parts.sum());
  return absl::OkStatus();
}

}  // namespace
}  // namespace floe

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: convert_parts LAYOUT[:TAG]\n");
    return 2;
  }
  const absl::Status status = floe::Run(absl::StrCat("oci:", argv[1]));
  if (!status.ok()) {
    std::fprintf(stderr, "convert_parts: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
