// Tests of base/ids.hpp, base/time.hpp and base/encoding.hpp.
#include "base/ids.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/time.hpp"

namespace base {
namespace {

TEST(Lsn, TextOrderIsLogOrder) {
  const Lsn values[] = {{0}, {1}, {0xFFFFFFFF}, {0x100000000}, {0xA3A41C8F0}, {UINT64_MAX}};
  for (std::size_t i = 1; i < std::size(values); ++i) EXPECT_LT(format(values[i - 1]), format(values[i]));
}

TEST(Lsn, ReadsItsOwnTextAndPostgresText) {
  EXPECT_EQ(format(Lsn{0xA3A41C8F0}), "0000000A/3A41C8F0");
  EXPECT_EQ(parse_lsn("A/3A41C8F0"), Lsn{0xA3A41C8F0});
  EXPECT_EQ(parse_lsn("0000000a/3a41c8f0"), Lsn{0xA3A41C8F0});
  for (const char* bad : {"", "/", "1/", "/1", "123", "1/123456789", "g/1", "1/2/3", " 1/2"}) {
    EXPECT_FALSE(parse_lsn(bad)) << bad;
  }
}

TEST(Time, IsTheSixDigitUtcForm) {
  EXPECT_EQ(format(Time{0}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format(time_from_pg(0)), "2000-01-01T00:00:00.000000Z");
  EXPECT_EQ(format(Time{1'790'765'581'123'456}), "2026-09-30T10:53:01.123456Z");
  EXPECT_EQ(format(Time{-1}), "1969-12-31T23:59:59.999999Z");
}

TEST(Time, ReadsBackWhatItWrote) {
  for (std::int64_t us = -2'000'000'000'000'000; us < 4'000'000'000'000'000; us += 86'399'999'999'7) {
    EXPECT_EQ(parse_time(format(Time{us})), Time{us});
  }
  for (const char* bad : {"2026-01-01 00:00:00.000000Z", "2026-01-01T00:00:00Z", "2026-13-01T00:00:00.000000Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Encoding, Base64OfEveryRemainder) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {  // RFC 4648, section 10
    std::string out;
    append_base64(out, plain);
    EXPECT_EQ(out, text);
    std::string from_hex;
    EXPECT_TRUE(append_base64_from_hex(from_hex, hex(plain)));
    EXPECT_EQ(from_hex, text);
    EXPECT_EQ(decode_base64(text), plain);
  }
}

TEST(Encoding, AllBytesSurvive) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  std::string text;
  append_base64(text, bytes);
  EXPECT_EQ(decode_base64(text), bytes);
  EXPECT_EQ(decode_hex(hex(bytes)), bytes);
}

TEST(Encoding, RefusesWhatIsNeither) {
  for (const char* bad : {"a", "ab=c", "a===", "ab!="}) EXPECT_FALSE(decode_base64(bad)) << bad;
  for (const char* bad : {"a", "0g"}) EXPECT_FALSE(decode_hex(bad)) << bad;
  std::string out;
  EXPECT_FALSE(append_base64_from_hex(out, "zz"));
}

}  // namespace
}  // namespace base
