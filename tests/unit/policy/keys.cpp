// Promises of keys and hashes: derived per domain, the same on every machine, told apart by nothing but the value. Expected
// hashes were computed with Python's hmac module.
#include "policy/keys.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"
#include "policy/lower_case.hpp"

namespace {

const std::string kHex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

std::string hash(std::string_view domain, std::string_view value, bool wide = false) {
  const policy::Keys keys("k1\tactive\t" + kHex + "\n", "keys");
  char digits[policy::Hasher::kWideDigits];
  const std::size_t count = keys.hasher(keys.id_for(domain), domain)(value, wide, digits);
  return {digits, count};
}

std::string refusal(const std::string& text) {
  try {
    const policy::Keys keys(text, "keys");
  } catch (const base::Failure& failure) {
    EXPECT_EQ(failure.exit, base::Exit::usage);
    EXPECT_EQ(failure.slug, "bad_keys");
    EXPECT_EQ(failure.message.find("0011"), std::string::npos) << "the key is shown";
    return failure.message;
  }
  return "";
}

TEST(Hash, IsHmacUnderAKeyDerivedForTheDomain) {
  EXPECT_EQ(hash("email", "jane@example.com", true),
            "1ce80822c8c93bf81d7eca936bfbbbb130e4dcb57b05142355982f21c2614f29");
  EXPECT_EQ(hash("name", "", true), "91bf995a2f4e30fae8f6b729d8a7e833e1d08befe3e6cff8a64e1a6eeb396fa6");
}

TEST(Hash, NarrowIsTheBeginningOfWide) {
  EXPECT_EQ(hash("email", "x"), hash("email", "x", true).substr(0, policy::Hasher::kNarrowDigits));
}

TEST(Hash, OfOneValueDiffersFromDomainToDomain) { EXPECT_NE(hash("email", "x"), hash("name", "x")); }

TEST(Keys, KnowTheActiveOne) {
  const policy::Keys keys("# comment\n\nold\tretired\t" + kHex + "\nk2\tactive\t" + std::string(64, 'a') + "\n",
                          "keys");
  EXPECT_EQ(keys.id_for("email"), "k2");
  EXPECT_EQ(keys.next_id_for("email"), nullptr);
  EXPECT_EQ(keys.ids_in_use(), std::vector<std::string>{"k2"});
}

TEST(Keys, TellWhichKeyMakesADomainsHashesAndWhichIsNext) {
  const policy::Keys keys("user_id\tkey\told\nold\tretired\t" + kHex + "\nk2\tactive\t" + std::string(64, 'a') +
                              "\nk3\tnext\t" + std::string(64, 'b') + "\n",
                          "keys");
  EXPECT_EQ(keys.id_for("email"), "k2");
  ASSERT_NE(keys.next_id_for("email"), nullptr);
  EXPECT_EQ(*keys.next_id_for("email"), "k3");
  EXPECT_EQ(keys.id_for("user_id"), "old");
  EXPECT_EQ(keys.next_id_for("user_id"), nullptr) << "a held domain does not rotate";
  EXPECT_EQ(keys.ids_in_use(), (std::vector<std::string>{"k2", "old", "k3"}));
  char held[policy::Hasher::kWideDigits];
  keys.hasher("old", "email")("jane@example.com", true, held);
  EXPECT_EQ(std::string(held, sizeof held), hash("email", "jane@example.com", true));
  EXPECT_THROW(static_cast<void>(keys.hasher("k9", "email")), base::Failure);
}

TEST(Keys, RefuseEveryMistakeWithoutShowingTheKey) {
  EXPECT_EQ(refusal(""), "keys: no key is active");
  EXPECT_EQ(refusal("k1\tactive\t" + kHex), "keys:1: the last line has no end: the file may have been cut");
  EXPECT_EQ(refusal("k1\tactive\t" + kHex + "0\n"), "keys:1: a key is 64 hex digits");
  EXPECT_NE(refusal("k1\t" + kHex + "\n"), "");
  EXPECT_NE(refusal("k1\tactive\t" + kHex + "\tmore\n"), "");
  EXPECT_NE(refusal("1k\tactive\t" + kHex + "\n"), "");
  EXPECT_NE(refusal("k1\tActive\t" + kHex + "\n"), "");
  const std::string one = "k1\tactive\t" + kHex + "\n";
  EXPECT_EQ(refusal(one + "k2\tnext\t" + kHex + "\nk3\tnext\t" + kHex + "\n"), "keys:3: two keys are next");
  EXPECT_EQ(refusal("d\tkey\tk2\n" + one), "keys:1: there is no key with the id that the domain is to have");
  EXPECT_EQ(refusal(one + "d\tkey\tk1\nd\tkey\tk1\n"), "keys:3: a domain has two keys, or no name");
}

TEST(Keys, AWrittenLineIsRead) {
  const policy::Keys keys(policy::Keys::format_line("k9", "active", std::string(32, '\x7f')), "keys");
  EXPECT_EQ(keys.id_for("email"), "k9");
}

std::string canonical(std::string_view text) {
  std::string into = "what was there before";
  policy::canonical_email(text, into);
  return into;
}

TEST(CanonicalEmail, TrimsBlanksAndLowersEveryScript) {
  EXPECT_EQ(canonical("  Jane@Example.COM "), "jane@example.com");
  EXPECT_EQ(canonical("ÄÖÜ@ΑΒΣ.ЖЯ"), "äöü@αβσ.жя");
  EXPECT_EQ(canonical("ß@x"), "ß@x");
  EXPECT_EQ(canonical("İI"), "ii");      // simple mapping: U+0130 to i, no dot above
  EXPECT_EQ(canonical("𐐀"), "𐐨");        // beyond the basic plane
  EXPECT_EQ(canonical("\t a"), "\t a");  // only U+0020 is trimmed
  EXPECT_EQ(canonical(" \xC2\xA0"
                      "a"),
            "\xC2\xA0"
            "a");
  EXPECT_EQ(canonical("   "), "");
  EXPECT_EQ(canonical(""), "");
}

TEST(LowerCase, IsItsOwnLowerCase) {
  for (std::uint32_t code = 0; code < 0x20000; ++code) {
    const std::uint32_t lower = policy::lower_case(code);
    ASSERT_EQ(policy::lower_case(lower), lower) << code;
  }
}

}  // namespace
