#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>

#include "base/file_system.h"
#include "proto/checkpoint.pb.h"
#include "state/changes/segment_reader.h"
#include "state/store/checksummed_message.h"
#include "state/tiered/base_manifest.h"
#include "tests/fuzz/fuzz_input.h"

// Reads files of a checkpoint: delta segments, base manifests, messages. Checksums would stop nearly all inputs, so the
// input's own are mended first where its first byte asks for that: the parsers behind them must stand alone.

namespace {

using namespace systole;

template <class T>
T read_at(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T>
void write_at(std::string& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void mend_segment(std::string& bytes) {
  constexpr size_t checked_header = segment_header_bytes - sizeof(uint64_t), length_at = 16, checked_chunk = 24;
  if (bytes.size() < segment_header_bytes) return;
  std::memcpy(bytes.data(), delta_magic.data(), delta_magic.size());
  write_at(bytes, delta_magic.size(), delta_format_version);
  write_at<uint64_t>(bytes, checked_header, XXH3_64bits(bytes.data(), checked_header));
  const uint64_t seed = chunk_seed(std::string_view(bytes).substr(0, segment_header_bytes));
  for (size_t at = segment_header_bytes; bytes.size() - at >= chunk_header_bytes;) {
    const size_t payload_at = at + chunk_header_bytes;
    const auto length =
        static_cast<uint32_t>(std::min<size_t>(read_at<uint32_t>(bytes, at + length_at), bytes.size() - payload_at));
    write_at(bytes, at + length_at, length);
    const std::string_view all = bytes;
    const uint64_t sum = chunk_checksum(all.substr(at, chunk_header_bytes), all.substr(payload_at, length), seed);
    write_at(bytes, at + checked_chunk, sum);
    at = payload_at + length;
  }
}

/// A file in memory that the operating system's files can open by name.
class memory_file {
 public:
  memory_file() : descriptor_(memfd_create("segment", 0)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {}
  const std::string& hold(std::string_view bytes) {
    fuzz::require(ftruncate(descriptor_, 0) == 0, "a file in memory can be emptied");
    fuzz::require(pwrite(descriptor_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
                  "and filled");
    return path_;
  }

 private:
  int descriptor_;
  std::string path_;
};

void read_segment(const std::string& bytes) {
  static memory_file file;
  const std::string& path = file.hold(bytes);
  auto reader = segment_reader::open(posix_file_system(), path, bytes.size(), XXH3_64bits(bytes.data(), bytes.size()));
  if (!reader) return;
  size_t touched = 0;
  for (;;) {
    const result<bool> chunk = (*reader)->next_chunk();
    if (!chunk || !*chunk) break;
    for (;;) {
      delta_record record;
      const result<bool> next = (*reader)->next(record);
      if (!next || !*next) break;
      for (const std::string_view part : {record.key, record.subkey, record.value})
        for (const char c : part) touched += static_cast<unsigned char>(c);
    }
  }
  fuzz::require(touched != SIZE_MAX, "records can be read");
}

void mend_message(std::string& bytes, std::string_view magic) {
  if (bytes.size() < magic.size() + 12) return;
  std::memcpy(bytes.data(), magic.data(), magic.size());
  const size_t head = magic.size() + sizeof(uint32_t), body = head + sizeof(uint64_t);
  write_at(bytes, magic.size(), static_cast<uint32_t>(bytes.size() - body));
  write_at<uint64_t>(bytes, head,
                     XXH3_64bits_withSeed(bytes.data() + body, bytes.size() - body, XXH3_64bits(bytes.data(), head)));
}

void read_message(const std::string& bytes, std::string_view magic) {
  proto::LogRecord record;
  if (!decode_checksummed(bytes, magic, "a file", record)) return;
  const std::string written = encode_checksummed(magic, record);
  proto::LogRecord again;
  fuzz::require(decode_checksummed(written, magic, "a file", again).has_value(),
                "what was read can be written and read");
}

void mend_manifest(std::string& bytes) {
  if (bytes.size() < 20) return;
  std::memcpy(bytes.data(), "SYSBASE1", 8);
  const size_t checked = bytes.size() - sizeof(uint64_t);
  write_at<uint64_t>(bytes, checked, XXH3_64bits(bytes.data(), checked));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::fuzz_input input(data, size);
  const uint8_t chosen = input.byte();
  std::string bytes(input.rest());
  const bool mend = chosen & 1;
  switch (chosen >> 1 & 3) {
    case 0:
      if (mend) mend_segment(bytes);
      read_segment(bytes);
      break;
    case 1:
      if (mend) mend_message(bytes, "SYSLOG01");
      read_message(bytes, "SYSLOG01");
      break;
    default:
      if (mend) mend_manifest(bytes);
      if (const auto names = decode_base_manifest(bytes, "a file"))
        fuzz::require(decode_base_manifest(encode_base_manifest(*names), "a file").has_value(), "names can be written");
  }
  return 0;
}
