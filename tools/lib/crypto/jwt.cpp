// crypto: a private key by way of OpenSSL's EVP_PKEY, and the three parts of a token. See jwt.hpp.
#include "crypto/jwt.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "crypto/digest.hpp"

namespace crypto {
namespace {

using base::Exit;
using base::Failure;

constexpr int kLeastBits = 2048;

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// OpenSSL would otherwise ask the terminal. out  0 makes it give up, as a missing passphrase must
int give_passphrase(char* into, int room, int, void* from) {
  const auto* passphrase = static_cast<const std::string_view*>(from);
  if (passphrase->empty() || room < 0 || passphrase->size() > static_cast<std::size_t>(room)) return 0;
  std::memcpy(into, passphrase->data(), passphrase->size());
  return static_cast<int>(passphrase->size());
}

void must(bool done, const char* doing) {
  if (!done) throw Failure(Exit::bug, "signing_failed", std::string("OpenSSL failed to ") + doing);
}

// RFC 4648, section 5, without padding.
std::string base64url(std::string_view bytes) {
  std::string text;
  base::append_base64(text, bytes);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

}  // namespace

struct PrivateKey::State {
  EVP_PKEY* key = nullptr;
  ~State() { EVP_PKEY_free(key); }
};

PrivateKey::PrivateKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateKey::~PrivateKey() = default;
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;

PrivateKey PrivateKey::from_pem(std::string_view pem, std::string_view passphrase) {
  const std::unique_ptr<BIO, BioFree> bio(
      pem.size() > INT_MAX ? nullptr : BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto state = std::make_unique<State>();
  if (bio) state->key = PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_passphrase, &passphrase);
  ERR_clear_error();  // its words could say something of the key
  if (state->key == nullptr) {
    const bool encrypted = pem.find("ENCRYPTED") != std::string_view::npos;
    throw Failure(Exit::usage, "bad_private_key",
                  !encrypted           ? "cannot read a private key: it is not PEM of one"
                  : passphrase.empty() ? "cannot read a private key: it is encrypted and there is no passphrase"
                                       : "cannot read a private key: it is encrypted with another passphrase");
  }
  if (EVP_PKEY_get_base_id(state->key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(state->key) < kLeastBits) {
    throw Failure(Exit::usage, "bad_private_key", "cannot use a private key: it is not RSA of at least 2048 bits");
  }
  return PrivateKey(std::move(state));
}

std::string PrivateKey::fingerprint() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(state_->key, &der);
  must(size > 0, "encode a public key");
  const Digest digest = sha256(std::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  std::string text;
  base::append_base64(text, std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  return text;
}

std::string PrivateKey::sign_rs256(std::string_view bytes) const {
  const std::unique_ptr<EVP_MD_CTX, ContextFree> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  must(context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, state_->key) == 1 &&
           EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size()) == 1,
       "prepare a signature");
  std::string signature(size, '\0');
  must(
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data, bytes.size()) == 1,
      "sign");
  signature.resize(size);
  return signature;
}

std::string jwt_rs256(const PrivateKey& key, std::string_view header_json, std::string_view claims_json) {
  std::string token = base64url(header_json) + "." + base64url(claims_json);
  token += "." + base64url(key.sign_rs256(token));
  return token;
}

}  // namespace crypto
