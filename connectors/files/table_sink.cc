#include "connectors/files/table_sink.h"

#include "connectors/files/byte_packer.h"
#include "formats/record_encoder.h"

namespace systole {

result<std::unique_ptr<sink_factory>> make_table_sink(const proto::Node& node, const sink_input& input,
                                                      const connector_context& context) {
  const proto::Sink& sink = node.sink();
  table_sink_settings settings;
  settings.sink = context.job + "/" + node.step();
  settings.path = sink.path();
  settings.format = sink.format();
  if (settings.format.empty()) settings.format = sink.path().find(".csv") != std::string::npos ? "csv" : "json";
  settings.compression = sink.compression();
  settings.interval_us = sink.interval_us();
  settings.columns = input.columns;
  settings.folder = outbox_folder_of(context.outbox_directory, node.step());
  settings.files = context.files;
  settings.time = context.time;
  settings.check_epochs = context.guards.epoch_check;
  settings.owner = owner_of(context);
  settings.committed = std::make_shared<std::atomic<uint64_t>>(0);
  if (settings.path.empty()) return fail(error_code::invalid_argument, "a table file needs a path: " + node.step());
  for (const std::string& name : sink.key()) {
    const int index = input.columns.find(name);
    if (index < 0) return fail(error_code::invalid_argument, "a table file's key has an unknown column: " + name);
    settings.key.push_back(static_cast<size_t>(index));
  }
  SYSTOLE_ASSIGN(const auto encoder, make_encoder(settings.format, settings.columns));
  SYSTOLE_ASSIGN(const auto packer, make_byte_packer(settings.compression));
  (void)encoder, (void)packer;
  if (!input.changelog && settings.key.empty()) return make_table_append_sink(std::move(settings));
  return make_table_changelog_sink(std::move(settings));
}

}  // namespace systole
