// SPDX-License-Identifier: Apache-2.0
// floe.json and log/<seq>: JSON that people can read.
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "store/origin/store_layout.h"

namespace floe::store {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "floe-store";
constexpr RootState kStates[] = {RootState::kActive, RootState::kRetired, RootState::kExpired,
                                 RootState::kDeleting, RootState::kGone};

absl::Status Damaged(absl::string_view what, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat(what, " is damaged (", why, "); restore it from a backup of the store"));
}

// Fields by name and kind; anything missing or of another kind turns ok() false.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(json), ok_(json.is_object()) {}

  std::string Text(const char* name) {
    const Json* field = Find(name);
    if (field != nullptr && field->is_string()) return field->get<std::string>();
    ok_ = false;
    return "";
  }
  uint64_t Number(const char* name) {
    const Json* field = Find(name);
    if (field != nullptr && field->is_number_unsigned()) return field->get<uint64_t>();
    ok_ = false;
    return 0;
  }
  template <size_t N>
  std::array<uint8_t, N> Id(const char* name) {
    std::array<uint8_t, N> id{};
    const std::optional<Bytes> bytes = FromHex(Text(name));
    if (bytes && bytes->size() == N) {
      std::copy(bytes->begin(), bytes->end(), id.begin());
    } else {
      ok_ = false;
    }
    return id;
  }
  const Json& List(const char* name) {
    static const Json empty = Json::array();
    const Json* field = Find(name);
    if (field != nullptr && field->is_array()) return *field;
    ok_ = false;
    return empty;
  }
  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }

 private:
  const Json* Find(const char* name) const {
    if (!json_.is_object()) return nullptr;
    const auto field = json_.find(name);
    return field == json_.end() ? nullptr : &*field;
  }

  const Json& json_;
  bool ok_;
};

std::optional<RootState> StateOf(absl::string_view name) {
  for (const RootState state : kStates) {
    if (RootStateName(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace

std::string RootStateName(RootState state) {
  switch (state) {
    case RootState::kActive:
      return "active";
    case RootState::kRetired:
      return "retired";
    case RootState::kExpired:
      return "expired";
    case RootState::kDeleting:
      return "deleting";
    case RootState::kGone:
      return "gone";
  }
  return "unknown";
}

std::string EncodeStoreInfo(const StoreInfo& info) {
  Json json = {{"format", kFormat},
               {"layout", info.layout_version},
               {"id", ToHex(info.id)},
               {"domains", Json::array()}};
  for (const StoreDomain& domain : info.domains) {
    json["domains"].push_back({{"id", ToHex(domain.id)}, {"name", domain.name}});
  }
  return json.dump(2) + "\n";
}

absl::StatusOr<StoreInfo> DecodeStoreInfo(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  Fields fields(json);
  if (fields.Text("format") != kFormat) return Damaged("floe.json", "it describes no floe store");
  const uint64_t layout = fields.Number("layout");
  if (fields.ok() && layout > kStoreLayoutVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the store has layout ", layout,
                                                      ", this floe knows ", kStoreLayoutVersion,
                                                      ": update floe here"));
  }
  StoreInfo info;
  info.layout_version = static_cast<uint32_t>(layout);
  info.id = fields.Id<16>("id");
  for (const Json& item : fields.List("domains")) {
    Fields domain(item);
    info.domains.push_back({domain.Id<16>("id"), domain.Text("name")});
    if (!domain.ok()) fields.Fail();
  }
  if (!fields.ok() || layout == 0) return Damaged("floe.json", "a field is missing or malformed");
  if (info.domains.empty()) return Damaged("floe.json", "it names no domain");
  return info;
}

std::string EncodeLogEntry(const LogEntry& entry) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(entry.time.time_since_epoch()).count();
  Json json = {
      {"seq", entry.seq}, {"time", static_cast<uint64_t>(seconds)}, {"roots", Json::array()}};
  for (const RootTransition& transition : entry.transitions) {
    json["roots"].push_back(
        {{"root", ToHex(transition.root)}, {"state", RootStateName(transition.state)}});
  }
  return json.dump(2) + "\n";
}

absl::StatusOr<LogEntry> DecodeLogEntry(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  Fields fields(json);
  LogEntry entry;
  entry.seq = fields.Number("seq");
  // Beyond this a clock of nanoseconds overflows.
  const uint64_t seconds = fields.Number("time");
  if (seconds > std::numeric_limits<int64_t>::max() / 1'000'000'000) fields.Fail();
  if (fields.ok()) entry.time = SystemTime(std::chrono::seconds(seconds));
  for (const Json& item : fields.List("roots")) {
    Fields row(item);
    RootTransition transition{row.Id<16>("root"), RootState::kActive};
    const std::optional<RootState> state = StateOf(row.Text("state"));
    if (!state || !row.ok()) {
      fields.Fail();
    } else {
      transition.state = *state;
    }
    entry.transitions.push_back(transition);
  }
  if (!fields.ok()) return Damaged("a log entry", "a field is missing or malformed");
  return entry;
}

}  // namespace floe::store
