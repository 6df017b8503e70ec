#pragma once

#include "plan/plan_context.h"

namespace systole {

/// Fills what a `kafka` source says: connection, topic, where it starts. Poisons made.out after an error.
void fill_kafka_source(plan_context& context, const object_view& source, logical_node& made, proto::Source& message);

/// Marks the columns whose path is a part of the record beside its value: kafka.key, kafka.headers.NAME, kafka.timestamp,
/// kafka.partition, kafka.offset, kafka.topic, kafka.tombstone. `written_at`: where each column is written.
void mark_kafka_columns(plan_context& context, const std::vector<source_position>& written_at, logical_node& made,
                        proto::Source& message);

/// True where `ingestionTime` is written as kafka.timestamp: then the source gets a column of it that no step sees.
bool takes_broker_time(const yaml_node& written, proto::Source& message);

}  // namespace systole
