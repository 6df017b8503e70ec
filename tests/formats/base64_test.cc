#include "formats/base64.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

TEST(base64, is_that_of_the_standard) {  // RFC 4648, section 10
  for (const auto& [bytes, text] : {std::pair("", ""),
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(base64, has_all_bytes) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  for (size_t from = 0; from < 4; ++from) EXPECT_EQ(from_base64(to_base64(bytes.substr(from))), bytes.substr(from));
}

TEST(base64, refuses_what_is_none) {
  for (const char* wrong : {"Z", "Zg=", "Zg= =", "Z===", "Zm9v\n", "Zm9-", "=Zm9", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(wrong)) << wrong;
}

}  // namespace
}  // namespace systole
