#include <gtest/gtest.h>
#include <xxhash.h>

#include "base/file_system.h"
#include "state/store/checkpoint_store.h"
#include "tests/state/state_fixture.h"

namespace systole::testing {
namespace {

/// One directory, opened by several processes: coordinators, which complete epochs, and a worker, which puts files.
class store_takeover_test : public ::testing::Test {
 protected:
  std::unique_ptr<checkpoint_store> open() {
    return must(open_directory_store(posix_file_system(), scratch_.path() + "/store", "job"));
  }

  proto::FileReference put(checkpoint_store& store, const std::string& content) {
    const std::string path = scratch_.path() + "/" + content;
    must(write_file_durably(posix_file_system(), path, content));
    return must(store.put_file(path, content.size(), XXH3_64bits(content.data(), content.size())));
  }

  void complete(checkpoint_store& store, uint64_t epoch, const std::vector<proto::FileReference>& files) {
    proto::CheckpointMetadata metadata;
    metadata.set_epoch(epoch);
    metadata.set_job("job");
    proto::TaskSnapshot* task = metadata.add_tasks();
    for (const proto::FileReference& each : files) *task->mutable_keyed_state()->add_deltas() = each;
    proto::LogRecord record;
    record.set_nonce("epoch " + std::to_string(epoch));
    record.mutable_completed()->set_epoch(epoch);
    *record.mutable_completed()->mutable_metadata() = must(store.put_metadata(metadata));
    must(store.append(std::move(record)));
  }

  scratch_directory scratch_;
};

TEST_F(store_takeover_test, files_of_an_epoch_that_was_under_way_stay) {
  const auto worker = open(), first = open();
  const proto::FileReference old = put(*worker, "old"), early = put(*worker, "early"), left = put(*worker, "left");
  complete(*first, 1, {old});
  // The next one takes over and has epoch 1 committed again, while the worker holds a part of an epoch that was
  // aborted.
  const auto second = open();
  must(second->collect_garbage(1));
  must(second->verify(early));
  complete(*second, 2, {early});
  must(second->collect_garbage(1));
  must(second->verify(early));
  EXPECT_FALSE(second->verify(old).has_value()) << "no retained epoch names it";
  EXPECT_FALSE(second->verify(left).has_value()) << "a crash has left it";
}

/// A table that is the same again is stored by a worker at the moment when the coordinator removes an epoch that had it.
TEST_F(store_takeover_test, a_file_of_equal_content_is_another_file) {
  const auto worker = open(), coordinator = open();
  const proto::FileReference before = put(*worker, "same"), other = put(*worker, "other");
  complete(*coordinator, 1, {before});
  complete(*coordinator, 2, {other});
  const proto::FileReference again = put(*worker, "same");
  must(coordinator->collect_garbage(1));
  EXPECT_FALSE(worker->verify(before).has_value());
  must(worker->verify(again));
}

}  // namespace
}  // namespace systole::testing
