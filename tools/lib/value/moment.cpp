// value: dates and times by arithmetic on days and microseconds, digits written in pairs: every row has some. Pure.
// Must not ask for a locale or a zone.
#include "value/moment.hpp"

#include <limits>

namespace value {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int32_t kFirstDay = -2'451'545;                      // 4714-11-24 BC, Julian day 0
constexpr std::int32_t kEndDay = 2'145'031'949;                     // 5874898-01-01
constexpr std::int64_t kFirstTimestamp = -211'813'488'000'000'000;  // 4714-11-24 BC
constexpr std::int64_t kEndTimestamp = 9'223'371'331'200'000'000;   // 294277-01-01
constexpr std::int32_t kOffsetLimit = 16 * 3600;                    // seconds of a timetz's zone
constexpr std::int64_t kInfinite64 = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMinusInfinite64 = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t kInfinite32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kMinusInfinite32 = std::numeric_limits<std::int32_t>::min();

// Of days since 2000-01-01 in the proleptic Gregorian calendar. bc: a year before 1, whose suffix comes last
char* write_date(char* out, std::int64_t days, bool& bc) {
  // After Howard Hinnant's civil_from_days, counted from 0000-03-01; in 32 bits, which divide faster, but for the years before.
  constexpr unsigned kEraDays = 146'097;
  const std::int64_t z = days + 730'425;
  std::int64_t era = 0;
  unsigned day_of_era = 0;
  if (z >= 0) {
    const auto from_zero = static_cast<std::uint32_t>(z);
    era = from_zero / kEraDays;
    day_of_era = from_zero % kEraDays;
  } else {
    era = (z - (kEraDays - 1)) / kEraDays;
    day_of_era = static_cast<unsigned>(z - era * kEraDays);
  }
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  bc = year <= 0;
  const auto shown = static_cast<unsigned>(bc ? 1 - year : year);
  out = shown < 10'000 ? write_four(out, shown) : std::to_chars(out, out + 10, shown).ptr;
  *out++ = '-';
  out = write_two(out, month);
  *out++ = '-';
  return write_two(out, day_of_year - (153 * month_from_march + 2) / 5 + 1);
}

// Below a million, in six digits.
char* write_fraction(char* out, unsigned millionths, bool trim) {
  *out++ = '.';
  out = write_two(out, millionths / 10'000);
  out = write_four(out, millionths % 10'000);
  while (trim && out[-1] == '0') --out;
  return out;
}

// in   us  of a day, 24:00:00 included
char* write_time(char* out, std::int64_t us, Style style) {
  const auto seconds = static_cast<unsigned>(us / 1'000'000);
  const auto millionths = static_cast<unsigned>(us % 1'000'000);
  out = write_two(out, seconds / 3600);
  *out++ = ':';
  out = write_two(out, seconds / 60 % 60);
  *out++ = ':';
  out = write_two(out, seconds % 60);
  if (style == Style::ours || millionths != 0) out = write_fraction(out, millionths, style == Style::server);
  return out;
}

// in   west  seconds
char* write_offset(char* out, std::int32_t west, Style style) {
  *out++ = west <= 0 ? '+' : '-';
  const auto seconds = static_cast<unsigned>(west < 0 ? -west : west);
  out = write_two(out, seconds / 3600);
  if (style == Style::ours || seconds % 3600 != 0) {
    *out++ = ':';
    out = write_two(out, seconds / 60 % 60);
  }
  if (seconds % 60 != 0) {
    *out++ = ':';
    out = write_two(out, seconds % 60);
  }
  return out;
}

}  // namespace

void put_moment(Short& out, Layout layout, std::string_view bytes, Style style) {
  Wire wire(bytes);
  switch (layout) {
    case Layout::date: {
      const std::int32_t days = wire.i32();
      if (days == kInfinite32 || days == kMinusInfinite32) {
        out.put_all(days > 0 ? "infinity" : "-infinity");
        break;
      }
      expect(days >= kFirstDay && days < kEndDay);
      bool bc = false;
      out.advance(write_date(out.here(), days, bc));
      if (bc) out.put_all(" BC");
      break;
    }
    case Layout::time:
    case Layout::timetz: {
      const std::int64_t us = wire.i64();
      expect(us >= 0 && us <= kDayUs);
      out.advance(write_time(out.here(), us, style));
      if (layout == Layout::time) break;
      const std::int32_t west = wire.i32();
      expect(west > -kOffsetLimit && west < kOffsetLimit);
      out.advance(write_offset(out.here(), west, style));
      break;
    }
    case Layout::timestamp:
    case Layout::timestamptz: {
      const std::int64_t us = wire.i64();
      if (us == kInfinite64 || us == kMinusInfinite64) {
        out.put_all(us > 0 ? "infinity" : "-infinity");
        break;
      }
      expect(us >= kFirstTimestamp && us < kEndTimestamp);
      std::int64_t days = us / kDayUs;
      std::int64_t rest_us = us % kDayUs;
      if (rest_us < 0) {
        rest_us += kDayUs;
        --days;
      }
      bool bc = false;
      char* end = write_date(out.here(), days, bc);
      *end++ = style == Style::ours ? 'T' : ' ';
      out.advance(write_time(end, rest_us, style));
      // Sessions are in UTC, also for years that are far away.
      if (layout == Layout::timestamptz) out.put_all(style == Style::ours ? "Z" : "+00");
      if (bc) out.put_all(" BC");
      break;
    }
    default:
      bad_bytes();
  }
  wire.done();
}

void put_interval(Short& out, Layout layout, std::string_view bytes) {
  Wire wire(bytes);
  const std::int64_t us = wire.i64();
  const std::int32_t days = wire.i32();
  const std::int32_t months = wire.i32();
  wire.done();
  if (layout == Layout::interval) {
    if (us == kInfinite64 && days == kInfinite32 && months == kInfinite32) return out.put_all("infinity");
    if (us == kMinusInfinite64 && days == kMinusInfinite32 && months == kMinusInfinite32) {
      return out.put_all("-infinity");
    }
  }
  if (us == 0 && days == 0 && months == 0) return out.put_all("PT0S");
  const auto part = [&out](std::int64_t value, char unit) {
    if (value == 0) return;
    out.number(value);
    out.put(unit);
  };
  out.put('P');
  part(months / 12, 'Y');
  part(months % 12, 'M');
  part(days, 'D');
  if (us == 0) return;
  out.put('T');
  part(us / 3'600'000'000, 'H');
  part(us / 60'000'000 % 60, 'M');
  const auto seconds = static_cast<std::int32_t>(us % 60'000'000);
  if (seconds == 0) return;
  if (seconds < 0) out.put('-');
  const auto size = static_cast<unsigned>(seconds < 0 ? -seconds : seconds);
  out.number(std::uint64_t{size / 1'000'000});
  if (size % 1'000'000 != 0) out.advance(write_fraction(out.here(), size % 1'000'000, true));
  out.put('S');
}

}  // namespace value
