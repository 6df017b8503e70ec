// How a tiered_chain takes over the files of a restored checkpoint.
#include <algorithm>

#include "state/changes/record_order.h"
#include "state/tiered/tiered_chain.h"

namespace systole {
namespace {

std::vector<proto::FileReference> files_of(const google::protobuf::RepeatedPtrField<proto::FileReference>& files) {
  return {files.begin(), files.end()};
}

/// The entries of an old base in some key groups and tables.
class base_stream final : public record_stream {
 public:
  base_stream(const rocks_base& base, key_group_range groups, const std::map<uint32_t, table_kind>& tables)
      : cursor_(base.cursor()), groups_(groups), tables_(tables) {
    seek(groups.first, 0);
  }

  result<bool> next(placed_record& at) override {
    if (std::exchange(on_record_, false)) cursor_.next();
    while (cursor_.valid()) {
      SYSTOLE_TRY(read(table_kind::values, at));
      if (at.group > groups_.last) break;
      const auto table = tables_.lower_bound(at.table.number);
      if (table == tables_.end() || table->first != at.table.number) {
        if (table == tables_.end() && at.group == groups_.last) break;
        seek(table == tables_.end() ? at.group + 1u : at.group, table == tables_.end() ? 0 : table->first);
        continue;
      }
      at.table.kind = table->second;
      SYSTOLE_TRY(read(table->second, at));
      at.record.erased = false;
      at.record.value = cursor_.value();
      on_record_ = true;
      return true;
    }
    SYSTOLE_TRY(cursor_.status());
    return false;
  }

 private:
  void seek(uint32_t group, uint32_t table) {
    std::string start;
    append_state_key_prefix(start, static_cast<uint16_t>(group), table);
    cursor_.seek(start);
  }

  result<void> read(table_kind kind, placed_record& at) {
    if (read_state_key(cursor_.key(), kind, at.group, at.table.number, at.record)) return {};
    return fail(error_code::corrupt, "a key of an old state's RocksDB is malformed: restore an older epoch with --rewind");
  }

  base_cursor cursor_;
  key_group_range groups_;
  const std::map<uint32_t, table_kind>& tables_;
  bool on_record_ = false;
};

}  // namespace

result<void> tiered_chain::add_foreign_base(const restored_state& restored, int number) {
  const rocks_base::options settings = base_options("old-" + std::to_string(number));
  const state_part part = part_of(restored, options_.groups);
  {
    SYSTOLE_ASSIGN(const std::unique_ptr<rocks_base> old, rocks_base::restore(settings, files_of(restored.handle.base())));
    base_stream entries(*old, part.groups, part.tables);
    SYSTOLE_TRY(base_->ingest(entries));
  }
  return options_.files->remove_all(settings.directory);
}

result<void> tiered_chain::restore(const std::vector<restored_state>& restored) {
  const std::lock_guard lock(chain_mutex_);
  std::vector<const restored_state*> with_base;
  for (const restored_state& each : restored) {
    const uint64_t groups_in_files = each.handle.last_key_group() - each.handle.first_key_group() + 1;
    const state_part part = part_of(each, options_.groups);
    SYSTOLE_ASSIGN(const bool rocks, rocks_base::is_rocks(*options_.files, *options_.store, files_of(each.handle.base())));
    if (rocks) with_base.push_back(&each);
    uint64_t bytes = total_bytes(each.handle.deltas());
    if (!rocks) {
      bytes += total_bytes(each.handle.base());
      for (const proto::FileReference& file : each.handle.base()) restored_.push_back({file, part});
    }
    for (const proto::FileReference& file : each.handle.deltas()) restored_.push_back({file, part});
    restored_bytes_ += bytes * part.groups.size() / groups_in_files;
  }
  const bool whole = is_whole(restored, options_.groups);
  if (!with_base.empty()) SYSTOLE_TRY(restore_base(std::move(with_base), whole));
  if (whole) {
    for (const loose_file& each : restored_) *handle_.add_deltas() = each.file;
  } else {
    foreign_ = restored_;
  }
  return {};
}

result<void> tiered_chain::restore_base(std::vector<const restored_state*> with_base, bool whole) {
  // Taking one over costs nothing but the deletion of key groups; where others' entries are in all of them, ours are copied.
  const auto bytes = [](const restored_state* each) { return each->has_others ? 0 : total_bytes(each->handle.base()); };
  std::iter_swap(with_base.begin(), std::max_element(with_base.begin(), with_base.end(),
                                                     [&](const auto* a, const auto* b) { return bytes(a) < bytes(b); }));
  size_t taken = 0;
  if (!with_base.front()->has_others) {
    const proto::KeyedStateHandle& largest = with_base.front()->handle;
    SYSTOLE_ASSIGN(base_, rocks_base::restore(base_options("base"), files_of(largest.base())));
    if (whole) *handle_.mutable_base() = largest.base();
    if (!whole) SYSTOLE_TRY(base_->keep_groups(options_.groups));
    taken = 1;
  } else {
    SYSTOLE_TRY(open_base());
  }
  for (size_t i = taken; i < with_base.size(); ++i) SYSTOLE_TRY(add_foreign_base(*with_base[i], static_cast<int>(i)));
  base_changed_ = !whole;
  published_base_.store(base_.get(), std::memory_order_release);
  return {};
}

result<void> tiered_chain::ingest_restored() {
  const std::lock_guard lock(chain_mutex_);
  return fail_for_good(ingest_locked(0));
}

}  // namespace systole
