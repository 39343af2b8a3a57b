// stage: Shared Key. See shared_key.hpp.
#include "stage/shared_key.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/digest.hpp"

namespace stage {

std::string shared_key_text(const AzRequest& request) {
  const auto header = [&](std::string_view name) {
    for (const auto& [given, value] : request.headers) {
      if (given == name) return value;
    }
    return std::string();
  };
  std::string text = request.method + "\n";
  text += header("content-encoding") + "\n" + header("content-language") + "\n";
  text += (request.bytes == 0 ? "" : std::to_string(request.bytes)) + "\n";
  // An empty line for Date: x-ms-date is in its place.
  text += header("content-md5") + "\n" + header("content-type") + "\n\n";
  for (const char* name : {"if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}) {
    text += header(name) + "\n";
  }
  auto sorted = request.headers;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) {
    if (name.starts_with("x-ms-")) text += name + ":" + value + "\n";
  }
  text += "/" + request.account + request.path;
  sorted = request.query;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) text += "\n" + name + ":" + value;
  return text;
}

std::string shared_key(const AzRequest& request, std::string_view key) {
  const crypto::Digest digest = crypto::Hmac(key)(shared_key_text(request));
  std::string value = "SharedKey " + request.account + ":";
  base::append_base64(value, std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  return value;
}

}  // namespace stage
