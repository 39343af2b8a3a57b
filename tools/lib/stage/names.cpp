// stage: names of objects. Pure.
#include "stage/names.hpp"

#include <cstdio>

#include "base/failure.hpp"
#include "change/types.hpp"
#include "crypto/digest.hpp"

namespace stage {
namespace {

// A path component holds 255 bytes on the file systems in use; two quoted names of 63 bytes each would need 379.
constexpr std::size_t kLongestTableBytes = 200;
constexpr std::size_t kKeptBytes = 180;

std::string digits(std::uint64_t value, int width) {
  char text[24];
  const int size = std::snprintf(text, sizeof text, "%0*llu", width, static_cast<unsigned long long>(value));
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

std::string encode_name(std::string_view name) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : name) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-') {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.push_back('%');
      encoded.push_back(kHex[byte >> 4]);
      encoded.push_back(kHex[byte & 15]);
    }
  }
  return encoded;
}

std::string encode_table(std::string_view table) {
  const auto parts = change::parse_table(table);
  if (!parts)
    throw base::Failure(base::Exit::data, "bad_table", "a table's name is not two parts, quoted as PostgreSQL does");
  const std::string encoded = encode_name(parts->schema) + "." + encode_name(parts->name);
  if (encoded.size() <= kLongestTableBytes) return encoded;
  return encoded.substr(0, kKeptBytes) + "~" + crypto::sha256_hex(table).substr(0, 16);
}

std::string encode_lsn(base::Lsn lsn) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llX", static_cast<unsigned long long>(lsn.value));
  return {text, 16};
}

std::string source_object(std::string_view source) { return encode_name(source) + "/source.json"; }

std::string source_object(std::string_view source, std::uint64_t era) {
  return era_folder(source, era) + "source.json";
}

std::string era_folder(std::string_view source, std::uint64_t era) {
  return encode_name(source) + "/" + std::to_string(era) + "/";
}

std::string log_object(base::Lsn from) { return "log/" + encode_lsn(from) + ".json"; }

std::string lost_object(std::string_view object) { return "lost/" + std::string(object) + ".json"; }

std::string data_object(std::string_view table, base::Lsn from, base::Lsn to, std::uint64_t part,
                        std::string_view sha256) {
  // No table is called `_commits` here: a table's name always holds a point.
  return "data/" + (table.empty() ? std::string("_commits") : encode_table(table)) + "/" + encode_lsn(from) + "-" +
         encode_lsn(to) + "-" + digits(part, 4) + "-" + std::string(sha256) + ".ndjson.zst";
}

std::string chunk_object(std::string_view table, base::Lsn lsn, std::uint64_t chunk) {
  return "copy/" + encode_table(table) + "/" + encode_lsn(lsn) + "/" + digits(chunk, 6) + ".json";
}

std::string chunk_data_object(std::string_view table, base::Lsn lsn, std::uint64_t chunk, std::uint64_t part,
                              std::string_view sha256) {
  return "copy/" + encode_table(table) + "/" + encode_lsn(lsn) + "/" + digits(chunk, 6) + "-" + digits(part, 4) + "-" +
         std::string(sha256) + ".ndjson.zst";
}

}  // namespace stage
