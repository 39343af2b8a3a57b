// pgoutput: the messages of the replication protocol around it, by hand. What is done with them is
// tested with the reader.
#include "pgoutput/envelope.hpp"

#include <gtest/gtest.h>

#include "base/failure.hpp"

namespace {

using namespace std::string_literals;
using pgoutput::decode_envelope;
using pgoutput::Envelope;

const std::string kData = "w\0\0\0\0\1\2\3\4\0\0\0\0\5\6\7\x8\0\0\0\0\0\0\0\0payload"s;
const std::string kKeepalive = "k\0\0\0\xA\x3A\x41\xC8\xF0\0\0\0\0\0\xF\x42\x40\1"s;

TEST(Envelope, data_has_a_position_and_a_payload) {
  const Envelope envelope = decode_envelope(kData);
  EXPECT_EQ(envelope.kind, Envelope::Kind::data);
  EXPECT_EQ(envelope.position, base::Lsn{0x01020304});
  EXPECT_EQ(envelope.payload, "payload");
}

TEST(Envelope, a_keepalive_has_a_position_a_time_and_may_ask_for_an_answer) {
  const Envelope envelope = decode_envelope(kKeepalive);
  EXPECT_EQ(envelope.kind, Envelope::Kind::keepalive);
  EXPECT_EQ(base::format(envelope.position), "0000000A/3A41C8F0");
  EXPECT_EQ(base::format(envelope.sent), "2000-01-01T00:00:01.000000Z");
  EXPECT_TRUE(envelope.reply_requested);
}

TEST(Envelope, cut_or_unknown_it_is_refused) {
  EXPECT_THROW(static_cast<void>(decode_envelope("")), base::Failure);
  EXPECT_THROW(static_cast<void>(decode_envelope("x")), base::Failure);
  for (std::size_t size = 0; size < 25; ++size) {
    EXPECT_THROW(static_cast<void>(decode_envelope(std::string_view(kData).substr(0, size))), base::Failure) << size;
  }
  for (std::size_t size = 0; size < kKeepalive.size(); ++size) {
    EXPECT_THROW(static_cast<void>(decode_envelope(std::string_view(kKeepalive).substr(0, size))), base::Failure)
        << size;
  }
}

TEST(Envelope, a_status_update_has_written_flushed_applied_clock_and_request) {
  pgoutput::Status status;
  status.written = base::Lsn{0x0102030405060708};
  status.flushed = base::Lsn{0x11};
  status.now = base::time_from_pg(1);
  status.reply_requested = true;
  EXPECT_EQ(encode(status), "r\1\2\3\4\5\6\7\x8\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\1\1"s);
}

}  // namespace
