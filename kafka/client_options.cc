#include "kafka/client_options.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace systole {
namespace {

constexpr std::string_view codec_names[] = {"none", "gzip", "snappy", "lz4", "zstd"};  ///< of kafka_codec

/// `good`: false where a port is none.
std::vector<kafka_client_options::address> addresses(std::string_view list, bool& good) {
  std::vector<kafka_client_options::address> made;
  while (!list.empty()) {
    std::string_view each = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), each.size() + 1));
    if (const size_t scheme = each.find("://"); scheme != std::string_view::npos) each.remove_prefix(scheme + 3);
    while (!each.empty() && (each.front() == ' ' || each.front() == '\t')) each.remove_prefix(1);
    while (!each.empty() && (each.back() == ' ' || each.back() == '\t')) each.remove_suffix(1);
    if (each.empty()) continue;
    kafka_client_options::address address;
    // A colon within [..] is the address's.
    const size_t colon = each.rfind(':'), bracket = each.rfind(']');
    const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
    if (has_port) {
      const char* const end = each.data() + each.size();
      const auto [stop, problem] = std::from_chars(each.data() + colon + 1, end, address.port);
      good &= problem == std::errc() && stop == end && address.port > 0;
    }
    std::string_view host = each.substr(0, has_port ? colon : each.size());
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host;
    made.push_back(std::move(address));
  }
  return made;
}

class properties_reader {
 public:
  explicit properties_reader(const std::map<std::string, std::string>& all) : all_(all) {}
  std::string text(const char* name, std::string otherwise = {}) const {
    const auto found = all_.find(name);
    return found == all_.end() ? otherwise : found->second;
  }
  /// Of the first name that is set; remembers one that is no number of that range.
  int64_t number(std::initializer_list<const char*> names, int64_t otherwise, int64_t least, int64_t most) {
    for (const char* name : names) {
      const auto found = all_.find(name);
      if (found == all_.end()) continue;
      int64_t made = 0;
      const char* const end = found->second.data() + found->second.size();
      const auto [stop, problem] = std::from_chars(found->second.data(), end, made);
      if (problem == std::errc() && stop == end && made >= least && made <= most) return made;
      if (!wrong_) wrong_ = name;
    }
    return otherwise;
  }
  /// As librdkafka reads it, which has looked at it before.
  bool is_true(const char* name) const {
    const std::string value = text(name);
    return value == "1" || ::strcasecmp(value.c_str(), "true") == 0 || ::strcasecmp(value.c_str(), "t") == 0;
  }
  const std::optional<std::string>& wrong() const { return wrong_; }

 private:
  const std::map<std::string, std::string>& all_;
  std::optional<std::string> wrong_;
};

}  // namespace

result<kafka_client_options> kafka_options_of(const std::string& connection, const std::map<std::string, std::string>& properties) {
  constexpr int64_t most = INT32_MAX;
  properties_reader in(properties);
  kafka_client_options made;
  const auto duration = [&](const char* name, std::chrono::milliseconds& into) {
    into = std::chrono::milliseconds(in.number({name}, into.count(), 0, most));
  };
  made.connection = connection;
  bool ports_are_good = true;
  made.bootstrap = addresses(in.text("bootstrap.servers"), ports_are_good);
  made.client_id = in.text("client.id", made.client_id);
  made.rack = in.text("client.rack");
  const std::string protocol = in.text("security.protocol", "plaintext");
  made.encrypted = protocol.ends_with("ssl");
  made.with_user = protocol.starts_with("sasl");
  made.mechanism = in.text("sasl.mechanism");
  made.user = in.text("sasl.username");
  made.password = in.text("sasl.password");
  made.authority_file = in.text("ssl.ca.location");
  made.authority_pem = in.text("ssl.ca.pem");
  made.certificate_pem = in.text("ssl.certificate.pem");
  made.key_pem = in.text("ssl.key.pem");
  made.key_password = in.text("ssl.key.password");
  duration("socket.connection.setup.timeout.ms", made.connect_time);
  duration("socket.timeout.ms", made.answer_time);
  duration("reconnect.backoff.ms", made.first_backoff);
  duration("reconnect.backoff.max.ms", made.most_backoff);
  duration("fetch.wait.max.ms", made.fetch_wait);
  made.fetch_min_bytes = static_cast<int32_t>(in.number({"fetch.min.bytes"}, made.fetch_min_bytes, 1, most));
  made.fetch_max_bytes = static_cast<int32_t>(in.number({"fetch.max.bytes"}, made.fetch_max_bytes, 1, most));
  made.partition_bytes = static_cast<int32_t>(
      in.number({"fetch.message.max.bytes", "max.partition.fetch.bytes"}, made.partition_bytes, 1, most));
  made.receive_buffer_bytes = static_cast<int>(in.number({"socket.receive.buffer.bytes"}, 0, 0, most));
  made.check_crcs = in.is_true("check.crcs");
  made.record_bytes = static_cast<int32_t>(in.number({"message.max.bytes"}, made.record_bytes, 1000, 1'000'000'000));
  made.batch_bytes = static_cast<int32_t>(in.number({"batch.size"}, made.batch_bytes, 1, most));
  made.compression_level = static_cast<int>(in.number({"compression.level"}, -1, -1, 12));
  const std::string codec = in.text("compression.codec", in.text("compression.type", "none"));
  const auto known = std::find(std::begin(codec_names), std::end(codec_names), codec);
  if (known == std::end(codec_names))
    return fail(error_code::invalid_argument, "the connection " + connection + ": compression.type is one of none, gzip, snappy, lz4, zstd");
  made.codec = static_cast<kafka_codec>(known - std::begin(codec_names));
  if (in.wrong())
    return fail(error_code::invalid_argument, "the connection " + connection + ": the value of " + *in.wrong() + " is out of its range");
  if (!ports_are_good)
    return fail(error_code::invalid_argument, "the connection " + connection + ": a port in bootstrap.servers is no number from 1 to 65535");
  if (made.bootstrap.empty())
    return fail(error_code::invalid_argument, "the connection " + connection + ": bootstrap.servers names no broker");
  return made;
}

}  // namespace systole
