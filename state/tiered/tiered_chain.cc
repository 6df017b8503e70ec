#include "state/tiered/tiered_chain.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace systole {

tiered_chain::tiered_chain(const task_state_options& options)
    : options_(options),
      piece_bytes_(std::clamp<size_t>(options.memory_bytes / 8, 256 * limits::kibibyte, 16 * limits::mebibyte)),
      files_(options) {
  handle_.set_first_key_group(options.groups.first);
  handle_.set_last_key_group(options.groups.last);
}

tiered_chain::~tiered_chain() {
  {
    const std::lock_guard lock(pending_mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<delta_segment> tiered_chain::make_segment() {
  uint64_t epoch = 0;
  {
    const std::lock_guard lock(pending_mutex_);
    epoch = last_epoch_;
  }
  return files_.make_segment(epoch);
}

void tiered_chain::drop_tables(std::set<uint32_t> tables) {
  const std::lock_guard lock(pending_mutex_);
  dropped_.merge(tables);
}

void tiered_chain::add(uint64_t cut, std::shared_ptr<delta_segment> segment, std::optional<epoch_id> epoch) {
  const std::lock_guard lock(pending_mutex_);
  last_cut_ = cut;
  if (epoch) {
    last_epoch_ = epoch->value;
    ++open_snapshots_;
  }
  if (segment) pending_.push_back({cut, epoch_id(last_epoch_), std::move(segment)});
}

void tiered_chain::end_snapshot() {
  const std::lock_guard lock(pending_mutex_);
  // Given up before it was written: what it was to ingest may be ingested now.
  if (--open_snapshots_ == 0 && ingest_wanted_.load()) {
    run_ingest_ = true;
    start_thread_locked();
  }
  changed_.notify_all();
}

void tiered_chain::start_thread_locked() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void tiered_chain::request_ingest() {
  const std::lock_guard lock(pending_mutex_);
  if (ingest_wanted_.exchange(true)) return;
  if (open_snapshots_ != 0) return;  // write() or end_snapshot() sees to it
  run_ingest_ = true;
  start_thread_locked();
  changed_.notify_all();
}

void tiered_chain::wait_for_ingest() {
  std::unique_lock lock(pending_mutex_);
  changed_.wait_for(lock, std::chrono::seconds(1), [&] { return !ingest_wanted_.load(); });
}

void tiered_chain::run() {
  std::unique_lock lock(pending_mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || run_beside_ || run_ingest_; });
    if (stopping_) return;
    if (std::exchange(run_beside_, false)) {
      lock.unlock();
      ingest_beside();
      lock.lock();
      continue;
    }
    run_ingest_ = false;
    const uint64_t cut = last_cut_;
    const bool allowed = open_snapshots_ == 0;
    lock.unlock();
    {
      const std::lock_guard chain_lock(chain_mutex_);
      // A failure is returned by the next write(); the task then stops.
      if (allowed && ingest_wanted_.load() && !broken_) (void)fail_for_good(ingest_locked(cut)).has_value();
    }
    lock.lock();
    if (allowed) ingest_wanted_.store(false, std::memory_order_release);
    changed_.notify_all();
  }
}

result<void> tiered_chain::fail_for_good(result<void> outcome) {
  if (!outcome) broken_ = outcome.error();
  return outcome;
}

result<proto::KeyedStateHandle> tiered_chain::write(uint64_t cut, epoch_id epoch) {
  std::unique_lock chain(chain_mutex_);
  if (broken_) return *broken_;
  SYSTOLE_TRY(fail_for_good(write_locked(chain, cut, epoch)));
  return handle_;
}

result<void> tiered_chain::write_locked(std::unique_lock<std::mutex>& chain, uint64_t cut, epoch_id epoch) {
  const bool wanted = ingest_wanted_.load();
  bool rewrites = !foreign_.empty();
  {
    const std::lock_guard lock(pending_mutex_);
    rewrites = rewrites || !dropped_.empty();
  }
  const auto base_bytes = [this] { return base_ ? base_->size_bytes() : 0; };
  const auto limit = [&] { return std::max<uint64_t>(options_.least_ingest_bytes, base_bytes() / 8); };
  // What changes the base or older deltas waits, and what comes faster than it is ingested.
  beside_ended_.wait(chain, [&] { return !beside_ || !(wanted || rewrites || total_bytes(handle_.deltas()) > 2 * limit()); });
  if (broken_) return *broken_;
  SYSTOLE_TRY(seal_pending(cut, !wanted));
  uint64_t delta_bytes = total_bytes(handle_.deltas());
  for (const loose_file& each : foreign_) delta_bytes += each.file.bytes();
  delta_bytes_.store(delta_bytes, std::memory_order_relaxed);
  if (beside_) return {};
  const bool outgrown = delta_bytes > limit();
  if (wanted || (outgrown && rewrites)) {
    SYSTOLE_TRY(ingest_locked(cut));
    const std::lock_guard lock(pending_mutex_);
    if (wanted) ingest_wanted_.store(false, std::memory_order_release);
    changed_.notify_all();
  } else if (!outgrown) {
    SYSTOLE_TRY(apply_drops(epoch));
    if (!foreign_.empty()) SYSTOLE_TRY(rewrite_foreign(epoch));
    SYSTOLE_TRY(files_.shorten(*handle_.mutable_deltas(), epoch));
  }
  if (base_changed_) {
    SYSTOLE_ASSIGN(const std::vector<proto::FileReference> base, base_->checkpoint());
    handle_.mutable_base()->Assign(base.begin(), base.end());
    base_changed_ = false;
  }
  if (outgrown && handle_.deltas_size() > 0) begin_ingest_beside(cut);
  return {};
}

void tiered_chain::begin_ingest_beside(uint64_t cut) {
  beside_ = {handle_.deltas_size(), cut};
  const std::lock_guard lock(pending_mutex_);
  run_beside_ = true;
  start_thread_locked();
  changed_.notify_all();
}

void tiered_chain::ingest_beside() {
  std::vector<proto::FileReference> deltas;
  {
    const std::lock_guard chain(chain_mutex_);
    if (!beside_) return;  // ingested with what came after
    if (auto opened = open_base(); !opened) {
      broken_ = std::move(opened).error();
      beside_.reset();
      beside_ended_.notify_all();
      return;
    }
    deltas.assign(handle_.deltas().begin(), handle_.deltas().begin() + beside_->deltas);
  }
  auto made = ingest_stored(deltas);
  {
    const std::lock_guard chain(chain_mutex_);
    if (made) {
      *handle_.mutable_base() = std::move(*made->mutable_base());
      handle_.mutable_deltas()->DeleteSubrange(0, beside_->deltas);
      delta_bytes_.store(total_bytes(handle_.deltas()), std::memory_order_relaxed);
      ingested_cut_.store(std::max(beside_->cut, ingested_cut_.load()), std::memory_order_release);
      published_base_.store(base_.get(), std::memory_order_release);
      base_changed_ = false;
    } else {
      broken_ = made.error();
    }
    beside_.reset();
  }
  beside_ended_.notify_all();
}

result<proto::KeyedStateHandle> tiered_chain::ingest_stored(const std::vector<proto::FileReference>& deltas) {
  std::vector<ingested_file> files;
  for (const proto::FileReference& each : deltas) {
    SYSTOLE_ASSIGN(std::string path, options_.store->path_of(each));
    files.push_back({std::move(path), each.bytes(), each.xxh3(), {}});
  }
  SYSTOLE_TRY(ingest_files(files));
  SYSTOLE_ASSIGN(const std::vector<proto::FileReference> base, base_->checkpoint());
  proto::KeyedStateHandle made;
  made.mutable_base()->Assign(base.begin(), base.end());
  return made;
}

result<void> tiered_chain::seal_pending(uint64_t cut, bool into_store) {
  for (;;) {
    pending_segment next;
    {
      const std::lock_guard lock(pending_mutex_);
      if (pending_.empty() || pending_.front().cut > cut) return {};
      next = std::move(pending_.front());
      pending_.pop_front();
    }
    SYSTOLE_ASSIGN(const std::optional<sealed_segment> sealed, next.segment->seal(next.epoch));
    if (!sealed) continue;
    if (into_store) {
      SYSTOLE_ASSIGN(*handle_.add_deltas(), files_.put(*sealed));
    } else {
      local_.push_back(*sealed);
    }
  }
}

result<void> tiered_chain::open_base() {
  if (base_) return {};
  SYSTOLE_ASSIGN(base_, rocks_base::open(base_options("base")));
  base_changed_ = true;
  return {};
}

rocks_base::options tiered_chain::base_options(const std::string& name) const {
  return {options_.directory + "/" + name, std::clamp<size_t>(options_.memory_bytes / 8, 256 * limits::kibibyte, 64 * limits::mebibyte),
          options_.files, options_.store};
}

result<void> tiered_chain::apply_drops(epoch_id epoch) {
  std::set<uint32_t> dropped;
  {
    const std::lock_guard lock(pending_mutex_);
    dropped = dropped_;
  }
  if (dropped.empty()) return {};
  if (base_) {
    for (const uint32_t table : dropped) SYSTOLE_TRY(base_->drop_table(table, options_.groups));
    base_changed_ = true;
  }
  // Deltas that hold such entries are rewritten without them: they all go through one more merge.
  for (const proto::FileReference& file : handle_.deltas()) foreign_.push_back({file, {}});
  handle_.clear_deltas();
  if (!foreign_.empty()) SYSTOLE_TRY(rewrite_foreign(epoch));
  const std::lock_guard lock(pending_mutex_);
  for (const uint32_t table : dropped) dropped_.erase(table);
  return {};
}

result<void> tiered_chain::rewrite_foreign(epoch_id epoch) {
  std::set<uint32_t> dropped;
  {
    const std::lock_guard lock(pending_mutex_);
    dropped = dropped_;
  }
  record_sorter sorter(options_.max_parallelism);
  for (const loose_file& each : foreign_) {
    SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> reader, files_.open(each.file));
    SYSTOLE_TRY(sorter.add(*reader, each.part));
  }
  const auto is_dropped = [&](const placed_record& at) { return dropped.contains(at.table.number); };
  SYSTOLE_ASSIGN(const std::optional<sealed_segment> merged, files_.write_sorted(sorter, false, epoch, is_dropped));
  proto::KeyedStateHandle rebuilt = handle_;
  rebuilt.clear_deltas();
  if (merged) {
    SYSTOLE_ASSIGN(*rebuilt.add_deltas(), files_.put(*merged));
  }
  for (const proto::FileReference& newer : handle_.deltas()) *rebuilt.add_deltas() = newer;
  handle_ = std::move(rebuilt);
  foreign_.clear();
  return {};
}

// One file per ingestion, however large: RocksDB has to merge as many files again as it is given. What does not fit the
// piece's memory is sorted into runs first.
result<void> tiered_chain::ingest_files(const std::vector<ingested_file>& oldest_first) {
  std::vector<sealed_segment> runs;
  auto piece = std::make_unique<record_sorter>(options_.max_parallelism);
  for (const ingested_file& each : oldest_first) {
    SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> reader,
                   segment_reader::open(*options_.files, each.path, each.bytes, each.xxh3));
    for (;;) {
      SYSTOLE_ASSIGN(const bool more, piece->add_some(*reader, each.part, piece_bytes_));
      if (!more) break;
      SYSTOLE_ASSIGN(const std::optional<sealed_segment> run, files_.write_run(*piece));
      if (run) runs.push_back(*run);
      piece = std::make_unique<record_sorter>(options_.max_parallelism);
    }
  }
  std::vector<std::unique_ptr<record_stream>> streams;
  for (const sealed_segment& run : runs) {
    SYSTOLE_ASSIGN(std::unique_ptr<segment_reader> reader,
                   segment_reader::open(*options_.files, run.path, run.bytes, run.xxh3));
    streams.push_back(sorted_segment(std::move(reader), options_.max_parallelism));
  }
  streams.push_back(std::move(piece));
  SYSTOLE_TRY(base_->ingest(*merge(std::move(streams))));
  for (const sealed_segment& run : runs) SYSTOLE_TRY(options_.files->remove(run.path));
  return {};
}

result<void> tiered_chain::ingest_locked(uint64_t cut) {
  beside_.reset();  // its deltas are among these
  beside_ended_.notify_all();
  SYSTOLE_TRY(seal_pending(cut, false));
  SYSTOLE_TRY(open_base());
  std::vector<ingested_file> files;
  const auto add_stored = [&](const proto::FileReference& file, const state_part& part) -> result<void> {
    SYSTOLE_ASSIGN(std::string path, options_.store->path_of(file));
    files.push_back({std::move(path), file.bytes(), file.xxh3(), part});
    return {};
  };
  for (const loose_file& each : foreign_) SYSTOLE_TRY(add_stored(each.file, each.part));
  for (const proto::FileReference& file : handle_.deltas()) SYSTOLE_TRY(add_stored(file, {}));
  for (const sealed_segment& each : local_) files.push_back({each.path, each.bytes, each.xxh3, {}});
  SYSTOLE_TRY(ingest_files(files));
  foreign_.clear();
  handle_.clear_deltas();
  delta_bytes_.store(0, std::memory_order_relaxed);
  for (const sealed_segment& each : local_) SYSTOLE_TRY(options_.files->remove(each.path));
  local_.clear();
  base_changed_ = true;
  std::set<uint32_t> dropped;
  {
    const std::lock_guard lock(pending_mutex_);
    dropped = std::exchange(dropped_, {});
  }
  for (const uint32_t table : dropped) SYSTOLE_TRY(base_->drop_table(table, options_.groups));
  ingested_cut_.store(std::max(cut, ingested_cut_.load()), std::memory_order_release);
  published_base_.store(base_.get(), std::memory_order_release);
  return {};
}

uint64_t tiered_chain::base_memory_bytes() const {
  const rocks_base* opened = base();
  return opened == nullptr ? 0 : opened->memory_bytes();
}

}  // namespace systole
