#include "state/changes/segment_writer.h"

#include "base/log.h"

namespace systole {

segment_writer::segment_writer(file_system& files, std::string path, const segment_header& header)
    : files_(files), path_(std::move(path)), header_(encode(header)), hash_(XXH3_createState()), seed_(chunk_seed(header_)) {
  XXH3_64bits_reset(hash_.get());
}

segment_writer::~segment_writer() {
  if (sealed_ || file_ == nullptr) return;
  file_.reset();
  // A leftover is harmless: the folder is emptied when the task opens it.
  if (auto removed = files_.remove(path_); !removed) log_line(log_level::warning, "state", removed.error().message);
}

result<void> segment_writer::append(std::string_view bytes) {
  if (file_ == nullptr) {
    SYSTOLE_ASSIGN(file_, files_.create(path_));
    SYSTOLE_TRY(append(header_));
  }
  SYSTOLE_TRY(file_->append(bytes));
  XXH3_64bits_update(hash_.get(), bytes.data(), bytes.size());
  bytes_ += bytes.size();
  return {};
}

result<void> segment_writer::append_any_chunk(const table_shape& table, uint32_t records, std::string_view payload) {
  SYSTOLE_TRY(append(encode_chunk_header(table, records, chunks_++, payload, seed_)));
  return append(payload);
}

result<void> segment_writer::append_chunk(const table_shape& table, uint32_t records, std::string_view payload) {
  records_ += records;
  return append_any_chunk(table, records, payload);
}

result<sealed_segment> segment_writer::seal(epoch_id epoch) { return end(epoch, true); }
result<sealed_segment> segment_writer::finish(epoch_id epoch) { return end(epoch, false); }

result<sealed_segment> segment_writer::end(epoch_id epoch, bool durable) {
  std::string totals;
  append_fixed(totals, epoch.value);
  append_fixed(totals, records_);
  SYSTOLE_TRY(append_any_chunk({0, table_kind::footer, 0}, chunks_, totals));
  if (durable) SYSTOLE_TRY(file_->sync());
  SYSTOLE_TRY(file_->close());
  sealed_ = true;
  return sealed_segment{path_, bytes_, XXH3_64bits_digest(hash_.get()), records_};
}

}  // namespace systole
