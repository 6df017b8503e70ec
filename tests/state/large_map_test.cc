#include "state/tables/large_map.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "tests/support/seed.h"

namespace systole::testing {
namespace {

using text_map = std::map<std::string, std::string>;

text_map all_of(const large_map& map, bool backwards) {
  text_map got;
  std::string last;
  const auto visit = [&](std::string_view subkey, std::string_view value) {
    EXPECT_TRUE(got.empty() || (backwards ? subkey < last : subkey > last)) << subkey << " after " << last;
    last = subkey;
    EXPECT_TRUE(got.emplace(subkey, value).second);
    return true;
  };
  EXPECT_TRUE(backwards ? map.scan_backwards("", "", visit) : map.scan("", "", visit));
  return got;
}

TEST(large_map_test, keeps_what_is_put_in_descending_order) {
  large_map map({});
  text_map model;
  for (int i = 9999; i >= 1000; --i) {
    EXPECT_TRUE(map.put(std::to_string(i), "value"));
    model[std::to_string(i)] = "value";
  }
  EXPECT_EQ(all_of(map, false), model);
  EXPECT_EQ(all_of(map, true), model);
  EXPECT_EQ(map.get("1000"), "value");
}

TEST(large_map_test, equals_an_ordered_map_under_random_operations) {
  const uint64_t seed = make_seed();
  SCOPED_TRACE("SYSTOLE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    large_map map({});
    text_map model;
    const uint64_t keys = 1 + random() % 3000;
    for (int i = 0; i < 4000; ++i) {
      const std::string subkey = std::to_string(random() % keys);
      if (random() % 3 == 0) {
        EXPECT_EQ(map.erase(subkey), model.erase(subkey) == 1);
      } else {
        const std::string value(random() % (random() % 50 == 0 ? 3000 : 60), 'v');
        EXPECT_EQ(map.put(subkey, value), !model.contains(subkey));
        model[subkey] = value;
      }
    }
    ASSERT_EQ(all_of(map, false), model);
    ASSERT_EQ(all_of(map, true), model);
    for (const auto& [subkey, value] : model) ASSERT_EQ(map.get(subkey), value);
    EXPECT_EQ(map.empty(), model.empty());
  }
}

}  // namespace
}  // namespace systole::testing
