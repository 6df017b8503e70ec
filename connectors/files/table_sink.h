#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/factory.h"
#include "connectors/outbox/file_part.h"
#include "connectors/outbox/sink_fence.h"
#include "connectors/sink.h"

namespace systole {

/// What a table file's parts share.
struct table_sink_settings {
  std::string sink;               ///< job/step
  std::string path;
  std::string format;             ///< csv or json
  std::string compression;
  int64_t interval_us = 0;
  schema columns;
  std::vector<size_t> key;        ///< none: a multiset of rows
  std::string folder;             ///< the sink's own, in the outbox directory
  file_system* files = nullptr;
  const clock* time = nullptr;
  committed_epoch committed;
  sink_owner owner;
  /// False only in the negative control of the exactly-once tests: an epoch is applied without looking whether it was.
  bool check_epochs = true;
};

/// A table's current rows in one file that is replaced as a whole. One shard.
///
/// Append-only streams without a key (table_append_sink) keep their rows as text in a log that grows (table_log); the file is
/// the log's committed part behind a header. Others (table_changelog_sink) keep the current rows in the committer's memory and,
/// durably, in a base file with deltas of epochs.
result<std::unique_ptr<sink_factory>> make_table_sink(const proto::Node& node, const sink_input& input,
                                                      const connector_context& context);

std::unique_ptr<sink_factory> make_table_append_sink(table_sink_settings settings);
std::unique_ptr<sink_factory> make_table_changelog_sink(table_sink_settings settings);

}  // namespace systole
