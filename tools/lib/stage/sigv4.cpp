// stage: AWS Signature Version 4. See sigv4.hpp.
#include "stage/sigv4.hpp"

#include <algorithm>
#include <ctime>

#include "crypto/digest.hpp"

namespace stage {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

std::string encode(std::string_view text, bool leave_slash) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || (leave_slash && c == '/');
    if (plain) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return encoded;
}

std::string bytes_of(const crypto::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// 20130524T000000Z
std::string stamp(std::int64_t time_s) {
  const std::time_t time = time_s;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[17];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

}  // namespace

std::string encode_uri(std::string_view text) { return encode(text, false); }
std::string encode_path(std::string_view path) { return encode(path, true); }

std::string encode_query(const S3Request& request) { return encode_query(request.query); }

std::string encode_query(const std::vector<std::pair<std::string, std::string>>& unsorted) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : unsorted) pairs.emplace_back(encode_uri(name), encode_uri(value));
  std::sort(pairs.begin(), pairs.end());
  std::string query;
  for (const auto& [name, value] : pairs) query += (query.empty() ? "" : "&") + name + "=" + value;
  return query;
}

std::vector<std::string> sign(const S3Request& request, const S3Key& key, std::string_view region, std::int64_t time_s,
                              const SigningForm& form) {
  const std::string brand(form.brand);
  const std::string own(form.headers);
  const std::string time = stamp(time_s);
  const std::string day = time.substr(0, 8);
  std::vector<std::pair<std::string, std::string>> headers = request.headers;
  headers.emplace_back("host", request.host);
  headers.emplace_back(own + "content-sha256", request.payload);
  headers.emplace_back(own + "date", time);
  if (!key.token.empty()) headers.emplace_back(own + "security-token", key.token);
  std::sort(headers.begin(), headers.end());

  std::string lines;
  std::string names;
  for (const auto& [name, value] : headers) {
    lines += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = request.method + "\n" + request.path + "\n" + encode_query(request) + "\n" + lines +
                                "\n" + names + "\n" + request.payload;
  const std::string scope =
      day + "/" + std::string(region) + "/" + std::string(form.service) + "/" + std::string(form.ending);
  const std::string to_sign = brand + "-HMAC-SHA256\n" + time + "\n" + scope + "\n" + crypto::sha256_hex(canonical);

  std::string signing = brand + key.secret;
  for (const std::string_view part : {std::string_view(day), region, form.service, form.ending}) {
    std::string next = bytes_of(crypto::Hmac(signing)(part));
    crypto::wipe(signing);
    signing = std::move(next);
  }
  const std::string signature = crypto::hex(crypto::Hmac(signing)(to_sign));
  crypto::wipe(signing);

  std::vector<std::string> sent;
  for (const auto& [name, value] : headers) {
    if (name != "host") sent.push_back(name + ": " + value);
  }
  sent.push_back("Authorization: " + brand + "-HMAC-SHA256 Credential=" + key.id + "/" + scope +
                 ",SignedHeaders=" + names + ",Signature=" + signature);
  return sent;
}

}  // namespace stage
