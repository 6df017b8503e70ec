#include "state/memory_task_state.h"

namespace systole {
namespace {

class chain_snapshot final : public state_snapshot {
 public:
  chain_snapshot(std::shared_ptr<segment_chain> chain, epoch_id epoch) : chain_(std::move(chain)), epoch_(epoch) {}
  result<proto::KeyedStateHandle> write() override { return chain_->write(epoch_); }

 private:
  std::shared_ptr<segment_chain> chain_;
  epoch_id epoch_;
};

}  // namespace

memory_task_state::memory_task_state(const task_state_options& options, const std::vector<restored_state>& restored)
    : options_(options),
      chain_(std::make_shared<segment_chain>(options)),
      log_([this] { return chain_->make_segment(); }),
      tables_(options_, log_, tier_, restored) {}

result<std::unique_ptr<task_state>> memory_task_state::open(const task_state_options& options,
                                                            const std::vector<restored_state>& restored) {
  std::unique_ptr<memory_task_state> made(new memory_task_state(options, restored));
  for (const restored_state& each : restored) {
    const state_part part = part_of(each, options.groups);
    for (const proto::FileReference& file : each.handle.base()) SYSTOLE_TRY(made->load(file, part));
    for (const proto::FileReference& file : each.handle.deltas()) SYSTOLE_TRY(made->load(file, part));
  }
  made->chain_->restore(restored);
  return std::unique_ptr<task_state>(std::move(made));
}

result<void> memory_task_state::load(const proto::FileReference& file, const state_part& part) {
  SYSTOLE_ASSIGN(const std::string path, options_.store->path_of(file));
  SYSTOLE_ASSIGN(const std::unique_ptr<segment_reader> reader,
                 segment_reader::open(*options_.files, path, file.bytes(), file.xxh3()));
  return tables_.restore(*reader, part);
}

result<std::unique_ptr<state_snapshot>> memory_task_state::begin_snapshot(epoch_id epoch) {
  if (!settled_) {
    settled_ = true;
    if (!tables_.drop_unopened().empty()) chain_->keep_only(tables_.opened_numbers());
  }
  SYSTOLE_TRY(tables_.flush_changes());
  chain_->add(epoch, log_.cut());
  return std::unique_ptr<state_snapshot>(std::make_unique<chain_snapshot>(chain_, epoch));
}

}  // namespace systole
