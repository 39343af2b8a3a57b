// stage: signing requests to Azure's blob store (Shared Key).
// Knows the form of what is signed, to the line break.
// Must not know what the request is for, and must not show the key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stage {

/// A request as it is signed.
///
/// path     encoded, as it is sent, begins with /
/// query    names in small letters and values, not encoded, in any order
/// headers  names in small letters; x-ms-date is one of them
/// bytes    of the body
struct AzRequest {
  std::string method;
  std::string account;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::uint64_t bytes = 0;
};

/// The text that is signed.
/// src  Microsoft, "Authorize with Shared Key", version 2015-02-21 and later
[[nodiscard]] std::string shared_key_text(const AzRequest& request);

/// in   key  the account's, its bytes
/// out  the value of the header Authorization
[[nodiscard]] std::string shared_key(const AzRequest& request, std::string_view key);

}  // namespace stage
