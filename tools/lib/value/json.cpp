// value: PostgreSQL text to JSON, a hand-written scanner per kind: no allocation, no locale, one pass. Every scanner checks
// the whole text, since what it accepts goes into the line unquoted or unescaped. Pure.
#include "value/json.hpp"

#include <cstring>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/write.hpp"

namespace value {
namespace {

// Oids of the types that are not plain text, from PostgreSQL's pg_type.dat: fixed for ever.
Kind kind_of(base::Oid oid) {
  switch (oid.value) {
    case 16:
      return Kind::boolean;
    case 17:
      return Kind::bytea;
    case 18:
      return Kind::byte_char;
    case 20:
      return Kind::wide;
    case 21:  // int2
    case 23:  // int4
    case 26:
      return Kind::integer;  // oid
    case 700:                // float4
    case 701:
      return Kind::floating;  // float8
    case 1082:
      return Kind::date;
    case 1083:
      return Kind::time;
    case 1114:
      return Kind::timestamp;
    case 1184:
      return Kind::timestamptz;
    case 1186:
      return Kind::interval;
    case 1266:
      return Kind::timetz;
    default:
      return Kind::text;
  }
}

constexpr int kMostDimensions = 6;  // MAXDIM

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - at;
}

void append_quoted(std::string& into, std::string_view plain) {
  into.push_back('"');
  into.append(plain);
  into.push_back('"');
}

// Length of JSON's int: -? (0 | [1-9][0-9]*), or 0.
std::size_t whole_size(std::string_view text) {
  const std::size_t sign = !text.empty() && text[0] == '-' ? 1 : 0;
  const std::size_t digits = digits_at(text, sign);
  return digits == 0 || (digits > 1 && text[sign] == '0') ? 0 : sign + digits;
}

bool append_integer(std::string& into, std::string_view text) {
  if (text.empty() || whole_size(text) != text.size()) return false;
  into.append(text);
  return true;
}

bool append_wide(std::string& into, std::string_view text) {
  if (text.empty() || whole_size(text) != text.size()) return false;
  constexpr std::string_view kLargestExact = "9007199254740992";  // 2^53
  const std::string_view digits = text.substr(text[0] == '-' ? 1 : 0);
  if (digits.size() < kLargestExact.size() || (digits.size() == kLargestExact.size() && digits <= kLargestExact)) {
    into.append(text);
  } else {
    append_quoted(into, text);
  }
  return true;
}

bool append_floating(std::string& into, std::string_view text) {
  std::size_t at = whole_size(text);
  if (at == 0) {
    if (text != "NaN" && text != "Infinity" && text != "-Infinity") return false;
    append_quoted(into, text);
    return true;
  }
  if (at < text.size() && text[at] == '.') {
    const std::size_t digits = digits_at(text, at + 1);
    if (digits == 0) return false;
    at += 1 + digits;
  }
  if (at < text.size() && text[at] == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t digits = digits_at(text, at);
    if (digits == 0) return false;
    at += digits;
  }
  if (at != text.size()) return false;
  into.append(text);
  return true;
}

bool append_boolean(std::string& into, std::string_view text) {
  if (text == "t") {
    into.append("true");
  } else if (text == "f") {
    into.append("false");
  } else {
    return false;
  }
  return true;
}

// Dates and times are copied piece by piece from `text_` to a small buffer. Each step says whether its piece was there.
class Clock {
 public:
  explicit Clock(std::string_view text) : text_(text) {}

  // Year of four digits or more, month, day.
  bool date() {
    const std::size_t year = digits_at(text_, at_);
    if (year < 4 || year > kMostYearDigits || text_.size() - at_ < year + 6) return false;
    const char* rest = text_.data() + at_ + year;
    if (rest[0] != '-' || !two_digits(rest + 1) || rest[3] != '-' || !two_digits(rest + 4)) return false;
    copy(year + 6);
    return true;
  }
  // Hour, minute, second; the fraction is filled up to six digits.
  bool time() {
    if (text_.size() - at_ < 8) return false;
    const char* rest = text_.data() + at_;
    if (!two_digits(rest) || rest[2] != ':' || !two_digits(rest + 3) || rest[5] != ':' || !two_digits(rest + 6))
      return false;
    copy(8);
    std::size_t digits = 0;
    if (at_ < text_.size() && text_[at_] == '.') {
      digits = digits_at(text_, at_ + 1);
      if (digits == 0 || digits > 6) return false;
      copy(1 + digits);
    } else {
      put('.');
    }
    for (; digits < 6; ++digits) put('0');
    return true;
  }
  // `+05`, `+05:30`, `-00:44:30`: minutes are always written.
  bool offset() {
    if (text_.size() - at_ < 3 || (text_[at_] != '+' && text_[at_] != '-') || !two_digits(text_.data() + at_ + 1))
      return false;
    copy(3);
    int pieces = 0;
    for (; pieces < 2 && text_.size() - at_ >= 3 && text_[at_] == ':' && two_digits(text_.data() + at_ + 1); ++pieces)
      copy(3);
    if (pieces == 0) put_all(":00");
    return true;
  }
  // The separator between date and time.
  bool gap() {
    if (at_ >= text_.size() || text_[at_] != ' ') return false;
    ++at_;
    put('T');
    return true;
  }
  // The session's time zone is UTC: anything else is not a text of such a session.
  bool utc() {
    if (text_.substr(at_, 3) != "+00") return false;
    at_ += 3;
    put('Z');
    return true;
  }
  // The end, with or without the suffix of years before 1.
  bool era() {
    if (text_.substr(at_) == " BC") copy(3);
    return end();
  }
  [[nodiscard]] bool end() const { return at_ == text_.size(); }

  void append_to(std::string& into) {
    put('"');
    into.append(buffer_, size_);
  }

 private:
  static constexpr std::size_t kMostYearDigits = 7;  // dates reach to 5874897
  // Quotes, date, T, time with six digits, offset with seconds, " BC": 51 bytes at most.
  static constexpr std::size_t kBufferBytes = 64;

  static bool two_digits(const char* text) { return is_digit(text[0]) && is_digit(text[1]); }
  void put(char c) { buffer_[size_++] = c; }
  void put_all(std::string_view text) {
    for (const char c : text) put(c);
  }
  void copy(std::size_t bytes) {
    std::memcpy(buffer_ + size_, text_.data() + at_, bytes);
    size_ += bytes;
    at_ += bytes;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t size_ = 1;
  char buffer_[kBufferBytes] = {'"'};
};

bool append_infinity(std::string& into, std::string_view text) {
  if (text != "infinity" && text != "-infinity") return false;
  append_quoted(into, text);
  return true;
}

bool append_moment(std::string& into, Kind kind, std::string_view text) {
  Clock clock(text);
  bool good = false;
  switch (kind) {
    case Kind::date:
      good = clock.date() && clock.era();
      break;
    case Kind::time:
      good = clock.time() && clock.end();
      break;
    case Kind::timetz:
      good = clock.time() && clock.offset() && clock.end();
      break;
    case Kind::timestamp:
      good = clock.date() && clock.gap() && clock.time() && clock.era();
      break;
    default:
      good = clock.date() && clock.gap() && clock.time() && clock.utc() && clock.era();
      break;
  }
  if (good) {
    clock.append_to(into);
    return true;
  }
  return kind != Kind::time && kind != Kind::timetz && append_infinity(into, text);
}

bool append_interval(std::string& into, std::string_view text) {
  if (text.empty() || text[0] != 'P') return append_infinity(into, text);
  for (const char c : text) {
    if (!is_digit(c) && std::string_view("PYMWDTHS-.").find(c) == std::string_view::npos) return false;
  }
  append_quoted(into, text);
  return true;
}

bool append_bytea(std::string& into, std::string_view text) {
  if (!text.starts_with("\\x")) return false;
  into.push_back('"');
  if (!base::append_base64_from_hex(into, text.substr(2))) return false;
  into.push_back('"');
  return true;
}

bool append_byte_char(std::string& into, std::string_view text) {
  if (text.size() != 1 || static_cast<unsigned char>(text[0]) < 0x80) {
    json::append_string(into, text);
    return true;
  }
  const auto byte = static_cast<unsigned char>(text[0]);
  into.append("\"\\\\");
  for (const int shift : {6, 3, 0}) into.push_back(static_cast<char>('0' + (byte >> shift & 7)));
  into.push_back('"');
  return true;
}

bool append_array(std::string& into, Shape shape, std::string_view text);

// out  false when the text is bad; `into` may then hold a beginning
bool append_value(std::string& into, Shape shape, std::string_view text) {
  switch (shape.kind) {
    case Kind::text:
      json::append_string(into, text);
      return true;
    case Kind::integer:
      return append_integer(into, text);
    case Kind::wide:
      return append_wide(into, text);
    case Kind::floating:
      return append_floating(into, text);
    case Kind::boolean:
      return append_boolean(into, text);
    case Kind::date:
    case Kind::time:
    case Kind::timetz:
    case Kind::timestamp:
    case Kind::timestamptz:
      return append_moment(into, shape.kind, text);
    case Kind::interval:
      return append_interval(into, text);
    case Kind::bytea:
      return append_bytea(into, text);
    case Kind::byte_char:
      return append_byte_char(into, text);
    case Kind::array:
      return append_array(into, shape, text);
  }
  return false;
}

// in   inner  an array's quoted element without its quotes; every quote and backslash in it has a backslash before it
bool append_quoted_element(std::string& into, Kind element, std::string_view inner) {
  std::size_t backslash = inner.find('\\');
  if (element == Kind::text) {
    into.push_back('"');
    while (backslash != std::string_view::npos) {
      json::append_escaped(into, inner.substr(0, backslash));
      // The escaped character stands for itself, and opens the next piece.
      inner.remove_prefix(backslash + 1);
      backslash = inner.find('\\', 1);
    }
    json::append_escaped(into, inner);
    into.push_back('"');
    return true;
  }
  if (backslash == std::string_view::npos) return append_value(into, {element}, inner);
  if (element == Kind::bytea) {
    // `\\x...`: the first backslash is the array's, the rest is the value.
    return backslash == 0 && append_value(into, {element}, inner.substr(1));
  }
  // What is left is "char": one character, or \ooo.
  char plain[4];
  std::size_t size = 0;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '\\') ++i;
    if (size == sizeof plain) return false;
    plain[size++] = inner[i];
  }
  return append_value(into, {element}, {plain, size});
}

// Index of the quote that ends an element, or npos. in  from  just behind the opening quote
std::size_t closing_quote(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '"') return i;
    if (text[i] == '\\') ++i;
  }
  return std::string_view::npos;
}

bool append_array(std::string& into, Shape shape, std::string_view text) {
  // Lower bounds stand before the braces when one of them is not 1: `[2:3]={a,b}`. A JSON array would lose them.
  if (text.starts_with('[')) {
    json::append_string(into, text);
    return true;
  }
  int depth = 0;
  bool wants_value = true;
  bool just_opened = false;
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (!wants_value) {
      if (depth == 0) return false;
      if (c == shape.delimiter) {
        into.push_back(',');
        wants_value = true;
      } else if (c == '}') {
        into.push_back(']');
        --depth;
      } else {
        return false;
      }
      ++i;
      continue;
    }
    if (c == '{') {
      if (depth == kMostDimensions) return false;
      ++depth;
      into.push_back('[');
      just_opened = true;
      ++i;
      continue;
    }
    if (c == '}' && just_opened) {
      into.push_back(']');
      --depth;
      ++i;
    } else if (depth == 0) {
      return false;
    } else if (c == '"') {
      const std::size_t close = closing_quote(text, i + 1);
      if (close == std::string_view::npos) return false;
      if (!append_quoted_element(into, shape.element, text.substr(i + 1, close - i - 1))) return false;
      i = close + 1;
    } else {
      const std::size_t begin = i;
      while (i < text.size() && text[i] != shape.delimiter && text[i] != '}') {
        if (text[i] == '{' || text[i] == '"' || text[i] == '\\') return false;
        ++i;
      }
      const std::string_view element = text.substr(begin, i - begin);
      if (element.empty()) return false;
      // A text that reads NULL would stand in quotes.
      if (element == "NULL") {
        into.append("null");
      } else if (!append_value(into, {shape.element}, element)) {
        return false;
      }
    }
    wants_value = false;
    just_opened = false;
  }
  return depth == 0 && !wants_value;
}

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::integer:
    case Kind::wide:
      return "integer";
    case Kind::floating:
      return "float";
    case Kind::boolean:
      return "bool";
    case Kind::date:
      return "date";
    case Kind::time:
      return "time";
    case Kind::timetz:
      return "timetz";
    case Kind::timestamp:
      return "timestamp";
    case Kind::timestamptz:
      return "timestamptz";
    case Kind::interval:
      return "interval";
    case Kind::bytea:
      return "bytea";
    case Kind::byte_char:
      return "\"char\"";
    case Kind::array:
      return "array";
  }
  return "unknown";
}

}  // namespace

Shape shape_of(const Type& type) {
  if (type.element.value == 0) return {kind_of(type.oid)};
  return {Kind::array, kind_of(type.element), type.delimiter};
}

void append_json(std::string& into, Shape shape, std::string_view text) {
  const std::size_t before = into.size();
  if (append_value(into, shape, text)) return;
  into.resize(before);
  throw base::Failure(base::Exit::data, "bad_value",
                      "cannot read a value of type " + std::string(word_of(shape.kind)) +
                          ": its text is not what PostgreSQL writes under this session's settings");
}

}  // namespace value
