// What house-keeping asks of stores over HTTP: an object is replaced without a condition and removed by its name; whoever may not is told so, and
// a listing of several pages gives out each object once. Knows requests and answers. Must not know a real server: tests/destinations does.
#include "stage/remote.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/failure.hpp"
#include "server.hpp"
#include "stage/az.hpp"
#include "stage/gs.hpp"
#include "stage/s3.hpp"

namespace {

using stage_test::Server;

std::unique_ptr<stage::Store> s3(const std::string& url) {
  return stage::make_s3_store("s3://bucket/p", {url, "us-east-1", {"id", "secret", ""}});
}
std::unique_ptr<stage::Store> gs(const std::string& url) {
  stage::GsAccount account;
  account.endpoint = url;
  account.key = {"id", "secret", ""};
  return stage::make_gs_store("gs://bucket/p", std::move(account));
}
std::unique_ptr<stage::Store> az(const std::string& url) {
  stage::AzAccount account;
  account.endpoint = url;
  account.name = "name";
  account.key = "key";
  return stage::make_az_store("az://bucket/p", std::move(account));
}
const std::vector<std::function<std::unique_ptr<stage::Store>(const std::string&)>> kStores{&s3, &gs, &az};

// The request that came first, and how it ended.
struct Outcome {
  std::string asked;
  std::string slug;
};
Outcome outcome_of(const std::function<std::unique_ptr<stage::Store>(const std::string&)>& open,
                   const std::vector<std::string>& answers, const std::function<void(stage::Store&)>& act) {
  Server server(answers);
  Outcome outcome{"", "none"};
  try {
    act(*open(server.url()));
  } catch (const base::Failure& failure) {
    outcome.slug = failure.slug;
  }
  outcome.asked = server.asked().front();
  return outcome;
}

TEST(HouseKeeping, ReplacesWithoutAConditionAndRemovesByName) {
  for (const auto& open : kStores) {
    const Outcome replaced =
        outcome_of(open, {"201 Created"}, [](stage::Store& store) { store.replace("a/name", "content"); });
    EXPECT_EQ(replaced.slug, "none");
    EXPECT_TRUE(replaced.asked.starts_with("PUT /bucket/p/a/name HTTP/1.1")) << replaced.asked;
    EXPECT_TRUE(replaced.asked.ends_with("content"));
    EXPECT_EQ(replaced.asked.find("match"), std::string::npos) << replaced.asked;
    const Outcome removed = outcome_of(open, {"204 No Content"}, [](stage::Store& store) { store.remove("a/name"); });
    EXPECT_EQ(removed.slug, "none");
    EXPECT_TRUE(removed.asked.starts_with("DELETE /bucket/p/a/name HTTP/1.1")) << removed.asked;
  }
}

TEST(HouseKeeping, TakesWhatIsGoneForRemovedAndTellsWhoMayNot) {
  const auto remove = [](stage::Store& store) { store.remove("name"); };
  const auto replace = [](stage::Store& store) { store.replace("name", "content"); };
  for (const auto& open : kStores) {
    EXPECT_EQ(outcome_of(open, {"404 Not Found"}, remove).slug, "none");
    EXPECT_EQ(outcome_of(open, {"503 Slowly", "204 No Content"}, remove).slug, "none");
    EXPECT_EQ(outcome_of(open, {"403 Forbidden"}, remove).slug, "store_denied");
    EXPECT_EQ(outcome_of(open, {"412 A lease"}, remove).slug, "store_denied");
  }
  EXPECT_EQ(outcome_of(&s3, {"403 Forbidden"}, replace).slug, "store_denied");
  // These ask whether it is there, because they deny to create what is.
  EXPECT_EQ(outcome_of(&gs, {"403 Forbidden", "200 OK"}, replace).slug, "store_denied");
  EXPECT_EQ(outcome_of(&az, {"403 Forbidden", "200 OK"}, replace).slug, "store_denied");
}

TEST(HouseKeeping, IsShownEachObjectOfAllPagesWithSizeAndTime) {
  const std::string first =
      "200 "
      "OK\r\n\r\n<ListBucketResult><Contents><Key>p/a/one</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"
      "<Size>1</Size></Contents><NextContinuationToken>next</NextContinuationToken></ListBucketResult>";
  const std::string second =
      "200 "
      "OK\r\n\r\n<ListBucketResult><Contents><Key>p/a/two</Key><LastModified>2009-10-12T17:50:31.000Z</LastModified>"
      "<Size>2</Size></Contents></ListBucketResult>";
  std::vector<stage::Listed> shown;
  const Outcome outcome = outcome_of(kStores[0], {first, second}, [&](stage::Store& store) {
    store.each("a", [&](const stage::Listed& object) { shown.push_back(object); });
  });
  EXPECT_EQ(outcome.slug, "none");
  EXPECT_EQ(shown, (std::vector<stage::Listed>{{"a/one", 1, 1255369830000000}, {"a/two", 2, 1255369831000000}}));
}

}  // namespace
