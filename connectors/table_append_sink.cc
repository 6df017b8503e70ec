#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/bytes.h"
#include "base/limits.h"
#include "connectors/durable_directory.h"
#include "connectors/running_hash.h"
#include "connectors/table_publication.h"
#include "connectors/table_sink.h"
#include "formats/record_encoder.h"

namespace systole {
namespace {

constexpr uint8_t log_version = 1;
constexpr size_t append_bytes_at_least = 512 * limits::kibibyte;

/// How far the log of rows reaches: the writer's state and its committable.
struct log_end {
  uint64_t bytes = 0;
  uint64_t rows = 0;
};

std::string encode(log_end end) {
  std::string out;
  append_fixed(out, log_version);
  append_fixed(out, end.bytes);
  append_fixed(out, end.rows);
  return out;
}

result<log_end> decode(std::string_view bytes) {
  byte_reader in(bytes);
  const auto version = in.fixed<uint8_t>();
  const log_end end{in.fixed<uint64_t>(), in.fixed<uint64_t>()};
  if (version != log_version || !in.ok()) return fail(error_code::incompatible, "a table file's state cannot be read");
  return end;
}

std::string log_path(const table_sink_settings& settings) { return settings.folder + "/rows.log"; }

/// Appends rows as text to the log; it is cut to the checkpoint's length on recovery.
class table_append_writer final : public sink_writer {
 public:
  explicit table_append_writer(table_sink_settings settings)
      : settings_(std::move(settings)), encoder_(make_encoder(settings_.format, settings_.columns).value()) {}

  result<void> write(const batch& rows) override {
    if (rows.empty()) return {};
    encoder_->encode(rows, text_);
    end_.rows += rows.rows();
    if (text_.size() < append_bytes_at_least) return {};
    std::unique_lock lock(file_mutex_, std::try_to_lock);
    if (!lock.owns_lock()) {
      if (text_.size() < 64 * append_bytes_at_least) return {};
      lock.lock();
    }
    return append_text();
  }

  result<sealed_epoch> seal(epoch_id, bool) override {
    const std::lock_guard lock(file_mutex_);
    SYSTOLE_TRY(append_text());
    sealed_epoch sealed;
    sealed.committable = encode(end_);
    sealed_bytes_ = end_.bytes;
    if (end_.bytes > 0) sealed.outbox.push_back({log_path(settings_), end_.bytes, hash_.value()});
    return sealed;
  }

  result<void> make_durable(epoch_id) override {
    const std::lock_guard lock(file_mutex_);
    if (!dirty_) return {};
    SYSTOLE_TRY(file_->sync());
    dirty_ = false;
    return settings_.files->sync_directory(settings_.folder);
  }

  /// Since the last barrier: what was sealed is the table itself, and no commit frees it.
  uint64_t outbox_bytes() const override { return end_.bytes - sealed_bytes_ + text_.size(); }
  std::string snapshot() override { return encode(end_); }

  result<void> restore(std::string_view bytes) override {
    if (bytes.empty()) return {};
    SYSTOLE_ASSIGN(end_, decode(bytes));
    sealed_bytes_ = end_.bytes;
    if (end_.bytes == 0) return {};
    SYSTOLE_TRY(rehash());
    auto file = settings_.files->open_append(log_path(settings_));
    if (!file) return fail(file.error().code, "a table file's log cannot be opened: " + file.error().message);
    file_ = std::move(*file);
    if (settings_.check_epochs) SYSTOLE_TRY(file_->truncate(end_.bytes));
    else end_.bytes = file_->size();
    return file_->sync();
  }

 private:
  result<void> append_text() {
    if (text_.empty()) return {};
    if (!file_) {
      SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.folder));
      SYSTOLE_ASSIGN(file_, settings_.files->create(log_path(settings_)));
    }
    SYSTOLE_TRY(file_->append(text_.view()));
    hash_.add(text_.view());
    end_.bytes += text_.size();
    text_.clear();
    dirty_ = true;
    return {};
  }

  result<void> rehash() {
    SYSTOLE_ASSIGN(const auto file, settings_.files->open(log_path(settings_)));
    std::string block(limits::read_chunk_bytes, '\0');
    for (uint64_t at = 0; at < end_.bytes;) {
      SYSTOLE_ASSIGN(const size_t got, file->read(at, std::min<uint64_t>(block.size(), end_.bytes - at), block.data()));
      if (got == 0) return fail(error_code::corrupt, "a table file's log is shorter than recorded: " + log_path(settings_));
      hash_.add({block.data(), got});
      at += got;
    }
    return {};
  }

  const table_sink_settings settings_;
  std::unique_ptr<record_encoder> encoder_;
  encode_buffer text_;
  std::mutex file_mutex_;  ///< file_ and dirty_, between the two threads
  std::unique_ptr<writable_file> file_;
  bool dirty_ = false;
  running_hash hash_;
  log_end end_;
  uint64_t sealed_bytes_ = 0;  ///< end_ at the last barrier
};

class table_append_committer final : public sink_committer {
 public:
  explicit table_append_committer(table_sink_settings settings)
      : settings_(std::move(settings)),
        publication_(*settings_.files, settings_.path, settings_.compression, settings_.interval_us, *settings_.time) {}

  result<void> recover(epoch_id last_completed) override {
    if (last_completed.value == 0) {
      SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.folder));
      SYSTOLE_TRY(settings_.files->remove(log_path(settings_)));
    }
    return publication_.prepare();
  }

  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override {
    log_end end;
    for (const shard_commit& shard : shards) {
      SYSTOLE_ASSIGN(end, decode(shard.committable));
    }
    const bool changed = !published_ || end.bytes != published_bytes_;
    if (!epoch.is_final && (!changed || !publication_.is_due())) return {};
    SYSTOLE_TRY(publication_.publish([&](const table_publication::put_block& put) { return write_all(end, put); }));
    published_ = true;
    published_bytes_ = end.bytes;
    return {};
  }

 private:
  result<void> write_all(log_end end, const table_publication::put_block& put) {
    encode_buffer header;
    make_encoder(settings_.format, settings_.columns).value()->append_header(header);
    SYSTOLE_TRY(put(header.view()));
    if (end.bytes == 0) return {};
    SYSTOLE_ASSIGN(const auto log, settings_.files->open(log_path(settings_)));
    std::string block(limits::read_chunk_bytes, '\0');
    for (uint64_t at = 0; at < end.bytes;) {
      SYSTOLE_ASSIGN(const size_t got, log->read(at, std::min<uint64_t>(block.size(), end.bytes - at), block.data()));
      if (got == 0) return fail(error_code::corrupt, "a table file's log is shorter than committed: " + log_path(settings_));
      SYSTOLE_TRY(put({block.data(), got}));
      at += got;
    }
    return {};
  }

  const table_sink_settings settings_;
  table_publication publication_;
  bool published_ = false;
  uint64_t published_bytes_ = 0;
};

class table_append_factory final : public sink_factory {
 public:
  explicit table_append_factory(table_sink_settings settings) : settings_(std::move(settings)) {}
  bool accepts_changelog() const override { return true; }
  uint32_t max_shards() const override { return 1; }
  void on_committed(epoch_id epoch) override { raise(settings_.committed, epoch.value); }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t, uint32_t) override {
    return std::unique_ptr<sink_writer>(std::make_unique<table_append_writer>(settings_));
  }
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override {
    return std::unique_ptr<sink_committer>(std::make_unique<table_append_committer>(settings_));
  }

 private:
  table_sink_settings settings_;
};

}  // namespace

std::unique_ptr<sink_factory> make_table_append_sink(table_sink_settings settings) {
  return std::make_unique<table_append_factory>(std::move(settings));
}

}  // namespace systole
