#include "plan/manifest_table.h"

namespace systole::manifest_table {

const object_descriptor& kafka_out() {
  static const object_descriptor made{
      "kafka", "A topic. Exactly once: each epoch is one transaction per subtask, with a marker in the topic "
               "systole.JOB.SINK.markers.",
      {
          {"connection", name(), "A Connection to Kafka.", true},
          {"topic", text(), "The topic's name.", true},
          {"key", list_of(identifier()), "The record's key, written as the value is; of a changelog its upsert key."},
          {"headers", map_of(value_kind::text, identifier()), "header: the column whose text it is."},
          {"partitionBy", list_of(identifier()), "Columns whose hash (murmur2, as Kafka's clients) chooses the partition; the "
                                                 "key without it, any partition without both."},
          {"createTopic", choice({"never", "ifMissing"}), "Whether a missing topic is made.", false, "never"},
          {"partitions", integer(1, 10'000), "Of a topic that is made.", false, "1"},
          {"replicationFactor", integer(0, 100), "Of topics that are made; 0: the cluster's default.", false, "0"},
      }};
  return made;
}

}  // namespace systole::manifest_table
