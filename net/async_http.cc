// SPDX-License-Identifier: Apache-2.0
#include "net/async_http.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "net/transfer.h"

namespace floe::net {
namespace {

constexpr std::chrono::milliseconds kCancelSweep{50};  // how often cancellation is looked for
constexpr size_t kSpareHandles = 128;

class CurlAsyncHttp : public AsyncHttp {
 public:
  explicit CurlAsyncHttp(const AsyncHttpOptions& options);
  ~CurlAsyncHttp() override;

  void Send(AsyncHttpRequest request, Callback done) override FLOE_EXCLUDES(mutex_);

 private:
  using TransferPtr = std::unique_ptr<Transfer>;

  static int OnSocket(CURL*, curl_socket_t socket, int what, void* context, void*) {
    static_cast<CurlAsyncHttp*>(context)->WatchSocket(socket, what);
    return 0;
  }
  static int OnTimer(CURLM*, long milliseconds, void* context) {
    static_cast<CurlAsyncHttp*>(context)->SetTimer(milliseconds);
    return 0;
  }

  void Loop() FLOE_EXCLUDES(mutex_);
  // What came since the last turn; false when it is time to end.
  bool TakeQueued() FLOE_EXCLUDES(mutex_);
  void Begin(TransferPtr transfer);
  void WatchSocket(curl_socket_t socket, int what);
  void SetTimer(long milliseconds);
  int WaitMilliseconds() const;
  void HandleEvents(int timeout);
  void TakeMessages();
  void Finish(CURL* easy, const absl::Status* instead, CURLcode result);
  void SweepCancelled();
  void Wake();

  const AsyncHttpOptions options_;
  // Set when a descriptor could not be had: the answer to everything.
  absl::Status broken_;
  UniqueFd epoll_;
  UniqueFd wake_;
  Mutex mutex_;
  std::deque<TransferPtr> queued_ FLOE_GUARDED_BY(mutex_);
  bool stopping_ FLOE_GUARDED_BY(mutex_) = false;

  // The event thread's own.
  CURLM* multi_ = nullptr;
  std::map<CURL*, TransferPtr> running_;
  std::vector<CURL*> spare_;
  std::optional<SteadyTime> timer_;
  SteadyTime swept_{};

  std::thread thread_;
};

CurlAsyncHttp::CurlAsyncHttp(const AsyncHttpOptions& options) : options_(options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_.get();
  multi_ = curl_multi_init();
  if (!epoll_ || !wake_ || multi_ == nullptr ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    broken_ = absl::UnavailableError(
        "no HTTP: the process is out of descriptors; raise its limit (LimitNOFILE)");
    return;
  }
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  const auto connections = static_cast<long>(options_.connections_per_host);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 2 * connections);
  thread_ = std::thread([this] { Loop(); });
}

CurlAsyncHttp::~CurlAsyncHttp() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    Wake();
    thread_.join();
  }
  for (CURL* easy : spare_) curl_easy_cleanup(easy);
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

void CurlAsyncHttp::Wake() {
  const uint64_t one = 1;
  // Full means that it is awake already.
  (void)!write(wake_.get(), &one, sizeof(one));
}

void CurlAsyncHttp::Send(AsyncHttpRequest request, Callback done) {
  absl::Status wanted = broken_;
  if (wanted.ok()) wanted = Transfer::Check(request);
  if (!wanted.ok()) return done(wanted);
  auto transfer = std::make_unique<Transfer>(std::move(request), std::move(done));
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = queued_.empty();
    queued_.push_back(std::move(transfer));
  }
  if (first) Wake();
}

void CurlAsyncHttp::WatchSocket(curl_socket_t socket, int what) {
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
    return;
  }
  epoll_event event{};
  event.data.fd = socket;
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket, &event) != 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event);
  }
}

void CurlAsyncHttp::SetTimer(long milliseconds) {
  timer_.reset();
  if (milliseconds >= 0) {
    timer_ = Clock::Real().Now() + std::chrono::milliseconds(milliseconds);
  }
}

void CurlAsyncHttp::Loop() {
  pthread_setname_np(pthread_self(), options_.thread_name.c_str());
  while (TakeQueued()) {
    HandleEvents(WaitMilliseconds());
    TakeMessages();
    SweepCancelled();
  }
  const absl::Status ended = absl::CancelledError("cancelled: the HTTP client ends");
  while (!running_.empty()) Finish(running_.begin()->first, &ended, CURLE_OK);
}

bool CurlAsyncHttp::TakeQueued() {
  std::deque<TransferPtr> queued;
  bool stopping = false;
  {
    MutexLock lock(mutex_);
    queued.swap(queued_);
    stopping = stopping_;
  }
  for (TransferPtr& transfer : queued) Begin(std::move(transfer));
  return !stopping;
}

void CurlAsyncHttp::Begin(TransferPtr transfer) {
  const absl::Status wanted = transfer->StillWanted(Clock::Real().Now());
  if (!wanted.ok()) return transfer->Answer(wanted);
  CURL* easy = nullptr;
  if (spare_.empty()) {
    easy = curl_easy_init();
    if (easy == nullptr) return transfer->Answer(absl::UnavailableError("out of memory"));
  } else {
    easy = spare_.back();
    spare_.pop_back();
  }
  transfer->Configure(easy, options_);
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  if (code != CURLM_OK) {
    curl_easy_cleanup(easy);
    return transfer->Answer(absl::InternalError(curl_multi_strerror(code)));
  }
  running_[easy] = std::move(transfer);
}

int CurlAsyncHttp::WaitMilliseconds() const {
  auto wait = std::chrono::milliseconds(-1);
  if (timer_) {
    // Rounded up: a wait of no time before the timer is due would spin.
    wait = std::chrono::ceil<std::chrono::milliseconds>(*timer_ - Clock::Real().Now());
    wait = std::max(wait, std::chrono::milliseconds(0));
  }
  if (!running_.empty() && (wait.count() < 0 || wait > kCancelSweep)) wait = kCancelSweep;
  return static_cast<int>(std::min<int64_t>(wait.count(), 60'000));
}

void CurlAsyncHttp::HandleEvents(int timeout) {
  std::array<epoll_event, 64> events;
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  int running = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.fd == wake_.get()) {
      uint64_t unused = 0;
      (void)!read(wake_.get(), &unused, sizeof(unused));
      continue;
    }
    int what = 0;
    if ((event.events & EPOLLIN) != 0) what |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) what |= CURL_CSELECT_ERR;
    curl_multi_socket_action(multi_, event.data.fd, what, &running);
  }
  if (timer_ && *timer_ <= Clock::Real().Now()) {
    timer_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void CurlAsyncHttp::TakeMessages() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) {
      Finish(message->easy_handle, nullptr, message->data.result);
    }
  }
}

void CurlAsyncHttp::Finish(CURL* easy, const absl::Status* instead, CURLcode result) {
  const auto found = running_.find(easy);
  const TransferPtr transfer = std::move(found->second);
  running_.erase(found);
  curl_multi_remove_handle(multi_, easy);
  absl::Status status = instead != nullptr ? *instead : transfer->Result(result);
  curl_easy_reset(easy);
  if (spare_.size() < kSpareHandles) {
    spare_.push_back(easy);
  } else {
    curl_easy_cleanup(easy);
  }
  transfer->Answer(status);
}

void CurlAsyncHttp::SweepCancelled() {
  const SteadyTime now = Clock::Real().Now();
  if (now - swept_ < kCancelSweep) return;
  swept_ = now;
  std::vector<CURL*> cancelled;
  for (const auto& [easy, transfer] : running_) {
    if (!transfer->StillWanted(now).ok()) cancelled.push_back(easy);
  }
  for (CURL* easy : cancelled) {
    const absl::Status status = running_[easy]->StillWanted(now);
    Finish(easy, &status, CURLE_OK);
  }
}

}  // namespace

ByteView AsyncHttpRequest::BodyView() const {
  if (body == nullptr) return {};
  const ByteView whole(*body);
  const size_t offset = std::min(body_offset, whole.size());
  return whole.subspan(offset, std::min(body_size, whole.size() - offset));
}

std::unique_ptr<AsyncHttp> MakeAsyncHttp(const AsyncHttpOptions& options) {
  return std::make_unique<CurlAsyncHttp>(options);
}

absl::StatusOr<AsyncHttpAnswer> SendAndWait(AsyncHttp& http, AsyncHttpRequest request) {
  struct Waiting {
    Mutex mutex;
    CondVar arrived;
    std::optional<absl::StatusOr<AsyncHttpAnswer>> answer FLOE_GUARDED_BY(mutex);
  };
  const auto waiting = std::make_shared<Waiting>();
  http.Send(std::move(request), [waiting](absl::StatusOr<AsyncHttpAnswer> answer) {
    MutexLock lock(waiting->mutex);
    waiting->answer.emplace(std::move(answer));
    waiting->arrived.NotifyOne();
  });
  MutexLock lock(waiting->mutex);
  while (!waiting->answer) waiting->arrived.Wait(waiting->mutex);
  return *std::move(waiting->answer);
}

}  // namespace floe::net
