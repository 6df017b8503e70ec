#include "state/segment_chain.h"

#include <algorithm>

#include "base/limits.h"

namespace systole {
namespace {

uint64_t total_bytes(const google::protobuf::RepeatedPtrField<proto::FileReference>& files) {
  uint64_t sum = 0;
  for (const proto::FileReference& file : files) sum += file.bytes();
  return sum;
}

/// Puts records into chunks of one table each.
class chunk_builder {
 public:
  explicit chunk_builder(segment_writer& writer) : writer_(writer) {}
  result<void> add(const table_shape& table, const delta_record& record) {
    if (records_ != 0 && (table != table_ || bytes_.size() >= limits::delta_chunk_bytes)) SYSTOLE_TRY(flush());
    table_ = table;
    append_record(bytes_, table, record);
    ++records_;
    return {};
  }
  result<void> flush() {
    if (records_ == 0) return {};
    SYSTOLE_TRY(writer_.append_chunk(table_, records_, bytes_));
    any_ = true;
    bytes_.clear();
    records_ = 0;
    return {};
  }
  bool any() const { return any_; }

 private:
  segment_writer& writer_;
  table_shape table_;
  std::string bytes_;
  uint32_t records_ = 0;
  bool any_ = false;
};

}  // namespace

segment_chain::segment_chain(const task_state_options& options) : options_(options), sources_(1) {
  sources_[0].set_first_key_group(options.groups.first);
  sources_[0].set_last_key_group(options.groups.last);
}

std::string segment_chain::next_path() {
  const std::lock_guard lock(pending_mutex_);
  return options_.directory + "/segment-" + std::to_string(next_file_++);
}

std::shared_ptr<delta_segment> segment_chain::make_segment() {
  std::string path = next_path();
  const std::lock_guard lock(pending_mutex_);
  const segment_header header{options_.groups, options_.max_parallelism, last_epoch_, false};
  return std::make_shared<delta_segment>(*options_.files, std::move(path), header);
}

void segment_chain::restore(std::vector<proto::KeyedStateHandle> handles, bool rewrite) {
  const std::lock_guard lock(chain_mutex_);
  if (handles.empty()) return;
  const bool ours = handles.size() == 1 && handles[0].first_key_group() == options_.groups.first &&
                    handles[0].last_key_group() == options_.groups.last;
  sources_ = std::move(handles);
  merge_all_ = rewrite || !ours;
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
  return sources_[0];
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
  proto::KeyedStateHandle& ours = sources_[0];
  for (const pending_segment& pending : segments) {
    SYSTOLE_ASSIGN(const std::optional<sealed_segment> sealed, pending.segment->seal(pending.epoch));
    if (!sealed) continue;
    SYSTOLE_ASSIGN(*ours.add_deltas(), put(*sealed));
  }
  const uint64_t base_bytes = total_bytes(ours.base());
  if (total_bytes(ours.deltas()) > std::max<uint64_t>(limits::delta_compact_bytes, base_bytes / 8)) {
    return merge_everything(epoch);
  }
  if (ours.deltas_size() > limits::delta_chain_files) return merge_newest_deltas(epoch);
  return {};
}

result<proto::FileReference> segment_chain::put(const sealed_segment& sealed) {
  SYSTOLE_ASSIGN(proto::FileReference stored, options_.store->put_file(sealed.path, sealed.bytes, sealed.xxh3));
  SYSTOLE_TRY(options_.files->remove(sealed.path));
  return stored;
}

result<std::unique_ptr<segment_reader>> segment_chain::open(const proto::FileReference& file) {
  SYSTOLE_ASSIGN(const std::string path, options_.store->path_of(file));
  return segment_reader::open(*options_.files, path, file.bytes(), file.xxh3());
}

result<std::optional<sealed_segment>> segment_chain::write_sorted(record_stream& records, bool is_base, epoch_id epoch) {
  segment_writer writer(*options_.files, next_path(), {options_.groups, options_.max_parallelism, 0, is_base});
  std::optional<std::set<uint32_t>> only;
  if (is_base) {
    const std::lock_guard lock(pending_mutex_);
    only = std::exchange(only_tables_, std::nullopt);
  }
  chunk_builder chunks(writer);
  for (placed_record at;;) {
    SYSTOLE_ASSIGN(const bool more, records.next(at));
    if (!more) break;
    if (is_base && (at.record.erased || !options_.groups.contains(key_group_id(at.group)))) continue;
    if (only && !only->contains(at.table.number)) continue;
    SYSTOLE_TRY(chunks.add(at.table, at.record));
  }
  SYSTOLE_TRY(chunks.flush());
  if (!chunks.any()) return std::optional<sealed_segment>();
  SYSTOLE_ASSIGN(sealed_segment sealed, writer.seal(epoch));
  return std::optional<sealed_segment>(std::move(sealed));
}

result<void> segment_chain::merge_everything(epoch_id epoch) {
  std::vector<std::unique_ptr<record_stream>> streams;
  for (const proto::KeyedStateHandle& source : sources_) {
    for (const proto::FileReference& file : source.base()) {
      SYSTOLE_ASSIGN(std::unique_ptr<segment_reader> base, open(file));
      streams.push_back(sorted_segment(std::move(base), options_.max_parallelism));
    }
    auto sorter = std::make_unique<record_sorter>(options_.max_parallelism);
    for (const proto::FileReference& file : source.deltas()) {
      SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> delta, open(file));
      SYSTOLE_TRY(sorter->add(*delta));
    }
    streams.push_back(std::move(sorter));
  }
  const std::unique_ptr<record_stream> merged = merge(std::move(streams));
  SYSTOLE_ASSIGN(const std::optional<sealed_segment> base, write_sorted(*merged, true, epoch));
  proto::KeyedStateHandle ours;
  ours.set_first_key_group(options_.groups.first);
  ours.set_last_key_group(options_.groups.last);
  if (base) {
    SYSTOLE_ASSIGN(*ours.add_base(), put(*base));
  }
  sources_.assign(1, std::move(ours));
  return {};
}

result<void> segment_chain::merge_newest_deltas(epoch_id epoch) {
  // Geometric sizes, as in a size-tiered log-structured merge: a delta joins once those after it weigh as much.
  proto::KeyedStateHandle& ours = sources_[0];
  uint64_t newer_bytes = 0;
  int first = ours.deltas_size();
  for (int i = ours.deltas_size() - 1; i >= 0; --i) {
    if (newer_bytes >= ours.deltas(i).bytes()) first = i;
    newer_bytes += ours.deltas(i).bytes();
  }
  record_sorter sorter(options_.max_parallelism);
  for (int i = first; i < ours.deltas_size(); ++i) {
    SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> delta, open(ours.deltas(i)));
    SYSTOLE_TRY(sorter.add(*delta));
  }
  SYSTOLE_ASSIGN(const std::optional<sealed_segment> merged, write_sorted(sorter, false, epoch));
  ours.mutable_deltas()->DeleteSubrange(first, ours.deltas_size() - first);
  if (merged) {
    SYSTOLE_ASSIGN(*ours.add_deltas(), put(*merged));
  }
  return {};
}

}  // namespace systole
