// SPDX-License-Identifier: Apache-2.0
#include "test/unit/mount/fake_fusefs.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/unix_socket.h"
#include "keeper/client.h"
#include "mount/probe_image.h"
#include "mount/tiny_fuse.h"
#include "proto/control.pb.h"

namespace floe::mount::testing {
namespace {

constexpr int kNotifyResend = 7;
constexpr char kPrefix[] = "image.";

struct Served {
  std::string text;
  uint64_t inode = 0;
};

class FakeFusefs {
 public:
  FakeFusefs(std::string version, std::unique_ptr<keeper::KeeperClient> keeper, UniqueFd device,
             int refusals)
      : version_(std::move(version)),
        keeper_(std::move(keeper)),
        device_(std::move(device)),
        refusals_(refusals) {}

  // What the one before served; then the kernel sends again what that one left without answer.
  void Restore() {
    const std::vector<keeper::SlotInfo> slots = keeper_->List(kPrefix).value();
    for (const keeper::SlotInfo& slot : slots) {
      const keeper::Slot image = keeper_->Get(slot.name).value();
      Serve(slot.name.substr(sizeof kPrefix - 1), std::string(AsText(image.blob)));
    }
    struct fuse_out_header resend = {};
    resend.len = sizeof resend;
    resend.error = kNotifyResend;
    (void)!write(device_.get(), &resend, sizeof resend);
  }
  void ServeFuse() {
    const UniqueFd never(eventfd(0, EFD_CLOEXEC));
    (void)files_.Serve(device_.get(), never.get());
  }
  void Answer(const UniqueFd& socket) {
    while (true) {
      absl::StatusOr<Message> message = ReceiveMessage(socket.get());
      if (!message.ok()) return;
      control::Request request;
      request.ParseFromArray(message->bytes.data(), static_cast<int>(message->bytes.size()));
      control::Reply reply;
      UniqueFd file;
      const absl::Status status = Handle(request, message->descriptors, reply, file);
      reply.set_code(static_cast<uint32_t>(status.code()));
      reply.set_message(std::string(status.message()));
      const std::string bytes = reply.SerializeAsString();
      const std::vector<int> files = file ? std::vector<int>{file.get()} : std::vector<int>{};
      if (!SendMessage(socket.get(), AsBytes(bytes), files).ok()) return;
    }
  }

 private:
  absl::Status Handle(const control::Request& request, const std::vector<UniqueFd>& descriptors,
                      control::Reply& reply, UniqueFd& file) {
    if (request.has_ping()) {
      reply.mutable_pong()->set_pid(static_cast<uint32_t>(getpid()));
      reply.mutable_pong()->set_version(version_);
      return absl::OkStatus();
    }
    if (request.has_open_image()) return Open(request.open_image(), descriptors[0].get(), reply);
    if (request.has_close_image()) return Close(request.close_image().name());
    if (request.has_metrics()) {
      file.Reset(memfd_create("metrics", MFD_CLOEXEC));
      return WriteFull(file.get(), AsBytes(absl::StrCat("opens ", opens_.load())));
    }
    if (request.has_use_keeper()) return UseKeeper(descriptors[0].get());
    if (request.has_check_manifest()) {
      const std::string text(AsText(ReadWholeFd(descriptors[0].get(), 4096).value()));
      if (absl::StartsWith(text, "bad ")) return absl::FailedPreconditionError(text.substr(4));
      return absl::OkStatus();
    }
    if (!request.has_list_images()) return absl::UnimplementedError("unknown request");
    MutexLock lock(mutex_);
    reply.mutable_image_list();
    for (const auto& [name, served] : served_) {
      control::ImageInfo* info = reply.mutable_image_list()->add_images();
      info->set_name(name);
      info->set_inode(served.inode);
      info->set_sealed_bytes(100);
      info->set_local_bytes(served.text == "local" ? 100 : 50);
      info->set_open_count(files_.open_count());
    }
    return absl::OkStatus();
  }

  absl::Status Open(const control::OpenImage& open, int manifest, control::Reply& reply) {
    ++opens_;
    const std::string text(AsText(ReadWholeFd(manifest, 4096).value()));
    if (text == "crash") _exit(3);
    if (absl::StartsWith(text, "bad ")) return absl::FailedPreconditionError(text.substr(4));
    while (text == "block") pause();
    if (text == "overloaded" && open.may_refuse()) {
      return absl::UnavailableError("the origin cannot keep up");
    }
    const uint64_t inode = Serve(open.name(), text);
    reply.mutable_image_opened()->set_inode(inode);
    return keeper_->Put(absl::StrCat(kPrefix, open.name()), AsBytes(text), {manifest});
  }
  absl::Status UseKeeper(int socket) {
    if (refusals_-- > 0) return absl::UnavailableError("busy with other things");
    keeper_->Replace(UniqueFd(dup(socket)));
    MutexLock lock(mutex_);
    for (const auto& [name, served] : served_) {
      FLOE_RETURN_IF_ERROR(keeper_->Put(absl::StrCat(kPrefix, name), AsBytes(served.text), {0}));
    }
    return absl::OkStatus();
  }
  absl::Status Close(const std::string& name) {
    MutexLock lock(mutex_);
    if (served_.erase(name) == 0) return absl::NotFoundError(name);
    // The slot stays, as the real one's does until the kernel's RELEASE; here for good.
    return files_.Remove(name);
  }

  uint64_t Serve(const std::string& name, const std::string& text) {
    // The same for every process that serves this name.
    const uint64_t inode = std::strtoull(name.c_str(), nullptr, 16) | 2;
    auto image = std::make_shared<Bytes>(text == "zeros" ? Bytes(1 << 20) : MakeProbeImage());
    absl::string_view path = text;
    if (absl::ConsumePrefix(&path, "file ")) {
      *image = ReadWholeFile(std::string(path), 1 << 30).value();
    }
    files_.Add(name, {inode, image->size(), [image](uint64_t offset, MutableByteView out) {
                        std::copy_n(image->begin() + static_cast<ptrdiff_t>(offset), out.size(),
                                    out.begin());
                        return static_cast<int>(out.size());
                      }});
    MutexLock lock(mutex_);
    served_[name] = {text, inode};
    return inode;
  }

  const std::string version_;
  const std::unique_ptr<keeper::KeeperClient> keeper_;
  const UniqueFd device_;
  TinyFuse files_;
  std::atomic<int> opens_{0};
  std::atomic<int> refusals_;  // of a new keeper, still to come
  Mutex mutex_;
  std::map<std::string, Served> served_ FLOE_GUARDED_BY(mutex_);
};

}  // namespace

int FakeFusefsMain(int argc, char** argv) {
  std::map<std::string, std::string> flags = {{"--version", FLOE_VERSION}};
  for (int i = 0; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  if (flags.count("--exit") > 0) {
    std::cerr << "a line\nfake: no key to be found\n";
    return std::atoi(flags["--exit"].c_str());
  }
  auto keeper = keeper::KeeperClient::Connect(flags["--keeper"]).value();
  keeper::Slot slot = keeper->Get(keeper::kFuseDeviceSlot).value();
  FakeFusefs fusefs(flags["--version"], std::move(keeper), std::move(slot.descriptors[0]),
                    std::atoi(flags["--refuse-keepers"].c_str()));
  fusefs.Restore();
  const UniqueFd listener = ListenUnix(flags["--control"], 0600).value();
  if (flags.count("--exit-late") > 0) {
    const UniqueFd first = AcceptUnix(listener.get()).value();
    return std::atoi(flags["--exit-late"].c_str());
  }
  std::thread accepting([&] {
    while (true) {
      auto socket = std::make_shared<UniqueFd>(AcceptUnix(listener.get()).value());
      std::thread([&fusefs, socket] { fusefs.Answer(*socket); }).detach();
    }
  });
  fusefs.ServeFuse();
  _exit(0);  // the connection ended; threads still wait for callers
}

}  // namespace floe::mount::testing
