#include "actors/wire/frame_wire.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "data/wire.h"

namespace systole {
namespace {

constexpr uint32_t magic = 0x46535953;  // "SYSF"

/// The fixed part, in this order and without padding.
struct fixed_part {
  uint64_t job = 0, term = 0, sequence = 0, bytes = 0;
  int64_t watermark = 0, read_us = 0;
  uint64_t epoch = 0, previous = 0;
  uint32_t attempt = 0, channel = 0, length = 0;
  frame::kind what = frame::kind::rows;
  uint8_t idle = 0, cut = 0;

  template <class Visitor>
  void each(Visitor visit) {
    visit(job), visit(term), visit(sequence), visit(bytes), visit(watermark), visit(read_us), visit(epoch), visit(previous);
    visit(attempt), visit(channel), visit(length), visit(what), visit(idle), visit(cut);
  }
};
constexpr size_t prefix_bytes = 4 + 1 + 8;  // magic, version, checksum
constexpr size_t fixed_bytes = 8 * 8 + 3 * 4 + 3;

/// Of everything after it.
uint64_t checksum(std::string_view bytes) {
  return XXH3_64bits(bytes.data() + prefix_bytes, bytes.size() - prefix_bytes);
}

failure broken(const char* why) {
  return fail(error_code::corrupt, std::string("a frame from another process ") + why);
}

result<fixed_part> read_fixed(std::string_view bytes) {
  byte_reader in(bytes);
  const auto found_magic = in.fixed<uint32_t>();
  const auto version = in.fixed<uint8_t>();
  in.fixed<uint64_t>();
  fixed_part made;
  made.each([&](auto& field) { field = in.fixed<std::remove_reference_t<decltype(field)>>(); });
  if (!in.ok() || found_magic != magic) return broken("is not one");
  if (version != frame_wire_version)
    return fail(error_code::incompatible, "a frame of layout version " + std::to_string(version) +
                                              " came: all workers of a cluster run the same version");
  if (in.remaining() != made.length) return broken("is cut short");
  return made;
}

}  // namespace

std::string encode_frame(const job_id& job, const attempt_stamp& stamp, const frame& what) {
  fixed_part fixed{.job = job.value,
                   .term = stamp.term.value,
                   .sequence = what.sequence,
                   .bytes = what.bytes,
                   .watermark = what.watermark,
                   .read_us = what.read_us,
                   .epoch = what.cut.epoch.value,
                   .previous = what.cut.previous.value,
                   .attempt = stamp.attempt.value,
                   .channel = what.channel,
                   .what = what.what,
                   .idle = what.idle,
                   .cut = static_cast<uint8_t>(what.cut.kind)};
  std::string out;
  out.reserve(prefix_bytes + fixed_bytes + (what.what == frame::kind::rows ? what.bytes + 1024 : 0));
  append_fixed(out, magic);
  append_fixed(out, frame_wire_version);
  append_fixed(out, uint64_t{0});
  const auto write_fixed = [&fixed](std::string& to) { fixed.each([&to](auto field) { append_fixed(to, field); }); };
  write_fixed(out);
  if (what.what == frame::kind::rows) append_batch(out, what.rows);
  fixed.length = static_cast<uint32_t>(out.size() - prefix_bytes - fixed_bytes);
  std::string again;
  write_fixed(again);
  out.replace(prefix_bytes, fixed_bytes, again);
  const uint64_t sum = checksum(out);
  std::memcpy(out.data() + 5, &sum, sizeof sum);
  return out;
}

result<frame_header> decode_frame_header(std::string_view bytes) {
  SYSTOLE_ASSIGN(const fixed_part fixed, read_fixed(bytes));
  return frame_header{.job = job_id(fixed.job),
                      .stamp = {term_id(fixed.term), attempt_id(fixed.attempt)},
                      .channel = fixed.channel,
                      .sequence = fixed.sequence};
}

result<frame_ptr> decode_frame(std::shared_ptr<const std::string> bytes) {
  SYSTOLE_ASSIGN(const fixed_part fixed, read_fixed(*bytes));
  uint64_t expected = 0;
  std::memcpy(&expected, bytes->data() + 5, sizeof expected);
  if (expected != checksum(*bytes)) return broken("does not fit its checksum");
  if (fixed.what > frame::kind::end || fixed.cut > static_cast<uint8_t>(barrier_kind::final))
    return broken("is of an unknown kind");
  auto made = std::make_shared<frame>();
  made->what = fixed.what;
  made->channel = fixed.channel;
  made->sequence = fixed.sequence;
  made->bytes = fixed.bytes;
  made->watermark = fixed.watermark;
  made->read_us = fixed.read_us;
  made->idle = fixed.idle != 0;
  made->cut = {epoch_id(fixed.epoch), static_cast<barrier_kind>(fixed.cut), epoch_id(fixed.previous)};
  if (fixed.what == frame::kind::rows) {
    std::string_view rest(*bytes);
    rest.remove_prefix(prefix_bytes + fixed_bytes);
    auto rows = read_batch(rest, bytes);
    if (!rows) return std::move(rows).error();
    made->rows = std::move(*rows);
    if (!rest.empty()) return broken("has bytes after its rows");
  }
  return frame_ptr(std::move(made));
}

}  // namespace systole
