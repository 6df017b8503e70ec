#include "state/changes/segment_chain.h"

#include <algorithm>

#include "base/limits.h"

namespace systole {

segment_chain::segment_chain(const task_state_options& options)
    : groups_(options.groups), max_parallelism_(options.max_parallelism), files_(options), sources_(1) {
  sources_[0].files.set_first_key_group(groups_.first);
  sources_[0].files.set_last_key_group(groups_.last);
}

std::shared_ptr<delta_segment> segment_chain::make_segment() {
  const std::lock_guard lock(pending_mutex_);
  return files_.make_segment(last_epoch_);
}

void segment_chain::restore(const std::vector<restored_state>& restored) {
  const std::lock_guard lock(chain_mutex_);
  if (restored.empty()) return;
  sources_.clear();
  for (const restored_state& each : restored) sources_.push_back({each.handle, part_of(each, groups_)});
  merge_all_ = !is_whole(restored, groups_);
}

void segment_chain::keep_only(std::set<uint32_t> tables) {
  const std::lock_guard lock(pending_mutex_);
  only_tables_ = std::move(tables);
}

void segment_chain::add(epoch_id epoch, std::shared_ptr<delta_segment> segment) {
  const std::lock_guard lock(pending_mutex_);
  last_epoch_ = epoch.value;
  if (segment) pending_.push_back({epoch, std::move(segment)});
}

result<proto::KeyedStateHandle> segment_chain::write(epoch_id epoch) {
  const std::lock_guard lock(chain_mutex_);
  if (broken_) return *broken_;
  if (auto written = write_locked(epoch); !written) {
    broken_ = std::move(written).error();
    return *broken_;
  }
  return sources_[0].files;
}

result<void> segment_chain::write_locked(epoch_id epoch) {
  std::vector<pending_segment> segments;
  {
    const std::lock_guard lock(pending_mutex_);
    while (!pending_.empty() && pending_.front().epoch <= epoch) {
      segments.push_back(std::move(pending_.front()));
      pending_.pop_front();
    }
    merge_all_ = merge_all_ || only_tables_.has_value();
  }
  if (merge_all_) SYSTOLE_TRY(merge_everything(epoch));
  merge_all_ = false;
  proto::KeyedStateHandle& ours = sources_[0].files;
  for (const pending_segment& pending : segments) {
    SYSTOLE_ASSIGN(const std::optional<sealed_segment> sealed, pending.segment->seal(pending.epoch));
    if (!sealed) continue;
    SYSTOLE_ASSIGN(*ours.add_deltas(), files_.put(*sealed));
  }
  const uint64_t base_bytes = total_bytes(ours.base());
  if (total_bytes(ours.deltas()) > std::max<uint64_t>(limits::delta_compact_bytes, base_bytes / 8)) {
    return merge_everything(epoch);
  }
  return files_.shorten(*ours.mutable_deltas(), epoch);
}

result<void> segment_chain::merge_everything(epoch_id epoch) {
  std::vector<std::unique_ptr<record_stream>> streams;
  for (const source& from : sources_) {
    for (const proto::FileReference& file : from.files.base()) {
      SYSTOLE_ASSIGN(std::unique_ptr<segment_reader> base, files_.open(file));
      streams.push_back(sorted_segment(std::move(base), max_parallelism_, from.part));
    }
    auto sorter = std::make_unique<record_sorter>(max_parallelism_);
    for (const proto::FileReference& file : from.files.deltas()) {
      SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> delta, files_.open(file));
      SYSTOLE_TRY(sorter->add(*delta, from.part));
    }
    streams.push_back(std::move(sorter));
  }
  const std::unique_ptr<record_stream> merged = merge(std::move(streams));
  std::optional<std::set<uint32_t>> only;
  {
    const std::lock_guard lock(pending_mutex_);
    only = std::exchange(only_tables_, std::nullopt);
  }
  const auto is_dropped = [&](const placed_record& at) { return only && !only->contains(at.table.number); };
  SYSTOLE_ASSIGN(const std::optional<sealed_segment> base, files_.write_sorted(*merged, true, epoch, is_dropped));
  proto::KeyedStateHandle ours;
  ours.set_first_key_group(groups_.first);
  ours.set_last_key_group(groups_.last);
  if (base) {
    SYSTOLE_ASSIGN(*ours.add_base(), files_.put(*base));
  }
  sources_.assign(1, source{std::move(ours), {}});
  return {};
}

}  // namespace systole
