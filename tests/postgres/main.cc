#include <gtest/gtest.h>

#include <cstdio>

#include "postgres_server.h"

namespace systole::testing {
namespace {
std::unique_ptr<postgres_server> shared;
}
postgres_server& server() { return *shared; }
}  // namespace systole::testing

int main(int count, char** words) {
  ::testing::InitGoogleTest(&count, words);
  using namespace systole::testing;
  if (!GTEST_FLAG_GET(list_tests)) {
    shared = postgres_server::make();
    if (!shared) {
      std::puts("skipped: PostgreSQL 15 is not installed (postgresql-15)");
      return 0;
    }
  }
  const int failed = RUN_ALL_TESTS();
  shared.reset();
  return failed;
}
