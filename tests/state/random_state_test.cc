#include <cstdlib>
#include <random>

#include "tests/state/state_model.h"
#include "tests/support/seed.h"

namespace systole::testing {
namespace {

/// Which backend, and with how much memory: with very little, entries go down and come up all the time.
struct backend {
  const char* name;
  bool in_memory;
  size_t memory_bytes;
  bool evicts;
  uint64_t ingested = task_state_options().least_ingest_bytes;
};
void PrintTo(const backend& what, std::ostream* out) { *out << what.name; }

class random_state_test : public ::testing::TestWithParam<backend> {
 protected:
  modelled_state make_state(modelled_state::sizes of) {
    of.ingested = GetParam().ingested;
    return modelled_state(scratch_.path(), *store_, GetParam().in_memory, GetParam().memory_bytes, seed_, of);
  }
  scratch_directory scratch_;
  std::unique_ptr<checkpoint_store> store_ =
      must(open_directory_store(posix_file_system(), scratch_.path() + "/store", "job"));
  const uint64_t seed_ = make_seed();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "SYSTOLE_SEED=" + std::to_string(seed_)};
};

TEST_P(random_state_test, equals_ordered_maps_across_snapshots_crashes_and_rescaling) {
  std::mt19937_64 random(seed_);
  modelled_state state = make_state({});
  const uint32_t parallelisms[] = {1, 3, 2, 1};
  state.open(1);
  uint64_t epoch = 0;
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    state.random_operations(200);
    switch (random() % 5) {
      case 0: state.abandon_snapshot(++epoch); break;
      case 1: state.open(parallelisms[random() % 4]); break;
      default: state.snapshot(++epoch);
    }
    if (round % 10 == 0) state.check_all();
  }
  state.snapshot(++epoch);
  for (const uint32_t parallelism : {1u, 3u, 2u}) {
    state.open(parallelism);
    state.check_all();
    state.snapshot(++epoch);
  }
  if (GetParam().evicts) {
    EXPECT_TRUE(state.has_base());
  }
  ASSERT_TRUE(state.load_all());
  state.check_all();
}

TEST_P(random_state_test, keeps_the_chain_short_over_many_epochs) {
  modelled_state state = make_state({});
  state.open(1);
  const uint64_t epochs = GetParam().evicts ? 40 : 300;  // with RocksDB an epoch takes a tenth of a second
  for (uint64_t epoch = 1; epoch < epochs && !HasFailure(); ++epoch) {
    state.random_operations(20);
    state.snapshot(epoch);
    ASSERT_LT(state.most_files(), 80);
  }
  state.open(2);
  state.check_all();
}

INSTANTIATE_TEST_SUITE_P(backends, random_state_test,
                         ::testing::Values(backend{"memory", true, 64 << 20, false},
                                           backend{"rocksdb", false, 64 << 20, false},
                                           backend{"evicting", false, 64 << 10, true},
                                           backend{"ingesting", false, 64 << 20, true, 4 << 10},
                                           backend{"ingesting_and_evicting", false, 64 << 10, true, 16 << 10}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace systole::testing
