#include "connectors/outbox/pending_syncs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/temporary_directory.h"

namespace systole::testing {
namespace pending_syncs_test {

std::shared_ptr<writable_file> make_file(const std::string& path) { return posix_file_system().create(path).value(); }

TEST(pending_syncs, a_file_is_appended_to_while_it_is_synced) {
  const temporary_directory folder;
  pending_syncs syncs(false);
  const auto file = make_file(folder.path() + "/part");
  std::atomic<bool> ended = false;
  uint64_t synced = 0;
  std::thread state([&] {
    while (!ended) {
      const auto any = syncs.sync_all();
      ASSERT_TRUE(any) << any.error().message;
      synced += *any;
    }
  });
  const std::string block(4096, 'x');
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(file->append(block));
    if (i % 10 == 0) syncs.add(file);
  }
  syncs.add_ended(file);
  ended = true;
  state.join();
  ASSERT_TRUE(syncs.sync_all());
  EXPECT_FALSE(file->append(block)) << "it is closed";
  EXPECT_EQ(posix_file_system().read_all(folder.path() + "/part", 1u << 30)->size(), 500 * block.size());
}

TEST(pending_syncs, a_file_of_two_barriers_is_closed_last) {
  const temporary_directory folder;
  pending_syncs syncs(true);
  const auto file = make_file(folder.path() + "/part");
  syncs.add(file);
  syncs.add_ended(file);
  const auto any = syncs.sync_all();
  ASSERT_TRUE(any) << any.error().message;
}

TEST(pending_syncs, tells_whether_there_was_anything) {
  const temporary_directory folder;
  pending_syncs syncs(true);
  EXPECT_FALSE(syncs.sync_all().value());
  syncs.add_ended(make_file(folder.path() + "/part"));
  EXPECT_TRUE(syncs.sync_all().value());
  EXPECT_FALSE(syncs.sync_all().value());
}

/// Fails its first syncs.
class unwilling_file final : public writable_file {
 public:
  explicit unwilling_file(int failures) : failures_(failures) {}
  result<void> append(std::string_view) override { return {}; }
  result<void> sync() override {
    if (failures_-- > 0) return fail(error_code::io, "no");
    synced = true;
    return {};
  }
  result<void> truncate(uint64_t) override { return {}; }
  uint64_t size() const override { return 0; }
  result<void> close() override { return {}; }
  bool synced = false;

 private:
  int failures_;
};

TEST(pending_syncs, what_was_not_synced_stays) {
  pending_syncs syncs(true);
  const auto first = std::make_shared<unwilling_file>(0), second = std::make_shared<unwilling_file>(1);
  syncs.add(first);
  syncs.add_ended(second);
  EXPECT_FALSE(syncs.sync_all());
  EXPECT_TRUE(syncs.sync_all().value());
  EXPECT_TRUE(first->synced && second->synced);
}

}  // namespace pending_syncs_test
}  // namespace systole::testing
