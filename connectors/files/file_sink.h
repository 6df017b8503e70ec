#pragma once

#include <functional>
#include <memory>
#include <string>

#include "connectors/factory.h"
#include "connectors/files/file_sink_writer.h"
#include "connectors/sink.h"

namespace systole {

/// Publishes a file sink's staged parts: links them into the output folder (never over an existing file), makes the names
/// durable, removes the staged ones, then writes one manifest that lists the parts. Each step may be done again.
class file_sink_committer final : public sink_committer {
 public:
  explicit file_sink_committer(file_sink_settings settings)
      : settings_(std::move(settings)), fence_(*settings_.files, settings_.outbox_folder, settings_.owner) {}
  result<void> recover(epoch_id last_completed) override;
  result<void> adopt(epoch_id last_completed) override;
  result<void> commit(const commit_epoch& epoch, const std::vector<shard_commit>& shards) override;

 private:
  result<void> take_over(epoch_id last_completed);
  result<void> publish(const file_part& part);
  result<bool> is_part(const std::string& path, const file_part& part) const;
  file_sink_settings settings_;
  sink_fence fence_;
  epoch_id taken_over_at_;  ///< epochs after it are this attempt's own
};

/// Appends rows to parts in a folder: CSV, NDJSON or dead letters, packed or not.
class file_sink_factory final : public sink_factory {
 public:
  using encoder_maker = std::function<std::unique_ptr<record_encoder>()>;
  file_sink_factory(file_sink_settings settings, encoder_maker make_encoder)
      : settings_(std::move(settings)), make_encoder_(std::move(make_encoder)) {}
  bool accepts_changelog() const override { return false; }
  void on_committed(epoch_id epoch) override { raise(settings_.committed, epoch.value); }
  result<std::unique_ptr<sink_writer>> make_writer(uint32_t shard, uint32_t shards) override;
  result<std::unique_ptr<sink_committer>> make_committer(uint32_t) override;

  static result<std::unique_ptr<sink_factory>> make(const proto::Node& node, const sink_input& input,
                                                    const connector_context& context);

 private:
  file_sink_settings settings_;
  encoder_maker make_encoder_;
};

}  // namespace systole
