// stage: what is encoded decodes to the same, in both forms; what cannot be an epoch is refused.
#include "stage/manifest.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/failure.hpp"

namespace {

using stage::Form;

stage::FileEntry file(const std::string& table, std::uint64_t part, std::uint64_t rows) {
  stage::FileEntry entry;
  entry.table = table;
  entry.part = part;
  entry.rows = rows;
  entry.raw_bytes = rows * 100;
  entry.bytes = rows * 10;
  entry.sha256 = std::string(64, 'a');
  return entry;
}

stage::Epoch epoch() {
  stage::Epoch epoch;
  epoch.source = "main";
  epoch.run = "0123456789abcdef0123456789abcdef";
  epoch.system_id = "7341111111111111111";
  epoch.timeline = 1;
  epoch.policy = std::string(64, 'b');
  epoch.key_ids = R"(["k1"])";
  epoch.schemas = {R"({"op":"schema", "table":"public.\"T\"", "columns":[]})"};
  epoch.from = base::Lsn{0x100};
  epoch.to = base::Lsn{0x200};
  epoch.commit = stage::CommitMark{base::Lsn{0x1F0}, 7, "2026-11-22T10:53:01.123456Z"};
  epoch.first_ts = "2026-11-22T10:53:00.000000Z";
  epoch.last_ts = "2026-11-22T10:53:01.123456Z";
  epoch.transactions = 2;
  epoch.rows = 5;
  epoch.commits = file("", 0, 2);
  epoch.files = {file("public.\"T\"", 0, 4), file("public.u", 0, 1)};
  epoch.files[0].min_key = "-3";
  epoch.files[0].max_key = "\"9007199254740993\"";
  return epoch;
}

void give_places(stage::Epoch& epoch, std::string stage::FileEntry::*place) {
  for (auto& entry : epoch.files) entry.*place = "data/x-" + std::to_string(entry.rows);
  if (epoch.commits) (*epoch.commits).*place = "data/_commits/y";
}

std::string slug_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "none";
}

TEST(Manifest, ALineDecodesToWhatWasEncoded) {
  stage::Epoch made = epoch();
  give_places(made, &stage::FileEntry::path);
  const std::string text = stage::encode(made, Form::line);
  EXPECT_TRUE(text.starts_with(R"({"op":"epoch","format":1,"source":"main","run":")")) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(stage::decode_epoch(text), made);
}

TEST(Manifest, AStoredEpochDecodesToWhatWasEncoded) {
  stage::Epoch made = epoch();
  give_places(made, &stage::FileEntry::object);
  made.prev = std::string(64, 'c');
  const std::string text = stage::encode(made, Form::stored);
  EXPECT_TRUE(text.starts_with(R"({"format":1,)")) << text;
  EXPECT_EQ(stage::decode_epoch(text), made);
  EXPECT_EQ(stage::encode(stage::decode_epoch(text), Form::stored), text);
}

TEST(Manifest, TimeWithoutChangesIsAnEpochToo) {
  stage::Epoch made = epoch();
  made.commit.reset();
  made.commits.reset();
  made.files.clear();
  made.schemas.clear();
  made.rows = made.transactions = 0;
  made.policy.clear();
  made.key_ids = "[]";
  EXPECT_EQ(stage::decode_epoch(stage::encode(made, Form::stored)), made);
}

TEST(Manifest, AStubSaysThatItsDataAreGone) {
  const std::string text = R"({"from":"00000000/00000100","to":"00000000/00000200","sha256":")" + std::string(64, 'd') +
                           R"(","pruned":true})";
  const stage::Epoch stub = stage::decode_epoch(text);
  EXPECT_TRUE(stub.pruned);
  EXPECT_EQ(stub.stub_sha256, std::string(64, 'd'));
  EXPECT_EQ(stub.to, base::Lsn{0x200});
}

TEST(Manifest, AChunkDecodesToWhatWasEncoded) {
  stage::Chunk made;
  made.source = "main";
  made.run = "r";
  made.system_id = "1";
  made.timeline = 1;
  made.table = "public.t";
  made.lsn = base::Lsn{0x300};
  made.copy = base::Lsn{0x280};
  made.chunk = 4;
  made.by = "16384 (1 int4)";
  made.from_key = "[17]";
  made.keys = 3;
  made.high = base::Lsn{0x310};
  made.ts = "2026-11-22T10:53:01.123456Z";
  made.rows = 3;
  made.files = {file("public.t", 0, 3)};
  made.files[0].path = "/spool/x";
  EXPECT_EQ(stage::decode_chunk(stage::encode(made, Form::line)), made);
  made.files[0].path.clear();
  made.files[0].object = "copy/x";
  EXPECT_EQ(stage::decode_chunk(stage::encode(made, Form::stored)), made);
  // What is not said is as it was when nobody could say it.
  made.copy = made.lsn;
  made.by.clear();
  made.keys.reset();
  const std::string text = stage::encode(made, Form::stored);
  EXPECT_EQ(text.find("copy\":\"0"), std::string::npos);
  EXPECT_EQ(stage::decode_chunk(text), made);
  made.copy = base::Lsn{0x301};
  EXPECT_EQ(slug_of([&] { (void)stage::decode_chunk(stage::encode(made, Form::stored)); }), "bad_manifest");
}

TEST(Manifest, WhatCannotBeIsRefused) {
  const auto with = [](const std::function<void(stage::Epoch&)>& change) {
    stage::Epoch made = epoch();
    give_places(made, &stage::FileEntry::object);
    change(made);
    const std::string text = stage::encode(made, Form::stored);
    return slug_of([&] { (void)stage::decode_epoch(text); });
  };
  EXPECT_EQ(with([](stage::Epoch&) {}), "none");
  EXPECT_EQ(with([](stage::Epoch& made) { made.to = made.from; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.rows = 6; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.transactions = 3; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.commit->lsn = made.to; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.commit.reset(); }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.files[0].sha256 = "beef"; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.files[0].table = "nodot"; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.files[0].object = "../../etc/passwd"; }), "bad_manifest");
  EXPECT_EQ(with([](stage::Epoch& made) { made.files[0].object = "/etc/passwd"; }), "bad_manifest");
}

TEST(Manifest, TheIdentityOfASourceDecodesToWhatWasEncoded) {
  const stage::Identity made{"main", "7341111111111111111", 2, 1, 150018, "shop"};
  EXPECT_EQ(stage::decode_identity(stage::encode(made)), made);
  EXPECT_EQ(slug_of([] { (void)stage::decode_identity(R"({"format":2,"source":"x"})"); }), "bad_format");
  EXPECT_EQ(slug_of([] { (void)stage::decode_identity("not json"); }), "invalid_json");
}

TEST(Manifest, ATableIsReadFromASchemaLine) {
  EXPECT_EQ(stage::table_of_schema(R"({"op":"schema","table":"public.\"T\""})"), R"(public."T")");
}

}  // namespace
