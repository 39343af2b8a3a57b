// zip: frames one after the other are one text, however the bytes are cut; what is not whole or not zstd is told.
#include "zip/zstd.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/failure.hpp"

namespace {

std::string text_of(std::size_t bytes) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < bytes) text += "{\"id\":" + std::to_string(random() % 5000) + ",\"name\":\"row\"}\n";
  text.resize(bytes);
  return text;
}

std::string slug_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Failure& failure) {
    return failure.slug;
  }
  return "none";
}

TEST(Zstd, FramesInARowAreTheTextsInARow) {
  for (const int level : {1, 3, 19}) {
    zip::Compressor compressor(level);
    const std::string first = text_of(600'000);
    const std::string second = text_of(17);
    std::string packed(compressor.frame(first));
    packed += compressor.frame("");
    packed += compressor.frame(second);
    EXPECT_LT(packed.size(), first.size() / 4);
    zip::Decompressor decompressor;
    std::string text;
    decompressor.add(packed, text);
    decompressor.end();
    EXPECT_EQ(text, first + second) << "level " << level;
  }
}

TEST(Zstd, EveryWayOfCuttingTheBytesGivesTheSameText) {
  zip::Compressor compressor(1);
  const std::string text = text_of(2000);
  std::string packed(compressor.frame(text.substr(0, 1500)));
  packed += compressor.frame(text.substr(1500));
  for (std::size_t step = 1; step <= packed.size(); step = step * 2 + 1) {
    zip::Decompressor decompressor;
    std::string got;
    for (std::size_t at = 0; at < packed.size(); at += step)
      decompressor.add(std::string_view(packed).substr(at, step), got);
    decompressor.end();
    EXPECT_EQ(got, text) << "step " << step;
  }
}

TEST(Zstd, ACutFrameIsToldAtTheEnd) {
  zip::Compressor compressor(1);
  const std::string packed(compressor.frame(text_of(100'000)));
  for (const std::size_t keep : {std::size_t{1}, std::size_t{5}, packed.size() / 2, packed.size() - 1}) {
    zip::Decompressor decompressor;
    std::string got;
    decompressor.add(std::string_view(packed).substr(0, keep), got);
    EXPECT_EQ(slug_of([&] { decompressor.end(); }), "broken_zstd") << keep;
  }
}

TEST(Zstd, AChangedByteIsTold) {
  zip::Compressor compressor(1);
  std::string packed(compressor.frame(text_of(100'000)));
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x10);
  EXPECT_EQ(slug_of([&] {
              zip::Decompressor decompressor;
              std::string got;
              decompressor.add(packed, got);
              decompressor.end();
            }),
            "broken_zstd");
  EXPECT_EQ(slug_of([&] {
              zip::Decompressor decompressor;
              std::string got;
              decompressor.add("this is not zstd at all", got);
            }),
            "broken_zstd");
}

TEST(Zstd, NothingAtAllIsAnEmptyText) {
  zip::Decompressor decompressor;
  std::string got;
  decompressor.add("", got);
  decompressor.end();
  EXPECT_EQ(got, "");
}

}  // namespace
