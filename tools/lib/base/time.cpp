// base: civil time from and to microseconds, after Howard Hinnant's days_from_civil. Pure.
// Written by hand because every row line carries a time; no locale, no zone but UTC.
#include "base/time.hpp"

namespace base {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

void put(char* into, int width, std::int64_t value) {
  for (int i = width - 1; i >= 0; --i) {
    into[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

std::int64_t days_from_civil(std::int64_t y, std::int64_t m, std::int64_t d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

}  // namespace

void format(Time time, char* into) {
  std::int64_t days = time.unix_us / kDayUs;
  std::int64_t us = time.unix_us % kDayUs;
  if (us < 0) {
    us += kDayUs;
    --days;
  }
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t year = yoe + era * 400 + (month <= 2);
  put(into, 4, year);
  into[4] = '-';
  put(into + 5, 2, month);
  into[7] = '-';
  put(into + 8, 2, doy - (153 * mp + 2) / 5 + 1);
  into[10] = 'T';
  put(into + 11, 2, us / 3'600'000'000);
  into[13] = ':';
  put(into + 14, 2, us / 60'000'000 % 60);
  into[16] = ':';
  put(into + 17, 2, us / 1'000'000 % 60);
  into[19] = '.';
  put(into + 20, 6, us % 1'000'000);
  into[26] = 'Z';
}

std::string format(Time time) {
  std::string text(kTimeTextBytes, '\0');
  format(time, text.data());
  return text;
}

std::optional<Time> parse_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000000Z";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !is_digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t width) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + width; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  const std::int64_t month = number(5, 2);
  const std::int64_t day = number(8, 2);
  if (month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  const std::int64_t seconds = number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
  return Time{days_from_civil(number(0, 4), month, day) * kDayUs + seconds * 1'000'000 + number(20, 6)};
}

}  // namespace base
