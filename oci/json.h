// SPDX-License-Identifier: Apache-2.0
// Reading JSON that others wrote: no exceptions, every wrong type an error that names the member.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace floe::oci {

// INVALID_ARGUMENT, beginning with `what`, unless `text` is one JSON object that is nested no
// deeper than documents are, so that it can be copied and written without thought.
absl::StatusOr<nlohmann::json> ParseJsonObject(ByteView text, absl::string_view what);

// The text of a member, "" when it is absent or null.
absl::StatusOr<std::string> StringMember(const nlohmann::json& object, const char* name,
                                         absl::string_view what);
// The number of a member that must be there, 0..2^63-1.
absl::StatusOr<uint64_t> SizeMember(const nlohmann::json& object, const char* name,
                                    absl::string_view what);
// A map of strings; empty when absent or null.
absl::StatusOr<std::map<std::string, std::string>> StringMapMember(const nlohmann::json& object,
                                                                   const char* name,
                                                                   absl::string_view what);
// An array, or null when it is absent or null. Borrowed from `object`.
absl::StatusOr<const nlohmann::json*> ArrayMember(const nlohmann::json& object, const char* name,
                                                  absl::string_view what);

// The members of `object` whose names are not in `known`, as text; "" when there are none.
std::string OtherMembers(const nlohmann::json& object, const std::set<std::string>& known);
// Puts those members back.
void MergeOtherMembers(const std::string& other, nlohmann::json& object);

}  // namespace floe::oci
