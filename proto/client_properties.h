#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace systole {

/// The librdkafka properties that a Connection's `client` map may set: what tunes a connection. Left out is all that the
/// engine sets itself (acks, isolation, offsets, transactions), that loads code or files (plugin.library.paths,
/// ssl.engine.location), that switches checks off (enable.ssl.certificate.verification), and security, which has keys of
/// its own. Looked at when a manifest is compiled and again by the worker. Sorted.
inline constexpr std::array<std::string_view, 31> allowed_kafka_client_properties{
    "allow.auto.create.topics",
    "batch.num.messages",
    "batch.size",
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "linger.ms",
    "max.partition.fetch.bytes",
    "message.max.bytes",
    "queued.min.messages",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "topic.metadata.refresh.interval.ms",
};

inline bool is_allowed_kafka_client_property(std::string_view name) {
  return std::binary_search(allowed_kafka_client_properties.begin(), allowed_kafka_client_properties.end(), name);
}

}  // namespace systole
