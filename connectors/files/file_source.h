#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/factory.h"
#include "connectors/files/file_splits.h"
#include "connectors/source.h"
#include "connectors/source_rows.h"

namespace systole {

/// Reads CSV or NDJSON files that match a pattern, as they are when the job begins; packed ones too (gzip, zstd).
///
/// Chunks of files are dealt over the readers, which read theirs of one file in order, so that a file's watermark covers
/// what is before it. With a watermark, the file whose watermark is lowest is read next, and one that was not opened yet
/// holds the watermark back; without, and with `order: byName`, files are read one after another.
class file_source_factory final : public source_factory {
 public:
  /// `not_found`, naming the pattern, where no file matches.
  static result<std::unique_ptr<source_factory>> make(const proto::Source& source, const connector_context& context);

  bool bounded() const override { return true; }
  result<std::unique_ptr<source_reader>> make_reader(uint32_t subtask, uint32_t parallelism,
                                                     const std::vector<std::string>& restored) override;

 private:
  file_source_factory(proto::Source source, const connector_context& context, std::shared_ptr<const source_rows> rows)
      : source_(std::move(source)), context_(context), rows_(std::move(rows)) {}
  result<file_split_list> splits(uint32_t parallelism, const std::vector<std::string>& restored);

  proto::Source source_;
  connector_context context_;
  std::shared_ptr<const source_rows> rows_;
};

}  // namespace systole
