#include "state/store/checksummed_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <xxhash.h>

#include "base/bytes.h"

namespace systole {
namespace {

constexpr size_t head_bytes = 8 + 4;
constexpr size_t header_bytes = head_bytes + 8;

uint64_t checksum(std::string_view head, std::string_view message) {
  return XXH3_64bits_withSeed(message.data(), message.size(), XXH3_64bits(head.data(), head.size()));
}

}  // namespace

std::string encode_checksummed(std::string_view magic, const google::protobuf::MessageLite& message) {
  std::string body;
  {
    google::protobuf::io::StringOutputStream stream(&body);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  std::string out(magic);
  append_fixed(out, static_cast<uint32_t>(body.size()));
  append_fixed(out, checksum(out, body));
  out += body;
  return out;
}

result<void> decode_checksummed(std::string_view bytes, std::string_view magic, const std::string& path,
                                google::protobuf::MessageLite& message) {
  const auto damaged = [&](std::string_view how) {
    return fail(error_code::corrupt, path + " " + std::string(how) + ": restore an older epoch with --rewind");
  };
  byte_reader reader(bytes);
  if (reader.take(magic.size()) != magic) return damaged("does not begin with " + std::string(magic));
  const auto length = reader.fixed<uint32_t>();
  const auto expected = reader.fixed<uint64_t>();
  if (!reader.ok() || reader.remaining() != length) return damaged("has a wrong length");
  const std::string_view body = bytes.substr(header_bytes);
  if (checksum(bytes.substr(0, head_bytes), body) != expected) return damaged("has a wrong checksum");
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return damaged("cannot be parsed");
  return {};
}

uint64_t message_checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace systole
