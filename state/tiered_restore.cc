// How a tiered_chain takes over the files of a restored checkpoint.
#include <algorithm>

#include "state/record_order.h"
#include "state/tiered_chain.h"

namespace systole {
namespace {

key_group_range range_of(const proto::KeyedStateHandle& handle) {
  return {static_cast<uint16_t>(handle.first_key_group()), static_cast<uint16_t>(handle.last_key_group())};
}

std::vector<proto::FileReference> files_of(const google::protobuf::RepeatedPtrField<proto::FileReference>& files) {
  return {files.begin(), files.end()};
}

/// The entries of an old base in some key groups.
class base_stream final : public record_stream {
 public:
  base_stream(const rocks_base& base, key_group_range groups, const std::map<uint32_t, table_kind>& kinds)
      : cursor_(base.cursor()), groups_(groups), kinds_(kinds) {
    std::string start;
    append_state_key_prefix(start, groups.first, 0);
    cursor_.seek(start);
  }

  result<bool> next(placed_record& at) override {
    for (;; skip_first_ = true) {
      if (skip_first_) cursor_.next();
      if (!cursor_.valid()) break;
      if (!read_state_key(cursor_.key(), table_kind::values, at.group, at.table.number, at.record)) {
        return fail(error_code::corrupt, "a key of an old state's RocksDB is malformed: restore an older epoch with --rewind");
      }
      if (at.group > groups_.last) break;
      const auto kind = kinds_.find(at.table.number);
      if (kind == kinds_.end()) continue;  // of a table that the checkpoint does not list
      at.table.kind = kind->second;
      if (!read_state_key(cursor_.key(), at.table.kind, at.group, at.table.number, at.record)) {
        return fail(error_code::corrupt, "a key of an old state's RocksDB is malformed: restore an older epoch with --rewind");
      }
      at.record.erased = false;
      at.record.value = cursor_.value();
      skip_first_ = true;
      return true;
    }
    SYSTOLE_TRY(cursor_.status());
    return false;
  }

 private:
  base_cursor cursor_;
  key_group_range groups_;
  const std::map<uint32_t, table_kind>& kinds_;
  bool skip_first_ = false;
};

}  // namespace

result<void> tiered_chain::add_foreign_base(const proto::KeyedStateHandle& handle,
                                            const std::map<uint32_t, table_kind>& kinds, int number) {
  const rocks_base::options settings = base_options("old-" + std::to_string(number));
  {
    SYSTOLE_ASSIGN(const std::unique_ptr<rocks_base> old, rocks_base::restore(settings, files_of(handle.base())));
    const key_group_range theirs = range_of(handle);
    const key_group_range shared{std::max(theirs.first, options_.groups.first), std::min(theirs.last, options_.groups.last)};
    base_stream entries(*old, shared, kinds);
    SYSTOLE_TRY(base_->ingest(entries));
  }
  return options_.files->remove_all(settings.directory);
}

result<void> tiered_chain::restore(const std::vector<proto::KeyedStateHandle>& handles,
                                   const std::map<uint32_t, table_kind>& kinds) {
  const std::lock_guard lock(chain_mutex_);
  std::vector<const proto::KeyedStateHandle*> with_base;
  bool all_ours = true;
  for (const proto::KeyedStateHandle& handle : handles) {
    const key_group_range range = range_of(handle);
    all_ours = all_ours && range.first == options_.groups.first && range.last == options_.groups.last;
    SYSTOLE_ASSIGN(const bool rocks, rocks_base::is_rocks(*options_.files, *options_.store, files_of(handle.base())));
    if (rocks) {
      with_base.push_back(&handle);
    } else {
      for (const proto::FileReference& file : handle.base()) restored_.push_back({file, range});
    }
    for (const proto::FileReference& file : handle.deltas()) restored_.push_back({file, range});
  }
  if (!with_base.empty()) {
    std::swap(with_base.front(), *std::max_element(with_base.begin(), with_base.end(), [](const auto* a, const auto* b) {
      return total_bytes(a->base()) < total_bytes(b->base());
    }));
    const proto::KeyedStateHandle& largest = *with_base.front();
    SYSTOLE_ASSIGN(base_, rocks_base::restore(base_options("base"), files_of(largest.base())));
    if (all_ours) {
      *handle_.mutable_base() = largest.base();
    } else {
      SYSTOLE_TRY(base_->keep_groups(options_.groups));
      for (size_t i = 1; i < with_base.size(); ++i) {
        SYSTOLE_TRY(add_foreign_base(*with_base[i], kinds, static_cast<int>(i)));
      }
      base_changed_ = true;
    }
    published_base_.store(base_.get(), std::memory_order_release);
  }
  if (handles.size() == 1 && all_ours) {
    for (const loose_file& each : restored_) *handle_.add_deltas() = each.file;
  } else {
    foreign_ = restored_;
  }
  return {};
}

result<void> tiered_chain::ingest_restored() {
  const std::lock_guard lock(chain_mutex_);
  return fail_for_good(ingest_locked(0));
}

}  // namespace systole
