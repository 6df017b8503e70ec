#pragma once

#include <array>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/state/state_fixture.h"

namespace systole::testing {

/// What the state of all subtasks together should hold, in ordered maps: the oracle.
struct state_model {
  std::map<std::string, std::string> fixed;
  std::map<std::string, std::string> texts;
  std::set<std::string> seen;
  std::map<std::string, std::map<std::string, std::string>> lists;
  std::set<std::pair<timestamp_us, std::string>> timers;

  std::array<uint64_t, 5> counts() const;
};

/// Subtasks of one stage with their tables open, driven by random operations that are applied to a state_model too.
/// Every operation's answer is checked.
class modelled_state {
 public:
  struct sizes {
    int keys = 200;           ///< distinct keys that operations choose from
    int subkeys = 6;          ///< distinct subkeys per key; key 0 gets a thousand times as many
    size_t value_bytes = 40;  ///< longest value
    uint64_t ingested = task_state_options().least_ingest_bytes;  ///< deltas of more bytes, beside the snapshots
  };
  modelled_state(std::string directory, checkpoint_store& store, bool in_memory, size_t memory_bytes, uint64_t seed,
                 sizes of)
      : directory_(std::move(directory)),
        store_(store),
        in_memory_(in_memory),
        memory_bytes_(memory_bytes),
        random_(seed),
        of_(of) {}

  /// Opens `parallelism` subtasks from the last snapshot, and the model as it was then.
  void open(uint32_t parallelism);
  void snapshot(uint64_t epoch);
  /// A snapshot that is begun and never written, as of an aborted checkpoint.
  void abandon_snapshot(uint64_t epoch);
  void random_operations(int count);
  /// Compares everything with the model.
  void check_all();
  /// Uses the state until all that was restored is counted; false where that never comes.
  bool load_all();
  /// True where the last snapshot has files of RocksDB.
  bool has_base() const;
  /// What the tables say that they hold, in the model's order.
  std::array<uint64_t, 5> counts() const;
  uint64_t memory_bytes() const;
  /// Files in the longest handle of the last snapshot.
  int most_files() const;

 private:
  struct subtask {
    std::unique_ptr<task_state> state;
    value_table* fixed = nullptr;
    value_table* texts = nullptr;
    value_table* seen = nullptr;
    map_table* lists = nullptr;
    timer_table* timers = nullptr;
  };
  int pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  std::string random_key();
  std::string random_subkey(const std::string& key);
  std::string random_value();
  subtask& of(const std::string& key);
  void random_batch();
  void random_text_operation();
  void random_list_operation();
  void random_timer_operation();
  void check_scan(const std::string& key);
  void sweep_lists();

  std::string directory_;
  checkpoint_store& store_;
  bool in_memory_;
  size_t memory_bytes_;
  std::mt19937_64 random_;
  sizes of_;
  std::vector<subtask> subtasks_;
  state_model model_;
  state_model saved_model_;
  std::vector<proto::KeyedStateHandle> saved_;
  std::vector<restored_table> saved_tables_;
  bool restored_base_ = false;  ///< opened over a base, which may not have been loaded yet
};

}  // namespace systole::testing
