#include "state/changes/segment_files.h"

#include <algorithm>

#include "base/limits.h"

namespace systole {

uint64_t total_bytes(const google::protobuf::RepeatedPtrField<proto::FileReference>& files) {
  uint64_t sum = 0;
  for (const proto::FileReference& file : files) sum += file.bytes();
  return sum;
}

namespace {

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

std::string segment_files::next_path() {
  const std::lock_guard lock(mutex_);
  return options_.directory + "/segment-" + std::to_string(next_file_++);
}

std::shared_ptr<delta_segment> segment_files::make_segment(uint64_t previous_epoch) {
  const segment_header header{options_.groups, options_.max_parallelism, previous_epoch, false};
  return std::make_shared<delta_segment>(*options_.files, next_path(), header);
}

result<proto::FileReference> segment_files::put(const sealed_segment& sealed) {
  SYSTOLE_ASSIGN(proto::FileReference stored, options_.store->put_file(sealed.path, sealed.bytes, sealed.xxh3));
  SYSTOLE_TRY(options_.files->remove(sealed.path));
  return stored;
}

result<std::unique_ptr<segment_reader>> segment_files::open(const proto::FileReference& file) const {
  SYSTOLE_ASSIGN(const std::string path, options_.store->path_of(file));
  return segment_reader::open(*options_.files, path, file.bytes(), file.xxh3());
}

result<std::unique_ptr<segment_writer>> segment_files::write_all(record_stream& records, bool is_base,
                                                                const record_filter& leave_out) {
  const segment_header header{options_.groups, options_.max_parallelism, 0, is_base};
  auto writer = std::make_unique<segment_writer>(*options_.files, next_path(), header);
  chunk_builder chunks(*writer);
  for (placed_record at;;) {
    SYSTOLE_ASSIGN(const bool more, records.next(at));
    if (!more) break;
    if (!options_.groups.contains(key_group_id(at.group)) || (is_base && at.record.erased)) continue;
    if (leave_out && leave_out(at)) continue;
    SYSTOLE_TRY(chunks.add(at.table, at.record));
  }
  SYSTOLE_TRY(chunks.flush());
  if (!chunks.any()) writer.reset();
  return writer;
}

result<std::optional<sealed_segment>> segment_files::write_sorted(record_stream& records, bool is_base, epoch_id epoch,
                                                                  const record_filter& leave_out) {
  SYSTOLE_ASSIGN(const std::unique_ptr<segment_writer> writer, write_all(records, is_base, leave_out));
  if (!writer) return std::optional<sealed_segment>();
  SYSTOLE_ASSIGN(sealed_segment sealed, writer->seal(epoch));
  return std::optional(std::move(sealed));
}

result<std::optional<sealed_segment>> segment_files::write_run(record_stream& records) {
  SYSTOLE_ASSIGN(const std::unique_ptr<segment_writer> writer, write_all(records, false, nullptr));
  if (!writer) return std::optional<sealed_segment>();
  SYSTOLE_ASSIGN(sealed_segment finished, writer->finish({}));
  return std::optional(std::move(finished));
}

result<void> segment_files::shorten(google::protobuf::RepeatedPtrField<proto::FileReference>& deltas, epoch_id epoch) {
  if (deltas.size() <= limits::delta_chain_files) return {};
  uint64_t newer_bytes = 0;
  int first = deltas.size();
  for (int i = deltas.size() - 1; i >= 0; --i) {
    if (newer_bytes >= deltas[i].bytes()) first = i;  // a delta joins once those after it weigh as much
    newer_bytes += deltas[i].bytes();
  }
  record_sorter sorter(options_.max_parallelism);
  for (int i = first; i < deltas.size(); ++i) {
    SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> delta, open(deltas[i]));
    SYSTOLE_TRY(sorter.add(*delta));
  }
  SYSTOLE_ASSIGN(const std::optional<sealed_segment> merged, write_sorted(sorter, false, epoch, nullptr));
  deltas.DeleteSubrange(first, deltas.size() - first);
  if (!merged) return {};
  SYSTOLE_ASSIGN(*deltas.Add(), put(*merged));
  return {};
}

}  // namespace systole
