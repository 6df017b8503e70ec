#include "kafka/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace systole {
namespace crc32c_test {

/// The examples of RFC 3720, appendix B.4.
TEST(crc32c, is_the_published_one) {
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i)), descending.push_back(static_cast<char>(31 - i));
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(crc32c(descending), 0x113fdb5cu);
  constexpr unsigned char read_command[48] = {0x01, 0xc0, 0, 0, 0, 0,    0, 0, 0, 0, 0, 0,    0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
                                              0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(crc32c({reinterpret_cast<const char*>(read_command), sizeof read_command}), 0xd9963a56u);
}

TEST(crc32c, takes_any_number_of_bytes) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // the check value of the algorithm's catalogues
  // At any place in memory.
  const std::string shifted = "..123456789..";
  for (size_t begin = 0; begin < 3; ++begin)
    EXPECT_EQ(crc32c(std::string_view(shifted.substr(2 - begin)).substr(begin, 9)), 0xe3069283u) << begin;
}

}  // namespace crc32c_test
}  // namespace systole
