// Compressed batches: each codec as the other clients' libraries write it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/limits.h"
#include "tests/kafka/protocol/batch_bytes.h"

namespace systole {
namespace record_set_codec_test {

using namespace systole::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string deflated(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string made(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(made.data());
  stream.avail_out = static_cast<uInt>(made.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  made.resize(stream.total_out);
  deflateEnd(&stream);
  return made;
}
std::string gzip(std::string_view text) { return deflated(text, 15 + 16); }

std::string snappy(std::string_view text) {
  size_t size = snappy_max_compressed_length(text.size());
  std::string made(size, '\0');
  EXPECT_EQ(snappy_compress(text.data(), text.size(), made.data(), &size), SNAPPY_OK);
  made.resize(size);
  return made;
}

/// snappy-java's stream, in blocks of 1000 bytes.
std::string snappy_java(std::string_view text) {
  std::string made("\x82SNAPPY\0", 8);
  put(made, int32_t{1});
  put(made, int32_t{1});
  for (; !text.empty(); text.remove_prefix(std::min<size_t>(1000, text.size()))) {
    const std::string block = snappy(text.substr(0, 1000));
    put(made, static_cast<int32_t>(block.size()));
    made += block;
  }
  return made;
}

/// `content_size`: librdkafka's frames have it, Java's do not.
std::string lz4_frame(std::string_view text, bool content_size) {
  LZ4F_preferences_t how{};
  if (content_size) how.frameInfo.contentSize = text.size();
  std::string made(LZ4F_compressFrameBound(text.size(), &how), '\0');
  const size_t size = LZ4F_compressFrame(made.data(), made.size(), text.data(), text.size(), &how);
  EXPECT_FALSE(LZ4F_isError(size));
  made.resize(size);
  return made;
}
std::string lz4(std::string_view text) { return lz4_frame(text, false); }
std::string lz4_sized(std::string_view text) { return lz4_frame(text, true); }

std::string zstd(std::string_view text) {
  std::string made(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress(made.data(), made.size(), text.data(), text.size(), 3);
  EXPECT_FALSE(ZSTD_isError(size));
  made.resize(size);
  return made;
}

struct codec {
  const char* name;
  kafka_codec bits;
  std::string (*compress)(std::string_view);
};
void PrintTo(const codec& it, std::ostream* out) { *out << it.name; }

class kafka_codecs : public ::testing::TestWithParam<codec> {
 protected:
  std::string compressed(written_batch batch) const {
    batch.attributes = static_cast<int16_t>(GetParam().bits);
    batch.compress = GetParam().compress;
    return bytes_of(batch);
  }
};

TEST_P(kafka_codecs, gives_what_was_compressed_and_what_follows) {
  const std::string batches = compressed({.base_offset = 7, .records = {{.key = "k", .value = "first"}, {}, {.value = ""}}}) + values_at(10, {"plain"}) +
                              compressed({.base_offset = 11, .records = {{.value = "last"}}});
  EXPECT_THAT(texts_of(batches, {.from = 7, .check_crcs = true}), ElementsAre("7=first", "8=-", "9=", "10=plain", "11=last"));
  EXPECT_THAT(texts_of(batches, {.from = 9}), ElementsAre("9=", "10=plain", "11=last"));
}

TEST_P(kafka_codecs, gives_what_was_compressed_to_a_hundredth) {
  written_batch batch;
  for (int i = 0; i < 20; ++i) batch.records.push_back({.value = std::string(100'000, static_cast<char>('a' + i))});
  buffer_pool pool;
  kafka_record_set set = set_of(compressed(batch), pool);
  kafka_record record;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(set.next(record)) << i;
    EXPECT_EQ(record.value, *batch.records[static_cast<size_t>(i)].value) << i;
    EXPECT_GE(record.begin, set.block().bytes.get());
    EXPECT_LE(record.headers.data() + record.headers.size(), set.block().end());
  }
  // Decoders read on behind the last one.
  EXPECT_EQ(std::string_view(set.block().end(), kafka_block::padding), std::string(kafka_block::padding, '\0'));
  EXPECT_FALSE(set.next(record));
  EXPECT_FALSE(set.problem());
}

TEST_P(kafka_codecs, bytes_that_are_cut_off_are_corrupt) {
  std::string records;
  for (int i = 0; i < 20; ++i) records += record_bytes({.value = "value " + std::to_string(i)}, i);
  const std::string whole = GetParam().compress(records);
  buffer_pool pool;
  ASSERT_TRUE(kafka_decompress(GetParam().bits, whole, pool));
  for (size_t size = 0; size < whole.size(); ++size) {
    const kafka_block cut = block_of(whole.substr(0, size), 0);
    const auto made = kafka_decompress(GetParam().bits, {cut.bytes.get(), size}, pool);
    // A stream of blocks may end behind each of them: the records tell then.
    if (made) EXPECT_LT(made->size, records.size()) << size;
    else EXPECT_EQ(made.error().code, error_code::corrupt) << size;
  }
}

TEST_P(kafka_codecs, other_bytes_are_corrupt) {
  buffer_pool pool;
  const auto made = kafka_decompress(GetParam().bits, std::string(500, '\xfe'), pool);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, error_code::corrupt);
  std::string batch = compressed({.records = {{.value = "a"}}});
  batch.replace(61, batch.size() - 61, batch.size() - 61, '\xfe');
  EXPECT_THAT(texts_of(batch), ElementsAre(HasSubstr("codec")));
}

INSTANTIATE_TEST_SUITE_P(each, kafka_codecs,
                         ::testing::Values(codec{"gzip", kafka_codec::gzip, gzip}, codec{"snappy", kafka_codec::snappy, snappy},
                                           codec{"snappy_java", kafka_codec::snappy, snappy_java}, codec{"lz4", kafka_codec::lz4, lz4},
                                           codec{"lz4_sized", kafka_codec::lz4, lz4_sized}, codec{"zstd", kafka_codec::zstd, zstd}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(kafka_decompress, ends_with_the_largest_batch) {
  buffer_pool pool;
  const std::string large(limits::kafka_batch_bytes + 1, ' ');
  for (const auto& [bits, bytes] : {std::pair(kafka_codec::zstd, zstd(large)), {kafka_codec::snappy, std::string("\xff\xff\xff\xff\x0f")}}) {
    const auto made = kafka_decompress(bits, bytes, pool);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, error_code::limit_exceeded);
  }
}

TEST(kafka_decompress, names_a_codec_that_is_not_known) {
  EXPECT_THAT(texts_of(bytes_of({.records = {{.value = "a"}}, .attributes = 5})), ElementsAre(HasSubstr("(5)")));
}

}  // namespace record_set_codec_test
}  // namespace systole
