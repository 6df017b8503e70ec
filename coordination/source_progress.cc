#include "coordination/source_progress.h"

#include <algorithm>

#include "coordination/control_ids.h"

namespace systole {
namespace {

constexpr std::string_view progress_magic = "GONE1";  // 'G': a type that Protobuf does not have

}  // namespace

std::string encode(const source_progress& what) {
  proto::SourceProgress made;
  put(what.from, *made.mutable_from());
  made.set_job(what.job.value);
  put(what.stamp, *made.mutable_stamp());
  for (const source_progress::standing& each : what.sources) {
    proto::SourceStanding& source = *made.add_sources();
    source.set_step(each.step);
    source.set_slowest_us(each.slowest_us);
  }
  return std::string(progress_magic) + made.SerializeAsString();
}

bool is_source_progress(std::string_view bytes) { return bytes.starts_with(progress_magic); }

result<source_progress> decode_source_progress(std::string_view bytes) {
  proto::SourceProgress from;
  bytes.remove_prefix(std::min(progress_magic.size(), bytes.size()));
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(error_code::corrupt, "a message about a source's progress has an unknown form");
  source_progress made{get(from.from()), job_id(from.job()), get(from.stamp()), {}};
  for (const proto::SourceStanding& each : from.sources()) made.sources.push_back({each.step(), each.slowest_us()});
  return made;
}

}  // namespace systole
