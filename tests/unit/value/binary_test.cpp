// Send formats as a server wrote them (PostgreSQL 15, hex), and the JSON that its text gives. Needs no server: tests/e2e/binary.bats
// compares the two forms of a real one, type by type.
#include "value/binary.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/encoding.hpp"
#include "base/failure.hpp"
#include "json/tokens.hpp"
#include "value/float_text.hpp"

namespace {

using value::BinaryShape;
using value::Kind;
using value::Layout;

std::string json_of(const BinaryShape& shape, std::string_view bytes) {
  std::string line = "before:";
  value::append_json_binary(line, shape, bytes);
  EXPECT_EQ(line.substr(0, 7), "before:");
  const std::string json = line.substr(7);
  json::Tokenizer tokenizer;
  EXPECT_NO_THROW((void)tokenizer.tokens_of_copy(json)) << json;
  return json;
}

// out  the slug of the failure, empty when there is none; a failure leaves the line as it was
std::string slug_of(const BinaryShape& shape, std::string_view bytes) {
  std::string line = "kept";
  try {
    value::append_json_binary(line, shape, bytes);
  } catch (const base::Failure& failure) {
    EXPECT_EQ(line, "kept");
    return failure.slug;
  }
  return "";
}

BinaryShape plain(Layout layout, Kind kind, std::uint32_t oid = 0) {
  BinaryShape shape;
  shape.layout = layout;
  shape.kind = kind;
  shape.oid = base::Oid{oid};
  return shape;
}

BinaryShape holding(Layout layout, Kind kind, std::vector<BinaryShape> parts) {
  BinaryShape shape = plain(layout, kind);
  shape.parts = std::move(parts);
  return shape;
}

std::string four(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

std::string sized(std::string_view bytes) {
  return four(static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
}

const std::string kNull = four(0xFFFFFFFF);

struct Dimension {
  std::uint32_t size;
  std::uint32_t lower = 1;
};

std::string array_head(std::uint32_t element, const std::vector<Dimension>& dimensions) {
  std::string bytes = four(static_cast<std::uint32_t>(dimensions.size())) + four(0) + four(element);
  for (const Dimension& dimension : dimensions) bytes += four(dimension.size) + four(dimension.lower);
  return bytes;
}

struct Row {
  Layout layout;
  Kind kind;
  std::string hex;
  std::string json;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {Layout::text, Kind::text, "6122c3a4", "\"a\\\"ä\""},
      {Layout::byte_char, Kind::byte_char, "ff", "\"\\\\377\""},
      {Layout::interval, Kind::interval, "7fffffffffffffff7fffffff7fffffff", "\"infinity\""},
      {Layout::interval, Kind::interval, "80000000000000008000000080000000", "\"-infinity\""},
      {Layout::finite_interval, Kind::interval, "7fffffffffffffff7fffffff7fffffff",
       "\"P178956970Y7M2147483647DT2562047788H54.775807S\""},
      {Layout::boolean, Kind::boolean, "01", "true"},
      {Layout::boolean, Kind::boolean, "00", "false"},
      {Layout::int2, Kind::integer, "8000", "-32768"},
      {Layout::int4, Kind::integer, "7fffffff", "2147483647"},
      {Layout::int4, Kind::integer, "00000000", "0"},
      {Layout::uint4, Kind::integer, "ffffffff", "4294967295"},
      {Layout::uint4, Kind::text, "ffffffff", "\"4294967295\""},
      {Layout::uint8, Kind::text, "ffffffffffffffff", "\"18446744073709551615\""},
      {Layout::int8, Kind::wide, "0020000000000000", "9007199254740992"},
      {Layout::int8, Kind::wide, "ffe0000000000000", "-9007199254740992"},
      {Layout::int8, Kind::wide, "0020000000000001", "\"9007199254740993\""},
      {Layout::int8, Kind::wide, "8000000000000000", "\"-9223372036854775808\""},
      {Layout::float4, Kind::floating, "3f8ccccd", "1.1"},
      {Layout::float4, Kind::floating, "49742400", "1e+06"},
      {Layout::float4, Kind::floating, "47f12000", "123456"},
      {Layout::float4, Kind::floating, "00000001", "1e-45"},
      {Layout::float4, Kind::floating, "7fc00000", "\"NaN\""},
      {Layout::float8, Kind::floating, "3fb999999999999a", "0.1"},
      {Layout::float8, Kind::floating, "8000000000000000", "-0"},
      {Layout::float8, Kind::floating, "44b52d02c7e14af6", "9.999999999999999e+22"},
      {Layout::float8, Kind::floating, "430c6bf526340000", "1e+15"},
      {Layout::float8, Kind::floating, "42dc12218377de40", "123456789012345"},
      {Layout::float8, Kind::floating, "3f1a36e2eb1c432d", "0.0001"},
      {Layout::float8, Kind::floating, "3ee4f8b588e368f1", "1e-05"},
      {Layout::float8, Kind::floating, "0000000000000001", "5e-324"},
      {Layout::float8, Kind::floating, "7fefffffffffffff", "1.7976931348623157e+308"},
      {Layout::float8, Kind::floating, "fff0000000000000", "\"-Infinity\""},
      {Layout::float8, Kind::floating, "4340000000000000", "9.007199254740992e+15"},
      {Layout::float8, Kind::floating, "c029000000000000", "-12.5"},
      {Layout::numeric, Kind::text, "0000000000000000", "\"0\""},
      {Layout::numeric, Kind::text, "0000000000000003", "\"0.000\""},
      {Layout::numeric, Kind::text, "000200004000000200011388", "\"-1.50\""},
      {Layout::numeric, Kind::text, "00010001000000000001", "\"10000\""},
      {Layout::numeric, Kind::text, "00010005000000000001", "\"100000000000000000000\""},
      {Layout::numeric, Kind::text, "0001fffe00000008007b", "\"0.00000123\""},
      {Layout::numeric, Kind::text, "000b00070000000a000c0d801ed204d2162e23340d801ed204d2162e2328",
       "\"123456789012345678901234567890.1234567890\""},
      {Layout::numeric, Kind::text, "0004000100000005270f270f270f2328", "\"99999999.99999\""},
      {Layout::numeric, Kind::text, "00000000c0000000", "\"NaN\""},
      {Layout::numeric, Kind::text, "00000000d0000020", "\"Infinity\""},
      {Layout::numeric, Kind::text, "00000000f0000020", "\"-Infinity\""},
      {Layout::money, Kind::text, "8000000000000000", "\"-$92,233,720,368,547,758.08\""},
      {Layout::money, Kind::text, "0000000000000005", "\"$0.05\""},
      {Layout::money, Kind::text, "000000000001e23a", "\"$1,234.50\""},
      {Layout::byte_char, Kind::byte_char, "61", "\"a\""},
      {Layout::byte_char, Kind::byte_char, "00", "\"\""},
      {Layout::byte_char, Kind::byte_char, "22", "\"\\\"\""},
      {Layout::bytea, Kind::bytea, "deadbeef", "\"3q2+7w==\""},
      {Layout::bytea, Kind::bytea, "", "\"\""},
      {Layout::uuid, Kind::text, "a0eebc999c0b4ef8bb6d6bb9bd380a11", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
      {Layout::date, Kind::date, "00002279", "\"2024-02-29\""},
      {Layout::date, Kind::date, "fff49d7b", "\"0044-03-15 BC\""},
      {Layout::date, Kind::date, "ffda97a7", "\"4714-11-24 BC\""},
      {Layout::date, Kind::date, "7fda970c", "\"5874897-12-31\""},
      {Layout::date, Kind::date, "fff4dbf9", "\"0001-01-01\""},
      {Layout::date, Kind::date, "7fffffff", "\"infinity\""},
      {Layout::date, Kind::date, "80000000", "\"-infinity\""},
      {Layout::time, Kind::time, "000000141dd76000", "\"24:00:00.000000\""},
      {Layout::time, Kind::time, "000000036c966ee0", "\"04:05:06.700000\""},
      {Layout::timetz, Kind::timetz, "000000036c97ca8800007080", "\"04:05:06.789000-08:00\""},
      {Layout::timetz, Kind::timetz, "000000141dd76000ffff1f01", "\"24:00:00.000000+15:59:59\""},
      {Layout::timetz, Kind::timetz, "0000000a0eebb000ffffaf24", "\"12:00:00.000000+05:45\""},
      {Layout::timestamp, Kind::timestamp, "0002b58cd3565fc8", "\"2024-02-29T23:59:59.123400\""},
      {Layout::timestamp, Kind::timestamp, "fd0f7cc1411fa000", "\"4714-11-24T00:00:00.000000 BC\""},
      {Layout::timestamp, Kind::timestamp, "7fffff5bb3b29fff", "\"294276-12-31T23:59:59.999999\""},
      {Layout::timestamp, Kind::timestamp, "7fffffffffffffff", "\"infinity\""},
      {Layout::timestamptz, Kind::timestamptz, "0002b57ea5421720", "\"2024-02-29T07:04:56.500000Z\""},
      {Layout::timestamptz, Kind::timestamptz, "ff1af9e74e1f8800", "\"0044-03-15T10:00:00.000000Z BC\""},
      {Layout::timestamptz, Kind::timestamptz, "8000000000000000", "\"-infinity\""},
      {Layout::timestamptz, Kind::timestamptz, "ffffffffffffffff", "\"1999-12-31T23:59:59.999999Z\""},
      {Layout::interval, Kind::interval, "000000036c97ca88000000030000000e", "\"P1Y2M3DT4H5M6.789S\""},
      {Layout::interval, Kind::interval, "00000000000f4240fffffffe0000000c", "\"P1Y-2DT1S\""},
      {Layout::interval, Kind::interval, "ffffffffffffffff00000001ffffffff", "\"P-1M1DT-0.000001S\""},
      {Layout::interval, Kind::interval, "00000000000000000000000000000000", "\"PT0S\""},
      {Layout::interval, Kind::interval, "00000000000000000000000080af3a00", "\"P-178000000Y\""},
      {Layout::inet, Kind::text, "02180004c0a80001", "\"192.168.0.1/24\""},
      {Layout::inet, Kind::text, "022000040a000001", "\"10.0.0.1\""},
      {Layout::inet, Kind::text, "020801040a000000", "\"10.0.0.0/8\""},
      {Layout::inet, Kind::text, "022001040a010203", "\"10.1.2.3/32\""},
      {Layout::inet, Kind::text, "0380001000000000000000000000ffff01020304", "\"::ffff:1.2.3.4\""},
      {Layout::inet, Kind::text, "0380001000000000000000000000000000000001", "\"::1\""},
      {Layout::inet, Kind::text, "0380001000000000000000000000000000000000", "\"::\""},
      {Layout::inet, Kind::text, "0380001000010000000000020000000000000003", "\"1:0:0:2::3\""},
      {Layout::inet, Kind::text, "030a0010fe800000000000000000000000000000", "\"fe80::/10\""},
      {Layout::inet, Kind::text, "0361001000000000000000000000000001020304", "\"::1.2.3.4/97\""},
      {Layout::inet, Kind::text, "0380001000000001000000010000000100000001", "\"0:1:0:1:0:1:0:1\""},
      {Layout::macaddr, Kind::text, "08002b010203", "\"08:00:2b:01:02:03\""},
      {Layout::macaddr, Kind::text, "08002b0102030405", "\"08:00:2b:01:02:03:04:05\""},
      {Layout::bits, Kind::text, "00000005a8", "\"10101\""},
      {Layout::bits, Kind::text, "00000000", "\"\""},
      {Layout::bits, Kind::text, "00000009aa80", "\"101010101\""},
      {Layout::pg_lsn, Kind::text, "00000016b374d848", "\"16/B374D848\""},
      {Layout::tid, Kind::text, "0000002a0007", "\"(42,7)\""},
      {Layout::snapshot, Kind::text,
       "00000003000000000000000a0000000000000014000000000000000a000000000000000e000000000000000f",
       "\"10:20:10,14,15\""},
      {Layout::snapshot, Kind::text, "00000000000000000000000a0000000000000014", "\"10:20:\""},
      {Layout::point, Kind::text, "3ff8000000000000bfb999999999999a", "\"(1.5,-0.1)\""},
      {Layout::line, Kind::text, "3ff0000000000000bff00000000000000000000000000000", "\"{1,-1,0}\""},
      {Layout::lseg, Kind::text, "000000000000000000000000000000003ff00000000000003ff0000000000000",
       "\"[(0,0),(1,1)]\""},
      {Layout::box, Kind::text, "3ff00000000000003ff000000000000000000000000000000000000000000000", "\"(1,1),(0,0)\""},
      {Layout::path, Kind::text, "0100000002000000000000000000000000000000003ff00000000000003ff0000000000000",
       "\"((0,0),(1,1))\""},
      {Layout::path, Kind::text, "0000000002000000000000000000000000000000003ff00000000000003ff0000000000000",
       "\"[(0,0),(1,1)]\""},
      {Layout::polygon, Kind::text,
       "00000003000000000000000000000000000000003ff00000000000003ff00000000000003ff00000000000000000000000000000",
       "\"((0,0),(1,1),(1,0))\""},
      {Layout::circle, Kind::text, "000000000000000000000000000000003e112e0be826d695", "\"<(0,0),1e-09>\""},
      {Layout::point, Kind::text, "7ff80000000000007ff0000000000000", "\"(NaN,Infinity)\""},
      {Layout::tsvector, Kind::text, "000000036361740000010002666174000003c001800240037127745c78000000",
       "\"'cat':2 'fat':1A,2B,3C 'q''t\\\\\\\\x'\""},
      {Layout::tsvector, Kind::text, "00000000", "\"\""},
      {Layout::hstore, Kind::text, "00000003000000016100000001310000000162ffffffff00000003632064000000022265",
       "\"\\\"a\\\"=>\\\"1\\\", \\\"b\\\"=>NULL, \\\"c d\\\"=>\\\"\\\\\\\"e\\\"\""},
      {Layout::hstore, Kind::text, "00000000", "\"\""},
      {Layout::versioned_text, Kind::text, "017b2261223a205b747275652c206e756c6c5d2c202262223a20312e31307d",
       "\"{\\\"a\\\": [true, null], \\\"b\\\": 1.10}\""},
      {Layout::versioned_text, Kind::text, "01242e226122", "\"$.\\\"a\\\"\""},
      {Layout::versioned_text, Kind::text, "01612e622e63", "\"a.b.c\""},
  };
  return table;
}

TEST(BinaryValue, BecomesWhatItsTextBecomes) {
  for (const Row& row : rows()) {
    EXPECT_EQ(json_of(plain(row.layout, row.kind), base::decode_hex(row.hex).value()), row.json) << row.hex;
  }
}

TEST(BinaryValue, ThatIsCutShortOrTooLongIsRefused) {
  for (const Row& row : rows()) {
    if (row.layout == Layout::text || row.layout == Layout::versioned_text || row.layout == Layout::bytea) continue;
    const BinaryShape shape = plain(row.layout, row.kind);
    const std::string bytes = base::decode_hex(row.hex).value();
    EXPECT_EQ(slug_of(shape, bytes + '\0'), "bad_value") << row.hex;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      if (row.layout == Layout::macaddr && cut == 6) continue;  // a short address
      EXPECT_EQ(slug_of(shape, bytes.substr(0, cut)), "bad_value") << row.hex << " cut at " << cut;
    }
  }
}

TEST(BinaryValue, ThatItsTypeCannotHoldIsRefused) {
  const std::vector<Row> table = {
      {Layout::numeric, Kind::text,
       "0001000000000000"
       "2710",
       "a group of 10000"},
      {Layout::numeric, Kind::text, "0000000012340000", "a sign that is none"},
      {Layout::numeric, Kind::text, "0000000000004000", "more scale than there is"},
      {Layout::numeric, Kind::text, "ffff000000000000", "more groups than bytes"},
      {Layout::date, Kind::date, "7ffffffe", "after the last day"},
      {Layout::date, Kind::date, "ffda9796", "before the first day"},
      {Layout::timestamp, Kind::timestamp, "7ffffffffffffffe", "after the last moment"},
      {Layout::timestamptz, Kind::timestamptz, "8000000000000001", "before the first moment"},
      {Layout::time, Kind::time, "000000141dd76001", "after 24:00:00"},
      {Layout::time, Kind::time, "ffffffffffffffff", "before 00:00:00"},
      {Layout::timetz, Kind::timetz,
       "0000000000000000"
       "0000e100",
       "a zone 16 hours away"},
      {Layout::inet, Kind::text,
       "04200004"
       "01020304",
       "another family"},
      {Layout::inet, Kind::text,
       "02210004"
       "01020304",
       "33 bits of 32"},
      {Layout::inet, Kind::text,
       "03200004"
       "01020304",
       "a short address"},
      {Layout::bits, Kind::text, "ffffffff", "a negative count"},
      {Layout::versioned_text, Kind::text, "027b7d", "another version"},
      {Layout::path, Kind::text, "01ffffffff", "more points than bytes"},
      {Layout::snapshot, Kind::text, "ffffffff00000000000000010000000000000001", "more numbers than bytes"},
      {Layout::hstore, Kind::text, "ffffffff", "more pairs than bytes"},
      {Layout::hstore, Kind::text, "00000001ffffffffffffffff", "a key that is null"},
      {Layout::tsvector, Kind::text, "00000001616200", "no end of a lexeme's positions"},
  };
  for (const Row& row : table) {
    EXPECT_EQ(slug_of(plain(row.layout, row.kind), base::decode_hex(row.hex).value()), "bad_value") << row.json;
  }
}

TEST(BinaryValue, ALargeNumericIsWrittenWhole) {
  // 10^131071, with a scale of 3: one group that stands 32767 groups before the point.
  const std::string bytes = base::decode_hex("00017fff0000000303e8").value();
  EXPECT_EQ(json_of(plain(Layout::numeric, Kind::text), bytes), "\"1" + std::string(131071, '0') + ".000\"");
}

TEST(BinaryValue, ArraysAreJsonUnlessALowerBoundIsNotOne) {
  const BinaryShape numbers = holding(Layout::array, Kind::array, {plain(Layout::int4, Kind::integer, 23)});
  const std::string seven = sized(four(7));
  EXPECT_EQ(json_of(numbers, array_head(23, {})), "[]");
  EXPECT_EQ(json_of(numbers, array_head(23, {{0}})), "[]");
  EXPECT_EQ(json_of(numbers, array_head(23, {{2}}) + seven + kNull), "[7,null]");
  EXPECT_EQ(json_of(numbers, array_head(23, {{2}, {1}}) + seven + kNull), "[[7],[null]]");
  EXPECT_EQ(json_of(numbers, array_head(23, {{1}, {1}, {1}, {1}, {1}, {1}}) + seven), "[[[[[[7]]]]]]");
  EXPECT_EQ(json_of(numbers, array_head(23, {{2, 0}}) + seven + kNull), "\"[0:1]={7,NULL}\"");
  EXPECT_EQ(json_of(numbers, array_head(23, {{1}, {2, 0xFFFFFFFE}}) + seven + seven), "\"[1:1][-2:-1]={{7,7}}\"");

  BinaryShape boxes = holding(Layout::array, Kind::array, {plain(Layout::text, Kind::text, 603)});
  boxes.delimiter = ';';
  EXPECT_EQ(json_of(boxes, array_head(603, {{2}}) + sized("a") + sized("b")), "[\"a\",\"b\"]");
  EXPECT_EQ(json_of(boxes, array_head(603, {{2, 2}}) + sized("a,") + sized("b;")), "\"[2:3]={a,;\\\"b;\\\"}\"");

  // In an array's text, and there only, what could be taken for something else stands in quotes.
  const BinaryShape texts = holding(Layout::array, Kind::array, {plain(Layout::text, Kind::text, 25)});
  std::string bytes = array_head(25, {{8, 0}});
  for (const char* text : {"a", "", "nULL", "a b", "{", "\"", "\\", "a,b"}) bytes += sized(text);
  EXPECT_EQ(json_of(texts, bytes), R"("[0:7]={a,\"\",\"nULL\",\"a b\",\"{\",\"\\\"\",\"\\\\\",\"a,b\"}")");
  // Elements have their own JSON, but their own text within a text.
  const BinaryShape times = holding(Layout::array, Kind::array, {plain(Layout::timestamptz, Kind::timestamptz, 1184)});
  const std::string moment = sized(std::string(8, '\0'));
  EXPECT_EQ(json_of(times, array_head(1184, {{1}}) + moment), "[\"2000-01-01T00:00:00.000000Z\"]");
  EXPECT_EQ(json_of(times, array_head(1184, {{1, 0}}) + moment), "\"[0:0]={\\\"2000-01-01 00:00:00+00\\\"}\"");
}

TEST(BinaryValue, WildArraysAreRefusedBeforeTheyAreWalked) {
  const BinaryShape numbers = holding(Layout::array, Kind::array, {plain(Layout::int4, Kind::integer, 23)});
  const std::string seven = sized(four(7));
  EXPECT_EQ(slug_of(numbers, array_head(23, {{2}}) + seven), "bad_value");
  EXPECT_EQ(slug_of(numbers, array_head(23, {{1}}) + seven + seven), "bad_value");
  EXPECT_EQ(slug_of(numbers, array_head(23, {{0x7FFFFFFF}, {0x7FFFFFFF}, {0x7FFFFFFF}}) + seven), "bad_value");
  EXPECT_EQ(slug_of(numbers, array_head(23, {{0x7FFFFFFF}, {0}}) + seven), "bad_value");
  EXPECT_EQ(slug_of(numbers, array_head(23, {{0x80000000}}) + seven), "bad_value");
  EXPECT_EQ(slug_of(numbers, array_head(23, {{1}, {1}, {1}, {1}, {1}, {1}, {1}}) + seven), "bad_value");
  EXPECT_EQ(slug_of(numbers, array_head(23, {{1}}) + four(0xFFFFFFFE)), "bad_value");
}

TEST(BinaryValue, RangesAndRecordsAreQuotedAsTheServerDoes) {
  const BinaryShape text = plain(Layout::text, Kind::text, 25);
  const BinaryShape range = holding(Layout::range, Kind::text, {text});
  EXPECT_EQ(json_of(range, "\x01"), "\"empty\"");
  EXPECT_EQ(json_of(range, "\x18"), "\"(,)\"");
  EXPECT_EQ(json_of(range, "\x06" + sized("") + sized("a\"b")), R"x("[\"\",\"a\"\"b\"]")x");
  EXPECT_EQ(json_of(range, "\x02" + sized("a") + sized("b c")), R"x("[a,\"b c\")")x");
  EXPECT_EQ(slug_of(range, "\x06" + sized("a")), "bad_value");
  EXPECT_EQ(slug_of(range, "\x01x"), "bad_value");

  const BinaryShape ranges = holding(Layout::multirange, Kind::text, {range});
  EXPECT_EQ(json_of(ranges, four(0)), "\"{}\"");
  EXPECT_EQ(json_of(ranges, four(2) + sized("\x10" + sized("a")) + sized("\x18")), "\"{(a,),(,)}\"");
  EXPECT_EQ(slug_of(ranges, four(0xFFFFFFFF)), "bad_value");

  const BinaryShape bytes = plain(Layout::bytea, Kind::bytea, 17);
  const BinaryShape record =
      holding(Layout::record, Kind::text, {text, bytes, plain(Layout::boolean, Kind::boolean, 16)});
  EXPECT_EQ(json_of(record, four(3) + four(25) + sized("a,b") + four(17) + sized("\xff") + four(16) + sized("\x01")),
            R"x("(\"a,b\",\"\\\\xff\",t)")x");
  EXPECT_EQ(json_of(record, four(3) + four(25) + sized("") + four(17) + kNull + four(16) + kNull), R"x("(\"\",,)")x");
}

TEST(BinaryValue, ThatHoldsAnotherTypeThanTheCatalogSaidAsksForText) {
  const BinaryShape numbers = holding(Layout::array, Kind::array, {plain(Layout::int4, Kind::integer, 23)});
  EXPECT_EQ(slug_of(numbers, array_head(20, {{1}}) + sized(four(7))), "binary_unknown");
  const BinaryShape record = holding(Layout::record, Kind::text, {plain(Layout::text, Kind::text, 25)});
  EXPECT_EQ(slug_of(record, four(2) + four(25) + sized("a") + four(25) + sized("b")), "binary_unknown");
  EXPECT_EQ(slug_of(record, four(1) + four(23) + sized("a")), "binary_unknown");
  EXPECT_EQ(slug_of(plain(Layout::unknown, Kind::text), "a"), "binary_unknown");
  EXPECT_EQ(slug_of(plain(Layout::sent_as_text, Kind::text), "a"), "binary_unknown");
}

TEST(BinaryValue, ATypeIsKnownByItsFunctionsOnly) {
  EXPECT_EQ(value::layout_of({"", "textsend", "textout"}, 150000), Layout::text);
  EXPECT_EQ(value::layout_of({"hstore", "hstore_send", "hstore_out"}, 150000), Layout::hstore);
  EXPECT_EQ(value::layout_of({"", "hstore_send", "hstore_out"}, 150000), Layout::unknown);
  EXPECT_EQ(value::layout_of({"other", "textsend", "textout"}, 150000), Layout::unknown);
  EXPECT_EQ(value::layout_of({"", "textsend", "pg_node_tree_out"}, 150000), Layout::unknown);
  EXPECT_EQ(value::layout_of({"", "regclasssend", "regclassout"}, 150000), Layout::unknown);
  EXPECT_EQ(value::layout_of({"", "", "aclitemout"}, 150000), Layout::sent_as_text);
  EXPECT_EQ(value::layout_of({"", "interval_send", "interval_out"}, 160000), Layout::finite_interval);
  EXPECT_EQ(value::layout_of({"", "interval_send", "interval_out"}, 170000), Layout::interval);
}

std::string text_of(double number) {
  char text[value::kFloatTextBytes];
  return {text, value::write_shortest(text, number)};
}
std::string text_of(float number) {
  char text[value::kFloatTextBytes];
  return {text, value::write_shortest(text, number)};
}

// From the server, which was asked for millions of others once: decimals half way between two numbers are not short enough.
TEST(FloatText, IsTheServersAlsoWhereTheStandardLibraryHasAShorterOne) {
  EXPECT_EQ(text_of(1e23), "9.999999999999999e+22");
  EXPECT_EQ(text_of(std::bit_cast<double>(0x4397789a90c79810U)), "4.2281790167305523e+17");
  EXPECT_EQ(text_of(std::bit_cast<double>(0x4354bf18c7f93214U)), "2.3358450757322832e+16");
  EXPECT_EQ(text_of(std::bit_cast<float>(0x4c6dc09eU)), "6.2325368e+07");
  EXPECT_EQ(text_of(9007199254740992.0), "9.007199254740992e+15");
  EXPECT_EQ(text_of(2.2250738585072014e-308), "2.2250738585072014e-308");
  EXPECT_EQ(text_of(4.35), "4.35");
  EXPECT_EQ(text_of(999999.0F), "999999");
  EXPECT_EQ(text_of(1000000.0F), "1e+06");
  EXPECT_EQ(text_of(16777216.0F), "1.6777216e+07");
}

}  // namespace
