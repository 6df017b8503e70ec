#include "s3/answer_xml.h"

#include <gtest/gtest.h>

namespace systole {
namespace {

constexpr const char* listing =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><Prefix/>"
    "<IsTruncated>true</IsTruncated><Contents><Key>a &amp; b</Key><Size>6</Size><Owner><ID>x</ID></Owner></Contents>"
    "<Contents><Key>&#252;&#x1F600;</Key></Contents><NextContinuationToken>t=</NextContinuationToken></"
    "ListBucketResult>";

TEST(s3_answer_xml, gives_the_elements_with_text) {
  const auto elements = read_answer_xml(listing);
  ASSERT_TRUE(elements) << elements.error().message;
  std::vector<std::string> keys;
  for (const auto& [name, text] : *elements)
    if (name == "Key") keys.push_back(text);
  EXPECT_EQ(keys, (std::vector<std::string>{"a & b", "ü😀"}));
  EXPECT_EQ(first_element(*elements, "NextContinuationToken"), "t=");
  EXPECT_EQ(first_element(*elements, "Prefix"), "");
  EXPECT_EQ(first_element(*elements, "Contents"), "") << "it has elements";
}

TEST(s3_answer_xml, what_is_cut_off_is_noticed_wherever) {
  const std::string whole = listing;
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto elements = read_answer_xml(std::string_view(whole).substr(0, length));
    ASSERT_FALSE(elements) << length;
    EXPECT_EQ(elements.error().code, error_code::unavailable);
  }
  for (const char* broken :
       {"", "text", "<a></b>", "<a>&unknown;</a>", "<a>&#0;</a>", "<a>&#xFFFFFFFF;</a>", "</a>", "<a>"})
    EXPECT_FALSE(read_answer_xml(broken)) << broken;
}

}  // namespace
}  // namespace systole
