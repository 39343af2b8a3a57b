// json: the token walk over simdjson's structural index. simdjson's stage 1 has already proven that the text is UTF-8, that strings
// are closed and hold no control characters; everything else (grammar, literals, numbers, escapes) is checked here. Pure.
#include "json/tokens.hpp"

#include <simdjson.h>

#include <cstring>

#include "base/failure.hpp"

namespace json {
namespace {

constexpr std::size_t kMaxDepth = 256;

[[noreturn]] void invalid(const char* what, std::size_t offset) {
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

// in  inner text of a string that holds at least one backslash
bool valid_escapes(const char* at, const char* end) {
  while ((at = static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)))) != nullptr) {
    if (++at >= end) return false;
    if (*at == 'u') {
      if (end - at < 5) return false;
      for (int i = 1; i <= 4; ++i) {
        if (!is_hex(at[i])) return false;
      }
      at += 5;
    } else if (std::strchr("\"\\/bfnrt", *at) != nullptr) {
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
  tokens_.clear();
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
  const std::uint32_t* const at = stage1.structural_indexes.get();
  const std::uint32_t count = stage1.n_structural_indexes;
  // A token never needs more than one structural character, so the list is sized once and written through a pointer.
  if (tokens_.capacity() < count + 1) tokens_.reserve((count + 1) * 2);
  tokens_.resize(count + 1);
  Token* const out = tokens_.data();
  std::uint32_t made = 0;

  std::uint32_t open[kMaxDepth];  // indexes of the containers that are open
  std::size_t depth = 0;
  std::uint32_t i = 0;
  const auto offset = [&](std::uint32_t index) { return index < count ? at[index] : line.size(); };
  // The text of a scalar ends before the next structural character; white space between is not part of it.
  const auto scalar_end = [&](std::uint32_t index) {
    std::size_t end = index + 1 < count ? at[index + 1] : line.size();
    while (end > at[index] + 1 && is_space(text[end - 1])) --end;
    return end;
  };
  const auto take_string = [&](Kind kind) {
    const std::size_t begin = at[i];
    const std::size_t end = scalar_end(i);
    if (end - begin < 2 || text[end - 1] != '"') invalid("broken string", begin);
    const std::size_t inner_bytes = end - begin - 2;
    if (inner_bytes > 0 && std::memchr(text + begin + 1, '\\', inner_bytes) != nullptr &&
        !valid_escapes(text + begin + 1, text + end - 1)) {
      invalid("broken escape", begin);
    }
    out[made] = Token{text + begin, static_cast<std::uint32_t>(end - begin), made + 1, kind};
    ++made;
    ++i;
  };

  enum class Want { value, first_value_or_end, first_key_or_end, key, after };
  Want want = Want::value;
  for (;;) {
    switch (want) {
      case Want::first_value_or_end:
        if (i < count && text[at[i]] == ']') {
          want = Want::after;
          continue;
        }
        [[fallthrough]];
      case Want::value: {
        if (i >= count) invalid("value missing", line.size());
        const char c = text[at[i]];
        if (c == '"') {
          take_string(Kind::string);
          want = Want::after;
        } else if (c == '{' || c == '[') {
          if (depth == kMaxDepth) invalid("nested too deep", at[i]);
          open[depth++] = made;
          out[made] = Token{text + at[i], 0, 0, c == '{' ? Kind::object : Kind::array};
          ++made;
          ++i;
          want = c == '{' ? Want::first_key_or_end : Want::first_value_or_end;
        } else {
          const std::size_t begin = at[i];
          const std::string_view raw(text + begin, scalar_end(i) - begin);
          Kind kind = Kind::number;
          if (is_digit(c) || c == '-') {
            if (!valid_number(raw)) invalid("broken number", begin);
          } else if (raw == "true" || raw == "false") {
            kind = Kind::boolean;
          } else if (raw == "null") {
            kind = Kind::null;
          } else {
            invalid("unknown word", begin);
          }
          out[made] = Token{text + begin, static_cast<std::uint32_t>(raw.size()), made + 1, kind};
          ++made;
          ++i;
          want = Want::after;
        }
        continue;
      }
      case Want::first_key_or_end:
        if (i < count && text[at[i]] == '}') {
          want = Want::after;
          continue;
        }
        [[fallthrough]];
      case Want::key:
        if (i >= count || text[at[i]] != '"') invalid("key missing", offset(i));
        take_string(Kind::key);
        if (i >= count || text[at[i]] != ':') invalid("colon missing", offset(i));
        ++i;
        want = Want::value;
        continue;
      case Want::after:
        if (depth == 0) {
          if (i != count) invalid("text after the value", at[i]);
          tokens_.resize(made);
          return tokens_;
        }
        if (i >= count) invalid("bracket missing", line.size());
        {
          Token& container = out[open[depth - 1]];
          const char c = text[at[i]];
          if (c == ',' && made > open[depth - 1] + 1) {
            ++i;
            want = container.kind == Kind::object ? Want::key : Want::value;
          } else if (c == (container.kind == Kind::object ? '}' : ']')) {
            container.size = static_cast<std::uint32_t>(text + at[i] + 1 - container.begin);
            container.next = made;
            --depth;
            ++i;
          } else {
            invalid("comma or bracket missing", at[i]);
          }
        }
        continue;
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

}  // namespace json
