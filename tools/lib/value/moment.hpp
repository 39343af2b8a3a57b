// value: dates, times and intervals from their numbers to text. Knows the calendar of the server (Gregorian also before 1582, year 1
// BC before 1) and its limits; not what a column is. Pure.
#pragma once

#include <string_view>

#include "value/layout.hpp"
#include "value/wire.hpp"

namespace value {

/// server: what the output function writes: a space between date and time, no superfluous zeros, `+00`.
/// ours: T, six digits, Z, an offset's minutes always.
enum class Style : std::uint8_t { server, ours };

/// in   layout  date, time, timetz, timestamp, timestamptz
/// err  data/bad_value also for what the type cannot hold
/// src  PostgreSQL, EncodeDateOnly, EncodeTimeOnly, EncodeDateTime with DateStyle ISO and TimeZone UTC
void put_moment(Short& out, Layout layout, std::string_view bytes, Style style);

/// in   layout  interval, finite_interval
/// out  ISO 8601 as the server has it, each part with its own sign: `P1Y-2M3DT-4H5M-6.7S`, `infinity`
/// err  data/bad_value
/// src  PostgreSQL, EncodeInterval with IntervalStyle iso_8601
void put_interval(Short& out, Layout layout, std::string_view bytes);

}  // namespace value
