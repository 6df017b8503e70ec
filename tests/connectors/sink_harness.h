#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/file_system.h"
#include "connectors/sink.h"
#include "data/batch.h"

namespace systole::testing {

/// One row of the tests' stream (id INT, name TEXT).
struct test_row {
  int32_t id = 0;
  std::string name;
  row_kind kind = row_kind::insert;
};

inline schema test_columns() { return {{{"id", {type_id::int32}}, {"name", {type_id::text}}}}; }

inline batch test_batch(const std::vector<test_row>& rows, bool changelog = false) {
  column_builder ids({type_id::int32}, rows.size()), names({type_id::text}, rows.size()), kinds({type_id::boolean}, rows.size());
  for (const test_row& each : rows) {
    ids.append<int32_t>(each.id);
    names.append_text_copy(each.name);
    kinds.append<uint8_t>(static_cast<uint8_t>(each.kind));
  }
  batch made(rows.size(), {ids.finish(), names.finish()});
  if (changelog) made.set_hidden(hidden::kind, kinds.finish());
  return made;
}

/// A complete checkpoint as the coordinator keeps it.
struct test_checkpoint {
  commit_epoch epoch;
  std::vector<shard_commit> shards;
  std::vector<std::string> snapshots;
  uint64_t position = 0;  ///< epochs of input that it covers
};

/// Plays a task and a coordinator around one sink: runs `inputs` (one entry per epoch: rows of each shard) with a
/// checkpoint behind each, and goes on from the last complete one after a crash.
class sink_run {
 public:
  using make_factory = std::function<result<std::unique_ptr<sink_factory>>()>;
  using input = std::vector<std::vector<batch>>;  ///< [epoch][shard]

  sink_run(make_factory make, input rows) : make_(std::move(make)), rows_(std::move(rows)) {}

  /// Runs to the end, or to the first error.
  result<void> run() {
    SYSTOLE_ASSIGN(factory_, make_());
    SYSTOLE_ASSIGN(committer_, factory_->make_committer(1));
    SYSTOLE_TRY(committer_->recover(last_ ? last_->epoch.epoch : epoch_id(0)));
    if (last_) SYSTOLE_TRY(committer_->commit(last_->epoch, last_->shards));
    const size_t shards = rows_.empty() ? 1 : rows_[0].size();
    writers_.clear();
    for (size_t i = 0; i < shards; ++i) {
      SYSTOLE_ASSIGN(auto writer, factory_->make_writer(static_cast<uint32_t>(i), static_cast<uint32_t>(shards)));
      if (last_) SYSTOLE_TRY(writer->restore(last_->snapshots[i]));
      writers_.push_back(std::move(writer));
    }
    for (uint64_t at = last_ ? last_->position : 0; at < rows_.size(); ++at) {
      for (size_t i = 0; i < shards; ++i) SYSTOLE_TRY(writers_[i]->write(rows_[at][i]));
      SYSTOLE_TRY(pass());
      // Every third epoch number is aborted: sealed, and never completed; its rows join the next.
      if (at % 3 == 1) SYSTOLE_TRY(seal(at + 1, false).first);
      auto [sealed, checkpoint] = seal(at + 1, at + 1 == rows_.size());
      SYSTOLE_TRY(sealed);
      if (after_seal) SYSTOLE_TRY(after_seal(checkpoint));
      last_ = checkpoint;
      SYSTOLE_TRY(pass());  // complete, not committed
      SYSTOLE_TRY(committer_->commit(checkpoint.epoch, checkpoint.shards));
      if (after_commit) SYSTOLE_TRY(after_commit(checkpoint));
      SYSTOLE_TRY(pass());
    }
    return {};
  }

  /// The run dies at its `step`th step from now: after each write, each shard's seal and fsync, each completion and commit.
  void crash_at(uint64_t step) { steps_left_ = step; }
  uint64_t steps() const { return steps_; }

  /// Hooks, for crashes between the steps.
  std::function<result<void>(const test_checkpoint&)> after_seal, after_commit;
  sink_committer& committer() { return *committer_; }
  const std::optional<test_checkpoint>& last() const { return last_; }
  bool ended() const { return last_ && last_->position == rows_.size(); }
  /// Objects of the run that "died".
  void drop() {
    writers_.clear();
    committer_.reset();
    factory_.reset();
  }

 private:
  result<void> pass() {
    ++steps_;
    if (!steps_left_ || (*steps_left_)-- > 0) return {};
    steps_left_.reset();
    return fail(error_code::cancelled, "crash");
  }

  std::pair<result<void>, test_checkpoint> seal(uint64_t position, bool is_final) {
    test_checkpoint made;
    made.epoch = {epoch_id(++number_), last_ ? last_->epoch.epoch : epoch_id(0), "uuid-" + std::to_string(number_), is_final};
    made.position = position;
    for (size_t i = 0; i < writers_.size(); ++i) {
      auto sealed = writers_[i]->seal(made.epoch.epoch, is_final);
      if (!sealed) return {std::move(sealed).error(), made};
      made.snapshots.push_back(writers_[i]->snapshot());
      if (auto alive = pass(); !alive) return {alive, made};
      if (auto durable = writers_[i]->make_durable(made.epoch.epoch); !durable) return {durable, made};
      if (auto alive = pass(); !alive) return {alive, made};
      made.shards.push_back({static_cast<uint32_t>(i), sealed->committable});
    }
    return {{}, made};
  }

  make_factory make_;
  input rows_;
  uint64_t number_ = 0;
  uint64_t steps_ = 0;
  std::optional<uint64_t> steps_left_;
  std::optional<test_checkpoint> last_;
  std::unique_ptr<sink_factory> factory_;
  std::unique_ptr<sink_committer> committer_;
  std::vector<std::unique_ptr<sink_writer>> writers_;
};

/// Two inserts an epoch; as a changelog also corrections and retractions of rows that earlier epochs gave.
inline sink_run::input stream(bool changelog, int epochs = 4) {
  sink_run::input rows;
  for (int e = 0; e < epochs; ++e) {
    std::vector<test_row> epoch = {{10 * e, "first"}, {10 * e + 1, "second"}};
    if (changelog && e > 0) {
      epoch.push_back({10 * (e - 1), "first", row_kind::update_before});
      epoch.push_back({10 * (e - 1), "corrected", row_kind::update_after});
      epoch.push_back({10 * (e - 1) + 1, "second", row_kind::erase});
    }
    rows.push_back({e == 2 && !changelog ? test_batch({}) : test_batch(epoch, changelog)});
  }
  return rows;
}

}  // namespace systole::testing
