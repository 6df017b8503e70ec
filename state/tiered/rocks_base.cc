#include "state/tiered/rocks_base.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include "base/limits.h"
#include "state/changes/record_order.h"
#include "state/tiered/rocks_status.h"

namespace systole {

result<void> to_result(const rocksdb::Status& status, std::string_view what, const std::string& path) {
  if (status.ok()) return {};
  const auto code = status.IsCorruption() ? error_code::corrupt : status.IsNoSpace() ? error_code::disk_full : error_code::io;
  return fail(code, std::string(what) + " of the RocksDB in " + path + " failed: " + status.ToString());
}

namespace {

rocksdb::Options rocks_options(const rocks_base::options& settings) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(settings.cache_bytes, 2);
  table.block_size = 8 * limits::kibibyte;
  table.cache_index_and_filter_blocks = true;
  // In pieces: a filter of 2 MB that does not fit the cache would be read from disk for every lookup.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 4 * limits::kibibyte;
  table.pin_top_level_index_and_filter = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = 1 * limits::mebibyte;  // only drop_table() writes through it
  options.compression = rocksdb::kLZ4Compression;
  options.max_background_jobs = 2;
  options.max_open_files = 512;
  options.keep_log_file_num = 1;
  options.max_log_file_size = 1 * limits::mebibyte;
  options.info_log_level = rocksdb::WARN_LEVEL;
  // Ingested files all span the keys: sorted runs of like size are merged, so that an entry is rewritten about log2(runs)
  // times; by levels, each ingestion would rewrite the level below whole.
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.level0_file_num_compaction_trigger = 8;
  options.level0_slowdown_writes_trigger = 64;  // ingestion is not slowed down; reads are, by runs
  options.level0_stop_writes_trigger = 128;
  options.compaction_options_universal.size_ratio = 25;
  options.compaction_options_universal.max_size_amplification_percent = 100;
  options.target_file_size_base = 32 * limits::mebibyte;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

}  // namespace

base_cursor::base_cursor(std::unique_ptr<rocksdb::Iterator> at) : at_(std::move(at)) {}
base_cursor::base_cursor(base_cursor&&) noexcept = default;
base_cursor::~base_cursor() = default;
void base_cursor::seek(std::string_view key) { at_->Seek({key.data(), key.size()}); }
bool base_cursor::valid() const { return at_->Valid(); }
void base_cursor::next() { at_->Next(); }
std::string_view base_cursor::key() const { return at_->key().ToStringView(); }
std::string_view base_cursor::value() const { return at_->value().ToStringView(); }
result<void> base_cursor::status() const { return to_result(at_->status(), "a scan", "the task's state folder"); }

rocks_base::rocks_base(const options& settings, std::unique_ptr<rocksdb::DB> db) : settings_(settings), db_(std::move(db)) {}

rocks_base::~rocks_base() {
  if (!db_) return;
  // What is lost by a failed close is in the store's checkpoint.
  (void)db_->Close();
}

result<std::unique_ptr<rocks_base>> rocks_base::open(const options& settings) {
  SYSTOLE_TRY(settings.files->create_directories(settings.directory));
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(rocks_options(settings), settings.directory, &opened);
  std::unique_ptr<rocksdb::DB> db(opened);
  SYSTOLE_TRY(to_result(status, "the opening", settings.directory));
  return std::unique_ptr<rocks_base>(new rocks_base(settings, std::move(db)));
}

result<void> rocks_base::ingest(record_stream& sorted) {
  const std::string path = settings_.directory + "/ingest-" + std::to_string(next_ingest_++) + ".sst";
  rocksdb::Options writing = db_->GetOptions();
  writing.compression = rocksdb::kNoCompression;  // a tenth of an ingestion's time; compaction compresses what stays
  // Else all of it is written at the file's end, and what a checkpoint syncs meanwhile waits behind it in the disk's queue.
  rocksdb::EnvOptions paced;
  paced.bytes_per_sync = limits::mebibyte;
  paced.strict_bytes_per_sync = true;
  rocksdb::SstFileWriter writer(paced, writing);
  bool any = false;
  std::string key;
  for (placed_record at;;) {
    SYSTOLE_ASSIGN(const bool more, sorted.next(at));
    if (!more) break;
    if (!any) SYSTOLE_TRY(to_result(writer.Open(path), "a sorted file", path));
    any = true;
    key.clear();
    append_state_key(key, at.group, at.table, at.record);
    const rocksdb::Status put =
        at.record.erased ? writer.Delete(key) : writer.Put(key, {at.record.value.data(), at.record.value.size()});
    SYSTOLE_TRY(to_result(put, "a sorted file", path));
  }
  if (!any) return {};
  SYSTOLE_TRY(to_result(writer.Finish(), "a sorted file", path));
  rocksdb::IngestExternalFileOptions how;
  how.move_files = true;
  how.snapshot_consistency = false;
  how.write_global_seqno = false;  // the file must not change, since its name in the store comes from its content
  return to_result(db_->IngestExternalFile({path}, how), "the ingestion", settings_.directory);
}

result<void> rocks_base::drop_table(uint32_t table, key_group_range groups) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  for (uint32_t group = groups.first; group <= groups.last; ++group) {
    std::string begin;
    append_state_key_prefix(begin, static_cast<uint16_t>(group), table);
    std::string end;
    if (table == UINT32_MAX) {
      append_state_key_prefix(end, static_cast<uint16_t>(group + 1), 0);
    } else {
      append_state_key_prefix(end, static_cast<uint16_t>(group), table + 1);
    }
    SYSTOLE_TRY(to_result(db_->DeleteRange(write, db_->DefaultColumnFamily(), begin, end), "a deletion", settings_.directory));
  }
  return to_result(db_->Flush({}), "a flush", settings_.directory);
}

result<void> rocks_base::keep_groups(key_group_range groups) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  std::string first;
  std::string behind;
  append_state_key_prefix(first, groups.first, 0);
  append_state_key_prefix(behind, static_cast<uint16_t>(groups.last + 1), 0);
  // Key groups are less than limits::max_parallelism, so that no key begins with two bytes of 255.
  const std::string end(state_key_prefix_bytes, static_cast<char>(0xff));
  rocksdb::ColumnFamilyHandle* const all = db_->DefaultColumnFamily();
  if (groups.first != 0) SYSTOLE_TRY(to_result(db_->DeleteRange(write, all, "", first), "a deletion", settings_.directory));
  SYSTOLE_TRY(to_result(db_->DeleteRange(write, all, behind, end), "a deletion", settings_.directory));
  return to_result(db_->Flush({}), "a flush", settings_.directory);
}

result<bool> rocks_base::get(std::string_view key, std::string& value) const {
  rocksdb::PinnableSlice found;
  const rocksdb::Status status = db_->Get({}, db_->DefaultColumnFamily(), {key.data(), key.size()}, &found);
  if (status.IsNotFound()) return false;
  SYSTOLE_TRY(to_result(status, "a read", settings_.directory));
  value.assign(found.data(), found.size());
  return true;
}

base_cursor rocks_base::cursor() const {
  return base_cursor(std::unique_ptr<rocksdb::Iterator>(db_->NewIterator({})));
}

uint64_t rocks_base::size_bytes() const {
  uint64_t bytes = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
  return bytes;
}

uint64_t rocks_base::memory_bytes() const {
  uint64_t cache = 0;
  uint64_t readers = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kBlockCacheUsage, &cache);
  db_->GetIntProperty(rocksdb::DB::Properties::kEstimateTableReadersMem, &readers);
  return cache + readers;
}

result<void> scan_base(base_cursor& cursor, std::string_view prefix, table_kind kind,
                       const std::function<bool(const delta_record&)>& visit) {
  for (cursor.seek(prefix); cursor.valid() && cursor.key().substr(0, prefix.size()) == prefix; cursor.next()) {
    uint16_t group = 0;
    uint32_t table = 0;
    delta_record record;
    if (!read_state_key(cursor.key(), kind, group, table, record)) {
      return fail(error_code::corrupt, "a key of the state's RocksDB is malformed: restore an older epoch with --rewind");
    }
    record.value = cursor.value();
    if (!visit(record)) return {};
  }
  return cursor.status();
}

}  // namespace systole
