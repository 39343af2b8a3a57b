// Promises of signing and of listings, against the examples that AWS publishes. What a real server makes of them is
// tests/destinations.
#include "stage/s3.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <thread>

#include "base/failure.hpp"
#include "crypto/digest.hpp"
#include "stage/listing.hpp"

namespace {

constexpr std::int64_t kTime = 1369353600;  // 20130524T000000Z
const stage::S3Key kKey{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

stage::S3Request request(const std::string& method, const std::string& path) {
  return {method, "examplebucket.s3.amazonaws.com", path, {}, {}, crypto::sha256_hex("")};
}

std::string signature(const stage::S3Request& asked) {
  const std::string last = stage::sign(asked, kKey, "us-east-1", kTime).back();
  return last.substr(last.find("Signature=") + 10);
}

TEST(Signature, IsThatOfThePublishedExamples) {
  stage::S3Request get = request("GET", "/test.txt");
  get.headers = {{"range", "bytes=0-9"}};
  EXPECT_EQ(signature(get), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

  stage::S3Request put = request("PUT", stage::encode_path("/test$file.text"));
  put.headers = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"date", "Fri, 24 May 2013 00:00:00 GMT"}};
  put.payload = crypto::sha256_hex("Welcome to Amazon S3.");
  EXPECT_EQ(signature(put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

  stage::S3Request lifecycle = request("GET", "/");
  lifecycle.query = {{"lifecycle", ""}};
  EXPECT_EQ(signature(lifecycle), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

  stage::S3Request list = request("GET", "/");
  list.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_EQ(signature(list), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Signature, SignsTheTokenAndEncodesEveryOddByteOnce) {
  stage::S3Request asked = request("GET", stage::encode_path("/a b/%41=+\xC3\xBC"));
  EXPECT_EQ(asked.path, "/a%20b/%2541%3D%2B%C3%BC");
  asked.query = {{"b", "x/y"}, {"a", "~*"}};
  EXPECT_EQ(stage::encode_query(asked), "a=~%2A&b=x%2Fy");
  stage::S3Key temporary = kKey;
  temporary.token = "TOKEN";
  const std::vector<std::string> headers = stage::sign(asked, temporary, "eu-central-1", kTime);
  EXPECT_NE(std::find(headers.begin(), headers.end(), "x-amz-security-token: TOKEN"), headers.end());
  EXPECT_NE(headers.back().find("x-amz-security-token,"), std::string::npos);
  EXPECT_NE(headers.back().find("/20130524/eu-central-1/s3/aws4_request,"), std::string::npos);
}

TEST(Listing, GivesKeysFoldersAndHowToGoOn) {
  const stage::Listing page = stage::parse_listing(
      "<?xml version=\"1.0\"?><ListBucketResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix>p/</Prefix>"
      "<NextContinuationToken>a&amp;b=</NextContinuationToken><IsTruncated>true</IsTruncated>"
      "<Contents><Size>17</Size><Key>p/x%2541%20y</Key><LastModified>2009-10-12T17:50:30.000Z</"
      "LastModified><Owner><ID>o</"
      "ID></Owner></Contents><Contents><Key>p/z</Key></Contents>"
      "<CommonPrefixes><Prefix>p/below/</Prefix></CommonPrefixes></ListBucketResult>");
  EXPECT_EQ(page.keys, (std::vector<std::string>{"p/x%41 y", "p/z"}));
  // Whatever the order; what bears no time is not old.
  ASSERT_EQ(page.objects.size(), 2u);
  EXPECT_EQ(page.objects[0], (stage::Listed{"p/x%41 y", 17, 1255369830000000}));
  EXPECT_EQ(page.objects[1], (stage::Listed{"p/z", 0, std::numeric_limits<std::int64_t>::max()}));
  EXPECT_EQ(page.folders, std::vector<std::string>{"p/below/"});
  EXPECT_EQ(page.next, "a&b=");
  EXPECT_EQ(stage::parse_listing("<ListBucketResult></ListBucketResult>").next, "");
  for (const char* bad : {"", "<html></html>", "<ListBucketResult><Contents><Key>cut"}) {
    EXPECT_THROW(static_cast<void>(stage::parse_listing(bad)), base::Failure) << bad;
  }
}

// Answers each request of one connection with the next of its answers; no request here has a body of more than a piece.
std::string slug_of_create(const std::vector<std::string>& answers) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener, 1), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::thread server([&] {
    const int client = ::accept(listener, nullptr, nullptr);
    for (const std::string& status : answers) {
      std::string asked;
      char piece[4096];
      while (!asked.ends_with("content")) {
        const ssize_t got = ::read(client, piece, sizeof piece);
        if (got <= 0) break;
        asked.append(piece, static_cast<std::size_t>(got));
      }
      EXPECT_NE(asked.find("if-none-match: *"), std::string::npos);
      const std::string answer = "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n";
      EXPECT_EQ(::write(client, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    }
    ::close(client);
  });
  std::string slug;
  try {
    const auto store = stage::make_s3_store(
        "s3://bucket/x",
        {"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), "us-east-1", {"id", "secret", ""}});
    slug = store->put_if_absent("name", "content") ? "created" : "there";
  } catch (const base::Failure& failure) {
    slug = failure.slug;
  }
  server.join();
  ::close(listener);
  return slug;
}

TEST(CreateIfAbsent, IsBelievedOnlyOfAStoreThatRefusesTheSecondTime) {
  EXPECT_EQ(slug_of_create({"200 OK", "412 Precondition Failed"}), "created");
  EXPECT_EQ(slug_of_create({"412 Precondition Failed"}), "there");
  EXPECT_EQ(slug_of_create({"200 OK", "200 OK"}), "no_create_if_absent") << "it knows no condition";
  EXPECT_EQ(slug_of_create({"501 Not Implemented"}), "no_create_if_absent");
  EXPECT_EQ(slug_of_create({"403 Forbidden"}), "store_denied");
}

}  // namespace
