#include "s3/transfer.h"

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"

namespace systole {
namespace {

/// Equal parts but the last, no more than the service takes.
uint64_t part_bytes(uint64_t bytes) {
  return std::max<uint64_t>(limits::s3_part_bytes, (bytes + limits::s3_parts - 1) / limits::s3_parts);
}

result<void> put_parts(s3_client& client, const std::string& key, const std::string& upload, uint64_t bytes,
                       const piece_reader& read) {
  std::vector<std::string> tags;
  std::string part;
  for (uint64_t offset = 0; offset < bytes; offset += part.size()) {
    part.resize(std::min(part_bytes(bytes), bytes - offset));
    SYSTOLE_TRY(read(offset, part));
    SYSTOLE_ASSIGN(std::string tag, client.put_part(key, upload, static_cast<uint32_t>(tags.size() + 1), part));
    tags.push_back(std::move(tag));
  }
  auto finished = client.finish_upload(key, upload, tags);
  if (finished || finished.error().code != error_code::not_found) return finished;
  // No such upload: an earlier try has finished it, and its answer was lost. Or it was aborted by somebody.
  SYSTOLE_ASSIGN(const std::optional<uint64_t> there, client.head(key));
  if (there && *there == bytes) return {};
  return fail(error_code::unavailable, finished.error().message);
}

}  // namespace

result<void> put_object(s3_client& client, const std::string& key, uint64_t bytes, const piece_reader& read) {
  if (bytes <= limits::s3_part_bytes) {
    std::string whole(bytes, '\0');
    SYSTOLE_TRY(read(0, whole));
    return client.put(key, whole);
  }
  if (part_bytes(bytes) > limits::s3_most_part_bytes)
    return fail(error_code::limit_exceeded,
                "a file of " + std::to_string(bytes) + " bytes is too long for " + client.name_of(key));
  SYSTOLE_ASSIGN(const std::string upload, client.begin_upload(key));
  auto done = put_parts(client, key, upload, bytes, read);
  if (done) return {};
  if (auto aborted = client.abort_upload(key, upload); !aborted) {
    // What is left costs space until the bucket's rule for unfinished uploads removes it; the first failure is the
    // cause.
    log_line(log_level::warning, "s3", "an upload's parts are left behind: " + aborted.error().message);
  }
  return done;
}

result<void> get_object(s3_client& client, const std::string& key, uint64_t bytes,
                        const std::function<result<void>(std::string_view piece)>& visit) {
  uint64_t offset = 0;
  while (offset < bytes) {
    const uint64_t wanted = std::min<uint64_t>(limits::s3_part_bytes, bytes - offset);
    SYSTOLE_ASSIGN(const s3_client::piece got, client.get(key, offset, wanted));
    if (got.object_bytes != bytes)
      return fail(error_code::corrupt, client.name_of(key) + " has " + std::to_string(got.object_bytes) +
                                           " bytes instead of " + std::to_string(bytes));
    SYSTOLE_TRY(visit(got.bytes));
    offset += got.bytes.size();
  }
  return {};
}

}  // namespace systole
