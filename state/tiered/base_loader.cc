#include "state/tiered/base_loader.h"

#include "base/limits.h"
#include "state/changes/record_order.h"
#include "state/tables/packed_map.h"

namespace systole {

base_loader::base_loader(const rocks_base& base, key_group_range groups, std::vector<table_shape> tables)
    : cursor_(base.cursor()), groups_(groups), tables_(std::move(tables)), thread_([this] { run(); }) {}

base_loader::~base_loader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool base_loader::push(chunk made) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || ready_.size() < limits::loader_chunks_buffered; });
  if (stopping_) return false;
  waiting_bytes_ += made.bytes.capacity();
  ready_.push_back(std::move(made));
  return true;
}

std::optional<base_loader::chunk> base_loader::take() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) return std::nullopt;
  chunk taken = std::move(ready_.front());
  ready_.pop_front();
  waiting_bytes_ -= taken.bytes.capacity();
  changed_.notify_all();
  return taken;
}

bool base_loader::finished() {
  const std::lock_guard lock(mutex_);
  return done_ && ready_.empty();
}

result<void> base_loader::status() {
  const std::lock_guard lock(mutex_);
  if (failed_) return *failed_;
  return {};
}

size_t base_loader::waiting_bytes() {
  const std::lock_guard lock(mutex_);
  return waiting_bytes_;
}

void base_loader::run() {
  result<void> outcome;
  for (size_t group = 0; group < groups_.size() && outcome; ++group) {
    for (const table_shape& table : tables_) {
      outcome = read_group(group, table);
      if (!outcome) break;
    }
  }
  const std::lock_guard lock(mutex_);
  if (!outcome && !stopping_) failed_ = outcome.error();
  done_ = true;
}

result<void> base_loader::read_group(size_t group_index, const table_shape& table) {
  const failure stopped = fail(error_code::cancelled, "the task is closing");
  chunk made;
  made.table = table;
  made.group_index = group_index;
  const auto flush = [&](bool last) {
    made.last_of_group = last;
    const bool taken = push(std::exchange(made, chunk{table, group_index, 0, {}, false}));
    return taken;
  };
  const table_shape any_size{table.number, table.kind == table_kind::timers ? table_kind::timers : table_kind::values, 0};
  std::string key;  // maps: the key whose subkeys are being packed
  std::string packed;
  const auto end_key = [&] {
    if (packed.empty()) return;
    append_record(made.bytes, any_size, {false, key, {}, 0, packed});
    ++made.records;
    packed.clear();
  };
  std::string prefix;
  append_state_key_prefix(prefix, static_cast<uint16_t>(groups_.first + group_index), table.number);
  bool stopping = false;
  SYSTOLE_TRY(scan_base(cursor_, prefix, table.kind, [&](const delta_record& record) {
    if (table.kind == table_kind::map) {
      if (record.key != key) {
        end_key();
        key = record.key;
      }
      packed_map::append_entry(packed, record.subkey, record.value);
    } else {
      append_record(made.bytes, any_size, record);
      ++made.records;
    }
    if (made.bytes.size() >= limits::delta_chunk_bytes) stopping = !flush(false);
    return !stopping;
  }));
  if (stopping) return stopped;
  end_key();
  if (!flush(true)) return stopped;
  return {};
}

}  // namespace systole
