// Promises of tokens and of the keys that sign them. What is right is said by the openssl program, never by the code under test: it
// makes the keys, verifies the signatures and computes the fingerprints. Knows openssl's command line.
#include "crypto/jwt.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/encoding.hpp"
#include "base/failure.hpp"

namespace {

namespace fs = std::filesystem;

// A folder with keys that openssl made, once for all tests.
class Jwt : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = fs::temp_directory_path() / "pgcdc-jwt-XXXXXX";
    folder() = ::mkdtemp(pattern.data());
    openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out plain");
    openssl("pkey -in plain -pubout -out public");
    openssl("pkcs8 -topk8 -in plain -v2 aes-256-cbc -passout pass:'open sesame' -out encrypted");
    openssl("rsa -in plain -traditional -out pkcs1");
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out curve");
    openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short");
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }

  static fs::path& folder() {
    static fs::path path;
    return path;
  }
  // out  what it printed
  static std::string openssl(const std::string& arguments) {
    const std::string command = "cd '" + folder().string() + "' && openssl " + arguments + " 2>/dev/null";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string printed;
    std::array<char, 4096> piece;
    while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) printed.append(piece.data(), got);
    EXPECT_EQ(::pclose(pipe), 0) << command;
    return printed;
  }
  static std::string file(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder() / name, std::ios::binary).rdbuf();
    return text.str();
  }
  static void write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder() / name, std::ios::binary) << bytes;
  }
  static std::string undo(std::string part) {
    for (char& c : part) c = c == '-' ? '+' : c == '_' ? '/' : c;
    part.append((4 - part.size() % 4) % 4, '=');
    return base::decode_base64(part).value();
  }
};

TEST_F(Jwt, IsVerifiedByOpensslWithThePublicKey) {
  const crypto::PrivateKey key = crypto::PrivateKey::from_pem(file("plain"));
  // Of every length modulo 3, and with bytes that become + and / in base64 but must not in a token.
  for (const std::string& claims :
       {std::string(R"({"iss":"a"})"), std::string(R"({"iss":"ab"})"), std::string(R"({"iss":"abc"})"),
        std::string("{\"iss\":\"\xC3\xBF>>>???\xC3\xBE\"}")}) {
    const std::string token = crypto::jwt_rs256(key, R"({"alg":"RS256","typ":"JWT"})", claims);
    EXPECT_EQ(token.find_first_of("+/="), std::string::npos);
    const std::size_t first = token.find('.');
    const std::size_t second = token.rfind('.');
    ASSERT_LT(first, second);
    EXPECT_EQ(undo(token.substr(0, first)), R"({"alg":"RS256","typ":"JWT"})");
    EXPECT_EQ(undo(token.substr(first + 1, second - first - 1)), claims);
    write("signed", token.substr(0, second));
    write("signature", undo(token.substr(second + 1)));
    EXPECT_EQ(openssl("dgst -sha256 -verify public -signature signature signed"), "Verified OK\n");
  }
}

TEST_F(Jwt, SignsTheSameWithEveryFormOfOneKey) {
  const std::string signature = crypto::PrivateKey::from_pem(file("plain")).sign_rs256("x");
  EXPECT_EQ(signature.size(), 256u);
  EXPECT_EQ(crypto::PrivateKey::from_pem(file("encrypted"), "open sesame").sign_rs256("x"), signature);
  EXPECT_EQ(crypto::PrivateKey::from_pem(file("pkcs1")).sign_rs256("x"), signature);
  EXPECT_EQ(crypto::PrivateKey::from_pem(file("plain"), "not needed").sign_rs256("x"), signature);
  EXPECT_NE(crypto::PrivateKey::from_pem(file("plain")).sign_rs256("y"), signature);
}

TEST_F(Jwt, FingerprintIsTheDigestOfThePublicKeyAsOpensslHasIt) {
  write("digest", openssl("pkey -pubin -in public -outform DER | openssl dgst -sha256 -binary"));
  std::string expected = openssl("enc -base64 -in digest");
  expected.pop_back();
  EXPECT_EQ(crypto::PrivateKey::from_pem(file("encrypted"), "open sesame").fingerprint(), expected);
}

TEST_F(Jwt, KeysOfNoUseAreRefusedWithoutAWordOfThem) {
  const auto trouble = [](const std::string& pem, const std::string& passphrase) {
    try {
      static_cast<void>(crypto::PrivateKey::from_pem(pem, passphrase));
    } catch (const base::Failure& failure) {
      EXPECT_EQ(failure.exit, base::Exit::usage);
      EXPECT_EQ(failure.slug, "bad_private_key");
      return failure.message;
    }
    return std::string("none");
  };
  EXPECT_NE(trouble(file("encrypted"), "").find("no passphrase"), std::string::npos);
  const std::string other = trouble(file("encrypted"), "wrong horse");
  EXPECT_NE(other.find("another passphrase"), std::string::npos);
  EXPECT_EQ(other.find("horse"), std::string::npos);
  EXPECT_NE(trouble(file("curve"), "").find("RSA"), std::string::npos);
  EXPECT_NE(trouble(file("short"), "").find("2048"), std::string::npos);
  for (const std::string& bad :
       {std::string(), std::string("secret words"), file("public"), file("plain").substr(0, 900)}) {
    EXPECT_NE(trouble(bad, "").find("not PEM"), std::string::npos);
  }
}

}  // namespace
