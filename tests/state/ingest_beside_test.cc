// Deltas that have outgrown their limit go into RocksDB beside the snapshots that follow.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "tests/state/state_fixture.h"

namespace systole::testing {
namespace {

/// A store in which a base's files wait until they are let through, or are refused. The test's own thread may not put them.
class held_store final : public checkpoint_store {
 public:
  explicit held_store(checkpoint_store& under) : under_(under) {}
  void let_through() { decide(true, false); }
  void refuse() { decide(true, true); }

  result<proto::FileReference> put_file(const std::string& local_path, uint64_t bytes, uint64_t xxh3) override {
    if (local_path.find("-checkpoint/") != std::string::npos) {
      if (std::this_thread::get_id() == test_) return fail(error_code::internal, "a snapshot puts the base");
      std::unique_lock lock(mutex_);
      decided_.wait(lock, [this] { return open_; });
      if (refused_) return fail(error_code::disk_full, "no space (injected)");
    }
    return under_.put_file(local_path, bytes, xxh3);
  }
  result<std::string> path_of(const proto::FileReference& file) override { return under_.path_of(file); }
  result<void> verify(const proto::FileReference& file) override { return under_.verify(file); }
  result<proto::FileReference> put_metadata(const proto::CheckpointMetadata& metadata) override { return under_.put_metadata(metadata); }
  result<proto::CheckpointMetadata> read_metadata(const proto::FileReference& file) override { return under_.read_metadata(file); }
  result<void> append(proto::LogRecord record) override { return under_.append(std::move(record)); }
  result<std::vector<proto::LogRecord>> read_log() override { return under_.read_log(); }
  result<void> collect_garbage(uint32_t retained) override { return under_.collect_garbage(retained); }
  result<void> clear() override { return under_.clear(); }

 private:
  void decide(bool open, bool refused) {
    {
      const std::lock_guard lock(mutex_);
      open_ = open;
      refused_ = refused;
    }
    decided_.notify_all();
  }

  checkpoint_store& under_;
  const std::thread::id test_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable decided_;
  bool open_ = false, refused_ = false;
};

constexpr size_t value_bytes = 96;

class ingest_beside : public ::testing::Test {
 protected:
  void SetUp() override {
    state_ = opened_in("work", {});
    table_ = must(state_->open_values(table_named("counts", value_bytes)));
  }
  void TearDown() override { held_.let_through(); }  // for the state's thread, which its destruction waits for

  std::unique_ptr<task_state> opened_in(const std::string& folder, const std::vector<restored_state>& restored) {
    task_state_options options = options_in(scratch_.path() + "/" + folder, held_, false);
    options.least_ingest_bytes = 5'000;
    return must(open_task_state(options, restored));
  }
  /// Sets the values of keys `from` to `to` to `value`.
  void set(int from, int to, int value) {
    std::vector<std::string> names;
    for (int i = from; i < to; ++i) names.push_back("key " + std::to_string(i));
    std::vector<state_entry> out(names.size());
    const encoded_keys keys = keys_of(names);
    must(table_->find_or_insert(keys, {}, out));
    must(table_->find_for_update(keys, {}, out));
    for (const state_entry& each : out) each.value[0] = std::byte(value);
    for (const std::string& each : names) wanted_[each] = value;
  }
  result<proto::KeyedStateHandle> snapshot() { return must(state_->begin_snapshot(epoch_id(++epoch_)))->write(); }

  /// Keys and values of a state that is restored from a snapshot.
  std::map<std::string, int> restored(const proto::KeyedStateHandle& handle) {
    restored_state saved;
    saved.handle = handle;
    for (proto::TableDescriptor& each : state_->descriptors("step")) saved.tables.push_back({std::move(each), "step"});
    const auto state = opened_in("again" + std::to_string(++restores_), {saved});
    const auto table = must(state->open_values(table_named("counts", value_bytes)));
    std::map<std::string, int> found;
    for (const auto& [name, value] : wanted_) {
      std::vector<state_entry> out(1);
      must(table->find(keys_of({name}), {}, out));
      if (out[0].value) found[name] = static_cast<int>(out[0].value[0]);
    }
    return found;
  }

  scratch_directory scratch_;
  std::unique_ptr<checkpoint_store> store_ = must(open_directory_store(posix_file_system(), scratch_.path() + "/store", "job"));
  held_store held_{*store_};
  std::unique_ptr<task_state> state_;
  value_table* table_ = nullptr;
  std::map<std::string, int> wanted_;
  uint64_t epoch_ = 0;
  int restores_ = 0;
};

TEST_F(ingest_beside, snapshots_are_written_meanwhile_and_each_is_whole) {
  set(0, 60, 1);
  EXPECT_EQ(must(snapshot()).base_size(), 0);
  set(50, 70, 2);
  const proto::KeyedStateHandle meanwhile = must(snapshot());
  EXPECT_EQ(meanwhile.base_size(), 0);
  EXPECT_EQ(meanwhile.deltas_size(), 2);
  const auto then = wanted_;
  held_.let_through();
  proto::KeyedStateHandle later;
  for (int tries = 0; later.base_size() == 0 && tries < 2'000; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the chain's thread works meanwhile
    set(0, 1, 3);
    later = must(snapshot());
  }
  ASSERT_GT(later.base_size(), 0);
  EXPECT_EQ(restored(meanwhile), then);
  EXPECT_EQ(restored(later), wanted_);
}

TEST_F(ingest_beside, changes_that_come_faster_wait) {
  set(0, 60, 1);
  must(snapshot());
  set(0, 60, 2);
  must(snapshot());
  set(0, 60, 3);
  auto third = must(state_->begin_snapshot(epoch_id(++epoch_)));
  std::atomic<bool> written{false};
  std::thread writer([&] {
    must(third->write());
    written = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(written) << "more than twice the limit is not ingested";
  held_.let_through();
  writer.join();
  EXPECT_TRUE(written);
}

TEST_F(ingest_beside, its_failure_ends_the_next_snapshot) {
  set(0, 60, 1);
  must(snapshot());
  held_.refuse();
  result<proto::KeyedStateHandle> later = proto::KeyedStateHandle();
  for (int tries = 0; later && tries < 2'000; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the chain's thread works meanwhile
    set(0, 1, tries % 100);
    later = snapshot();
  }
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, error_code::disk_full);
}

}  // namespace
}  // namespace systole::testing
