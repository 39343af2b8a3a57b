// json: the token walk over simdjson's structural index. simdjson's stage 1 has already proven that the text is UTF-8, that strings
// are closed and hold no control characters; everything else (grammar, literals, numbers, escapes) is checked here. Pure.
#include "json/tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "base/failure.hpp"

namespace json {
namespace {

constexpr std::size_t kMaxDepth = 256;

[[noreturn, gnu::cold, gnu::noinline]] void invalid(const char* what, std::size_t offset) {
  throw base::Failure(base::Exit::data, "invalid_json",
                      std::string(what) + " at byte " + std::to_string(offset) + " of the line");
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool valid_number(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at < end && *at == '-') ++at;
  if (at == end || !is_digit(*at)) return false;
  if (*at == '0') {
    ++at;
  } else {
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && *at == '.') {
    ++at;
    if (at == end || !is_digit(*at)) return false;
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    if (at == end || !is_digit(*at)) return false;
    while (at < end && is_digit(*at)) ++at;
  }
  return at == end;
}

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return true;
    default:
      return false;
  }
}

// out  where the next escape begins; `end` when there is none
const char* next_escape(const char* at, const char* end) {
  const void* found = std::memchr(at, '\\', static_cast<std::size_t>(end - at));
  return found == nullptr ? end : static_cast<const char*>(found);
}

// in  inner text of a string
bool valid_escapes(const char* at, const char* end) {
  while (at < end &&
         (at = static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)))) != nullptr) {
    if (++at >= end) return false;
    if (*at == 'u') {
      if (end - at < 5) return false;
      for (int i = 1; i <= 4; ++i) {
        if (!is_hex(at[i])) return false;
      }
      at += 5;
    } else if (is_short_escape(*at)) {
      ++at;
    } else {
      return false;
    }
    if (at >= end) return true;
  }
  return true;
}

void append_utf8(std::string& into, std::uint32_t code) {
  if (code < 0x80) {
    into.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    into.push_back(static_cast<char>(0xC0 | code >> 6));
    into.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    into.push_back(static_cast<char>(0xE0 | code >> 12));
    into.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    into.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    into.push_back(static_cast<char>(0xF0 | code >> 18));
    into.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    into.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    into.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

[[noreturn]] void missing(std::string_view key) {
  throw base::Failure(base::Exit::data, "missing_key", "key '" + std::string(key) + "' is missing or of another kind");
}

}  // namespace

// stage1 of simdjson behind its run-time dispatch: needs no -march, and nothing of simdjson is seen outside this file.
struct Tokenizer::Stage1 {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  std::size_t capacity = 0;

  void reserve(std::size_t bytes) {
    if (bytes <= capacity && parser) return;
    std::size_t wanted = capacity == 0 ? 64 * 1024 : capacity;
    while (wanted < bytes) wanted *= 2;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, kMaxDepth, parser) !=
        simdjson::SUCCESS) {
      throw base::Failure(base::Exit::retry, "no_memory", "could not reserve memory for a line");
    }
    capacity = wanted;
  }
};

Tokenizer::Tokenizer() : stage1_(std::make_unique<Stage1>()) {}
Tokenizer::~Tokenizer() = default;

std::span<const Token> Tokenizer::tokens_of_copy(std::string_view text) {
  copy_.assign(text);
  copy_.append(kPaddingBytes, ' ');
  return tokens(std::string_view(copy_.data(), text.size()));
}

std::span<const Token> Tokenizer::tokens(std::string_view line) {
  if (line.empty()) invalid("empty line", 0);
  if (line.size() >= 0xFFFFFFFFu - kPaddingBytes) invalid("line of 4 GiB or more", 0);
  stage1_->reserve(line.size());
  auto& stage1 = *stage1_->parser;
  const auto error =
      stage1.stage1(reinterpret_cast<const std::uint8_t*>(line.data()), line.size(), simdjson::stage1_mode::regular);
  if (error == simdjson::UTF8_ERROR) invalid("not UTF-8", 0);
  if (error == simdjson::UNCLOSED_STRING) invalid("string without end", line.size());
  if (error != simdjson::SUCCESS) invalid("no JSON text", 0);

  const char* const text = line.data();
  const std::uint32_t* at = stage1.structural_indexes.get();
  const std::uint32_t* const end = at + stage1.n_structural_indexes;
  // A token never needs more than one structural character: the list is grown once and written through a pointer.
  if (tokens_.size() < static_cast<std::size_t>(end - at)) tokens_.resize(static_cast<std::size_t>(end - at) * 2);
  Token* const first = tokens_.data();
  Token* out = first;
  // Few strings hold an escape: the line is looked through once, from one to the next, instead of every string.
  const char* const text_end = text + line.size();
  const char* escape = next_escape(text, text_end);

  std::uint32_t open[kMaxDepth];  // indexes of the containers that are open
  std::size_t depth = 0;
  const auto offset = [&](const std::uint32_t* place) { return place < end ? std::size_t{*place} : line.size(); };
  // The text of a scalar ends before the next structural character; white space between is not part of it.
  const std::size_t line_bytes = line.size();
  const auto scalar_end = [text, end, line_bytes](const std::uint32_t* place) {
    std::size_t stop = place + 1 < end ? std::size_t{place[1]} : line_bytes;
    if (text[stop - 1] > ' ') return stop;
    while (is_space(text[stop - 1])) --stop;
    return stop;
  };
  const auto take_string = [text, text_end, first, &escape, scalar_end](const std::uint32_t* place, Token* into,
                                                                        Kind kind) {
    const std::size_t begin = *place;
    const std::size_t stop = scalar_end(place);
    if (stop - begin < 2 || text[stop - 1] != '"') invalid("broken string", begin);
    if (escape < text + stop) {
      if (!valid_escapes(std::max(escape, text + begin + 1), text + stop - 1)) invalid("broken escape", begin);
      escape = next_escape(text + stop, text_end);
    }
    into->begin = text + begin;
    into->size = static_cast<std::uint32_t>(stop - begin);
    into->next = static_cast<std::uint32_t>(into - first) + 1;
    into->kind = kind;
  };

  enum class Want { value, key, after };
  Want want = Want::value;
  for (;;) {
    if (want == Want::after) {
      if (depth == 0) {
        if (at != end) invalid("text after the value", *at);
        return {first, out};
      }
      if (at == end) invalid("bracket missing", line.size());
      Token& container = first[open[depth - 1]];
      const bool is_object = container.kind == Kind::object;
      const char c = text[*at];
      if (c == (is_object ? '}' : ']')) {
        container.size = static_cast<std::uint32_t>(text + *at + 1 - container.begin);
        container.next = static_cast<std::uint32_t>(out - first);
        --depth;
        ++at;
        continue;
      }
      // A container that was just opened has no member before a comma.
      if (c != ',' || out == &container + 1) invalid("comma or bracket missing", *at);
      ++at;
      want = is_object ? Want::key : Want::value;
    }
    if (want == Want::key) {
      if (at == end || text[*at] != '"') invalid("key missing", offset(at));
      take_string(at++, out++, Kind::key);
      if (at == end || text[*at] != ':') invalid("colon missing", offset(at));
      ++at;
    }
    if (at == end) invalid("value missing", line.size());
    const char c = text[*at];
    want = Want::after;
    if (c == '"') {
      take_string(at++, out++, Kind::string);
    } else if (c == '{' || c == '[') {
      if (depth == kMaxDepth) invalid("nested too deep", *at);
      open[depth++] = static_cast<std::uint32_t>(out - first);
      *out++ = Token{text + *at, 0, 0, c == '{' ? Kind::object : Kind::array};
      ++at;
      if (at != end && text[*at] != (c == '{' ? '}' : ']')) want = c == '{' ? Want::key : Want::value;
    } else {
      const std::size_t begin = *at;
      const std::string_view raw(text + begin, scalar_end(at) - begin);
      Kind kind = Kind::number;
      if (is_digit(c) || c == '-') {
        if (!valid_number(raw)) invalid("broken number", begin);
      } else if (raw == "null") {
        kind = Kind::null;
      } else if (raw == "true" || raw == "false") {
        kind = Kind::boolean;
      } else {
        invalid("unknown word", begin);
      }
      *out = Token{text + begin, static_cast<std::uint32_t>(raw.size()), static_cast<std::uint32_t>(out - first) + 1,
                   kind};
      ++out;
      ++at;
    }
  }
}

std::string unescape(std::string_view inner) {
  std::string out;
  out.reserve(inner.size());
  const auto hex4 = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      const char c = inner[i];
      value = value << 4 | static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
  };
  for (std::size_t i = 0; i < inner.size();) {
    if (inner[i] != '\\') {
      out.push_back(inner[i++]);
      continue;
    }
    const char c = inner[i + 1];
    i += 2;
    switch (c) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        std::uint32_t code = hex4(i);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && inner.size() - i >= 6 && inner[i] == '\\' && inner[i + 1] == 'u') {
          const std::uint32_t low = hex4(i + 2);
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            i += 6;
          }
        }
        append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
        break;
      }
      default:
        out.push_back(c);
    }
  }
  return out;
}

bool parse_whole(std::string_view raw, std::uint64_t& into) {
  if (raw.empty() || raw.size() > 20) return false;
  std::uint64_t value = 0;
  for (const char c : raw) {
    if (!is_digit(c)) return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  into = value;
  return true;
}

const Token* Value::find(std::string_view key) const {
  const Token* found = nullptr;
  each_member([&](std::string_view name, Value value) {
    if (name == key && !value.is_null()) found = &value.tokens_[value.index_];
  });
  return found;
}

Value Value::at(std::string_view key) const {
  const Token* token = find(key);
  if (token == nullptr) missing(key);
  return {tokens_, static_cast<std::uint32_t>(token - tokens_.data())};
}

std::string Value::text(std::string_view key) const {
  const Value value = at(key);
  if (value.kind() != Kind::string) missing(key);
  return unescape(value.token().inner());
}

std::string Value::text_or(std::string_view key, std::string_view otherwise) const {
  return find(key) == nullptr ? std::string(otherwise) : text(key);
}

std::uint64_t Value::number(std::string_view key) const {
  std::uint64_t value = 0;
  if (!parse_whole(at(key).raw(), value)) missing(key);
  return value;
}

bool Value::boolean(std::string_view key) const {
  const Value value = at(key);
  if (value.kind() != Kind::boolean) missing(key);
  return value.raw() == "true";
}

std::string Value::as_text() const {
  if (kind() != Kind::string) missing("(value)");
  return unescape(token().inner());
}

std::uint64_t Value::as_number() const {
  std::uint64_t value = 0;
  if (!parse_whole(raw(), value)) missing("(value)");
  return value;
}

bool is_utf8(std::string_view bytes) {
  return simdjson::get_active_implementation()->validate_utf8(bytes.data(), bytes.size());
}

}  // namespace json
