#include "connectors/files/file_source.h"

#include <algorithm>

#include "base/limits.h"
#include "connectors/files/estimated_records.h"
#include "connectors/files/file_records.h"
#include "connectors/plan_types.h"

namespace systole {
namespace {

constexpr size_t most_open_files = 128;
constexpr size_t read_memory_bytes = 64 * limits::mebibyte;  ///< for the buffers of all open files of a reader
constexpr size_t batch_input_bytes = 512 * limits::kibibyte;  ///< a batch keeps the buffers that its texts lie in
constexpr size_t least_read_bytes = 64 * limits::kibibyte;

/// One file of a reader: its chunks in order, and the open file while it is read.
struct file_progress {
  size_t current = 0;  ///< index of the chunk that is read, in the reader's list
  size_t end = 0;      ///< behind the file's last chunk
  std::unique_ptr<file_records> open;
  bool started = false;  ///< `open` stands at the current chunk
};

class file_source_reader final : public source_reader {
 public:
  file_source_reader(const proto::Source& source, const connector_context& context,
                     std::shared_ptr<const source_rows> rows, std::vector<source_file> files,
                     std::vector<file_chunk> chunks)
      : source_(source),
        context_(context),
        rows_(std::move(rows)),
        files_(std::move(files)),
        chunks_(std::move(chunks)),
        one_after_another_(source.order() == "byName" || !rows_->has_watermark()) {
    for (size_t i = 0; i < chunks_.size(); ++i) {
      if (i == 0 || chunks_[i].file != chunks_[i - 1].file) progress_.push_back({.current = i});
      progress_.back().end = i + 1;
    }
    for (file_progress& each : progress_) skip_done(each);
    for (const file_chunk& each : chunks_)
      if (each.done) last_announced_ = std::max(last_announced_, each.announced);
    read_bytes_ = std::clamp(read_memory_bytes / std::max<size_t>(1, std::min(progress_.size(), most_open_files)),
                             least_read_bytes, limits::source_window_bytes);
  }

  result<source_poll> poll() override {
    source_poll made;
    file_progress* const next = choose();
    if (!next) {
      made.what = source_poll::kind::finished;
      made.watermark = watermark_end;
      return made;
    }
    SYSTOLE_TRY(read(*next, made));
    made.watermark = watermark();
    return made;
  }

  std::string snapshot() override { return encode_splits(files_, chunks_); }

  /// Of packed files nobody knows.
  std::optional<uint64_t> lag_records() const override {
    uint64_t unread = 0, records = 0, bytes = 0;
    for (const file_chunk& each : chunks_) {
      if (files_[each.file].packing != file_packing::plain) return std::nullopt;
      const uint64_t position = std::max(each.position, each.begin);
      records += each.records;
      bytes += position - each.begin;
      if (!each.done && each.end > position) unread += each.end - position;
    }
    return estimated_records(unread, records, bytes);
  }

 private:
  bool finished(const file_progress& each) const { return each.current == each.end; }
  void skip_done(file_progress& each) const {
    while (!finished(each) && chunks_[each.current].done) ++each.current;
  }

  file_progress* choose() {
    file_progress* best = nullptr;
    for (; first_unfinished_ < progress_.size() && finished(progress_[first_unfinished_]);) ++first_unfinished_;
    for (size_t i = first_unfinished_; i < progress_.size(); ++i) {
      if (finished(progress_[i])) continue;
      if (one_after_another_) return &progress_[i];
      if (!best || chunks_[progress_[i].current].announced < chunks_[best->current].announced) best = &progress_[i];
    }
    return best;
  }

  result<void> open(file_progress& each) {
    file_chunk& chunk = chunks_[each.current];
    if (!each.open) {
      SYSTOLE_ASSIGN(auto decoder, make_decoder(source_, context_.batch_rows));
      each.open = std::make_unique<file_records>(*context_.files, files_[chunk.file], std::move(decoder), pool_, read_bytes_);
      ++open_files_;
    }
    if (!each.started) SYSTOLE_TRY(each.open->start(chunk));
    each.started = true;
    return {};
  }

  result<void> read(file_progress& each, source_poll& made) {
    SYSTOLE_TRY(open(each));
    file_chunk& chunk = chunks_[each.current];
    constexpr uint64_t interval = limits::watermark_interval_records;
    size_t wanted = context_.batch_rows;
    if (rows_->has_watermark()) wanted = std::min<uint64_t>(wanted, interval - chunk.records % interval);
    const uint64_t from = chunk.position;
    decoded_records decoded;
    // Several buffers make one batch, so that batches are cut where the watermark advances and nowhere else.
    size_t asked = wanted;
    while (asked > 0 && !chunk.done && (rows_->has_watermark() || chunk.position - from < batch_input_bytes)) {
      SYSTOLE_ASSIGN(const size_t used, each.open->decode(chunk, asked));
      if (used == 0) break;  // the end, or a record given up
      asked = wanted - each.open->pending_records();
    }
    decoded = each.open->take();
    chunk.records += decoded.records;
    made.bytes = chunk.position - from;
    SYSTOLE_TRY(rows_->fill(std::move(decoded), {files_[chunk.file].path, chunk.file}, made, chunk.newest));
    if (chunk.done || (chunk.records > 0 && chunk.records % interval == 0))
      chunk.announced = std::max(chunk.announced, chunk.newest);
    if (chunk.done) end_chunk(each);
    if (open_files_ > most_open_files) close(each);
    return {};
  }

  void end_chunk(file_progress& each) {
    const file_chunk& done = chunks_[each.current];
    last_announced_ = std::max(last_announced_, done.announced);
    each.started = false;
    skip_done(each);
    if (finished(each)) return close(each);
    file_chunk& next = chunks_[each.current];
    next.announced = std::max(next.announced, done.announced);
  }

  void close(file_progress& each) {
    if (!each.open) return;
    each.open.reset();
    each.started = false;
    --open_files_;
  }

  timestamp_us watermark() {
    if (!rows_->has_watermark()) return watermark_none;
    timestamp_us lowest = watermark_end;
    if (one_after_another_) {
      // One split: what comes is behind all that was.
      const file_progress* const current = choose();
      lowest = std::max(last_announced_, current ? chunks_[current->current].announced : watermark_none);
    } else {
      for (size_t i = first_unfinished_; i < progress_.size(); ++i)
        if (!finished(progress_[i])) lowest = std::min(lowest, chunks_[progress_[i].current].announced);
      if (lowest == watermark_end) lowest = last_announced_;  // all read: finished comes with the next poll
    }
    if (lowest != watermark_none) emitted_ = std::max(emitted_, lowest - rows_->max_out_of_orderness_us() - 1);
    return emitted_;
  }

  const proto::Source source_;
  const connector_context context_;
  std::shared_ptr<const source_rows> rows_;
  std::vector<source_file> files_;
  std::vector<file_chunk> chunks_;
  bool one_after_another_;
  std::vector<file_progress> progress_;
  buffer_pool pool_;
  size_t read_bytes_ = 0;
  size_t first_unfinished_ = 0;
  size_t open_files_ = 0;
  timestamp_us last_announced_ = watermark_none;
  timestamp_us emitted_ = watermark_none;
};

}  // namespace

result<std::unique_ptr<source_factory>> file_source_factory::make(const proto::Source& source,
                                                                  const connector_context& context) {
  SYSTOLE_ASSIGN(auto rows, source_rows::make(source, context));
  SYSTOLE_ASSIGN(const auto decoder, make_decoder(source, 1));  // refuses what no decoder can give, before the job runs
  (void)decoder;
  std::unique_ptr<file_source_factory> made(new file_source_factory(source, context, std::move(rows)));
  if (made->source_.order() != "" && made->source_.order() != "byName")
    return fail(error_code::invalid_argument, "a file source's order is byName or nothing, not " + source.order());
  return std::unique_ptr<source_factory>(std::move(made));
}

result<file_split_list> file_source_factory::splits(uint32_t parallelism, const std::vector<std::string>& restored) {
  if (!restored.empty()) {
    SYSTOLE_ASSIGN(file_split_list list, merge_splits(restored));
    SYSTOLE_TRY(check_unchanged(*context_.files, list));
    return list;
  }
  const bool quoted_newlines = source_.decoder().format() == proto::Decoder::CSV && source_.decoder().quoted_newlines();
  const bool splittable = parallelism > 1 && source_.order() != "byName" && !quoted_newlines;
  return discover_files(*context_.files, source_.path(), splittable);
}

result<std::unique_ptr<source_reader>> file_source_factory::make_reader(uint32_t subtask, uint32_t parallelism,
                                                                        const std::vector<std::string>& restored) {
  SYSTOLE_ASSIGN(file_split_list list, splits(parallelism, restored));
  std::vector<file_chunk> own = deal_chunks(list, subtask, parallelism);
  return std::unique_ptr<source_reader>(
      std::make_unique<file_source_reader>(source_, context_, rows_, std::move(list.files), std::move(own)));
}

}  // namespace systole
