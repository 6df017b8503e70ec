#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "connectors/kafka/kafka_sink.h"
#include "connectors/sink.h"
#include "tests/support/fault_injecting_file_system.h"
#include "tests/support/temporary_directory.h"

namespace systole::testing {

/// A row of the tests' stream (id INT, name TEXT).
struct kafka_row {
  int32_t id = 0;
  std::optional<std::string> name;
  row_kind kind = row_kind::insert;
};
schema kafka_row_columns();
batch kafka_rows(const std::vector<kafka_row>& rows, bool changelog = false);
/// A sink of these rows to `topic`, JSON, without a key.
proto::Node kafka_sink_node(const std::string& servers, const std::string& topic);

/// Plays a job around one Kafka sink: a source that counts, a coordinator with its checkpoints, and attempts that begin
/// where the last complete checkpoint is. Row `id` goes to shard id % shards.
class kafka_sink_run {
 public:
  struct checkpoint {
    commit_epoch epoch;
    std::vector<shard_commit> shards;
    std::vector<std::string> snapshots;
    int32_t position = 0;
  };
  using change_settings = std::function<void(kafka_sink_settings&)>;

  /// `job`: what tells its transactional ids from other tests'.
  kafka_sink_run(std::string servers, std::string job, std::string topic, change_settings change = {});

  /// Ends what the last attempt left in this process, without a word to the broker, and begins another.
  result<void> begin(uint32_t shards);
  /// Writes `rows` more rows.
  result<void> write(int32_t rows);
  /// Seals the next epoch and stages it at all shards; it is complete only with complete().
  result<void> stage(bool is_final = false);
  void complete();
  result<void> commit();
  /// One epoch with `rows` rows.
  result<void> epoch(int32_t rows);
  void die() { writers_.clear(); }

  /// Called between all steps, within the epochs' too; an error ends what is under way (a crash).
  std::function<result<void>()> between;
  std::vector<std::unique_ptr<sink_writer>> take_writers() { return std::move(writers_); }
  std::vector<std::unique_ptr<sink_writer>>& writers() { return writers_; }
  const std::optional<checkpoint>& last() const { return last_; }
  int32_t position() const { return position_; }
  /// What was missing in the topic, or there twice: empty where each row up to the last commit is there once.
  std::string difference(const std::string& servers) const;
  file_system& files() { return files_; }

 private:
  result<void> pass() { return between ? between() : result<void>(); }
  std::string servers_, job_, topic_;
  change_settings change_;
  temporary_directory folder_;
  fault_injecting_file_system files_{folder_.path()};  // without faults: it spares the disk its syncs
  manual_clock time_;
  std::unique_ptr<sink_factory> factory_;
  std::vector<std::unique_ptr<sink_writer>> writers_;
  std::optional<checkpoint> last_;
  checkpoint staged_;
  uint64_t number_ = 0;
  int32_t position_ = 0;
  uint32_t most_shards_ = 0;
};

}  // namespace systole::testing
