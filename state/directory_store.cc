#include "state/directory_store.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/limits.h"
#include "state/checksummed_message.h"

namespace systole {
namespace {

constexpr std::string_view metadata_magic = "SYSMETA1";
constexpr uint64_t metadata_limit_bytes = uint64_t{1} << 30;

struct free_hash { void operator()(XXH3_state_t* state) const { XXH3_freeState(state); } };

/// Calls visit(piece) for the first `bytes` bytes of a file.
template <class Visit>
result<void> read_pieces(const readable_file& file, uint64_t bytes, const std::string& path, Visit&& visit) {
  std::string buffer;
  for (uint64_t offset = 0; offset < bytes;) {
    buffer.resize(std::min<uint64_t>(limits::read_chunk_bytes, bytes - offset));
    SYSTOLE_ASSIGN(const size_t got, file.read(offset, buffer.size(), buffer.data()));
    if (got != buffer.size()) {
      return fail(error_code::corrupt, fmt::format("checkpoint file {} is shorter than its {} bytes", path, bytes));
    }
    SYSTOLE_TRY(visit(std::string_view(buffer)));
    offset += got;
  }
  return {};
}

}  // namespace

directory_store::directory_store(file_system& files, std::string directory, std::string job)
    : files_(files),
      files_directory_(directory + "/files"),
      metadata_directory_(directory + "/metadata"),
      log_directory_(directory + "/log"),
      job_(std::move(job)),
      log_(files, log_directory_) {}

result<std::unique_ptr<checkpoint_store>> directory_store::open(file_system& files, const std::string& directory,
                                                                const std::string& job) {
  std::unique_ptr<directory_store> store(new directory_store(files, directory, job));
  for (const std::string& path : {store->files_directory_, store->metadata_directory_, store->log_directory_}) {
    SYSTOLE_TRY(files.create_directories(path));
  }
  SYSTOLE_TRY(files.sync_directory(directory));
  SYSTOLE_ASSIGN(store->old_files_, files.list(store->files_directory_));
  SYSTOLE_ASSIGN(store->old_metadata_, files.list(store->metadata_directory_));
  return std::unique_ptr<checkpoint_store>(std::move(store));
}

result<proto::FileReference> directory_store::put_file(const std::string& local_path, uint64_t bytes, uint64_t xxh3) {
  proto::FileReference reference;
  reference.set_name(fmt::format("{:016x}-{}", xxh3, bytes));
  reference.set_bytes(bytes);
  reference.set_xxh3(xxh3);
  {
    const std::lock_guard lock(mutex_);
    fresh_.insert(reference.name());
  }
  {
    // The name must not become durable before the content; cheap where the caller has synced already.
    SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> content, files_.open_append(local_path));
    SYSTOLE_TRY(content->sync());
    SYSTOLE_TRY(content->close());
  }
  const std::string stored = file_path(reference.name());
  if (const auto linked = files_.link(local_path, stored); !linked && linked.error().code != error_code::already_exists) {
    // Another file system, or one without hard links.
    SYSTOLE_TRY(copy_into(local_path, stored, bytes));
  }
  SYSTOLE_TRY(files_.sync_directory(files_directory_));
  return reference;
}

result<void> directory_store::copy_into(const std::string& from, const std::string& to, uint64_t bytes) {
  const std::string temporary = to + ".new";
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> source, files_.open(from));
  SYSTOLE_ASSIGN(const std::unique_ptr<writable_file> copy, files_.create(temporary));
  SYSTOLE_TRY(read_pieces(*source, bytes, from, [&](std::string_view piece) { return copy->append(piece); }));
  SYSTOLE_TRY(copy->sync());
  SYSTOLE_TRY(copy->close());
  return files_.rename(temporary, to);
}

result<std::string> directory_store::path_of(const proto::FileReference& file) {
  const std::string path = file_path(file.name());
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> stored, files_.open(path));
  SYSTOLE_ASSIGN(const uint64_t size, stored->size());
  if (size < file.bytes()) {
    return fail(error_code::corrupt, fmt::format("checkpoint file {} has {} bytes instead of {}: restore an older epoch with "
                                                 "--rewind",
                                                 path, size, file.bytes()));
  }
  return path;
}

result<void> directory_store::verify(const proto::FileReference& file) {
  SYSTOLE_ASSIGN(const std::string path, path_of(file));
  SYSTOLE_ASSIGN(const std::unique_ptr<readable_file> stored, files_.open(path));
  const std::unique_ptr<XXH3_state_t, free_hash> hash(XXH3_createState());
  XXH3_64bits_reset(hash.get());
  SYSTOLE_TRY(read_pieces(*stored, file.bytes(), path, [&](std::string_view piece) -> result<void> {
    XXH3_64bits_update(hash.get(), piece.data(), piece.size());
    return {};
  }));
  if (XXH3_64bits_digest(hash.get()) != file.xxh3()) {
    return fail(error_code::corrupt,
                fmt::format("checkpoint file {} has a wrong checksum: restore an older epoch with --rewind", path));
  }
  return {};
}

result<void> directory_store::append(proto::LogRecord record) {
  const bool completes = record.has_completed();
  SYSTOLE_TRY(log_.append(std::move(record)));
  const std::lock_guard lock(mutex_);
  completed_here_ = completed_here_ || completes;
  return {};
}

result<proto::FileReference> directory_store::put_metadata(const proto::CheckpointMetadata& metadata) {
  const std::string bytes = encode_checksummed(metadata_magic, metadata);
  proto::FileReference reference;
  reference.set_bytes(bytes.size());
  reference.set_xxh3(message_checksum(bytes));
  reference.set_name(fmt::format("{:020}-{:016x}", metadata.epoch(), reference.xxh3()));
  {
    const std::lock_guard lock(mutex_);
    fresh_.insert(reference.name());
  }
  SYSTOLE_TRY(write_file_durably(files_, metadata_directory_ + "/" + reference.name(), bytes));
  return reference;
}

result<proto::CheckpointMetadata> directory_store::read_metadata(const proto::FileReference& file) {
  const std::string path = metadata_directory_ + "/" + file.name();
  SYSTOLE_ASSIGN(const std::string bytes, files_.read_all(path, metadata_limit_bytes));
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

result<std::unique_ptr<checkpoint_store>> open_directory_store(file_system& files, const std::string& directory,
                                                               const std::string& job) {
  return directory_store::open(files, directory, job);
}

}  // namespace systole
