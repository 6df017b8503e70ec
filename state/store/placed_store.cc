#include "state/store/placed_store.h"

#include <fmt/format.h>

#include <random>

#include "state/store/checksummed_message.h"
#include "state/store/directory_place.h"

namespace systole {
namespace {

constexpr std::string_view metadata_magic = "SYSMETA1";
constexpr uint64_t metadata_limit_bytes = uint64_t{1} << 30;

}  // namespace

placed_store::placed_store(std::unique_ptr<store_place> place, std::string job)
    : place_(std::move(place)), job_(std::move(job)), log_(*place_, "log"), writer_(std::random_device()() | uint64_t{std::random_device()()} << 32) {}

result<std::unique_ptr<checkpoint_store>> placed_store::open(std::unique_ptr<store_place> place,
                                                             const std::string& job) {
  std::unique_ptr<placed_store> store(new placed_store(std::move(place), job));
  SYSTOLE_ASSIGN(store->old_files_, store->place_->list("files"));
  SYSTOLE_ASSIGN(store->old_metadata_, store->place_->list("metadata"));
  return std::unique_ptr<checkpoint_store>(std::move(store));
}

result<proto::FileReference> placed_store::put_file(const std::string& local_path, uint64_t bytes, uint64_t xxh3) {
  proto::FileReference reference;
  reference.set_bytes(bytes);
  reference.set_xxh3(xxh3);
  {
    const std::lock_guard lock(mutex_);
    reference.set_name(fmt::format("{:016x}-{}-{:016x}-{}", xxh3, bytes, writer_, next_file_++));
    fresh_.insert(reference.name());
  }
  SYSTOLE_TRY(place_->add_file("files/" + reference.name(), local_path, reference));
  return reference;
}

result<std::string> placed_store::path_of(const proto::FileReference& file) {
  return place_->path_of("files/" + file.name(), file);
}

result<void> placed_store::verify(const proto::FileReference& file) {
  return place_->verify("files/" + file.name(), file);
}

result<proto::FileReference> placed_store::put_metadata(const proto::CheckpointMetadata& metadata) {
  const std::string bytes = encode_checksummed(metadata_magic, metadata);
  proto::FileReference reference;
  reference.set_bytes(bytes.size());
  reference.set_xxh3(message_checksum(bytes));
  reference.set_name(fmt::format("{:020}-{:016x}", metadata.epoch(), reference.xxh3()));
  {
    const std::lock_guard lock(mutex_);
    fresh_.insert(reference.name());
  }
  SYSTOLE_TRY(place_->write("metadata/" + reference.name(), bytes));
  return reference;
}

result<proto::CheckpointMetadata> placed_store::read_metadata(const proto::FileReference& file) {
  const std::string path = place_->describe("metadata/" + file.name());
  SYSTOLE_ASSIGN(const std::string bytes, place_->read("metadata/" + file.name(), metadata_limit_bytes));
  if (bytes.size() != file.bytes() || message_checksum(bytes) != file.xxh3()) {
    return fail(error_code::corrupt,
                fmt::format("checkpoint metadata {} has a wrong checksum: restore an older epoch with --rewind", path));
  }
  proto::CheckpointMetadata metadata;
  SYSTOLE_TRY(decode_checksummed(bytes, metadata_magic, path, metadata));
  if (!job_.empty() && !metadata.job().empty() && metadata.job() != job_) {
    return fail(error_code::incompatible,
                fmt::format("checkpoint {} belongs to job {}, not to {}", path, metadata.job(), job_));
  }
  return metadata;
}

result<void> placed_store::append(proto::LogRecord record) {
  const bool completes = record.has_completed();
  SYSTOLE_TRY(log_.append(std::move(record)));
  const std::lock_guard lock(mutex_);
  completed_here_ = completed_here_ || completes;
  return {};
}

result<std::unique_ptr<checkpoint_store>> open_directory_store(file_system& files, const std::string& directory,
                                                               const std::string& job) {
  auto place = std::make_unique<directory_place>(files, directory);
  SYSTOLE_TRY(place->open(placed_store::folders()));
  return placed_store::open(std::move(place), job);
}

}  // namespace systole
