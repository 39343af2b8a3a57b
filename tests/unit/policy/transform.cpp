// Promises of residues: what is left of values of every form that the stream has, and nothing of any other.
#include "policy/transform.hpp"

#include <gtest/gtest.h>

namespace {

std::string month(const char* text) {
  std::string into;
  return policy::append_month(text, into) ? into : "(none)" + into;
}
std::string year(const char* text) {
  std::string into;
  return policy::append_year(text, into) ? into : "(none)" + into;
}
std::string domain(const char* text) {
  std::string into;
  return policy::append_email_domain(text, into) ? into : "(none)" + into;
}
std::string beginning(const char* text, std::size_t characters) {
  std::string into;
  policy::append_beginning(text, characters, into);
  return into;
}

TEST(Residue, OfTimesTheMonthAndTheYear) {
  EXPECT_EQ(month("2026-11-22"), "2026-11-01");
  EXPECT_EQ(year("2026-11-22"), "2026-01-01");
  EXPECT_EQ(month("2026-11-22T10:53:01.123456Z"), "2026-11-01T00:00:00.000000Z");
  EXPECT_EQ(year("2026-11-22T10:53:01.123456"), "2026-01-01T00:00:00.000000");
  EXPECT_EQ(year("0044-03-15 BC"), "0044-01-01 BC");
  EXPECT_EQ(year("202112-09-07"), "202112-01-01");
  EXPECT_EQ(month("infinity"), "infinity");
  EXPECT_EQ(year("-infinity"), "-infinity");
  for (const char* odd : {"", "2026", "2026-11", "2026-11-2", "yesterday", "2026-11-22 or so", "2026-11-22T10:53:01",
                          "22-11-2026", "2026-1a-22", "2026-11-22T10:53:01.12345aZ", "2026-11-22Zx"}) {
    EXPECT_EQ(month(odd), "(none)") << odd;
    EXPECT_EQ(year(odd), "(none)") << odd;
  }
}

TEST(Residue, OfAddressesTheDomain) {
  EXPECT_EQ(domain("Ann.Other@Example.COM"), "example.com");
  EXPECT_EQ(domain("\"a@b\"@sub.example.co.uk "), "sub.example.co.uk");
  EXPECT_EQ(domain("x@xn--mnchen-3ya.de"), "xn--mnchen-3ya.de");
  for (const char* odd : {"", "ann", "ann@", "ann@localhost", "ann@-a.de", "ann@a-.de", "ann@a..de", "ann@a.de.",
                          "ann@10.0.0.1", "ann@exa mple.com", "ann@m\xC3\xBCnchen.de", "ann@example.com <secret>"}) {
    EXPECT_EQ(domain(odd), "(none)") << odd;
  }
  EXPECT_EQ(domain(("a@" + std::string(64, 'x') + ".de").c_str()), "(none)");
}

TEST(Residue, OfTextsTheFirstCharacters) {
  EXPECT_EQ(beginning("abcdef", 3), "abc");
  EXPECT_EQ(beginning("ab", 3), "ab");
  EXPECT_EQ(beginning("\xC3\xA4\xF0\x9F\x90\x98x", 2), "\xC3\xA4\xF0\x9F\x90\x98");
}

TEST(Residue, CompatibleHashesAreThoseOfTheFormula) {
  policy::CompatHash hash;
  for (const char* before : {"", "kept "}) {
    std::string into = before;
    hash.append(" Ann@X.com", "pepper ", into);
    // printf %s 'ann@x.compepper' | sha256sum
    EXPECT_EQ(into, std::string(before) + "85b7570f4f8b4e6efd2d8fd96cec359a72d460e5f37149f633f49e3603c789fc");
  }
}

}  // namespace
