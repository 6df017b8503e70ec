#include "connectors/files/table_publication.h"

#include <filesystem>

#include "base/limits.h"
#include "connectors/files/byte_packer.h"
#include "connectors/outbox/durable_directory.h"

namespace systole {
namespace {

constexpr size_t write_bytes = 1 * limits::mebibyte;

}  // namespace

table_publication::table_publication(file_system& files, const sink_fence& fence, std::string path, std::string compression,
                                     int64_t interval_us, const clock& time)
    : files_(files), fence_(fence), path_(std::move(path)), compression_(std::move(compression)), interval_us_(interval_us), time_(time) {}

bool table_publication::is_due() const {
  return !published_ || time_.monotonic() - last_ >= std::chrono::microseconds(interval_us_);
}

result<void> table_publication::take_over() {
  SYSTOLE_TRY(create_directories_durably(files_, folder_of(path_)));
  return fence_.disarm_older(folder_of(path_), "." + std::filesystem::path(path_).filename().string() + ".new-");
}

result<void> table_publication::publish(const std::function<result<void>(const put_block&)>& write_all) {
  SYSTOLE_TRY(create_directories_durably(files_, folder_of(path_)));
  const std::string temporary = fence_.temporary_of(path_);
  SYSTOLE_ASSIGN(const auto packer, make_byte_packer(compression_));
  SYSTOLE_ASSIGN(const auto file, files_.create(temporary));
  encode_buffer packed;
  const auto flush = [&]() -> result<void> {
    SYSTOLE_TRY(file->append(packed.view()));
    packed.clear();
    return {};
  };
  const put_block put = [&](std::string_view block) -> result<void> {
    SYSTOLE_TRY(packer->pack(block, packed));
    return packed.size() >= write_bytes ? flush() : result<void>();
  };
  SYSTOLE_TRY(write_all(put));
  SYSTOLE_TRY(packer->end_frame(packed));
  SYSTOLE_TRY(flush());
  SYSTOLE_TRY(file->sync());
  SYSTOLE_TRY(file->close());
  SYSTOLE_TRY(fence_.publish(temporary, path_));
  published_ = true;
  last_ = time_.monotonic();
  return {};
}

}  // namespace systole
