#include "tests/state/checkpointed_run.h"

#include <functional>

namespace systole::testing {
namespace {

constexpr int changes_per_epoch = 40;
constexpr size_t memory_bytes = 64 << 10;

struct change {
  std::string key;
  std::string subkey;
  std::string value;
  bool erased;
};

/// The `number`th change of an epoch; a quarter of them erase.
change change_of(uint64_t epoch, int number) {
  const uint64_t mixed = (epoch * 1'000 + static_cast<uint64_t>(number)) * 0x9e3779b97f4a7c15ULL;
  const std::string text = std::to_string(epoch) + "/" + std::to_string(number);
  return {"key " + std::to_string((mixed >> 20) % 120), "subkey " + std::to_string((mixed >> 40) % 5),
          text + std::string((mixed >> 50) % 200, 'v'), (mixed >> 10) % 4 == 0};
}

using text_map = std::map<std::string, std::string>;

}  // namespace

result<std::optional<proto::CheckpointMetadata>> checkpointed_run::last_complete(checkpoint_store& store) {
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store.read_log());
  if (log.empty()) return std::optional<proto::CheckpointMetadata>();
  SYSTOLE_ASSIGN(proto::CheckpointMetadata metadata, store.read_metadata(log.back().completed().metadata()));
  return std::optional(std::move(metadata));
}

result<std::unique_ptr<task_state>> checkpointed_run::open_state(checkpoint_store& store,
                                                                 const std::optional<proto::CheckpointMetadata>& from) {
  SYSTOLE_TRY(files_.remove_all(root_ + "/work"));
  SYSTOLE_TRY(files_.create_directories(root_ + "/work"));
  task_state_options options = options_in(root_ + "/work", store, in_memory_);
  options.files = &files_;
  options.memory_bytes = memory_bytes;
  std::vector<restored_state> restored;
  if (from) {
    restored.push_back({from->tasks(0).keyed_state(), {}});
    for (const proto::TableDescriptor& each : from->tasks(0).nodes(0).tables()) restored[0].tables.push_back({each, "step"});
  }
  return open_task_state(options, restored);
}

result<void> checkpointed_run::check(value_table& values, map_table& lists, uint64_t epoch) {
  text_map wanted_values, wanted_lists;
  for (uint64_t each = 1; each <= epoch; ++each) {
    for (int i = 0; i < changes_per_epoch; ++i) {
      const change made = change_of(each, i);
      if (made.erased) {
        wanted_values.erase(made.key);
        wanted_lists.erase(made.key + made.subkey);
      } else {
        wanted_values[made.key] = made.value;
        wanted_lists[made.key + made.subkey] = made.value;
      }
    }
  }
  text_map got_values, got_lists;
  SYSTOLE_TRY(values.for_each([&](std::string_view key, std::string_view value) {
    got_values.emplace(key, value);
    return true;
  }));
  SYSTOLE_TRY(lists.for_each([&](std::string_view key, std::string_view subkey, std::string_view value) {
    got_lists.emplace(std::string(key) + std::string(subkey), value);
    return true;
  }));
  if (got_values == wanted_values && got_lists == wanted_lists) return {};
  return fail(error_code::internal, "epoch " + std::to_string(epoch) + " came back wrong");
}

result<void> checkpointed_run::complete(checkpoint_store& store, task_state& state, uint64_t epoch) {
  SYSTOLE_ASSIGN(const auto snapshot, state.begin_snapshot(epoch_id(epoch)));
  proto::CheckpointMetadata metadata;
  metadata.set_epoch(epoch);
  metadata.set_job("job");
  SYSTOLE_ASSIGN(*metadata.add_tasks()->mutable_keyed_state(), snapshot->write());
  proto::NodeSnapshot* node = metadata.mutable_tasks(0)->add_nodes();
  for (proto::TableDescriptor& each : state.descriptors("step")) *node->add_tables() = std::move(each);
  proto::LogRecord record;
  record.set_nonce("epoch " + std::to_string(epoch));
  record.mutable_completed()->set_epoch(epoch);
  SYSTOLE_ASSIGN(*record.mutable_completed()->mutable_metadata(), store.put_metadata(metadata));
  SYSTOLE_TRY(store.append(std::move(record)));
  acknowledged_ = epoch;
  return store.collect_garbage(retained_);
}

result<void> checkpointed_run::run_until(uint64_t last) {
  SYSTOLE_ASSIGN(const std::unique_ptr<checkpoint_store> store, open_store());
  SYSTOLE_ASSIGN(const auto from, last_complete(*store));
  const uint64_t begun = from ? from->epoch() : 0;
  if (begun < acknowledged_) {
    return fail(error_code::internal, "epoch " + std::to_string(acknowledged_) +
                                          " was complete and is lost: the last is " + std::to_string(begun));
  }
  SYSTOLE_ASSIGN(const std::unique_ptr<task_state> state, open_state(*store, from));
  SYSTOLE_ASSIGN(value_table* const values, state->open_values(table_named("values")));
  SYSTOLE_ASSIGN(map_table* const lists, state->open_map(table_named("lists")));
  SYSTOLE_TRY(check(*values, *lists, begun));
  for (uint64_t epoch = begun + 1; epoch <= last; ++epoch) {
    for (int i = 0; i < changes_per_epoch; ++i) {
      const change made = change_of(epoch, i);
      const uint64_t hash = hash_key(made.key);
      if (made.erased) {
        SYSTOLE_TRY(values->erase(made.key, hash));
        SYSTOLE_TRY(lists->erase(made.key, hash, made.subkey));
      } else {
        SYSTOLE_TRY(values->put(made.key, hash, made.value));
        SYSTOLE_TRY(lists->put(made.key, hash, made.subkey, made.value));
      }
    }
    SYSTOLE_TRY(complete(*store, *state, epoch));
  }
  return check(*values, *lists, std::max(begun, last));
}

result<uint64_t> checkpointed_run::verify_last() {
  SYSTOLE_ASSIGN(const std::unique_ptr<checkpoint_store> store, open_store());
  SYSTOLE_ASSIGN(const auto last, last_complete(*store));
  if (!last) return uint64_t{0};
  for (const proto::FileReference& file : last->tasks(0).keyed_state().base()) SYSTOLE_TRY(store->verify(file));
  for (const proto::FileReference& file : last->tasks(0).keyed_state().deltas()) SYSTOLE_TRY(store->verify(file));
  return last->epoch();
}

result<std::vector<proto::CheckpointMetadata>> checkpointed_run::complete_epochs() {
  SYSTOLE_ASSIGN(const std::unique_ptr<checkpoint_store> store, open_store());
  SYSTOLE_ASSIGN(const std::vector<proto::LogRecord> log, store->read_log());
  std::vector<proto::CheckpointMetadata> found;
  for (const proto::LogRecord& record : log) {
    auto metadata = store->read_metadata(record.completed().metadata());
    if (metadata) found.push_back(std::move(*metadata));
    else if (metadata.error().code != error_code::not_found) return metadata.error();
  }
  return found;
}

}  // namespace systole::testing
