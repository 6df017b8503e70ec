#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>

namespace systole {

/// A count that has a binomial distribution lies within 4.5 standard deviations (one false alarm in 150,000; the seed
/// is fixed, so that it does not depend on luck).
inline void expect_share(double count, double of, double expected, const char* what) {
  const double deviation = std::sqrt(of * expected * (1 - expected));
  EXPECT_NEAR(count, of * expected, 4.5 * deviation) << what << ": " << count << " of " << of;
}

/// Pearson's chi-square of counts against shares; the bounds are the 99.99 % points for 1 to 11 degrees of freedom.
inline void expect_shares(const std::map<std::string, uint64_t>& counts, const std::map<std::string, double>& shares,
                          const char* what) {
  constexpr double bounds[] = {0, 15.14, 18.42, 21.11, 23.51, 25.74, 27.86, 29.88, 31.83, 33.72, 35.56, 37.37};
  double total = 0, statistic = 0;
  for (const auto& [word, count] : counts) {
    EXPECT_TRUE(shares.contains(word)) << what << ": " << word;
    total += static_cast<double>(count);
  }
  for (const auto& [word, share] : shares) {
    const auto found = counts.find(word);
    const double seen = found == counts.end() ? 0 : static_cast<double>(found->second);
    statistic += (seen - total * share) * (seen - total * share) / (total * share);
  }
  ASSERT_LT(shares.size() - 1, std::size(bounds));
  EXPECT_LT(statistic, bounds[shares.size() - 1]) << what;
}

}  // namespace systole
