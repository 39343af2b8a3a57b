// snowflake: decoding answers. See answer.hpp.
#include "snowflake/answer.hpp"

#include "base/failure.hpp"
#include "json/tokens.hpp"

namespace snowflake {
namespace {

// Strings as they are, numbers as their text: the specification has strings where older servers sent numbers.
std::string text_of(const json::Token& token) {
  return token.kind == json::Kind::string ? json::unescape(token.inner()) : std::string(token.raw());
}

std::string text_at(const json::Value& object, std::string_view key) {
  const json::Token* token = object.find(key);
  return token == nullptr ? "" : text_of(*token);
}

std::uint64_t number_at(const json::Value& object, std::string_view key) {
  const json::Token* token = object.find(key);
  std::uint64_t number = 0;
  return token != nullptr && json::parse_whole(text_of(*token), number) ? number : 0;
}

void take_rows(const json::Value& data, std::vector<Row>& into) {
  data.each_element([&](const json::Value& cells) {
    Row& row = into.emplace_back();
    cells.each_element([&](const json::Value& cell) {
      if (cell.is_null()) {
        row.emplace_back(std::nullopt);
      } else {
        row.emplace_back(text_of(cell.token()));
      }
    });
  });
}

template <class Act>
void if_there(const json::Value& object, std::string_view key, json::Kind kind, Act act) {
  const json::Token* token = object.find(key);
  if (token != nullptr && token->kind == kind) act(object.at(key));
}

}  // namespace

Answer decode_answer(std::string_view body) {
  json::Tokenizer tokenizer;
  const json::Value root(tokenizer.tokens_of_copy(body), 0);
  if (root.kind() != json::Kind::object) {
    throw base::Failure(base::Exit::data, "missing_key", "an answer is no object of JSON");
  }
  Answer answer;
  answer.handle = root.text("statementHandle");
  if_there(root, "statementHandles", json::Kind::array, [&](const json::Value& handles) {
    handles.each_element([&](const json::Value& handle) { answer.handles.push_back(handle.as_text()); });
  });
  if_there(root, "resultSetMetaData", json::Kind::object, [&](const json::Value& about) {
    if_there(about, "rowType", json::Kind::array, [&](const json::Value& types) {
      types.each_element([&](const json::Value& type) {
        answer.columns.push_back({text_at(type, "name"), text_at(type, "type")});
      });
    });
    if_there(about, "partitionInfo", json::Kind::array, [&](const json::Value& pieces) {
      answer.partitions = 0;
      pieces.each_element([&](const json::Value&) { ++answer.partitions; });
    });
  });
  if_there(root, "data", json::Kind::array, [&](const json::Value& data) { take_rows(data, answer.rows); });
  if_there(root, "stats", json::Kind::object, [&](const json::Value& stats) {
    answer.changed = {number_at(stats, "numRowsInserted"), number_at(stats, "numRowsUpdated"),
                      number_at(stats, "numRowsDeleted")};
  });
  return answer;
}

void decode_partition(std::string_view body, std::vector<Row>& into) {
  json::Tokenizer tokenizer;
  const json::Value root(tokenizer.tokens_of_copy(body), 0);
  // Of a piece after the first the API's documentation shows an object with `data`, its samples the bare array.
  if (root.kind() == json::Kind::array) {
    take_rows(root, into);
  } else {
    take_rows(root.at("data"), into);
  }
}

Status decode_status(std::string_view body) {
  try {
    json::Tokenizer tokenizer;
    const json::Value root(tokenizer.tokens_of_copy(body), 0);
    if (root.kind() != json::Kind::object) return {};
    return {text_at(root, "code"), text_at(root, "sqlState"), text_at(root, "statementHandle")};
  } catch (const base::Failure&) {
    return {};  // of a proxy on the way; the HTTP status says enough
  }
}

}  // namespace snowflake
