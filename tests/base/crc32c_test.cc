#include "base/crc32c.h"

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

TEST(crc32c, of_two_texts_is_that_of_both) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text.push_back(static_cast<char>(i * 7 + i / 11));
  for (const size_t cut : {0u, 1u, 7u, 40u, 1499u, 2999u, 3000u}) {
    const std::string_view first = std::string_view(text).substr(0, cut), second = std::string_view(text).substr(cut);
    EXPECT_EQ(crc32c_joined(crc32c(first), crc32c(second), second.size()), crc32c(text)) << cut;
  }
}

TEST(crc32c, of_a_long_text_is_that_of_its_parts) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text.push_back(static_cast<char>(i * 13 + i / 253));
  for (const size_t size : {65'535u, 65'536u, 65'537u, 65'559u, 100'003u, 299'999u}) {
    const std::string_view all = std::string_view(text).substr(0, size);
    uint32_t joined = 0;
    for (size_t at = 0; at < size; at += 1000) {
      const std::string_view part = all.substr(at, 1000);
      joined = crc32c_joined(joined, crc32c(part), part.size());
    }
    EXPECT_EQ(crc32c(all), joined) << size;
  }
}

}  // namespace crc32c_test
}  // namespace systole
