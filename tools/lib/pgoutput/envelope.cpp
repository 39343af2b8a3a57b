// pgoutput: the replication protocol's own messages; the contracts are in envelope.hpp.
// Knows their layouts, which stand above the code of each. Must not know when an answer is
// due. Pure.
#include "pgoutput/envelope.hpp"

#include "pgoutput/bytes.hpp"

namespace pgoutput {

Envelope decode_envelope(std::string_view bytes) {
  Bytes in(bytes);
  Envelope envelope;
  switch (in.take_char()) {
    // XLogData
    //   Byte1('w')
    //   Int64  WAL position of the change
    //   Int64  the server's current end of WAL
    //   Int64  time of sending, microseconds since 2000-01-01
    //   Byten  one message of pgoutput
    case 'w':
      envelope.position = base::Lsn{in.take_u64()};
      static_cast<void>(in.take_u64());
      envelope.sent = in.take_time();
      envelope.payload = in.rest();
      return envelope;
    // Primary keepalive
    //   Byte1('k')
    //   Int64  position up to which the server has sent
    //   Int64  time of sending
    //   Byte1  1: answer as soon as possible
    case 'k':
      envelope.kind = Envelope::Kind::keepalive;
      envelope.position = base::Lsn{in.take_u64()};
      envelope.sent = in.take_time();
      envelope.reply_requested = in.take_u8() != 0;
      return envelope;
    default:
      throw base::Failure(base::Exit::data, "bad_message", "the server sent an unknown kind of message");
  }
}

std::string encode(const Status& status) {
  // Standby status update
  //   Byte1('r')
  //   Int64  written + 1 in physical replication; logical: the position as it is
  //   Int64  flushed
  //   Int64  applied
  //   Int64  the client's clock, microseconds since 2000-01-01
  //   Byte1  1: the server answers with a keepalive
  std::string out = "r";
  put_u64(out, status.written.value);
  put_u64(out, status.flushed.value);
  put_u64(out, status.flushed.value);
  put_u64(out, static_cast<std::uint64_t>(base::pg_from_time(status.now)));
  out.push_back(status.reply_requested ? '\1' : '\0');
  return out;
}

}  // namespace pgoutput
