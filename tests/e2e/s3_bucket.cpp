// Makes a bucket where the environment says, for tests: s3-bucket NAME. Exit code 0 when it is there afterwards.
// Knows how a request is signed and sent; must not know what a stage is.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "http/client.hpp"
#include "stage/s3.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  try {
    const stage::S3Account account = stage::s3_account([](const char* name) {
      const char* value = std::getenv(name);
      return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    });
    stage::S3Request request;
    request.method = "PUT";
    request.host = account.endpoint.substr(account.endpoint.find("://") + 3);
    request.path = "/" + stage::encode_uri(argv[1]);
    request.payload = crypto::sha256_hex("");
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    http::Client client;
    const http::Response response =
        client.send({"PUT", account.endpoint + request.path,
                     stage::sign(request, account.key, account.region,
                                 std::chrono::duration_cast<std::chrono::seconds>(now).count()),
                     "", ""});
    std::printf("%ld %s\n", response.status, response.body.c_str());
    return response.status == 200 ? 0 : 1;
  } catch (const base::Failure& failure) {
    std::printf("%s\n", failure.message.c_str());
    return static_cast<int>(failure.exit);
  }
}
