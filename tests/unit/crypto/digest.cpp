// Promises of the crypto room, against published vectors: FIPS 180-4, RFC 4231, and the properties a spool needs.
// Knows: the vectors. Must not: prove itself with the code under test (every expected value comes from a standard).
#include "crypto/digest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/encoding.hpp"

namespace {

std::string bytes_of(std::string_view hex) { return base::decode_hex(hex).value(); }
std::string hmac_hex(std::string_view key, std::string_view value) { return crypto::hex(crypto::Hmac(key)(value)); }

TEST(Sha256, GivesTheDigestsOfFips180) {
  EXPECT_EQ(crypto::sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(crypto::sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(crypto::sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(crypto::sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  const std::string text(300, 'x');
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    crypto::Sha256 digest;
    digest.add(std::string_view(text).substr(0, cut));
    digest.add(std::string_view(text).substr(cut));
    ASSERT_EQ(digest.finish(), crypto::sha256(text)) << cut;
  }
}

TEST(Sha256, IsFreshAfterFinish) {
  crypto::Sha256 digest;
  digest.add("something else");
  (void)digest.finish();
  digest.add("abc");
  EXPECT_EQ(crypto::hex(digest.finish()), crypto::sha256_hex("abc"));
}

TEST(Hmac, GivesTheVectorsOfRfc4231) {
  EXPECT_EQ(hmac_hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_hex(std::string(20, '\xaa'), std::string(50, '\xdd')),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hmac_hex(bytes_of("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd')),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  EXPECT_EQ(hmac_hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac_hex(std::string(131, '\xaa'),
                     "This is a test using a larger than block-size key and a larger than block-size data. The key "
                     "needs to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(Hmac, KeepsItsKeyFromUseToUseAndInCopies) {
  const crypto::Hmac first("Jefe");
  const auto once = first("x");
  EXPECT_EQ(first("x"), once);
  const crypto::Hmac copy(first);
  EXPECT_EQ(copy("x"), once);
  crypto::Hmac other("another key");
  EXPECT_NE(other("x"), once);
  other = first;
  EXPECT_EQ(other("x"), once);
}

TEST(Random, IdsHave32HexDigitsAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = crypto::random_id();
    ASSERT_EQ(id.size(), 32u);
    ASSERT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    ASSERT_TRUE(seen.insert(id).second);
  }
}

TEST(SpoolCipher, ReadsFromAnyOffsetWhatWasWrittenAtAnyOther) {
  std::string plain;
  for (int i = 0; i < 1000; ++i) plain += std::to_string(i);
  crypto::SpoolCipher cipher;
  std::string stored = plain;
  std::size_t at = 0;
  for (const std::size_t piece : {1u, 15u, 16u, 17u, 100u, 1000u}) {
    cipher.apply(std::span(stored).subspan(at, piece), at);
    at += piece;
  }
  cipher.apply(std::span(stored).subspan(at), at);
  EXPECT_EQ(stored.find("123"), std::string::npos);
  for (std::size_t begin = 0; begin < 70; ++begin) {
    std::string part = stored.substr(begin, 333);
    cipher.apply(part, begin);
    ASSERT_EQ(part, plain.substr(begin, 333)) << begin;
  }
}

TEST(SpoolCipher, CountsBlocksBeyondFourGigabytes) {
  crypto::SpoolCipher cipher;
  const std::uint64_t far = (1ull << 36) + 5;
  std::string near_text(64, 'a');
  std::string far_text(64, 'a');
  cipher.apply(near_text, 5);
  cipher.apply(far_text, far);
  EXPECT_NE(near_text, far_text);
  cipher.apply(far_text, far);
  EXPECT_EQ(far_text, std::string(64, 'a'));
}

TEST(SpoolCipher, HasAKeyOfItsOwn) {
  std::string one(64, 'a');
  std::string two(64, 'a');
  crypto::SpoolCipher().apply(one, 0);
  crypto::SpoolCipher().apply(two, 0);
  EXPECT_NE(one, two);
}

TEST(Wipe, LeavesNothingInTheMemory) {
  std::string secret(100, 's');
  const char* memory = secret.data();
  crypto::wipe(secret);
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(std::count(memory, memory + 100, 's'), 0);
}

}  // namespace
