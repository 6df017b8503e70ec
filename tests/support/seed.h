#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace systole::testing {

/// A run's seed: SYSTOLE_SEED where it is set, else a fresh one. Printed with every failure of the scope.
inline uint64_t make_seed() {
  if (const char* given = std::getenv("SYSTOLE_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device()();
}

/// Random decisions of a simulation.
class dice {
 public:
  explicit dice(uint64_t seed) : engine_(seed) {}
  /// In [low, high].
  int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(engine_); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace systole::testing
