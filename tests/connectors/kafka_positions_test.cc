// The saved positions of a Kafka source: a stored format (docs/format/kafka_positions.md).
#include "connectors/kafka/kafka_positions.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "tests/data/golden.h"

namespace systole::testing {
namespace kafka_positions_test {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    out.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return out;
}

std::string unhex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return out;
}

bool equal(const kafka_position& a, const kafka_position& b) {
  return a.next == b.next && a.stop == b.stop && a.records == b.records && a.newest == b.newest && a.announced == b.announced;
}

const kafka_positions two{
    {0, {.next = 0x0102030405060708, .stop = kafka_position::no_stop, .records = 2049, .newest = 1'767'225'600'000'001, .announced = 1'767'225'600'000'000}},
    {300, {.next = 0, .stop = 70'000, .records = 0, .newest = watermark_none, .announced = watermark_none}}};

TEST(kafka_positions, match_their_golden_file) {
  expect_golden("kafka_positions_v1.txt", {{"no partition", hex(encode_kafka_positions("adt.v1", {}))},
                                           {"two partitions", hex(encode_kafka_positions("adt.v1", two))}});
}

TEST(kafka_positions, golden_bytes_are_read_back) {
  std::ifstream file(SYSTOLE_SOURCE_DIR "/docs/format/golden/kafka_positions_v1.txt");
  std::vector<std::string> snapshots;
  for (std::string line; std::getline(file, line);) snapshots.push_back(unhex(line.substr(line.find(": ") + 2)));
  ASSERT_EQ(snapshots.size(), 2u);
  const auto read = decode_kafka_positions("adt.v1", snapshots);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), two.size());
  for (const auto& [partition, position] : two) EXPECT_TRUE(equal(read->at(partition), position)) << partition;
}

TEST(kafka_positions, another_version_is_refused_by_its_number) {
  for (const uint32_t version : {0u, 2u, 0x01000000u}) {
    std::string snapshot = encode_kafka_positions("adt.v1", two);
    std::memcpy(snapshot.data(), &version, sizeof version);
    // Whatever it holds behind its version.
    for (const std::string& each : {snapshot, snapshot.substr(0, sizeof version)}) {
      const auto refused = decode_kafka_positions("adt.v1", {each});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, error_code::incompatible);
      for (const std::string& part : {std::string("adt.v1"), "version " + std::to_string(version), std::string("reads version 1")})
        EXPECT_NE(refused.error().message.find(part), std::string::npos) << refused.error().message;
    }
  }
}

TEST(kafka_positions, every_cut_and_every_byte_too_many_is_refused) {
  const std::string whole = encode_kafka_positions("adt.v1", two);
  for (size_t size = 1; size < whole.size(); ++size) {
    const auto cut = decode_kafka_positions("adt.v1", {whole.substr(0, size)});
    ASSERT_FALSE(cut) << size;
    EXPECT_NE(cut.error().message.find("adt.v1"), std::string::npos) << cut.error().message;
  }
  EXPECT_FALSE(decode_kafka_positions("adt.v1", {whole + "x"}));
  // A reader without partitions yet may have had nothing to say.
  EXPECT_TRUE(decode_kafka_positions("adt.v1", {""}).value().empty());
}

}  // namespace kafka_positions_test
}  // namespace systole::testing
