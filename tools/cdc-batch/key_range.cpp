// cdc-batch: bounds of keys. On the per-row path: the key is mostly the first column, and is compared where it stands. Pure.
#include "cdc-batch/key_range.hpp"

#include <charconv>

#include "json/write.hpp"

namespace cdc_batch {
namespace {

// Integers beyond this are strings in the stream, and so in a manifest.
constexpr std::int64_t kLargestNumber = std::int64_t{1} << 53;

std::string integer_text(std::int64_t value) {
  const std::string digits = std::to_string(value);
  return value > kLargestNumber || value < -kLargestNumber ? "\"" + digits + "\"" : digits;
}

}  // namespace

KeyColumn key_column(const change::Schema& schema) {
  const change::Column* key = nullptr;
  for (const change::Column& column : schema.columns) {
    if (!column.identity) continue;
    if (key != nullptr) return {};
    key = &column;
  }
  if (key == nullptr || key->action != "keep") return {};
  KeyColumn found;
  const std::string& type = key->type;
  if (type == "int2" || type == "int4" || type == "int8") {
    found.kind = KeyColumn::Kind::integer;
  } else {
    // The lengths of the stream's texts, by which exactly the values whose text order is their order are told.
    found.text_bytes = type == "date"          ? 10
                       : type == "timestamp"   ? 26
                       : type == "timestamptz" ? 27
                       : type == "uuid"        ? 36
                                               : 0;
    if (found.text_bytes == 0) return {};
    found.kind = KeyColumn::Kind::fixed_text;
  }
  std::string quoted;
  json::append_string(quoted, key->name);
  found.name = quoted.substr(1, quoted.size() - 2);
  return found;
}

void KeyRange::add(const KeyColumn& column, const change::Line& line) {
  if (unknown_) return;
  if (column.kind == KeyColumn::Kind::none || line.op == change::Op::truncate) {
    unknown_ = true;
    return;
  }
  if (line.after != nullptr) add_from(column, line, *line.after);
  if (line.before != nullptr) add_from(column, line, *line.before);
}

void KeyRange::add_from(const KeyColumn& column, const change::Line& line, const json::Token& object) {
  const json::Token* value = nullptr;
  for (std::uint32_t i = line.index_of(&object) + 1; i < object.next; i = line.tokens[i + 1].next) {
    if (line.tokens[i].inner() == column.name) {
      value = &line.tokens[i + 1];
      break;
    }
  }
  if (value == nullptr) {
    unknown_ = true;
    return;
  }
  kind_ = column.kind;
  if (kind_ == KeyColumn::Kind::integer) {
    const std::string_view digits = value->kind == json::Kind::string ? value->inner() : value->raw();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      unknown_ = true;
      return;
    }
    if (!any_ || number < min_integer_) min_integer_ = number;
    if (!any_ || number > max_integer_) max_integer_ = number;
  } else {
    if (value->kind != json::Kind::string || value->inner().size() != column.text_bytes) {
      unknown_ = true;
      return;
    }
    const std::string_view text = value->inner();
    if (!any_ || text < min_text_) min_text_ = text;
    if (!any_ || text > max_text_) max_text_ = text;
  }
  any_ = true;
}

std::string KeyRange::min() const {
  if (unknown_ || !any_) return "";
  return kind_ == KeyColumn::Kind::integer ? integer_text(min_integer_) : "\"" + min_text_ + "\"";
}

std::string KeyRange::max() const {
  if (unknown_ || !any_) return "";
  return kind_ == KeyColumn::Kind::integer ? integer_text(max_integer_) : "\"" + max_text_ + "\"";
}

}  // namespace cdc_batch
