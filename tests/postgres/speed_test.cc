#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>

#include "sink_setup.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace {

schema wide_rows() {
  return {{{"id", {type_id::int64}, false},
           {"patient_id", {type_id::text}},
           {"department", {type_id::text}},
           {"amount", {type_id::numeric, 10, 2}},
           {"moment", {type_id::timestamptz}}}};
}

batch rows_from(int64_t first, size_t count, bool changelog) {
  column_builder ids({type_id::int64}, count), patients({type_id::text}, count), departments({type_id::text}, count),
      amounts({type_id::numeric, 10, 2}, count), moments({type_id::timestamptz}, count), kinds({type_id::boolean}, count);
  for (size_t i = 0; i < count; ++i) {
    const int64_t id = first + static_cast<int64_t>(i);
    ids.append<int64_t>(id * 7919 % 1'000'003);
    patients.append_text_copy("patient-" + std::to_string(id));
    departments.append_text_copy(id % 3 == 0 ? "intensive care" : "medicine");
    amounts.append_numeric(id % 100'000, 2);
    moments.append<int64_t>(1'760'000'000'000'000 + id);
    kinds.append<uint8_t>(static_cast<uint8_t>(row_kind::update_after));
  }
  batch made(count, {ids.finish(), patients.finish(), departments.finish(), amounts.finish(), moments.finish()});
  if (changelog) made.set_hidden(hidden::kind, kinds.finish());
  return made;
}

double own_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/// Commits `epochs` of `rows` rows; prints what a row costs from outbox to COMMIT.
void measure(const char* what, bool upsert, int epochs, size_t rows, bool same_keys) {
  sink_setup setup{.upsert = upsert};
  setup.columns = wide_rows();
  temporary_directory folder;
  const auto factory = setup.make(folder.path()).value();
  auto committer = factory->make_committer(1).value();
  auto writer = factory->make_writer(0, 1).value();
  ASSERT_EQ(message_of(committer->recover(epoch_id(0))), "fine");
  double seconds = 0, own = 0, servers = 0;
  for (int e = 0; e < epochs; ++e) {
    for (size_t at = 0; at < rows; at += 4096)
      ASSERT_TRUE(writer->write(rows_from(static_cast<int64_t>((same_keys ? 0 : e * rows) + at), std::min<size_t>(4096, rows - at), upsert)));
    const epoch_id epoch(static_cast<uint64_t>(e) + 1);
    const auto sealed = writer->seal(epoch, false).value();
    ASSERT_TRUE(writer->make_durable(epoch));
    const auto started = std::chrono::steady_clock::now();
    const double own_before = own_cpu_seconds(), servers_before = server().cpu_seconds();
    ASSERT_EQ(message_of(committer->commit({epoch, epoch_id(epoch.value - 1), "uuid", false}, {{0, sealed.committable}})), "fine");
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    own += own_cpu_seconds() - own_before;
    servers += server().cpu_seconds() - servers_before;
  }
  const double total = static_cast<double>(rows) * epochs;
  std::printf("%-34s %9.0f rows/s  %9.0f rows per CPU-second of this process  %9.0f of the server\n", what, total / seconds, total / own, total / servers);
}

/// Not a check: --gtest_also_run_disabled_tests --gtest_filter=*rows_per_second
TEST(postgres_speed, DISABLED_rows_per_second) {
  measure("append", false, 5, 200'000, false);
  measure("upsert, new keys", true, 5, 200'000, false);
  measure("upsert, the same keys", true, 5, 200'000, true);
  measure("append, epochs of 100 rows", false, 200, 100, false);
  measure("upsert, epochs of 100 rows", true, 200, 100, false);
}

}  // namespace
}  // namespace systole::testing
