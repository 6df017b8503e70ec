#include "actors/coordinator/sure_answer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace systole::testing {
namespace {

struct listener {
  std::vector<std::string> heard;
  std::function<void(result<int>)> then() {
    return [this](result<int> made) { heard.push_back(made ? std::to_string(*made) : made.error().message); };
  }
};

TEST(sure_answer, is_given_once) {
  listener it;
  {
    const auto answer = sure_answer<int>(it.then(), fail(error_code::unavailable, "nobody answered"));
    const auto copy = answer;
    copy(7);
    answer(8);
  }
  EXPECT_EQ(it.heard, std::vector<std::string>{"7"});
}

TEST(sure_answer, is_given_where_all_copies_go_away) {
  listener it;
  auto answer = sure_answer<int>(it.then(), fail(error_code::unavailable, "nobody answered"));
  auto copy = answer;
  answer = nullptr;
  EXPECT_TRUE(it.heard.empty());
  copy = nullptr;
  EXPECT_EQ(it.heard, std::vector<std::string>{"nobody answered"});
}

}  // namespace
}  // namespace systole::testing
