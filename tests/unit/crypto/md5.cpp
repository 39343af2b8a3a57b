// Promises of MD5 as Content-MD5 has it, against the digests that RFC 1321 publishes.
#include "crypto/md5.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/encoding.hpp"

namespace {

std::string base64_of_hex(std::string_view digits) {
  std::string text;
  EXPECT_TRUE(base::append_base64_from_hex(text, digits));
  return text;
}

TEST(Md5, GivesTheDigestsOfRfc1321HoweverTheBytesAreCut) {
  const std::string text = "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    crypto::Md5 digest;
    digest.add(std::string_view(text).substr(0, cut));
    digest.add(std::string_view(text).substr(cut));
    ASSERT_EQ(digest.finish_base64(), base64_of_hex("57edf4a22be3c955ac49da2e2107b67a")) << cut;
  }
  EXPECT_EQ(crypto::Md5().finish_base64(), base64_of_hex("d41d8cd98f00b204e9800998ecf8427e"));
}

}  // namespace
