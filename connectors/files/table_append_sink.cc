#include <xxhash.h>

#include <memory>

#include "base/limits.h"
#include "connectors/files/table_log.h"
#include "connectors/files/table_publication.h"
#include "connectors/files/table_sink.h"
#include "connectors/outbox/durable_directory.h"
#include "connectors/outbox/pending_syncs.h"
#include "connectors/outbox/running_hash.h"
#include "formats/record_encoder.h"

namespace systole {
namespace {

constexpr size_t write_bytes_at_least = 512 * limits::kibibyte;

table_log_place place_of(const table_sink_settings& settings) {
  return {settings.files, settings.folder, settings.owner.attempt};
}

/// Appends rows as text to this attempt's part of the log.
class table_append_writer final : public sink_writer {
 public:
  explicit table_append_writer(table_sink_settings settings)
      : settings_(std::move(settings)),
        place_(place_of(settings_)),
        encoder_(make_encoder(settings_.format, settings_.columns).value()) {}

  result<void> write(const batch& rows) override {
    if (rows.empty()) return {};
    encoder_->encode(rows, text_);
    part_.rows += rows.rows();
    return text_.size() < write_bytes_at_least ? result<void>() : append_text();
  }

  result<sealed_epoch> seal(epoch_id epoch, bool) override {
    SYSTOLE_TRY(append_text());
    if (dirty_) syncs_.add(file_);
    dirty_ = false;
    part_.xxh3 = hash_.value();
    table_log log = before_;
    log.epoch = epoch.value;
    if (part_.bytes > 0) log.parts.push_back(part_);
    sealed_bytes_ = part_.bytes;
    sealed_epoch sealed;
    sealed.committable = snapshot_ = log.encode();
    for (const log_part& each : log.parts) sealed.outbox.push_back({place_.path_of(each.name), each.bytes, each.xxh3});
    return sealed;
  }

  result<void> make_durable(epoch_id) override {
    SYSTOLE_ASSIGN(const bool any, syncs_.sync_all());
    return any ? settings_.files->sync_directory(settings_.folder) : result<void>();
  }

  /// Since the last barrier: what was sealed is the table itself, and no commit frees it.
  uint64_t outbox_bytes() const override { return part_.bytes - sealed_bytes_ + text_.size(); }
  std::string snapshot() override { return snapshot_; }

  result<void> restore(std::string_view bytes) override {
    if (bytes.empty()) return {};
    SYSTOLE_ASSIGN(before_, restore_log(place_, bytes));
    snapshot_ = before_.encode();
    if (settings_.check_epochs || before_.parts.empty()) return {};
    // The negative control: rows behind the checkpoint are kept.
    log_part& last = before_.parts.back();
    SYSTOLE_ASSIGN(const std::string all, settings_.files->read_all(place_.path_of(last.name), uint64_t{1} << 40));
    last.bytes = all.size() - last.from;
    last.xxh3 = XXH3_64bits(all.data() + last.from, last.bytes);
    return {};
  }

 private:
  result<void> append_text() {
    if (text_.empty()) return {};
    if (!file_) {
      SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.folder));
      part_.name = place_.new_name(before_.epoch, before_.bytes());
      SYSTOLE_ASSIGN(file_, settings_.files->create(place_.path_of(part_.name)));
    }
    SYSTOLE_TRY(file_->append(text_.view()));
    hash_.add(text_.view());
    part_.bytes += text_.size();
    text_.clear();
    dirty_ = true;
    return {};
  }

  const table_sink_settings settings_;
  const table_log_place place_;
  std::unique_ptr<record_encoder> encoder_;
  encode_buffer text_;
  pending_syncs syncs_{true};
  std::shared_ptr<writable_file> file_;
  bool dirty_ = false;  ///< file_ was written to since the last barrier
  running_hash hash_;
  table_log before_;           ///< what was restored
  log_part part_;              ///< of this attempt; no name while there is none
  uint64_t sealed_bytes_ = 0;  ///< of part_, at the last barrier
  std::string snapshot_;
};

class table_append_committer final : public sink_committer {
 public:
  explicit table_append_committer(table_sink_settings settings)
      : settings_(std::move(settings)),
        place_(place_of(settings_)),
        fence_(*settings_.files, settings_.folder, settings_.owner),
        publication_(*settings_.files, fence_, settings_.path, settings_.compression, settings_.interval_us, *settings_.time) {}

  result<void> recover(epoch_id last_completed) override {
    SYSTOLE_TRY(adopt(last_completed));
    return last_completed.value == 0 ? tidy({}) : result<void>();
  }

  result<void> adopt(epoch_id last_completed) override {
    taken_over_at_ = last_completed;
    SYSTOLE_TRY(create_directories_durably(*settings_.files, settings_.folder));
    SYSTOLE_TRY(fence_.take_over());
    return publication_.take_over();
  }

  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override {
    table_log log;
    for (const shard_commit& shard : shards) {
      SYSTOLE_ASSIGN(log, table_log::decode(shard.committable));
    }
    // The restored epoch's, so that attempts that come to nothing do not heap up files, and once more when the writer has
    // folded what it restored.
    const bool own = epoch.epoch > taken_over_at_;
    if (!own || !tidied_) {
      SYSTOLE_ASSIGN(log, find_parts(place_, std::move(log)));
      SYSTOLE_TRY(tidy(log));
      tidied_ = own;
    }
    const uint64_t bytes = log.bytes();
    const bool changed = !published_ || bytes != published_bytes_;
    if (!epoch.is_final && !epoch.stops && (!changed || !publication_.is_due())) return {};
    SYSTOLE_TRY(publication_.publish([&](const table_publication::put_block& put) { return write_all(log, put); }));
    published_ = true;
    published_bytes_ = bytes;
    return {};
  }

 private:
  /// Removes what attempts before this one left and the log does not name.
  result<void> tidy(const table_log& log) {
    SYSTOLE_ASSIGN(const auto names, settings_.files->list(settings_.folder));
    SYSTOLE_TRY(fence_.check());
    return remove_unnamed(place_, log, names);
  }

  result<void> write_all(const table_log& log, const table_publication::put_block& put) {
    encode_buffer header;
    make_encoder(settings_.format, settings_.columns).value()->append_header(header);
    SYSTOLE_TRY(put(header.view()));
    return read_log(place_, log, put);
  }

  const table_sink_settings settings_;
  const table_log_place place_;
  sink_fence fence_;
  table_publication publication_;
  epoch_id taken_over_at_;  ///< epochs after it are this attempt's own
  bool tidied_ = false;
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
