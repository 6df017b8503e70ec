#include "formats/line_scanner.h"

#include <gtest/gtest.h>

#include <string>

namespace systole {
namespace line_scanner_test {

TEST(scan_text, sees_each_byte_of_the_text_and_none_behind_it) {
  for (size_t size = 0; size < 200; ++size) {
    const std::string behind(64, '\n'), marks(64, '\\');
    for (const std::string& rest : {behind, marks, std::string(64, 'x')}) {
      const scanned_text none = scan_text((std::string(size, 'x') + rest).data(), size, '\\');
      EXPECT_FALSE(none.has_end || none.has_mark) << size;
    }
    for (size_t at = 0; at < size; ++at) {
      std::string text = std::string(size, 'x') + marks;
      text[at] = '\n';
      scanned_text seen = scan_text(text.data(), size, '\\');
      EXPECT_TRUE(seen.has_end && !seen.has_mark) << at << " of " << size;
      text = std::string(size, 'x') + behind;
      text[at] = '\\';
      seen = scan_text(text.data(), size, '\\');
      EXPECT_TRUE(seen.has_mark && !seen.has_end) << at << " of " << size;
    }
  }
}

/// Long windows of known lines: more than a decoder takes at once.
TEST(scan_lines, and_scan_text_agree) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::string(static_cast<size_t>(i * 7 % 90), 'a') + (i % 11 == 0 ? "\\" : "") + std::string(static_cast<size_t>(i % 13), 'b') + "\n";
  const size_t size = text.size();
  text += std::string(64, '\0');
  scanned_lines lines;
  scan_lines(text.data(), size, '\\', 10'000, lines);
  ASSERT_EQ(lines.ends.size(), 5000u);
  size_t begin = 0;
  for (size_t i = 0; i < lines.ends.size(); ++i) {
    const scanned_text seen = scan_text(text.data() + begin, lines.ends[i] - begin, '\\');
    EXPECT_FALSE(seen.has_end);
    EXPECT_EQ(seen.has_mark, lines.marked[i]) << i;
    begin = lines.ends[i] + 1;
  }
}

}  // namespace line_scanner_test
}  // namespace systole
